"""Outside data: it enters under an opt-in that names the supplier or the purpose, and what forbids enters always."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from onevoice.config import OutsideConfig
from onevoice.messages import Act, RecordRef
from onevoice.store import tables as t
from onevoice.workers.acts import Acts
from tests.workers.walk import Walk, crm, do_not_call, shop

MAIL, PHONE = "ann@example.com", "+447400123456"


@pytest.fixture
def bought(walk: Walk) -> Walk:
    """A hub whose shop customers are bought from a supplier, for marketing."""
    declared = OutsideConfig(supplier="acme", purpose="survey")
    system = replace(walk.catalog.systems["shop"], outside={"customers": declared})
    catalog = replace(walk.catalog, systems={**walk.catalog.systems, "shop": system})
    walk.catalog = walk.ingest.catalog = catalog
    return walk


def opt_in(walk: Walk, *, purpose: str = "marketing", supplier: str | None = None, **more: Any) -> None:
    acts = Acts(contract=walk.catalog.canonical("act"), store=walk.store, ingest=walk.ingest, gate=walk.gate)
    values = {
        "id": UUID(int=0), "kind": "grant", "channel": "email", "purpose": purpose, "reason": "grant",
        "time": datetime.now(UTC) - timedelta(days=1), "source": RecordRef(system="hub", stream="act", key=""),
        "anchor_point": f"email:{MAIL}",
        "evidence": {"text": "Yes", **({"supplier": supplier} if supplier else {})},
    }  # fmt: skip
    acts.state(Act(**(values | more)), by="test")


def test_without_an_opt_in_it_waits_in_quarantine_and_enters_nothing(bought: Walk) -> None:
    result = bought.take(shop(1, email=MAIL), crm(1))
    assert (result.counts["quarantined"], result.counts["applied"]) == (1, 1)
    [row] = bought.rows(t.quarantine)
    assert (row.system, row.step) == ("shop", "outside data")
    assert MAIL not in row.reason
    assert [r.system for r in bought.rows(t.source_record)] == ["crm"]


@pytest.mark.parametrize(
    ("said", "enters"),
    [
        ({"supplier": "acme"}, True),
        ({"supplier": "other"}, False),
        ({"purpose": "survey"}, True),
        ({"purpose": "marketing"}, False),
        ({"supplier": "acme", "anchor_point": "email:other@example.com"}, False),
        ({"supplier": "acme", "valid_until": datetime(2026, 1, 2, tzinfo=UTC)}, False),
    ],
)
def test_it_enters_under_an_opt_in_that_names_the_supplier_or_the_purpose(
    bought: Walk, said: dict[str, Any], *, enters: bool
) -> None:
    opt_in(bought, **said)
    assert bought.take(shop(1, email=MAIL)).counts["quarantined"] == (not enters)
    assert bool(bought.rows(t.source_record)) is enters


def test_what_forbids_is_let_in_at_its_points_though_the_record_is_not(bought: Walk) -> None:
    bought.take(shop(1, email=MAIL, phone=PHONE, accepts_phone_marketing=False))
    assert bought.rows(t.source_record) == []
    [act] = bought.rows(t.act)
    assert (act.kind, act.anchor_point, act.anchor_key) == ("withdrawal", f"phone:{PHONE}", None)
    bought.settle()
    assert ("phone", PHONE) in bought.listed()


def test_other_streams_and_systems_are_asked_nothing(bought: Walk) -> None:
    assert bought.take(crm(1, Email=MAIL), do_not_call(2, point=PHONE)).counts["quarantined"] == 0


def test_it_enters_when_it_is_sent_again_once_the_opt_in_is_there(bought: Walk) -> None:
    bought.take(shop(1, email=MAIL))
    opt_in(bought, supplier="acme")
    bought.take(shop(1, email=MAIL))
    assert [r.system for r in bought.rows(t.source_record)] == ["shop"]
