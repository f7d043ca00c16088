"""One organisation's objects in memory: changes at whole seconds, deletes that are remembered, queries in a small SOQL.

Takes fields as text, gives rows as text. A change in the course of a long transaction is not covered until it ends.
"""

import itertools
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

Row = dict[str, str | None]
PREFIXES = {"Contact": "0035g00000", "Case": "5005g00000"}
EXTERNAL = {"Contact": ("Id", "Number__c"), "Case": ("Id",)}
REMEMBERED = timedelta(days=30)
_SOQL = re.compile(
    r"SELECT (?P<fields>[\w, ]+) FROM (?P<kind>\w+)"
    r"(?: WHERE SystemModstamp > (?P<after>\S+) OR \(SystemModstamp = \S+ AND Id > '(?P<key>\w*)'\))?"
    r" ORDER BY SystemModstamp, Id(?: LIMIT (?P<most>\d+))?"
)


class Organisation:
    """What is in it. The clock is its own and stands still unless it is moved.

    Attributes:
        now: its time.
        held_back: up to here changes are covered, while a long transaction runs; None: up to now.
    """

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
        self.held_back: datetime | None = None
        self.lock = threading.RLock()
        self._rows: dict[str, dict[str, Row]] = {kind: {} for kind in PREFIXES}
        self._deleted: list[tuple[str, str, datetime]] = []
        self._numbers = itertools.count(1)

    def pass_time(self, seconds: int = 1) -> None:
        """Let time pass."""
        with self.lock:
            self.now += timedelta(seconds=seconds)

    def add(self, kind: str, **fields: str | None) -> str:
        """Make an object and return its id."""
        with self.lock:
            key = f"{PREFIXES[kind]}{next(self._numbers):05d}AAV"
            self._rows[kind][key] = {"Id": key, "CreatedDate": stamp(self.now)}
            self.change(kind, key, **fields)
            return key

    def change(self, kind: str, key: str, **fields: str | None) -> None:
        """Change an object."""
        with self.lock:
            self._rows[kind][key] |= {**fields, "SystemModstamp": stamp(self.now)}

    def delete(self, kind: str, key: str) -> None:
        """Put an object into the bin."""
        with self.lock:
            del self._rows[kind][key]
            self._deleted.append((kind, key, self.now))

    def row(self, kind: str, key: str) -> Row | None:
        """Return an object; None where there is none."""
        with self.lock:
            found = self._rows[kind].get(key)
            return dict(found) if found is not None else None

    def query(self, text: str) -> tuple[str, list[str], list[Row]]:
        """Return the kind, the fields and the rows that a query asks for; ValueError where it is none."""
        asked = _SOQL.fullmatch(text)
        if asked is None or asked["kind"] not in self._rows:
            raise ValueError("MALFORMED_QUERY")
        with self.lock:
            rows = sorted(self._rows[asked["kind"]].values(), key=lambda row: (row["SystemModstamp"], row["Id"]))
            if asked["after"]:
                place = (asked["after"].replace("Z", ".000Z"), asked["key"])
                rows = [row for row in rows if (row["SystemModstamp"] or "", row["Id"] or "") > place]
            most = int(asked["most"]) if asked["most"] else None
            fields = [name.strip() for name in asked["fields"].split(",")]
            return asked["kind"], fields, [dict(row) for row in rows[:most]]

    def updated(self, kind: str, start: datetime, end: datetime) -> tuple[list[str], datetime]:
        """Return the ids of what changed in a window, and up to when that is all."""
        covered = self._covered(start, end)
        with self.lock:
            within = [
                key
                for key, row in self._rows[kind].items()
                if stamp(start) <= (row["SystemModstamp"] or "") <= stamp(covered)
            ]
        return within, covered

    def deleted(self, kind: str, start: datetime, end: datetime) -> tuple[list[tuple[str, datetime]], datetime]:
        """Return (id, when) of what was deleted in a window, and up to when that is all."""
        covered = self._covered(start, end)
        with self.lock:
            return [(key, at) for one, key, at in self._deleted if one == kind and start <= at <= covered], covered

    def upsert(self, kind: str, by: str, fields: Mapping[str, str | None]) -> tuple[str | None, bool, str | None]:
        """Change the object that an external id names, or make it; returns id, whether made, and what is wrong."""
        if by not in EXTERNAL[kind]:
            return None, False, "INVALID_FIELD"
        with self.lock:
            found = [key for key, row in self._rows[kind].items() if row.get(by) == fields.get(by)]
            if not found and by == "Id":
                return None, False, "INVALID_CROSS_REFERENCE_KEY"
            if (fields.get("Email") or "@").count("@") != 1:
                return None, False, "INVALID_EMAIL_ADDRESS"
            changed = {name: value for name, value in fields.items() if name != "Id"}
            if found:
                self.change(kind, found[0], **changed)
                return found[0], False, None
            return self.add(kind, **changed), True, None

    def _covered(self, start: datetime, end: datetime) -> datetime:
        if start < self.now - REMEMBERED:
            raise ValueError("INVALID_REPLICATION_DATE")
        return min(end, self.held_back or self.now)


def stamp(moment: datetime) -> str:
    """Return a time as the API writes it: whole seconds, with three noughts."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def moments(texts: Sequence[str]) -> list[datetime]:
    """Return times that a caller sent, rounded down to the minute, as the API does with its windows."""
    return [datetime.fromisoformat(text).astimezone(UTC).replace(second=0, microsecond=0) for text in texts]
