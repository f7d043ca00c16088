"""Writes parties: one call and so one transaction a change, over the very rows that the change was computed on.

The hub's version is compared first; then Tryton itself compares the rows' time stamps with those that were read, so
that nothing slips in between. A new party carries the hub's reference as an identifier without a type, by which it is
found again. The one rule: it changes and makes parties and adds parts to them; it deletes none.
"""

from collections.abc import Sequence
from typing import Any

from connectors.tryton.catalogue import FLAGS, IDENTIFIER, PARTY, Catalogue
from connectors.tryton.party import ADDRESS_FIELDS, KINDS, first_address, first_mechanism, party_version, timestamps
from connectors.tryton.reader import PartyReader
from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import (
    Change,
    ConflictError,
    Creation,
    CreationResult,
    Json,
    RefusedError,
    Settings,
    WriteOutcome,
    WriteResult,
)
from onevoice.sdk.batches import created_in_batches, in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place

_ADDRESS = "address."
_NOBODY: Json = {"addresses.": [], "contact_mechanisms.": []}
"""A party that is not there yet: it has no parts."""


class PartyWriter:
    """Writes parties through one session."""

    def __init__(
        self, rpc: TrytonRpc, catalogue: Catalogue, reader: PartyReader, settings: Settings, manifest: Manifest
    ) -> None:
        self._rpc = rpc
        self._catalogue = catalogue
        self._reader = reader
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes one by one; a conflict with one leaves the others alone.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `TrytonRpc`.
        """
        self._manifest.writable(stream)
        return in_batches(changes, 1, lambda batch: [self._write(stream, change) for change in batch])

    def _write(self, stream: str, change: Change) -> WriteResult:
        where = place(self._settings.system, stream, change.key)
        rows = self._reader.rows([int(change.key)] if change.key.isdecimal() else [], where)
        if not rows:
            return WriteResult(key=change.key, outcome=WriteOutcome.MISSING, reason="no such party")
        row = rows[0]
        if change.expected_version not in (None, party_version(row)):
            return WriteResult(key=change.key, outcome=WriteOutcome.CONFLICT, reason="changed since it was read")
        values = self._values(change.fields, row, where)
        # Without an expected version nothing may hold the write up: a prohibition is said without asking what else is.
        context = {"_timestamp": timestamps(row)} if change.expected_version is not None else {}
        try:
            self._rpc.call(f"{PARTY}.write", [row["id"]], values, where=where, context=context)
        except ConflictError:
            raise
        except RefusedError:
            # Tryton reports a missing right and a broken rule alike; only the first is the operator's.
            self._catalogue.check_rights(where)
            raise
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED)

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the parties one by one; Tryton does not tell a repeat from a new one, see `find`.

        Raises:
            ConfigurationError: no records can be made in the stream.
            TransientError, OperatorError: see `TrytonRpc`.
        """
        self._manifest.creatable(stream)
        return created_in_batches(creations, 1, lambda batch: [self._create(stream, one) for one in batch])

    def find(self, stream: str, references: Sequence[str]) -> dict[str, str]:
        """Return reference -> key of the parties that were made under them, archived ones included.

        Raises:
            TransientError, OperatorError: see `TrytonRpc`.
        """
        where, domain = place(self._settings.system, stream), [["code", "in", list(references)], ["type", "=", None]]
        context: Json = {"active_test": False}
        fields = ["code", "party"]
        arguments = (domain, 0, None, None, fields)
        rows = self._rpc.ask(f"{IDENTIFIER}.search_read", *arguments, where=where, context=context)
        return {row["code"]: str(row["party"]) for row in rows}

    def _create(self, stream: str, creation: Creation) -> CreationResult:
        where = place(self._settings.system, stream)
        values = self._values(creation.fields, _NOBODY, where)
        if not values.get("name"):
            raise RefusedError(f"{where}: Tryton would take a party without a name; it is not made")
        values["identifiers"] = [["create", [{"type": None, "code": creation.reference}]]]
        try:
            [made] = self._rpc.call(f"{PARTY}.create", [values], where=where)
        except RefusedError:
            self._catalogue.check_rights(where, to_make=True)
            raise
        return CreationResult(reference=creation.reference, outcome=WriteOutcome.APPLIED, key=str(made))

    def _values(self, fields: Json, row: Json, where: str) -> Json:
        values: Json = {}
        address = {path.removeprefix(_ADDRESS): value for path, value in fields.items() if path.startswith(_ADDRESS)}
        for path, value in fields.items():
            if path in KINDS:
                values.setdefault("contact_mechanisms", []).extend(_mechanism(row, path, value))
            elif path in FLAGS:
                values.setdefault("categories", []).append(self._category(path, value, where))
            elif path == "lang":
                values["lang"] = None if value is None else self._catalogue.language(value, where)
            elif path == "name":
                values["name"] = value
            elif not path.startswith(_ADDRESS):
                raise RefusedError(f"{where}: {path} is not a writable field")
        if address:
            values["addresses"] = [self._address(row, address, where)]
        return values

    def _category(self, flag: str, value: object, where: str) -> list[Any]:
        category = self._catalogue.categories(where)[flag]
        return ["add" if value is True else "remove", [category]]

    def _address(self, row: Json, given: Json, where: str) -> list[Any]:
        parts = {name: value for name, value in given.items() if name in ADDRESS_FIELDS}
        if unknown := sorted(given.keys() - parts.keys() - {"country"}):
            raise RefusedError(f"{where}: {_ADDRESS}{unknown[0]} is not a writable field")
        if "country" in given:
            code = given["country"]
            parts["country"] = None if code is None else self._catalogue.country(code, where)
        standing = first_address(row)
        return ["create", [parts]] if standing is None else ["write", [standing["id"]], parts]


def _mechanism(row: Json, kind: str, value: object) -> list[Any]:
    """Return what puts a value in the first place of its kind; what is cleared is put out of use, not deleted."""
    standing = first_mechanism(row, kind)
    if standing is not None:
        return [["write", [standing["id"]], {"value": value} if value is not None else {"active": False}]]
    return [] if value is None else [["create", [{"type": kind, "value": value}]]]
