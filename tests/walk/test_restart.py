"""A hub that is killed or stopped at any moment goes on where it was: every record once, nothing owed for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from samples.demo.stack import Stack
from samples.demo.witness import await_each, opted_out_by_phone
from tests.walk.conftest import SECONDS, Company, await_condition

pytestmark = pytest.mark.timeout(180)


def begun(stack: Stack, *, share: float) -> Company:
    """A hub in the middle of its first load."""
    stack.start_systems()
    stack.start_hub()
    company = Company(stack)
    few = max(1, int(company.story.expected * share))
    deadline = time.monotonic() + SECONDS
    while company.tables.records() < few:
        assert time.monotonic() < deadline, "the load did not begin in time"
        time.sleep(0.005)
    return company


def complete(company: Company) -> None:
    """Every record of the population is in the master, once, and nothing is owed."""
    await_condition(lambda: company.tables.records() == company.story.expected, 90)
    company.settle()
    with company.tables.engine.connect() as connection:
        found = {tuple(row) for row in connection.execute(text("select system, stream, key from source_record"))}
        doubled = connection.execute(text("select count(*) from source_record")).scalar_one() - len(found)
    assert doubled == 0
    assert company.story.population.truth.keys() <= found
    assert company.tables.quarantined() == 0
    company.story.compare_with_truth()
    assert company.story.findings.wrong == []


def test_a_hub_killed_in_the_middle_of_the_load_has_every_record_once_afterwards(
    new_stack: Callable[[int], Stack],
) -> None:
    stack = new_stack(200)
    company = begun(stack, share=0.05)
    stack.kill_hub()
    killed_at = company.tables.records()
    assert killed_at < company.story.expected, "it was killed too late to prove anything"
    stack.start_hub()
    complete(company)
    company.tables.close()


def test_a_hub_that_is_told_to_end_ends_cleanly_and_the_next_start_continues(new_stack: Callable[[int], Stack]) -> None:
    stack = new_stack(120)
    company = begun(stack, share=0.05)
    assert stack.stop_hub() == 0
    stopped_at = company.tables.records()
    stack.start_hub()
    complete(company)
    assert stopped_at <= company.tables.records()
    [person] = company.story.choose(1)
    assert stack.stop_hub() == 0
    company.do_not_call(person.mobile)  # told while nobody listens: the call centre keeps it until the hub is back
    stack.start_hub()
    assert set(await_each(opted_out_by_phone(company.stores, person), SECONDS)) == {"crm", "erp", "shop", "callcentre"}
    company.tables.close()
