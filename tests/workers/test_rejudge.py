"""A changed model reaches every stored record: counts first, in pages, to where a fresh load under it would end."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import event

from onevoice.errors import OperatorError, RefusedError, TransientError
from onevoice.messages import Envelope, RecordRef
from onevoice.store import tables as t
from onevoice.workers import rejudge as room
from onevoice.workers.customers.judging import Judging
from onevoice.workers.rejudge import Rejudge, latest, outdated
from tests.workers.walk import Walk, at_rest, crm, erp, shop

GIVEN = ("Ann", "Annie", "Bob", "Cy", "Dora", "Eve")


def people(seed: int, number: int = 60) -> list[Envelope]:
    """Records of a few people who share names, mailboxes and days of birth."""
    chance = random.Random(seed)
    arrivals = []
    for day in range(1, number):
        given, born = chance.choice(GIVEN), chance.choice([None, "1980-02-03", "1999-09-09"])
        mail = chance.choice([None, "lee@example.com", "own@example.com", "x@example.com"])
        key = chance.randrange(25)
        if chance.random() < 0.5:
            arrivals.append(crm(day, Id=f"00{key}A", FirstName=given, LastName="Lee", Email=mail, Birthdate=born))
        else:
            own = mail or f"{key}@example.org"
            arrivals.append(shop(day, id=key, first_name=given, last_name="Lee", birth_date=born, email=own))
    return arrivals


def other_model(walk: Walk, *, version: str = "another") -> None:
    """A model of other marks, limits, weights and words: keys, evidence and groups differ."""
    model = walk.ingest.model
    placeholders = replace(model.placeholders, emails=model.placeholders.emails | {"own@example.com"})
    chances = {name: dict(levels) for name, levels in model.chances.items()}
    chances["email"]["household"] = chances["email"]["household"]._replace(strangers=0.0005)
    changed = replace(
        model.with_chances(chances),
        version=version,
        cap=6,
        household_limit=2,
        max_size=5,
        marks=replace(model.marks, link=14.0, review=10.0),
        placeholders=placeholders,
    )
    walk.ingest = replace(walk.ingest, model=changed)


def job(walk: Walk, most: int = 1000) -> Rejudge:
    return Rejudge(store=walk.store, ingest=walk.ingest, max_regroup=most)


def test_stored_records_end_where_a_fresh_load_under_the_new_model_would(
    new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 7)
    regrouped = 0
    for seed in range(6):
        walk, fresh = new_walk(), new_walk()
        walk.take(*people(seed), batch=9)
        before = at_rest(walk)["groups"]
        other_model(walk)
        other_model(fresh)
        ended = job(walk).run()
        fresh.take(*people(seed), batch=9)
        assert at_rest(walk) == at_rest(fresh)
        assert ended is not None
        assert ended.step == "done"
        assert ended.regroups == len(before - at_rest(walk)["groups"])
        assert {row.judged_by for row in walk.rows(t.source_record)} == {"another"}
        regrouped += ended.regroups
    assert regrouped > 10


def test_job_works_on_either_database_and_what_people_said_stands(walk: Walk) -> None:
    walk.take(crm(1, Email="ann@example.com"), shop(2), erp(3, customer_no="K9", first_name="Ann"))
    a, b = (RecordRef(system, stream, key) for system, stream, key in (
        ("crm", "Contact", "003A"), ("shop", "customers", "1")))  # fmt: skip
    Judging(walk.store, walk.ingest).say("different", a, b, actor="ann", reason="told")
    apart = at_rest(walk)["groups"]
    other_model(walk)
    found = job(walk).run()
    assert found is not None
    assert walk.record("crm", "003A").customer_id != walk.record("shop", "1").customer_id
    assert at_rest(walk)["groups"] == apart
    assert job(walk).run() is None


def test_count_changes_nothing_and_the_version_that_judged_is_known(new_walk: Callable[[], Walk]) -> None:
    walk = new_walk()
    first = walk.ingest.model
    walk.take(*people(1))
    before = at_rest(walk)
    assert {row.judged_by for row in walk.rows(t.source_record)} == {first.version}
    other_model(walk)
    assert job(walk).count().regroups > 0
    assert at_rest(walk) == before
    assert walk.rows(t.rejudging) == []
    with walk.store.transaction() as connection:
        assert outdated(connection, walk.ingest.model)
        assert not outdated(connection, first)


def test_change_that_would_regroup_many_waits_for_a_person(new_walk: Callable[[], Walk]) -> None:
    walk = new_walk()
    walk.take(*people(1))
    before = at_rest(walk)
    other_model(walk)
    with pytest.raises(OperatorError, match=r"identity\.max_regroup"):
        job(walk, most=0).run()
    assert at_rest(walk) == before
    with walk.store.transaction() as connection:
        waiting = latest(connection)
    assert waiting is not None
    assert waiting.step == "wait"
    ended = job(walk, most=0).run(approved_by="ann")
    assert ended is not None
    assert (ended.step, ended.approved_by) == ("done", "ann")
    assert at_rest(walk)["groups"] != before["groups"]


def test_no_customer_changes_twice_and_changes_are_announced(
    new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 5)
    walk = new_walk()
    walk.take(*people(1))
    walk.told()
    before = {row.id: row.revision for row in walk.rows(t.customer)}
    other_model(walk)
    job(walk).run()
    grown = [row.revision - before.get(row.id, 0) for row in walk.rows(t.customer)]
    assert max(grown) == 1
    assert {event.type for event in walk.told("customer.")} >= {"customer.changed", "customer.split"}


@pytest.mark.parametrize("pages", range(1, 18, 3))
def test_job_that_was_killed_goes_on_while_records_come_in(
    new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(room, "PAGE", 7)
    walk, fresh = new_walk(), new_walk()
    arrivals = people(4, 90)
    walk.take(*arrivals[:60])
    other_model(walk)
    other_model(fresh)
    with pytest.raises(KeyboardInterrupt):
        job(walk).run(progress=_stop_after(walk, pages))
    [stopped] = walk.rows(t.rejudging)
    assert stopped.ended_at is None
    walk.take(*arrivals[60:], batch=4)
    ended = job(walk).run()
    fresh.take(*arrivals)
    assert at_rest(walk) == at_rest(fresh)
    assert [(row.id, row.step) for row in walk.rows(t.rejudging)] == [(stopped.id, "done")]
    assert ended is not None


def _stop_after(walk: Walk, pages: int) -> Callable[[int], None]:
    done = 0

    def progress(_: int) -> None:
        nonlocal done
        done += bool(walk.rows(t.rejudging))  # it counts before
        if done == pages:
            raise KeyboardInterrupt

    return progress


def test_page_that_fails_leaves_nothing_half_done(
    new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 7)
    walk, fresh = new_walk(), new_walk()
    walk.take(*people(5))
    other_model(walk)
    other_model(fresh)
    said = {"statements": 0}

    def fail(*_: object) -> None:
        said["statements"] += 1
        if said["statements"] % 97 == 0:
            raise TransientError("away")

    engine = walk.store.engine
    event.listen(engine, "before_cursor_execute", fail)
    for _ in range(200):
        try:
            job(walk).run()
            break
        except TransientError:
            continue
    event.remove(engine, "before_cursor_execute", fail)
    fresh.take(*people(5))
    assert said["statements"] > 97
    assert at_rest(walk) == at_rest(fresh)


def test_model_that_came_in_between_is_told_and_the_older_change_given_up(
    new_walk: Callable[[], Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 7)
    walk = new_walk()
    walk.take(*people(2))
    other_model(walk)
    slow, newer = job(walk), new_walk()
    newer.store, newer.ingest = walk.store, replace(walk.ingest)
    other_model(newer, version="third")

    def overtaken(_: int) -> None:
        if walk.rows(t.rejudging):
            job(newer).run()

    with pytest.raises(RefusedError, match="came in between"):
        slow.run(progress=overtaken)
    assert [row.step for row in sorted(walk.rows(t.rejudging), key=lambda row: row.id)] == ["given up", "done"]
    assert {row.judged_by for row in walk.rows(t.source_record)} == {"third"}
