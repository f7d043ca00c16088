"""The operations of the CRM: what each call does, apart from how it travels.

`CrmService.handle(call)` gives the child elements of the response, or raises SoapError. One rule: every operation but
login needs a living session, and sessions live in memory only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lxml import etree

from samples.crm.objects import OBJECTS, ObjectType
from samples.crm.soap import Call, SoapError, crm_element, declared_type, fields_of, record_element
from samples.crm.store import CrmStore, RejectedError
from samples.serving.clock import stamp
from samples.serving.journal import Journal

LARGEST_PAGE = 2000
LARGEST_WRITE = 200
Elements = list[etree._Element]


class CrmService:
    """One CRM with one integration user; safe to use from several threads."""

    def __init__(self, store: CrmStore, journal: Journal, username: str, password: str) -> None:
        self._store = store
        self._journal = journal
        self._credentials = (username, password)
        self._sessions: set[str] = set()
        self._operations: dict[str, Callable[[Call], Elements]] = {
            "query": self._query,
            "retrieve": self._retrieve,
            "upsert": self._upsert,
            "delete": self._delete,
            "getDeleted": self._get_deleted,
        }

    def expire_sessions(self) -> None:
        """End all sessions: their next call is a fault."""
        self._sessions.clear()

    def handle(self, call: Call) -> Elements:
        """Do one operation."""
        if call.operation == "login":
            return self._login(call)
        if call.session not in self._sessions:
            self._journal.note(call.operation, None, {"refused": "INVALID_SESSION_ID"})
            raise SoapError("INVALID_SESSION_ID", "the session is unknown or has expired: log in again")
        if call.operation not in self._operations:
            raise SoapError("INVALID_REQUEST", "there is no such operation")
        return self._operations[call.operation](call)

    def _login(self, call: Call) -> Elements:
        given = (call.required("username"), call.required("password"))
        matches = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(given, self._credentials, strict=True)]
        self._journal.note("login", given[0], {"accepted": all(matches)})
        if not all(matches):
            raise SoapError("INVALID_LOGIN", "invalid username or password")
        session = secrets.token_urlsafe(24)
        self._sessions.add(session)
        return [crm_element("sessionId", session)]

    def _query(self, call: Call) -> Elements:
        kind = _kind(call)
        size = _batch_size(call)
        locator = call.text("queryLocator")
        if locator:
            after, until = _read_locator(locator, kind)
        else:
            after = (_moment(call, "modifiedSince") or "", "~")
            until = _moment(call, "untilInclusive") or self._store.clock.tick()
        self._journal.note("query", None, {"objectType": kind.name, "after": after, "until": until, "batchSize": size})
        rows, done = self._store.changed(kind, after=after, until=until, limit=size)
        elements = [record_element("records", kind, row) for row in rows]
        elements.append(crm_element("done", "true" if done else "false"))
        if not done:
            last = (str(rows[-1]["SystemModstamp"]), str(rows[-1]["Id"]))
            elements.append(crm_element("queryLocator", _write_locator(kind, last, until)))
        return elements

    def _retrieve(self, call: Call) -> Elements:
        kind = _kind(call)
        identifiers = _identifiers(call)
        self._journal.note("retrieve", None, {"objectType": kind.name, "ids": identifiers})
        found = [(identifier, self._store.get(kind, identifier)) for identifier in identifiers]
        records = [record_element("records", kind, row) for _, row in found if row]
        return records + [crm_element("missingIds", identifier) for identifier, row in found if row is None]

    def _upsert(self, call: Call) -> Elements:
        kind = _kind(call)
        records, external = call.children("records"), call.text("externalIdField")
        if external is not None and external != kind.external_id:
            raise SoapError("INVALID_REQUEST", "externalIdField must be the object's external id field")
        if not 0 < len(records) <= LARGEST_WRITE:
            raise SoapError("EXCEEDED_RECORD_LIMIT", f"send 1 to {LARGEST_WRITE} records in one call")
        return [self._upsert_one(kind, record, external) for record in records]

    def _upsert_one(self, kind: ObjectType, record: etree._Element, external: str | None) -> etree._Element:
        parts = {etree.QName(part).localname: part for part in record if isinstance(part.tag, str)}
        if "sObject" not in parts or declared_type(parts["sObject"]) != kind.name:
            raise SoapError("INVALID_REQUEST", f"each record needs an sObject with xsi:type {kind.name}")
        fields = fields_of(parts["sObject"])
        condition = parts.get("ifUnmodifiedSince")
        unmodified = _parse_moment(condition.text or "") if condition is not None else None
        if external is not None and not fields.get(external):
            raise SoapError("INVALID_REQUEST", "a record has no value in externalIdField")
        self._journal.note("upsert", fields.get("Id"), {"objectType": kind.name, "fields": fields, "if": unmodified})
        try:
            identifier, created = self._store.upsert(kind, fields, unmodified, by=external)
        except RejectedError as rejected:
            return _result({"id": fields.get("Id"), "success": "false", "created": "false"}, rejected)
        return _result({"id": identifier, "success": "true", "created": "true" if created else "false"})

    def _delete(self, call: Call) -> Elements:
        results: Elements = []
        for identifier in _identifiers(call):
            self._journal.note("delete", identifier, {})
            try:
                self._store.delete(identifier)
                results.append(_result({"id": identifier, "success": "true"}))
            except RejectedError as rejected:
                results.append(_result({"id": identifier, "success": "false"}, rejected))
        return results

    def _get_deleted(self, call: Call) -> Elements:
        kind = _kind(call)
        since = _moment(call, "since") or ""
        self._journal.note("getDeleted", None, {"objectType": kind.name, "since": since})
        elements: Elements = []
        for identifier, deleted_at in self._store.deleted(kind, since):
            element = crm_element("records")
            element.append(crm_element("id", identifier))
            element.append(crm_element("deletedDate", deleted_at))
            elements.append(element)
        return elements


def _kind(call: Call) -> ObjectType:
    kind = OBJECTS.get(call.required("objectType"))
    if kind is None:
        raise SoapError("INVALID_TYPE", "objectType must be Contact or Case")
    return kind


def _identifiers(call: Call) -> list[str]:
    identifiers = [(element.text or "").strip() for element in call.children("ids")]
    if not 0 < len(identifiers) <= LARGEST_PAGE:
        raise SoapError("EXCEEDED_RECORD_LIMIT", f"send 1 to {LARGEST_PAGE} ids in one call")
    return identifiers


def _batch_size(call: Call) -> int:
    text = call.text("batchSize") or "500"
    if not text.isdecimal() or not 0 < int(text) <= LARGEST_PAGE:
        raise SoapError("INVALID_BATCH_SIZE", f"batchSize must be 1 to {LARGEST_PAGE}")
    return int(text)


def _moment(call: Call, name: str) -> str | None:
    text = call.text(name)
    return _parse_moment(text) if text else None


def _parse_moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SoapError("INVALID_REQUEST", "a date and time is not valid") from None
    if moment.tzinfo is None:
        raise SoapError("INVALID_REQUEST", "a date and time needs a time zone")
    return stamp(moment)


def _write_locator(kind: ObjectType, last: tuple[str, str], until: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind.name, *last, until]).encode()).decode()


def _read_locator(locator: str, kind: ObjectType) -> tuple[tuple[str, str], str]:
    parts: Any
    try:
        parts = json.loads(base64.urlsafe_b64decode(locator))
    except (binascii.Error, ValueError):
        parts = None
    if not isinstance(parts, list) or len(parts) != 4 or parts[0] != kind.name:
        raise SoapError("INVALID_QUERY_LOCATOR", "the query locator is not one of this query: start it again")
    return (str(parts[1]), str(parts[2])), str(parts[3])


def _result(values: dict[str, str | None], rejected: RejectedError | None = None) -> etree._Element:
    element = crm_element("results")
    error = {"errorCode": rejected.code, "message": str(rejected)} if rejected else {}
    element.extend(crm_element(name, text) for name, text in {**values, **error}.items() if text is not None)
    return element
