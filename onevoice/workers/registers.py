"""Loads a register of who must not be called: read in full beside the load that counts, then put in its place at once.

Takes a file of numbers or hashes, one a line. The one rule: nobody is free because a file was short, old or broken: a
complete load is taken whole or not at all.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, literal, select, update

from onevoice.consent import Gate
from onevoice.consent.registers import points_held, values_of
from onevoice.consent.rules import Register
from onevoice.errors import RecordError, RefusedError
from onevoice.mapping.phone import to_e164
from onevoice.store import INGEST, Store, keep_out, rows_by_keys, upsert
from onevoice.store.locks import lock_all
from onevoice.store.members import customers_at
from onevoice.store.tables import register_entry, register_load
from onevoice.workers.ingest import Ingest

CHUNK = 20_000
CUSTOMERS = 200
LEAST_SHARE = 0.8
"""Of the entries that count now; a complete load with fewer is taken only when a person says that this is right."""
SHOWN = 5
_Any = TypeVar("_Any")
_HEX = {"md5": 32, "sha1": 40, "sha256": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A register as it counts now; `told` says whether every system was owed what it changed."""

    register: str
    title: str
    form: str
    entries: int = 0
    as_of: datetime | None = None
    told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """The registers that `rules/countries.yaml` declares."""

    store: Store
    gate: Gate
    ingest: Ingest

    def loaded(self) -> list[Loaded]:
        """Return every register that is declared, by name."""
        with self.store.transaction() as connection:
            rows = {row.register: row for row in connection.execute(select(register_load))}
        return [
            Loaded(
                register=name,
                title=declared.title,
                form=declared.form,
                entries=rows[name].entries if name in rows else 0,
                as_of=rows[name].as_of if name in rows else None,
                told=name not in rows or rows[name].told_at is not None,
            )
            for name, declared in sorted(self.gate.rules.registers.items())
        ]

    def load(
        self,
        name: str,
        lines: Iterable[str],
        *,
        as_of: datetime,
        complete: bool,
        may_shrink: bool = False,
        advance: Callable[[int], None] = lambda _count: None,
    ) -> Loaded:
        """Take a load, and oblige the systems to what it changes for our customers.

        Args:
            lines: one number or hash a line; blank lines and what follows a comma are passed over.
            as_of: the day that the register itself gives to the list.
            complete: a number that is not in it is free again; otherwise the load only adds.
            may_shrink: a complete load may have less than four fifths of the entries that count now.
            advance: told how many lines were read since it was told last.

        Raises:
            RefusedError: nobody declared the register; the load is no newer than the one that counts, much smaller, or
                adds to a register that was never loaded whole.
            RecordError: lines are no numbers or no hashes of the declared form; nothing was taken.
        """
        declared = self._declared(name)
        with self.store.transaction() as connection:
            before = _current(connection, name)
            number = _next_number(connection, name)
        self._check_order(name, before, as_of, complete=complete)
        wrong: list[int] = []
        for values, read in _chunks(lines, declared, self._region(name), wrong):
            with self.store.transaction() as connection:
                _keep(connection, name, number, values, as_of, before)
            advance(read)
        if wrong:
            self._forget(name, number)
            raise RecordError(
                f"register {name}: {len(wrong)} lines are not in its form ({declared.form}), the first in line "
                f"{', '.join(map(str, wrong[:SHOWN]))}; nothing was taken"
            )
        self._put_in_place(name, number, declared, before, as_of, complete=complete, may_shrink=may_shrink)
        self.tell(name)
        return next(one for one in self.loaded() if one.register == name)

    def tell(self, name: str) -> None:
        """Oblige the systems to what the last load changed, where that was not finished; forget the load before it."""
        with self.store.transaction() as connection:
            now = _current(connection, name)
        if now is None:
            return
        if now.told_at is None:
            for customers in self._touched(now):
                with self.store.transaction() as connection:
                    keep_out(connection, INGEST)
                    self.ingest.owe(connection, customers)
            with self.store.transaction() as connection:
                same = (register_load.c.register == name) & (register_load.c.number == now.number)
                connection.execute(update(register_load).where(same).values(told_at=self.gate.clock()))
        self._forget(name, None, but=now.number)

    def _declared(self, name: str) -> Register:
        found = self.gate.rules.registers.get(name)
        if found is None:
            known = ", ".join(sorted(self.gate.rules.registers)) or "none"
            raise RefusedError(f"register {name}: not in rules/countries.yaml; there are: {known}")
        return found

    def _region(self, name: str) -> str:
        """Return the country whose register it is: numbers without a country code are of it."""
        return next(code for code, country in self.gate.rules.countries.items() if name in country.registers)

    def _check_order(
        self, name: str, before: Row[tuple[object, ...]] | None, as_of: datetime, *, complete: bool
    ) -> None:
        if as_of > self.gate.clock():
            raise RefusedError(f"register {name}: the load is dated ahead; give the day that the register names")
        if before is None and not complete:
            raise RefusedError(f"register {name}: load it whole before you add to it")
        if before is not None and as_of <= before.as_of:
            raise RefusedError(f"register {name}: the load that counts is of {before.as_of:%Y-%m-%d}; this is no newer")

    def _put_in_place(
        self,
        name: str,
        number: int,
        declared: Register,
        before: Row[tuple[object, ...]] | None,
        as_of: datetime,
        *,
        complete: bool,
        may_shrink: bool,
    ) -> None:
        """Let the new load count, in one transaction that stands wholly before or after each redemption and batch."""
        with self.store.transaction() as connection:
            keep_out(connection, INGEST)
            lock_all(connection)
            if not complete and before is not None:
                _carry_over(connection, name, before.number, number)
            entries = _count(connection, name, number)
            small = complete and before is not None and entries < LEAST_SHARE * before.entries
            if not small or may_shrink:
                row = {
                    "register": name,
                    "number": number,
                    "form": declared.form,
                    "as_of": as_of,
                    "loaded_at": self.gate.clock(),
                    "told_at": None,
                    "entries": entries,
                }
                upsert(connection, register_load, [row], key=["register"], update=list(row)[1:])
                return
        self._forget(name, number)
        raise RefusedError(
            f"register {name}: {entries:,} entries, and {before.entries if before else 0:,} count now; "
            "look at the file, and load it with --may-shrink if it is right"
        )

    def _touched(self, now: Row[tuple[object, ...]]) -> Iterator[list[UUID]]:
        """Yield customers that hold a number whose listing the last load changed, some at a time."""
        with self.store.transaction() as connection:
            points = points_held(connection)
        for some in _pieces(points, CHUNK):
            with self.store.transaction() as connection:
                customers = sorted(customers_at(connection, _changed(connection, now, some)))
            yield from _pieces(customers, CUSTOMERS)

    def _forget(self, name: str, number: int | None, *, but: int | None = None) -> None:
        """Take out entries of loads that do not count."""
        entry = register_entry.c
        wanted = delete(register_entry).where(entry.register == name)
        wanted = wanted.where(entry.number == number) if number is not None else wanted.where(entry.number != but)
        with self.store.transaction() as connection:
            connection.execute(wanted)


