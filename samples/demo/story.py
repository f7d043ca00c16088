"""The story that the demonstration tells, one step a function; each step says what it saw and whether that holds."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import requests

from onevoice.testing.evaluate import evaluate
from samples.demo.stack import Stack
from samples.demo.witness import HubTables, Person, await_each, await_true, holds_email, opted_out_by_phone
from samples.population import Population

LOAD_SECONDS = 180.0
SPREAD_SECONDS = 60.0
QUIET_SECONDS = 4.0
MIN_F1 = 0.95
MIN_PRECISION = 0.99

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Findings:
    """What was seen; `wrong` is empty when all of it holds."""

    records: int = 0
    customers: int = 0
    people: int = 0
    f1: float = 0.0
    precision: float = 0.0
    optout_ms: dict[str, float] = field(default_factory=dict)
    correction_ms: dict[str, float] = field(default_factory=dict)
    explained: list[dict[str, Any]] = field(default_factory=list)
    call: dict[str, Any] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def check(self, holds: bool, otherwise: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(otherwise)


@dataclass(slots=True, kw_only=True)
class Story:
    """Tells it on one stack."""

    stack: Stack
    population: Population
    tables: HubTables
    findings: Findings = field(default_factory=Findings)

    @property
    def expected(self) -> int:
        """Source records that the four systems hold."""
        return sum(len(records) for records in self.population.records.values())

    def load(self, progress: Progress) -> None:
        """Wait until every record of the four systems is in the master."""
        deadline = monotonic() + LOAD_SECONDS
        while monotonic() < deadline and self.tables.records() < self.expected:
            progress(self.tables.records(), self.expected)
            sleep(0.2)
        progress(self.tables.records(), self.expected)
        self.findings.records = self.tables.records()
        self.findings.check(
            self.findings.records == self.expected,
            f"{self.findings.records} of {self.expected} records arrived in the master",
        )

    def settle(self, progress: Progress) -> None:
        """Wait until no system is owed anything."""
        most, deadline = 1, monotonic() + LOAD_SECONDS
        while monotonic() < deadline and (left := self.tables.open_obligations()):
            most = max(most, left)
            progress(most - left, most)
            sleep(0.2)
        progress(most, most)
        left = self.tables.open_obligations()
        self.findings.check(left == 0, f"{left} obligations are still open: see 'onevoice obligation list'")
        quarantined = self.tables.quarantined()
        self.findings.check(quarantined == 0, f"{quarantined} records in quarantine: see 'onevoice quarantine list'")

    def compare_with_truth(self) -> None:
        """Compare the customers found with who the people really are."""
        truth = {source: str(person) for source, person in self.population.truth.items()}
        groups = self.tables.groups()
        found = {source: customer for source, customer in groups.items() if source in truth}
        quality = evaluate(found, {source: truth[source] for source in found})
        self.findings.customers = self.tables.customers()
        self.findings.people = len({truth[source] for source in found})
        self.findings.f1, self.findings.precision = quality.f1, quality.precision
        persons = {(s, stream, key) for s, stream, key in truth if (s, stream) in _PERSON_STREAMS}
        self.findings.check(persons <= found.keys(), "some person's record belongs to no customer")
        self.findings.check(quality.f1 >= MIN_F1, f"F1 against the truth is {quality.f1:.4f}, under {MIN_F1}")
        self.findings.check(
            quality.precision >= MIN_PRECISION, f"precision is {quality.precision:.4f}, under {MIN_PRECISION}"
        )

    def choose(self, count: int) -> list[Person]:
        """Return people with one record in each system, a mobile number and no opt-out, the best known first."""
        records = self.population.records
        known = Counter(case["ContactId"] for case in records["crm", "Case"])
        known.update(str(order["customer_id"]) for order in records["shop", "orders"])
        known.update(order["customer_no"] for order in records["erp", "orders"])
        by_person: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for (system, stream, key), person in self.population.truth.items():
            if (system, stream) in _PERSON_STREAMS:
                by_person[person].append((system, key))
        stores = self.stack.company.stores
        chosen: list[Person] = []
        for owned in sorted(by_person.values(), key=lambda owned: -sum(known[key] > 0 for _, key in owned)):
            keys = dict(owned)
            if len(owned) != len(keys) or keys.keys() != {"crm", "erp", "shop"}:
                continue
            found = _person(stores, keys)
            if found is not None and not any(look() for look in opted_out_by_phone(stores, found).values()):
                chosen.append(found)
                if len(chosen) == count:
                    break
        self.findings.check(len(chosen) == count, "the population has too few people known to all three systems")
        return chosen

    def explain(self, person: Person) -> None:
        """Ask the hub where each value of a golden record came from."""
        answer = self.stack.ask(f"/v1/customers/{quote(f'rec:crm:Contact:{person.crm}', safe='')}/explain")
        self.findings.explained = answer["values"]
        self.findings.check(bool(answer["values"]), "the golden record explains nothing")

    def opt_out(self, person: Person) -> None:
        """The person tells the call centre not to call again; look when each system knows."""
        _post(f"{self.stack.company.urls['callcentre']}/desktop/do-not-call", {"number": person.mobile})
        looks = opted_out_by_phone(self.stack.company.stores, person)
        self.findings.optout_ms = await_each(looks, SPREAD_SECONDS)
        for system in looks.keys() - self.findings.optout_ms.keys():
            self.findings.wrong.append(f"the opt-out never reached {system}")

    def correct(self, person: Person) -> None:
        """The person corrects her e-mail address in the shop; look when the others have it."""
        address = f"corrected.{person.shop}@example.com"
        _post(f"{self.stack.company.urls['shop']}/storefront/customers/{person.shop}", {"email": address})
        looks = holds_email(self.stack.company.stores, person, address)
        self.findings.correction_ms = await_each(looks, SPREAD_SECONDS)
        for system in looks.keys() - self.findings.correction_ms.keys():
            self.findings.wrong.append(f"the corrected address never reached {system}")

    def receive_call(self, person: Person) -> None:
        """The person calls; the desktop asks the hub who that is."""
        answer = _post(f"{self.stack.company.urls['callcentre']}/desktop/calls", {"number": person.mobile})
        context = answer.get("context") or {}
        self.findings.call = context
        for part in ("customer", "value", "interactions", "offers"):
            self.findings.check(part in context, f"the caller's context lacks {part}")

    def fall_silent(self) -> None:
        """Nothing may echo: once settled, no system is written to any more."""
        settled = await_true(lambda: self.tables.open_obligations() == 0, SPREAD_SECONDS)
        self.findings.check(settled, "the hub still owes something a minute later")
        before = self._writes()
        sleep(QUIET_SECONDS)
        echoed = self._writes() - before
        self.findings.check(not echoed, f"the hub goes on writing: {dict(echoed)}")

    def _writes(self) -> Counter[str]:
        writes: Counter[str] = Counter()
        for system in ("crm", "erp", "shop"):
            for entry in self.stack.company.stores.journal(system):
                if str(entry.get("operation") or entry.get("action")).lower() in ("upsert", "patch", "update"):
                    writes[system] += 1
        return writes


_PERSON_STREAMS = {("crm", "Contact"), ("erp", "customers"), ("shop", "customers")}


def _person(stores: Any, keys: dict[str, str]) -> Person | None:
    contact = stores.crm_contact(keys["crm"])
    account = stores.shop_customer(keys["shop"])
    row = stores.erp_customer(keys["erp"])
    mobile = (account or {}).get("phone")
    if not contact or not account or not row or not mobile or not str(mobile).startswith("+447"):
        return None
    if not contact.get("Email") or not row.get("email") or not account.get("email"):
        return None
    return Person(crm=keys["crm"], erp=keys["erp"], shop=keys["shop"], mobile=mobile, email=account["email"])


def _post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(url, json=body, timeout=30)
    answer.raise_for_status()
    found = answer.json() if answer.content else {}
    return found if isinstance(found, dict) else {}
