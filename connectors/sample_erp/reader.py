"""Reads the ERP: customers with their main address, and orders, in the order of their last change.

Version and cursor time of a customer are `changed_at`, of an order `updated_at`. The ERP leaves no trace of a delete:
a record that is gone shows in a read-back only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from connectors.sample_erp.tables import (
    ADDRESS_FIELDS,
    CHANGED_AT,
    CUSTOMERS,
    ORDERS,
    SELECT_CUSTOMERS,
    SELECT_ORDERS,
)
from onevoice.sdk import Json, Page, Settings, SourceRecord, version_text
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.plain import plain
from onevoice.sdk.sql import keyset_pages, reading

_KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where a stream comes from."""

    select: sa.Select[Any]
    key: sa.ColumnElement[str]
    time: sa.ColumnElement[datetime]
    time_name: str


_SOURCES: Mapping[str, _Source] = {
    "customers": _Source(select=SELECT_CUSTOMERS, key=CUSTOMERS.c.customer_no, time=CHANGED_AT, time_name="changed_at"),
    "orders": _Source(select=SELECT_ORDERS, key=ORDERS.c.order_no, time=ORDERS.c.updated_at, time_name="updated_at"),
}


class ErpReader:
    """Reads customers and orders through one engine."""

    def __init__(self, engine: Engine, settings: Settings, manifest: Manifest) -> None:
        self._engine = engine
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Prove that the tables may be read."""
        for stream, source in _SOURCES.items():
            with reading(self._engine, place(self._settings.system, stream)) as connection:
                connection.execute(source.select.limit(1)).first()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield what changed since `cursor`, oldest first."""
        spec = self._manifest.stream(stream)
        source = _SOURCES[stream]
        after = Keyset.of(cursor)
        pages = keyset_pages(
            self._engine,
            source.select,
            time=source.time,
            key=source.key,
            start=after.back(spec.overlap_seconds) if after else None,
            size=spec.page_size,
            where=place(self._settings.system, stream),
        )
        for rows in pages:
            records = [_record(stream, source, row) for row in rows]
            after = furthest(after, Keyset(records[-1].version, records[-1].key))
            yield Page(records=records, cursor=after.cursor())

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named records; those that the ERP does not have come back as deleted, as of now."""
        self._manifest.stream(stream)
        source = _SOURCES[stream]
        found: list[SourceRecord] = []
        for at in range(0, len(keys), _KEYS_PER_QUERY):
            wanted = source.select.where(source.key.in_(keys[at : at + _KEYS_PER_QUERY]))
            with reading(self._engine, place(self._settings.system, stream)) as connection:
                found += [_record(stream, source, row) for row in connection.execute(wanted).mappings()]
        version = version_text(self._settings.now())
        gone = [key for key in keys if key not in {record.key for record in found}]
        return found + [SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True) for key in gone]


def _record(stream: str, source: _Source, row: RowMapping) -> SourceRecord:
    key, version = row[source.key], version_text(row[source.time_name])
    data = {str(name): plain(row[name]) for name in row if not name.startswith(("keyset_", "main_"))}
    if stream == "customers":
        address = {name: plain(row[f"main_{name}"]) for name in ADDRESS_FIELDS}
        data["main_address"] = address if address["address_id"] is not None else None
    return SourceRecord(stream=stream, key=str(key), version=version, data=data)
