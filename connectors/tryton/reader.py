"""Reads parties: whatever changed in a party, an address or a contact mechanism gives the whole party.

A cursor has a position for each of the three tables, and for the parts that were never written since they were made. A
first read notes where the tables of the parts end, then goes through the parties; what happens to a part meanwhile is
found by the next read. Tryton leaves no trace of a delete.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.tryton.catalogue import ADDRESS, MECHANISM, PARTY, Catalogue
from connectors.tryton.changes import ALL, CREATED, WRITTEN, Changes, position_of
from connectors.tryton.party import READ_FIELDS, STREAM, party_record
from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import Json, Page, Settings, SourceRecord, version_text
from onevoice.sdk.keyset import Keyset, furthest
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place

_Positions = dict[str, Keyset | None]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which changes are found: a table, what orders its rows, and which of their fields names the party."""

    model: str
    by: str = ""
    owner: str = "party"

    @property
    def name(self) -> str:
        """What its position is called in a cursor."""
        return f"{self.model} made" if self.by == CREATED else self.model


_PARTIES = _Way(PARTY, owner="id")
_PARTS = tuple(_Way(model, by) for by in (WRITTEN, CREATED) for model in (ADDRESS, MECHANISM))


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
        positions: _Positions = {way.name: Keyset.of((cursor or {}).get(way.name)) for way in (_PARTIES, *_PARTS)}
        if cursor is None:
            positions |= {way.name: self._changes.newest(way.model, where, by=way.by) for way in _PARTS}
        given: dict[str, str] = {}
        for way in (_PARTIES, *_PARTS) if cursor is not None else (_PARTIES,):
            fields = (way.owner,) if way.owner != "id" else ()
            for rows in self._changes.since(way.model, positions[way.name], spec, fields, where, by=way.by):
                fresh = [row for row in rows if row[way.by or WRITTEN] > given.get(str(row[way.owner]), "")]
                ids = list(dict.fromkeys(row[way.owner] for row in fresh if row[way.owner] is not None))
                records = [party_record(row, categories) for row in self.rows(ids, where)]
                given |= {record.key: record.version for record in records}
                positions[way.name] = furthest(positions[way.name], position_of(rows[-1], way.by))
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
