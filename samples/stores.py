"""Looking into each system's own store, past its interface: the independent witness of demo and tests.

`Stores(directory)` reads the files that the servers write, while they run. One rule: it only reads, and shares no code
with any connector.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from samples.callcentre.store import FILE as CALLCENTRE_FILE
from samples.crm.objects import CONTACT
from samples.crm.store import FILE as CRM_FILE
from samples.erp.database import open_engine
from samples.erp.schema import ADDRESSES, CUSTOMERS, JOURNAL
from samples.seeding import erp_url_in
from samples.shop.store import FILE as SHOP_FILE


class Stores:
    """Reads the four stores under the company's directory; `erp_url` when the ERP is not SQLite (owner's rights)."""

    def __init__(self, directory: Path, erp_url: str | None = None) -> None:
        self._directory = directory
        self._erp = open_engine(erp_url or erp_url_in(directory))

    def crm_contact(self, identifier: str) -> dict[str, Any] | None:
        """A contact with the CRM's field names; flags are bool, all else text or None."""
        row = self._one("crm", CRM_FILE, "SELECT body FROM record WHERE object = 'Contact' AND id = ?", identifier)
        if row is None:
            return None
        flags = {field for field, kind in CONTACT.fields.items() if kind == "boolean"}
        return {field: value == "true" if field in flags else value for field, value in json.loads(row[0]).items()}

    def erp_customer(self, number: str) -> dict[str, Any] | None:
        """A customer row, and her address rows under `addresses`."""
        with self._erp.connect() as connection:
            query = select(CUSTOMERS).where(CUSTOMERS.c.customer_no == number)
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            places = select(ADDRESSES).where(ADDRESSES.c.customer_no == number).order_by(ADDRESSES.c.address_id)
            return {**row, "addresses": [dict(place) for place in connection.execute(places).mappings()]}

    def shop_customer(self, number: int | str) -> dict[str, Any] | None:
        """An account as the shop's API shows it."""
        query = "SELECT body FROM record WHERE kind = 'customers' AND id = ?"
        row = self._one("shop", SHOP_FILE, query, int(number))
        return json.loads(row[0]) if row else None

    def callcentre_suppressed(self, channel: str, point: str) -> bool:
        """Whether the centre leaves a point alone, by the loaded list or an entry of its own. Case does not count."""
        listed = "SELECT 1 FROM suppression WHERE channel = ? AND lower(point) = lower(?)"
        own = "SELECT 1 FROM record WHERE stream = 'do_not_call' AND channel = ? AND lower(point) = lower(?)"
        return any(self._one("callcentre", CALLCENTRE_FILE, query, channel, point) for query in (listed, own))

    def callcentre_listed(self, channel: str, point: str) -> bool:
        """Whether the loaded list alone has the point."""
        query = "SELECT 1 FROM suppression WHERE channel = ? AND lower(point) = lower(?)"
        return self._one("callcentre", CALLCENTRE_FILE, query, channel, point) is not None

    def journal(self, system: str) -> list[dict[str, Any]]:
        """What a system noted of the calls it received, oldest first; for the ERP, the rows of its journal table."""
        if system == "erp":
            with self._erp.connect() as connection:
                rows = connection.execute(select(JOURNAL).order_by(JOURNAL.c.entry_id)).mappings()
                return [dict(row) for row in rows]
        path = self._directory / system / "journal.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def close(self) -> None:
        """Give the ERP's connections back."""
        self._erp.dispose()

    def _one(self, system: str, file: str, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._open(system, file) as connection:
            row: tuple[Any, ...] | None = connection.execute(query, values).fetchone()
            return row

    @contextmanager
    def _open(self, system: str, file: str) -> Iterator[sqlite3.Connection]:
        path = self._directory / system / file
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            yield connection
