"""A small REST client: JSON in and out, paging by cursor, conditional reads and writes.

Takes paths under one base address; gives typed answers. The one rule: what a caller can act on (not there, changed
meanwhile, not accepted) is an answer, everything else is an error of `onevoice.errors`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
import requests

from onevoice.errors import ConfigurationError, RefusedError, TransientError
from onevoice.messages import Json
from onevoice.sdk.exchange import Exchange, Reply
from onevoice.sdk.paging import PageGuard
from onevoice.sdk.place import place


class AnswerKind(StrEnum):
    """What an answer means to the caller."""

    OK = "ok"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    CONFLICT = "conflict"
    REFUSED = "refused"


_KINDS = {
    304: AnswerKind.UNCHANGED,
    404: AnswerKind.MISSING,
    410: AnswerKind.MISSING,
    409: AnswerKind.CONFLICT,
    412: AnswerKind.CONFLICT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        data: the JSON body; None when it is empty, or not JSON in an answer that is not OK. What is not OK may quote
            values: use it to look up names, never to show it.
        etag: the entity tag as sent, for a later `if_match`.
    """

    kind: AnswerKind
    status: int
    data: Any = None
    etag: str | None = None


class BearerAuth(requests.auth.AuthBase):
    """Proves who we are with a bearer token, which no repr shows.

    Raises:
        ConfigurationError: the token holds characters that a header cannot carry.
    """

    def __init__(self, token: str) -> None:
        if not token.isascii() or not token.isprintable():
            raise ConfigurationError("the token holds characters that no header can carry; write it again")
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header on a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def basic_auth(user: str, password: str) -> requests.auth.AuthBase:
    """Return proof by user and password (RFC 7617, UTF-8)."""
    return requests.auth.HTTPBasicAuth(user.encode(), password.encode())


class Rest:
    """Speaks to one REST API.

    Args:
        base: the address that all paths are under.
        system: the configured system's name, for messages.
    """

    def __init__(self, base: str, *, system: str, exchange: Exchange) -> None:
        self._base = base.rstrip("/")
        self._system = system
        self._exchange = exchange

    def get(
        self, path: str, *, stream: str = "", params: Mapping[str, str] | None = None, if_none_match: str | None = None
    ) -> Answer:
        """Fetch one document, only if it changed when `if_none_match` is given.

        Raises:
            OperatorError, TransientError, ConfigurationError: see `Exchange`.
            TransientError: the body is not JSON.
        """
        headers = {"If-None-Match": if_none_match} if if_none_match else {}
        return self._call("GET", path, stream, params=params, headers=headers)

    def patch(self, path: str, body: Json, *, stream: str = "", if_match: str | None = None) -> Answer:
        """Change fields of one document, only if it is still the one with that tag when `if_match` is given.

        Raises:
            OperatorError, TransientError, ConfigurationError: see `Exchange`.
        """
        headers = {"If-Match": if_match} if if_match else {}
        return self._call("PATCH", path, stream, headers=headers, body=body)

    def pages(
        self,
        path: str,
        *,
        stream: str,
        params: Mapping[str, str],
        next_cursor: Callable[[Json], str | None],
        cursor_param: str = "cursor",
    ) -> Iterator[Json]:
        """Yield page after page of a list until `next_cursor` finds none in the last.

        Raises:
            TransientError: a page is no object, or paging does not end.
            RefusedError: the list itself is missing or the request is not accepted.
        """
        where = place(self._system, stream)
        guard = PageGuard(where)
        cursor: str | None = None
        while True:
            query = dict(params) if cursor is None else {**params, cursor_param: cursor}
            page = document(self.get(path, stream=stream, params=query), where)
            cursor = next_cursor(page)
            guard.admit(page, cursor)
            yield page
            if cursor is None:
                return

    def close(self) -> None:
        """Give the connections back."""
        self._exchange.close()

    def _call(
        self,
        method: str,
        path: str,
        stream: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> Answer:
        where = place(self._system, stream)
        sent = {"Accept": "application/json", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        payload = None if body is None else orjson.dumps(body)
        url = f"{self._base}/{path.lstrip('/')}"
        reply = self._exchange.send(method, url, where=where, params=params, headers=sent, body=payload)
        self._exchange.sort_out(reply, where=where)
        return _answer(reply, where)


def document(answer: Answer, where: str) -> Json:
    """Return the object in an OK answer.

    Raises:
        RefusedError: the answer is not OK.
        TransientError: it is OK and yet no object.
    """
    if answer.kind is not AnswerKind.OK:
        raise RefusedError(f"{where}: HTTP {answer.status} where a document was expected; check paths and parameters")
    if not isinstance(answer.data, dict):
        raise TransientError(f"{where}: HTTP {answer.status} without a JSON object; it is tried again")
    return answer.data


def _answer(reply: Reply, where: str) -> Answer:
    etag = reply.headers.get("ETag")
    if 400 <= reply.status < 500 or reply.status == 304:
        kind = _KINDS.get(reply.status, AnswerKind.REFUSED)
        return Answer(kind=kind, status=reply.status, data=_json_or_none(reply.body), etag=etag)
    if not reply.body:
        return Answer(kind=AnswerKind.OK, status=reply.status, etag=etag)
    try:
        # What the body is decides, not what Content-Type says of it: both kinds of lie are met in practice.
        data = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        raise TransientError(f"{where}: HTTP {reply.status} with a body that is not JSON; it is tried again") from None
    return Answer(kind=AnswerKind.OK, status=reply.status, data=data, etag=etag)


def _json_or_none(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
