"""What a person must decide: found, ordered by what is at stake, previewed exactly, gone once decided."""

from __future__ import annotations

import itertools
from uuid import uuid4

import pytest

from onevoice.errors import RefusedError
from onevoice.messages import Envelope, Permission, RecordRef
from onevoice.store import tables as t
from onevoice.workers.customers.judging import Judging
from onevoice.workers.customers.preview import MergePreview, Standing, compare_standings
from onevoice.workers.customers.review import Label, ReviewItem, labels, review_items
from tests.workers.walk import Walk, at_rest, crm, envelope, erp, shop

ANN = RecordRef(system="crm", stream="Contact", key="003A")
ANN_TOO = RecordRef(system="shop", stream="customers", key="1")


def family(mail: str, number: int = 0, **of_crm: object) -> list[Envelope]:
    """Two records of one common name on an address that somebody else of the house has too: for a person to judge."""
    key, name = f"00{3 + number}A", ("Jones", "Davis", "Miller", "Brown")[number]
    return [
        crm(1, Id=key, FirstName="Mary", LastName=name, Email=mail, Birthdate=None, **of_crm),
        shop(2, id=1 + number, first_name="Mary", last_name=name, email=mail, birth_date=None),
        erp(3, customer_no=f"K{number}", first_name="BOB", last_name=name.upper(), email=mail, birth_date=None),
    ]


def queue(walk: Walk) -> list[ReviewItem]:
    with walk.store.transaction() as connection:
        return review_items(connection, walk.gate, limit=50)


def customer_of(walk: Walk, ref: RecordRef) -> object:
    return walk.record(ref.system, ref.key).customer_id


def preview(walk: Walk) -> MergePreview:
    judging = Judging(walk.store, walk.ingest)
    return judging.preview(walk.record("crm", "003A").customer_id, walk.record("shop", "1").customer_id)


def test_undecided_pair_is_listed_with_its_evidence_until_it_is_decided(walk: Walk) -> None:
    walk.take(*family("lee@example.com"))
    [item] = queue(walk)
    assert {item.a, item.b} == {ANN, ANN_TOO}
    assert item.kind == "review"
    assert item.evidence[-1].total == item.score
    judging = Judging(walk.store, walk.ingest)
    said = judging.say("different", ANN, ANN_TOO, actor="ann", reason="aunt and niece")
    assert queue(walk) == []
    judging.retract(said.judgements[0].id, actor="ann")
    assert queue(walk) == [item]
    judging.say("same", ANN, ANN_TOO, actor="ann", reason="one passport")
    assert queue(walk) == []
    assert customer_of(walk, ANN) == customer_of(walk, ANN_TOO)


def test_what_would_extend_a_prohibition_comes_first_and_then_what_has_most_on_its_timeline(walk: Walk) -> None:
    walk.take(*family("quiet@example.com", 1))
    walk.take(*family("busy@example.com", 2), envelope("shop", "orders", 4, id=900, customer_id=3))
    walk.take(*family("no@example.com", 3, HasOptedOutOfEmail=True))
    found = queue(walk)
    assert [(item.prohibits, item.stake) for item in found] == [(True, 0), (False, 1), (False, 0)]


def test_preview_is_what_the_merge_then_gives_and_changes_nothing(walk: Walk) -> None:
    walk.take(*family("lee@example.com", Phone="0161 496 0123", HasOptedOutOfEmail=True))
    before = at_rest(walk)
    found = preview(walk)
    assert at_rest(walk) == before
    assert walk.rows(t.judgement) == []
    after = {value.path: value.after for value in found.values if value.after is not None}
    denied = {(p.point, p.channel, p.before, p.after) for p in found.permissions if p.purpose == "marketing"}
    assert denied == set()  # the address is both's, so what was said of it held for both already
    Judging(walk.store, walk.ingest).merge(*found.customers, actor="ann", reason="one passport")
    golden = walk.golden("crm", "003A")
    assert golden["name"]["given"] == after["name.given"]
    assert golden["phones"][0]["number"] == after["phones[landline].number"]
    assert golden["language"] == after["language"]


def test_preview_tells_which_points_a_prohibition_would_come_to_reach(walk: Walk) -> None:
    walk.take(*family("lee@example.com", Phone="0161 496 0123"))
    walk.take(shop(5, id=1, first_name="Mary", last_name="Jones", email="lee@example.com", birth_date=None,
                   accepts_phone_marketing=False))  # fmt: skip
    reached = [p for p in preview(walk).permissions if (p.channel, p.purpose) == ("phone", "marketing")]
    assert [(p.point, p.before, p.after) for p in reached] == [
        ("phone:+441614960123", Permission.UNKNOWN, Permission.DENIED)
    ]


@pytest.mark.parametrize("sides", list(itertools.permutations(Permission, 2)))
def test_preview_sets_out_from_the_stricter_where_both_had_the_point(sides: tuple[Permission, Permission]) -> None:
    point = ("email:lee@example.com", "email", "marketing")
    one, other = (Standing(uuid4(), {}, {point: permission}) for permission in sides)
    stricter = next(p for p in (Permission.DENIED, Permission.UNKNOWN, Permission.ALLOWED) if p in sides)
    for after in Permission:
        found = compare_standings(one, other, Standing(one.id, {}, {point: after})).permissions
        assert [(p.before, p.after) for p in found] == ([] if after == stricter else [(stricter, after)])


def test_preview_of_what_is_refused_says_why(walk: Walk) -> None:
    walk.take(*family("lee@example.com"))
    with pytest.raises(RefusedError, match="already"):
        Judging(walk.store, walk.ingest).preview(*[walk.record("crm", "003A").customer_id] * 2)


def test_decisions_come_out_as_examples_without_values(walk: Walk) -> None:
    walk.take(*family("lee@example.com"))
    Judging(walk.store, walk.ingest).say("same", ANN, ANN_TOO, actor="ann", reason="one passport")
    with walk.store.transaction() as connection:
        [label] = labels(connection)
    assert label == Label(a=ANN, b=ANN_TOO, same=True, evidence=label.evidence)
    assert dict(label.evidence) == {"given": "exact", "family": "exact", "email": "household"}
