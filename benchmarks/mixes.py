"""What the systems say during a run: mix A (a steady day) and mix B (a first load), the same for the same seed.

Mix A, in every twenty messages: seven records that say nothing new (four sent again as they are, three stamped anew),
seven changed ones, four interactions and two new records. A customer is spoken of once before any is spoken of twice.
Mix B: new records only, about two of each new customer, her second some dozens after the first.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from benchmarks.population import Known, Population, Told, moment_of, moment_text, told
from onevoice.messages import Json, SourceRecord
from onevoice.sdk import version_text
from samples.crm.identifier import record_id

SENT_AGAIN, STAMPED, CHANGED, INTERACTION, NEW = "sent again", "stamped anew", "changed", "interaction", "new"
TWENTY = (SENT_AGAIN,) * 4 + (STAMPED,) * 3 + (CHANGED,) * 7 + (INTERACTION,) * 4 + (NEW,) * 2
NEARBY = 50  # records of new customers on their way at a time
SUBJECTS = ("Delivery question", "Invoice question", "New order", "Return", "Complaint", "Opening hours")


def mix_a(present: Sequence[Known], newcomers: Population, seed: int) -> Iterator[Told]:
    """Yield the messages of a steady day, without end."""
    return _Day(present, newcomers, seed).messages()


def mix_b(newcomers: Population, seed: int) -> Iterator[Told]:
    """Yield the messages of a first load, as long as there are people."""
    chance = random.Random(seed)
    waiting: list[Told] = []
    for known in newcomers.customers(1 << 62, settled=False, kind=NEW):
        waiting += known.records
        while len(waiting) >= NEARBY:
            yield waiting.pop(chance.randrange(len(waiting)))


class _Day:
    def __init__(self, present: Sequence[Known], newcomers: Population, seed: int) -> None:
        self._chance = random.Random(seed)
        self._present = present
        self._population = newcomers
        self._new = mix_b(newcomers, seed + 1)
        self._turns = self._in_turn()
        self._latest: dict[tuple[str, str], Told] = {}
        self._serial = 0

    def messages(self) -> Iterator[Told]:
        makers: dict[str, Callable[[], Told]] = {
            SENT_AGAIN: self._sent_again,
            STAMPED: self._stamped,
            CHANGED: self._changed,
            INTERACTION: self._interaction,
            NEW: lambda: next(self._new),
        }
        while True:
            for kind in self._chance.sample(TWENTY, len(TWENTY)):
                yield makers[kind]()

    def _in_turn(self) -> Iterator[Known]:
        while True:
            yield from self._chance.sample(self._present, len(self._present))

    def _record(self) -> Told:
        one = self._chance.choice(next(self._turns).records)
        return self._latest.get((one.system, one.record.key), one)

    def _sent_again(self) -> Told:
        one = self._record()
        return Told(system=one.system, record=one.record, kind=SENT_AGAIN)

    def _stamped(self) -> Told:
        one = self._record()
        return self._keep(told(one.system, _data(one), self._population.tick(), STAMPED))

    def _changed(self) -> Told:
        one = self._record()
        self._serial += 1
        changes = _CHANGES[one.system]
        change = self._chance.choices([c for c, _ in changes], [weight for _, weight in changes])[0]
        data = {**_data(one), **change(_data(one), self._serial)}
        return self._keep(told(one.system, data, self._population.tick(), CHANGED))

    def _keep(self, one: Told) -> Told:
        self._latest[one.system, one.record.key] = one
        return one

    def _interaction(self) -> Told:
        self._serial += 1
        known = next(self._turns)
        contact = next((one for one in known.records if one.system == "crm"), None)
        if contact is None or self._chance.random() < 0.5:
            return self._call(known)
        at = self._population.tick()
        data = {
            "Id": record_id("500", self._serial),
            "ContactId": contact.record.key,
            "Subject": self._chance.choice(SUBJECTS),
            "Origin": self._chance.choice(("Phone", "Email", "Web")),
            "Status": "New",
            "CreatedDate": moment_text(moment_of(contact)),
            "SystemModstamp": moment_text(at),
        }
        return _interaction("crm", "Case", str(data["Id"]), data, str(data["SystemModstamp"]))

    def _call(self, known: Known) -> Told:
        at = self._population.tick()
        data = {
            "call_id": f"C-{self._serial:07d}",
            "number": known.person.mobile,
            "direction": "inbound",
            "started_at": moment_text(at),
            "ended_at": moment_text(at + timedelta(seconds=240)),
            "queue": self._chance.choice(("service", "sales", "billing")),
            "agent": f"agent-{self._chance.randrange(1, 40):02d}",
            "outcome": "answered",
            "talk_seconds": 230,
            "cost": "1.73",
            "currency": "GBP",
            "campaign": None,
            "subject": self._chance.choice(SUBJECTS),
            "updated_at": moment_text(at + timedelta(seconds=241)),
        }
        return _interaction("callcentre", "call", str(data["call_id"]), data, str(data["updated_at"]))


def _interaction(system: str, stream: str, key: str, data: Json, stamp: str) -> Told:
    record = SourceRecord(stream=stream, key=key, version=version_text(stamp), data=data)
    return Told(system=system, record=record, kind=INTERACTION)


def _data(one: Told) -> Json:
    assert one.record.data is not None
    return one.record.data


def _email(serial: int) -> str:
    return f"moved.{serial}@example.org"


def _mobile(serial: int) -> str:
    return f"07500 {serial % 1_000_000:06d}"


def _landline(serial: int) -> str:
    return f"0161 497 {serial % 10_000:04d}"


def _place(data: Json, field: str, serial: int) -> Json:
    return {field: {**(data.get(field) or {"country": "GB"}), "street": f"{serial % 300 + 1} Harbour Street"}}


# What people have changed, most often first: how to reach them, where they live, seldom what they are called.
_CHANGES: dict[str, tuple[tuple[Callable[[Json, int], Json], float], ...]] = {
    "crm": (
        (lambda _, n: {"Email": _email(n)}, 25),
        (lambda _, n: {"MobilePhone": _mobile(n)}, 20),
        (lambda _, n: {"Phone": _landline(n)}, 8),
        (lambda _, n: {"MailingStreet": f"{n % 300 + 1} Harbour Street"}, 22),
        (lambda data, _: {"Language__c": "de" if data["Language__c"] == "en" else "en"}, 5),
        (lambda data, _: {"HasOptedOutOfEmail": not data["HasOptedOutOfEmail"]}, 2),
        (lambda data, _: {"DoNotCall": not data["DoNotCall"]}, 1),
        (lambda data, _: {"LastName": f"{data['LastName']}-Hope"}, 2),
        (lambda _, n: {"LastActivityDate": f"2026-03-{n % 28 + 1:02d}"}, 15),
    ),
    "erp": (
        (lambda _, n: {"email": _email(n)}, 20),
        (lambda _, n: {"mobile": _mobile(n)}, 18),
        (lambda _, n: {"phone": _landline(n)}, 10),
        (lambda data, n: _place(data, "main_address", n), 25),
        (lambda data, _: {"language": "DE" if data["language"] == "EN" else "EN"}, 5),
        (lambda data, _: {"email_opt_out": not data["email_opt_out"]}, 2),
        (lambda data, _: {"row_version": data["row_version"] + 1}, 20),
    ),
    "shop": (
        (lambda _, n: {"email": _email(n)}, 30),
        (lambda _, n: {"phone": _mobile(n)}, 25),
        (lambda data, n: _place(data, "default_address", n), 30),
        (lambda data, _: {"locale": "de-DE" if data["locale"] == "en-GB" else "en-GB"}, 10),
        (lambda data, _: {"accepts_email_marketing": not data["accepts_email_marketing"]}, 5),
    ),
}
