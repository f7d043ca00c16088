"""Reads parties: whatever changed in a party, an address or a contact mechanism gives the whole party.

A cursor has one position for each of the three tables. A first read notes where the tables of the parts end, then goes
through the parties; what happens to a part meanwhile is found by the next read. Tryton leaves no trace of a delete.
"""

from collections.abc import Iterator, Sequence

from connectors.tryton.catalogue import ADDRESS, MECHANISM, PARTY, Catalogue
from connectors.tryton.changes import ALL, Changes, position_of
from connectors.tryton.party import READ_FIELDS, STREAM, party_record
from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import Json, Page, Settings, SourceRecord, version_text
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place

_PARTS = (ADDRESS, MECHANISM)
_OWNER = {PARTY: "id", ADDRESS: "party", MECHANISM: "party"}
_FIELDS: dict[str, tuple[str, ...]] = {PARTY: (), ADDRESS: ("party",), MECHANISM: ("party",)}
_Positions = dict[str, Keyset | None]


class PartyReader:
    """Reads parties through one session."""

    def __init__(self, rpc: TrytonRpc, catalogue: Catalogue, settings: Settings, manifest: Manifest) -> None:
        self._rpc = rpc
        self._changes = Changes(rpc)
        self._catalogue = catalogue
        self._settings = settings
        self._manifest = manifest

    def check(self) -> None:
        """Prove rights and categories."""
        where = place(self._settings.system, STREAM)
        self._catalogue.check_rights(where)
        self._catalogue.categories(where)

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the parties in which something changed since `cursor`."""
        spec = self._manifest.stream(stream)
        where = place(self._settings.system, stream)
        categories = self._catalogue.categories(where)
        positions: _Positions = {model: Keyset.of((cursor or {}).get(model)) for model in _OWNER}
        if cursor is None:
            positions |= {model: self._changes.newest(model, where) for model in _PARTS}
        given: dict[str, str] = {}
        for model in _OWNER if cursor is not None else (PARTY,):
            for rows in self._changes.since(model, positions[model], spec, _FIELDS[model], where):
                fresh = [row for row in rows if row["write_date"] > given.get(str(row[_OWNER[model]]), "")]
                ids = list(dict.fromkeys(row[_OWNER[model]] for row in fresh if row[_OWNER[model]] is not None))
                records = [party_record(row, categories) for row in self.rows(ids, where)]
                given |= {record.key: record.version for record in records}
                positions[model] = furthest(positions[model], position_of(rows[-1]))
                yield Page(records=records, cursor=_cursor(positions))

    def readback(self, stream: str, keys: Sequence[str]) -> list[SourceRecord]:
        """Return the named parties; those that Tryton does not have come back as deleted, as of now."""
        where = place(self._settings.system, self._manifest.stream(stream).name)
        categories = self._catalogue.categories(where)
        found: dict[str, SourceRecord] = {}
        size = self._manifest.stream(stream).page_size
        for at in range(0, len(keys), size):
            ids = [int(key) for key in keys[at : at + size] if key.isdecimal()]
            found |= {str(row["id"]): party_record(row, categories) for row in self.rows(ids, where)}
        version = version_text(self._settings.now())
        return [
            found.get(key) or SourceRecord(stream=stream, key=key, version=version, data=None, deleted=True)
            for key in keys
        ]

    def rows(self, ids: Sequence[int], where: str) -> list[Json]:
        """Return parties with all their parts as they stand in one moment, in the order asked for.

        `search_read` leaves out those that are gone, where `read` would refuse all of them.
        """
        if not ids:
            return []
        rows: list[Json] = self._rpc.ask(
            f"{PARTY}.search_read", [["id", "in", list(ids)]], 0, None, None, READ_FIELDS, where=where, context=ALL
        )
        return sorted(rows, key=lambda row: ids.index(row["id"]))


def _cursor(positions: _Positions) -> Json:
    return {model: position.cursor() for model, position in positions.items() if position is not None}
