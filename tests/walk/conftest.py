"""The sample company and a hub, as processes, on both stacks; each stack is started once and shared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from samples.demo.stack import Stack
from samples.demo.story import Story
from samples.demo.witness import HubTables, Person, await_true
from samples.population import generate

PEOPLE = 150
SECONDS = 45.0


class Company:
    """One stack, what it is looked at with, and people known to all three systems, each handed out once."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.stores = stack.company.stores
        self.tables = HubTables.at(stack.store_url)
        self.story = Story(stack=stack, population=generate(stack.people, stack.seed), tables=self.tables)
        self._people: Iterator[Person] = iter(())
        self.anybody: Person
        self.quarantined_by_load = 0

    def load(self) -> None:
        """Wait until everything has arrived and nothing is owed."""
        await_condition(lambda: self.tables.records() >= self.story.expected)
        self.settle()
        self.quarantined_by_load = self.tables.quarantined()
        self.anybody, *others = self.story.choose(6)
        self._people = iter([self.anybody, *others])

    def settle(self) -> None:
        await_condition(lambda: self.tables.open_obligations() == 0)

    def person(self) -> Person:
        """Somebody with a record in each system, a mobile number, and no opt-out, whom no other test uses."""
        return next(self._people)

    def post(self, system: str, path: str, body: dict[str, object]) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.stack.company.urls[system]}{path}", json=body, timeout=30)

    def do_not_call(self, number: str, **more: object) -> None:
        self.post("callcentre", "/desktop/do-not-call", {"number": number, **more}).raise_for_status()

    def call(self, number: str, **more: object) -> dict[str, Any]:
        """A call comes in; gives what the agent saw."""
        answer = self.post("callcentre", "/desktop/calls", {"number": number, **more})
        answer.raise_for_status()
        return dict(answer.json())

    def tell(self, path: str, body: dict[str, object]) -> requests.Response:
        """Say something to the hub, as an operator."""
        headers = {"Authorization": f"Bearer {self.stack.company.secret('OPERATOR_API_KEY')}"}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.stack.url}{path}", json=body, headers=headers, timeout=30)

    def edit_account(self, number: str, **fields: object) -> None:
        """What the customer does on her own page of the shop."""
        self.post("shop", f"/storefront/customers/{number}", fields).raise_for_status()

    def writes(self, key: str | None = None) -> list[tuple[str, str | None]]:
        """(system, key) of every write that CRM, shop and ERP noted in their own journals."""
        found = [
            (system, entry.get("key") or entry.get("record_key"))
            for system in ("crm", "erp", "shop")
            for entry in self.stores.journal(system)
            if str(entry.get("operation") or entry.get("action")).lower() in ("upsert", "patch", "update")
        ]
        return [one for one in found if key is None or one[1] == key]


def await_condition(look: Callable[[], object], seconds: float = SECONDS) -> None:
    assert await_true(lambda: bool(look()), seconds), "the condition did not come true in time"


@pytest.fixture(scope="session", params=["embedded", "real"])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company whose records have all arrived, at rest."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with Stack(folder, request.param, PEOPLE, 7, poll="500ms") as stack:
        found = Company(stack)
        found.load()
        yield found
        found.tables.close()


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """`new_stack(people)` gives an embedded stack that has not been started."""
    opened: list[Stack] = []
    numbers = itertools.count()

    def make(people: int) -> Stack:
        opened.append(Stack(tmp_path / str(next(numbers)), "embedded", people, 3, poll="500ms"))
        return opened[-1]

    yield make
    for stack in opened:
        stack.stop()
