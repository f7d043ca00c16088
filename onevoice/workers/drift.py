"""What is known of sources that change their shape: noted as records come in, read for reports.

Takes what the contracts found in a batch; gives it by stream, path and difference. What was seen under an older version
of a schema is history: mending the schema is all that it takes to close a report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from onevoice.contracts import Drift
from onevoice.store import upsert
from onevoice.store.tables import drift as table
from onevoice.workers.catalog import Catalog

if TYPE_CHECKING:
    from onevoice.workers.ingest.prepare import Incoming, Rejected

_KEY = ("system", "stream", "schema_version", "path", "what", "place")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """One difference that records of a stream show against its present schema.

    Attributes:
        mode: what becomes of such a record.
        what: `new <type>`, `type <type>`, `missing` or the keyword that does not hold.
        place: the part of the schema that is at odds, as a JSON pointer.
        records: how often it was seen; first_key: the first record that showed it.
    """

    system: str
    stream: str
    mode: str
    path: str
    what: str
    place: str
    records: int
    first_key: str
    first_seen_at: datetime
    last_seen_at: datetime

    @property
    def drift(self) -> Drift:
        """Return the difference itself."""
        return Drift(self.path, self.what, self.place)


def note_drift(
    connection: Connection, catalog: Catalog, prepared: "Sequence[Incoming | Rejected]", now: datetime
) -> None:
    """Count the differences that a batch shows."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in prepared:
        for found in one.drift:
            system, stream, key = one.of
            version = catalog.stream(system, stream).source.version
            row = dict(zip(_KEY, (system, stream, version, found.path, found.what, found.place), strict=True))
            first = {"records": 0, "first_key": key, "first_seen_at": now, "last_seen_at": now}
            rows.setdefault(tuple(row.values()), row | first)["records"] += 1
    upsert(
        connection,
        table,
        list(rows.values()),
        key=_KEY,
        update=["last_seen_at"],
        expressions={"records": "drift.records + excluded.records"},
    )


def drift_reports(connection: Connection, catalog: Catalog, system: str | None = None) -> list[DriftReport]:
    """Return what was seen under the schemas as they are now, the most frequent first."""
    statement = select(table).order_by(table.c.records.desc(), table.c.path)
    if system is not None:
        statement = statement.where(table.c.system == system)
    found = []
    for row in connection.execute(statement):
        stream = catalog.streams.get((row.system, row.stream))
        if stream is not None and stream.source.version == row.schema_version:
            values = {name: value for name, value in row._mapping.items() if name != "schema_version"}
            found.append(DriftReport(mode=str(stream.mode), **values))
    return found


def drift_counts(connection: Connection, catalog: Catalog) -> dict[str, int]:
    """Return how many differences each system shows; systems without any are left out."""
    statement = select(table.c.system, table.c.stream, table.c.schema_version, func.count()).group_by(
        table.c.system, table.c.stream, table.c.schema_version
    )
    counts: dict[str, int] = {}
    for system, name, version, count in connection.execute(statement):
        stream = catalog.streams.get((system, name))
        if stream is not None and stream.source.version == version:
            counts[system] = counts.get(system, 0) + count
    return counts


def has_drifted(connection: Connection, catalog: Catalog, system: str, stream: str) -> bool:
    """Return whether a stream's records differ from its schema as it is now."""
    version = catalog.stream(system, stream).source.version
    statement = select(table.c.path).where(
        table.c.system == system, table.c.stream == stream, table.c.schema_version == version
    )
    return connection.execute(statement.limit(1)).first() is not None
