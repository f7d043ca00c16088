"""Reads sales: what a customer ordered, from its confirmation on.

A draft or a quotation is no order yet and is left out. A sale shows itself to the companies of the user alone; so every
call carries the context of the user's own preferences. Lines cannot change once a sale is confirmed, and its own date
moves with its state: one position is enough.
"""

from collections.abc import Iterator, Sequence

from connectors.tryton.changes import ALL, Changes, position_of
from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import Json, OperatorError, Page, Settings, SourceRecord, version_text
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place

STREAM = "sale"
SALE = "sale.sale"

_FIELDS = ("number", "reference", "party", "state", "create_date", "total_amount", "currency.code")
_NO_ORDER = ("draft", "quotation")


class SaleReader:
    """Reads sales through one session.

    Nothing is read, and no right is asked for, where the setting `sales` is false.
    """

    def __init__(self, rpc: TrytonRpc, settings: Settings, manifest: Manifest) -> None:
        self._rpc = rpc
        self._settings = settings
        self._manifest = manifest
        self._on = bool(settings.values["sales"])

    def check(self) -> None:
        """Prove that sales may be read, and that the user belongs to a company."""
        where = place(self._settings.system, STREAM)
        if not self._on:
            return
        self._rpc.ask(f"{SALE}.search_count", [], where=where, context=self._context(where))

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the sales that changed since `cursor`."""
        where = place(self._settings.system, stream)
        if not self._on:
            return
        changes = Changes(self._rpc, self._context(where))
        position = Keyset.of(cursor)
        for rows in changes.since(SALE, position, self._manifest.stream(stream), _FIELDS, where):
            position = furthest(position, position_of(rows[-1]))
            yield Page(records=[_record(row) for row in rows if _is_order(row)], cursor=position.cursor())

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named sales; those that Tryton does not have come back as deleted, as of now."""
        where = place(self._settings.system, stream)
        if not self._on:
            return []
        domain = [["id", "in", [int(key) for key in keys if key.isdecimal()]]]
        fields = ["write_date", *_FIELDS]
        context = {**ALL, **self._context(where)}
        rows = self._rpc.ask(f"{SALE}.search_read", domain, 0, None, None, fields, where=where, context=context)
        found = {str(row["id"]): _record(row) for row in rows}
        version = version_text(self._settings.now())
        return [
            found.get(key) or SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
            for key in keys
        ]

    def _context(self, where: str) -> Json:
        preferences: Json = self._rpc.ask("res.user.get_preferences", True, where=where)
        if not preferences.get("company"):
            raise OperatorError(f"{where}: the user belongs to no company; give it one, or set sales = false")
        return {name: preferences[name] for name in ("company", "companies") if name in preferences}


def _is_order(row: Json) -> bool:
    return row["number"] is not None and row["state"] not in _NO_ORDER


def _record(row: Json) -> SourceRecord:
    data: Json = {
        "id": row["id"],
        "number": row["number"],
        "reference": row["reference"] or None,
        "party": row["party"],
        "state": row["state"],
        "total": row["total_amount"],
        "currency": (row["currency."] or {}).get("code"),
        "created_at": row["create_date"],
        "changed_at": row["write_date"],
    }
    return SourceRecord(stream=STREAM, key=str(row["id"]), version=row["write_date"], data=data)
