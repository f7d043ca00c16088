"""The context document: what is withheld, which permission stands, what its tag depends on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

from onevoice.conversation import (
    Context,
    Known,
    Moment,
    OffersNow,
    PermissionNow,
    ValueRules,
    candidates_context,
    known_context,
    strictest,
)
from onevoice.messages import Act, Permission, RecordRef

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ID = UUID("01900000-0000-7000-8000-000000000001")


ROUTE = {"to": "service", "kind": "queue", "channel": "phone", "because": ["route simple"]}
VALUE = ValueRules.load(ROOT / "rules" / "value.yaml").judge([], NOW)


def _act(kind: str, reason: str) -> Act:
    return Act(
        id=uuid5(ID, reason),
        kind=kind,
        channel="email",
        purpose="marketing",
        reason=reason,
        time=NOW,
        source=RecordRef(system="crm", stream="Contact", key="1"),
    )


def _now(permission: Permission, *acts: Act) -> PermissionNow:
    return PermissionNow(
        channel="email",
        purpose="marketing",
        permission=permission,
        may_contact=permission is Permission.ALLOWED,
        because=acts,
    )


def _context(offers: OffersNow, *, objected: bool = False, moment: Moment | None = None) -> Context:
    known = Known(id=ID, type="person", golden={"name": {"given": "Ann"}}, golden_at=NOW, entries=[], orders=[])
    now = moment or Moment(now=NOW)
    return known_context(known, [_now(Permission.UNKNOWN)], VALUE, offers, ROUTE, now, objected=objected)


def test_offers_are_told_with_why_they_are_withheld() -> None:
    made, none = OffersNow(offers=({"id": "a"},)), OffersNow(withheld="objection to marketing")
    plain, objecting = _context(made).document, _context(none, objected=True).document

    assert (plain["offers"], plain["offers_withheld"]) == ([{"id": "a"}], None)
    assert (objecting["offers"], objecting["offers_withheld"]) == ([], "objection to marketing")
    assert objecting["warnings"] == ["objects to marketing on every channel"]


def test_tag_changes_with_the_answer_and_not_with_the_clock() -> None:
    first = _context(OffersNow())

    assert _context(OffersNow(), moment=Moment(now=NOW.replace(hour=13))).etag == first.etag
    assert _context(OffersNow(), objected=True).etag != first.etag


def test_strictest_permission_stands_with_all_acts_that_say_so() -> None:
    withdrawal, bounce = _act("withdrawal", "withdrawal"), _act("withdrawal", "hard_bounce")
    grant = _act("grant", "grant")

    (found,) = strictest(
        [_now(Permission.ALLOWED, grant), _now(Permission.DENIED, withdrawal), _now(Permission.DENIED, bounce)]
    )

    assert found.permission is Permission.DENIED
    assert not found.may_contact
    assert [act.reason for act in found.because] == ["withdrawal", "hard_bounce"]


def test_unknown_is_stricter_than_a_grant() -> None:
    (found,) = strictest([_now(Permission.ALLOWED, _act("grant", "grant")), _now(Permission.UNKNOWN)])

    assert found.permission is Permission.UNKNOWN


def test_candidates_tell_initials_and_town_only() -> None:
    golden = {"name": {"given": "Ann", "family": "Lee"}, "addresses": [{"kind": "main", "city": "Leeds"}]}
    company = {"name": "Acme Ltd"}

    document = candidates_context([(ID, golden), (ID, company)], [], ROUTE, Moment(now=NOW)).document

    assert [(one["name"], one["town"]) for one in document["candidates"]] == [("A. L.", "Leeds"), ("A", None)]


def test_warning_of_a_prohibition_is_for_the_channel_in_use() -> None:
    denied = _now(Permission.DENIED, _act("withdrawal", "withdrawal"))
    elsewhere = replace(denied, channel="phone")
    known = Known(id=ID, type="person", golden={}, golden_at=NOW, entries=[], orders=[])

    document = known_context(
        known, [denied, elsewhere], VALUE, OffersNow(), ROUTE, Moment(now=NOW, channel="email"), objected=False
    ).document

    assert document["warnings"] == ["no marketing by email: withdrawal"]
