"""Writes the ERP: columns of a customer and her main address, if neither changed since they were read; new customers.

One transaction a change: lock both rows, compare, update. A new customer carries the hub's reference in a column that
is unique, so that a repeat finds her. Addresses are rows of their own, of which none is made.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from connectors.sample_erp.tables import ADDRESSES, CUSTOMERS, SELECT_CUSTOMERS, WRITABLE_ADDRESS, WRITABLE_CUSTOMER
from onevoice.sdk import (
    Change,
    Creation,
    CreationResult,
    RefusedError,
    Settings,
    WriteOutcome,
    WriteResult,
    version_text,
)
from onevoice.sdk.batches import created_in_batches, in_batches
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.sql import writing

_ADDRESS = "main_address."


class ErpWriter:
    """Writes customers through one engine."""

    def __init__(self, engine: Engine, settings: Settings, manifest: Manifest) -> None:
        self._engine = engine
        self._settings = settings
        self._manifest = manifest

    def write(self, stream: str, changes: Sequence[Change]) -> list[WriteResult]:
        """Write the changes one by one; a conflict with one leaves the others alone.

        Raises:
            ConfigurationError: the stream is not writable.
            TransientError, OperatorError: see `onevoice.sdk.sql.classified`.
        """
        self._manifest.writable(stream)
        return in_batches(changes, 1, lambda batch: [self._write(stream, change) for change in batch])

    def create(self, stream: str, creations: Sequence[Creation]) -> list[CreationResult]:
        """Make the customers one by one; one that is there under the same reference is left as she is.

        Raises:
            ConfigurationError: no records can be made in the stream.
            TransientError, OperatorError: see `onevoice.sdk.sql.classified`.
        """
        self._manifest.creatable(stream)
        return created_in_batches(creations, 1, lambda batch: [self._create(stream, one) for one in batch])

    def _create(self, stream: str, creation: Creation) -> CreationResult:
        where = place(self._settings.system, stream)
        customer, address = _split(creation.fields, where)
        if address:
            raise RefusedError(f"{where}: an address cannot be made with a customer")
        now = self._settings.now()
        row = {"email_opt_out": False, "phone_opt_out": False, **customer, "created_at": now, "updated_at": now}
        known = sa.select(CUSTOMERS.c.customer_no).where(CUSTOMERS.c.external_ref == creation.reference)
        with writing(self._engine, where) as connection:
            number = connection.execute(known).scalar()
            if number is None:
                number = _number(creation.reference)
                row |= {"customer_no": number, "external_ref": creation.reference}
                connection.execute(sa.insert(CUSTOMERS).values(row))
        return CreationResult(reference=creation.reference, outcome=WriteOutcome.APPLIED, key=str(number))

    def _write(self, stream: str, change: Change) -> WriteResult:
        where = place(self._settings.system, stream, change.key)
        customer, address = _split(change.fields, where)
        with writing(self._engine, where) as connection:
            row = _locked(connection, change.key)
            if row is None:
                return _result(change, WriteOutcome.MISSING, "no such customer")
            if change.expected_version not in (None, version_text(row["changed_at"])):
                return _result(change, WriteOutcome.CONFLICT, "changed since it was read")
            if address and row["main_address_id"] is None:
                return _result(change, WriteOutcome.REFUSED, "the customer has no main address")
            if customer:
                same = CUSTOMERS.c.customer_no == change.key
                connection.execute(sa.update(CUSTOMERS).where(same).values(customer))
            if address:
                same = ADDRESSES.c.address_id == row["main_address_id"]
                connection.execute(sa.update(ADDRESSES).where(same).values(address))
            written = connection.execute(_of(change.key)).mappings().one()
        return WriteResult(key=change.key, outcome=WriteOutcome.APPLIED, version=version_text(written["changed_at"]))


def _number(reference: str) -> str:
    """Return the number of a new customer, from a range that the ERP's own program does not use."""
    return f"H{hashlib.blake2b(reference.encode(), digest_size=8).hexdigest().upper()}"


def _locked(connection: Connection, key: str) -> RowMapping | None:
    """Lock a customer, then her addresses, and return her as she stands then (SQLite has locked everything before)."""
    connection.execute(sa.select(CUSTOMERS.c.customer_no).where(CUSTOMERS.c.customer_no == key).with_for_update())
    connection.execute(sa.select(ADDRESSES.c.address_id).where(ADDRESSES.c.customer_no == key).with_for_update())
    return connection.execute(_of(key)).mappings().first()


def _of(key: str) -> sa.Select[Any]:
    return SELECT_CUSTOMERS.where(CUSTOMERS.c.customer_no == key)


def _split(fields: Mapping[str, Any], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    customer: dict[str, Any] = {}
    address: dict[str, Any] = {}
    for path, value in fields.items():
        column = path.removeprefix(_ADDRESS)
        target, allowed = (address, WRITABLE_ADDRESS) if path != column else (customer, WRITABLE_CUSTOMER)
        if column not in allowed:
            raise RefusedError(f"{where}: {path} is not a writable field")
        target[column] = _typed(column, value, where)
    return customer, address


def _typed(column: str, value: Any, where: str) -> Any:
    if column != "birth_date" or value is None:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise RefusedError(f"{where}: {column} is not a date") from None


def _result(change: Change, outcome: WriteOutcome, reason: str) -> WriteResult:
    return WriteResult(key=change.key, outcome=outcome, reason=reason)