def _current(connection: Connection, name: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(select(register_load).where(register_load.c.register == name)).one_or_none()


def _next_number(connection: Connection, name: str) -> int:
    newest = select(func.max(register_entry.c.number)).where(register_entry.c.register == name)
    return int(connection.execute(newest).scalar() or 0) + 1


def _count(connection: Connection, name: str, number: int) -> int:
    entry = register_entry.c
    statement = select(func.count()).where(entry.register == name, entry.number == number)
    return int(connection.execute(statement).scalar_one())


def _keep(
    connection: Connection,
    name: str,
    number: int,
    values: Collection[str],
    as_of: datetime,
    before: Row[tuple[object, ...]] | None,
) -> None:
    """Keep entries; one that was listed before stays listed since then."""
    since: dict[str, datetime] = {}
    if before is not None:
        rows = rows_by_keys(
            connection,
            register_entry,
            [register_entry.c.value, register_entry.c.since],
            key=["register", "number", "value"],
            keys=[(name, before.number, value) for value in values],
        )
        since = {row.value: row.since for row in rows}
    rows_new = [
        {"register": name, "number": number, "value": value, "since": since.get(value, as_of)} for value in values
    ]
    upsert(connection, register_entry, rows_new, key=["register", "number", "value"])


def _carry_over(connection: Connection, name: str, before: int, number: int) -> None:
    """Let all that was listed before stand in a load that only adds."""
    old, new = register_entry.alias("old"), register_entry.alias("new")
    missing = (
        ~select(new.c.value).where(new.c.register == name, new.c.number == number, new.c.value == old.c.value).exists()
    )
    columns = [old.c.register, literal(number), old.c.value, old.c.since]
    wanted = select(*columns).where(old.c.register == name, old.c.number == before, missing)
    connection.execute(register_entry.insert().from_select(["register", "number", "value", "since"], wanted))


def _changed(connection: Connection, now: Row[tuple[object, ...]], points: Collection[str]) -> list[str]:
    """Return the points that are listed by exactly one of the last load and the one before."""
    by_value = values_of(connection, str(now.form), points)
    entry = register_entry.c
    loads = connection.execute(select(entry.number).where(entry.register == now.register).distinct()).scalars()
    seen: list[set[str]] = []
    for number in loads:
        keys = [(now.register, number, value) for value in by_value]
        rows = rows_by_keys(connection, register_entry, [entry.value], key=["register", "number", "value"], keys=keys)
        seen.append({row.value for row in rows})
    everywhere = set.intersection(*seen) if len(seen) > 1 else set()
    return [by_value[value] for value in set().union(*seen) - everywhere]


def _chunks(lines: Iterable[str], declared: Register, region: str, wrong: list[int]) -> Iterator[tuple[list[str], int]]:
    """Yield values as they are kept, with how many lines they came from; notes the numbers of lines that are none."""
    numbered = iter(enumerate(lines, start=1))
    while some := list(islice(numbered, CHUNK)):
        values = []
        for at, line in some:
            text = line.partition(",")[0].strip().strip('"')
            value = _value(text, declared.form, region) if text else None
            if value is not None:
                values.append(value)
            elif text:
                wrong.append(at)
        yield list(dict.fromkeys(values)), len(some)


def _value(text: str, form: str, region: str) -> str | None:
    if form == "plain":
        return to_e164(text, region)
    return text.lower() if re.fullmatch(rf"[0-9a-fA-F]{{{_HEX[form]}}}", text) else None


def _pieces(whole: list[_Any], size: int) -> Iterator[list[_Any]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
