"""The API's operations: sessions that end, places in a query that are forgotten, and a limit of calls.

Takes an operation's element, gives the elements of its answer; what is wrong is a `PartnerError` with its code.
"""

import hmac
import secrets
import threading
from typing import TypeAlias

from lxml import etree

from samples.partner.organisation import Organisation, Row, moments, stamp

API = "urn:partner.soap.sforce.com"
OBJECTS = "urn:sobject.partner.soap.sforce.com"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
Element: TypeAlias = etree._Element


class PartnerError(Exception):
    """The call as a whole failed; `code` is one of the API's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PartnerService:
    """Answers calls.

    Attributes:
        limit: most calls in a day.
        calls: how many there were; they can be set.
        page: how many rows a page of a query has at most; smaller than the API's own, to try paging on.
    """

    def __init__(self, organisation: Organisation, username: str, password: str) -> None:
        self.organisation = organisation
        self.limit, self.calls, self.page = 15_000, 0, 2000
        self._login = (username, password)
        self._sessions: set[str] = set()
        self._places: dict[str, tuple[str, list[str], list[Row]]] = {}
        self._lock = threading.RLock()

    def expire_sessions(self) -> None:
        """End all sessions."""
        with self._lock:
            self._sessions.clear()

    def forget_places(self) -> None:
        """Forget where all queries are."""
        with self._lock:
            self._places.clear()

    def handle(self, call: Element, session: str | None, batch: int, url: str) -> list[Element]:
        """Return the results of a call."""
        name = etree.QName(call).localname
        with self._lock, self.organisation.lock:
            if name == "login":
                return [self._logged_in(call, url)]
            if session not in self._sessions:
                raise PartnerError("INVALID_SESSION_ID")
            if self.calls >= self.limit:
                raise PartnerError("REQUEST_LIMIT_EXCEEDED")
            self.calls += 1
            operation = getattr(self, f"_{name}", None)
            if operation is None:
                raise PartnerError("UNKNOWN_OPERATION")
            try:
                found: list[Element] = operation(call, min(batch, self.page))
            except ValueError as error:
                raise PartnerError(str(error) if str(error).isupper() else "INVALID_ARGUMENT") from None
            return found

    def _logged_in(self, call: Element, url: str) -> Element:
        given = (_text(call, "username"), _text(call, "password"))
        if not all(
            hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(given, self._login, strict=True)
        ):
            raise PartnerError("INVALID_LOGIN")
        session = secrets.token_hex(20)
        self._sessions.add(session)
        result = {"serverUrl": f"{url}/00D5g0000000001", "sessionId": session, "passwordExpired": "false"}
        return _tree("result", **result, userId="0055g00000USER1AAV")

    def _query(self, call: Element, batch: int) -> list[Element]:
        return [self._rows(*self.organisation.query(_text(call, "queryString")), batch)]

    def _queryMore(self, call: Element, batch: int) -> list[Element]:  # noqa: N802 - named as the API names it
        place = self._places.pop(_text(call, "queryLocator"), None)
        if place is None:
            raise PartnerError("INVALID_QUERY_LOCATOR")
        return [self._rows(*place, batch)]

    def _rows(self, kind: str, fields: list[str], rows: list[Row], batch: int) -> Element:
        rest = rows[batch:]
        locator = f"01g5g{secrets.token_hex(6)}-{batch}" if rest else None
        if locator:
            self._places[locator] = (kind, fields, rest)
        result = _tree("result", done="false" if rest else "true", queryLocator=locator)
        result.extend([_object("records", kind, fields, row) for row in rows[:batch]])
        result.append(_tree("size", str(len(rows))))
        return result

    def _retrieve(self, call: Element, _batch: int) -> list[Element]:
        kind = _text(call, "sObjectType")
        fields = [name.strip() for name in _text(call, "fieldList").split(",")]
        ids = [one.text or "" for one in call.findall(f"{{{API}}}ids")]
        return [_object("result", kind, fields, self.organisation.row(kind, key)) for key in ids]

    def _upsert(self, call: Element, _batch: int) -> list[Element]:
        by = _text(call, "externalIDFieldName")
        objects = call.findall(f"{{{API}}}sObjects")
        if len(objects) > 200:
            raise PartnerError("EXCEEDED_ID_LIMIT")
        return [self._upserted(by, one) for one in objects]

    def _upserted(self, by: str, given: Element) -> Element:
        fields: Row = {}
        for child in given:
            name = etree.QName(child).localname
            if name == "fieldsToNull":
                fields[child.text or ""] = None
            elif name != "type":
                fields[name] = child.text
        key, made, wrong = self.organisation.upsert(given.findtext(f"{{{OBJECTS}}}type") or "", by, fields)
        result = _tree("result", created="true" if made else "false")
        if wrong:
            errors = _tree("errors", fields="Email") if wrong == "INVALID_EMAIL_ADDRESS" else _tree("errors")
            errors.extend([_tree("message", f"refused: {fields.get('Email')}"), _tree("statusCode", wrong)])
            result.append(errors)
        result.extend([_tree("id", key), _tree("success", "false" if wrong else "true")])
        return result

    def _getUpdated(self, call: Element, _batch: int) -> list[Element]:  # noqa: N802
        start, end = moments([_text(call, "startDate"), _text(call, "endDate")])
        ids, covered = self.organisation.updated(_text(call, "sObjectType"), start, end)
        result = _tree("result")
        result.extend([_tree("ids", key) for key in ids])
        result.append(_tree("latestDateCovered", stamp(covered)))
        return [result]

    def _getDeleted(self, call: Element, _batch: int) -> list[Element]:  # noqa: N802
        start, end = moments([_text(call, "startDate"), _text(call, "endDate")])
        gone, covered = self.organisation.deleted(_text(call, "sObjectType"), start, end)
        result = _tree("result")
        result.extend([_tree("deletedRecords", deletedDate=stamp(at), id=key) for key, at in gone])
        result.append(_tree("earliestDateAvailable", stamp(start)))
        result.append(_tree("latestDateCovered", stamp(covered)))
        return [result]

    def _getServerTimestamp(self, _call: Element, _batch: int) -> list[Element]:  # noqa: N802
        return [_tree("result", timestamp=stamp(self.organisation.now))]


def _text(call: Element, name: str) -> str:
    return call.findtext(f"{{{API}}}{name}") or ""


def _tree(tag: str, value: str | None = "", **children: str | None) -> Element:
    element = etree.Element(f"{{{API}}}{tag}")
    if value is None:
        element.set(NIL, "true")
    elif value:
        element.text = value
    element.extend([_tree(name, child) for name, child in children.items()])
    return element


def _object(tag: str, kind: str, fields: list[str], row: Row | None) -> Element:
    element = etree.Element(f"{{{API}}}{tag}", nsmap={"sf": OBJECTS})
    if row is None:
        element.set(NIL, "true")
        return element
    for name, value in {"type": kind, "Id": row["Id"], **{field: row.get(field) for field in fields}}.items():
        child = etree.SubElement(element, f"{{{OBJECTS}}}{name}")
        child.text = value
        if value is None:
            child.set(NIL, "true")
    return element
