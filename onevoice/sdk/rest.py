"""A small REST client: JSON in and out, the common ways of paging, conditional writes.

Takes paths under one base address; gives typed answers. The one rule: what a caller can act on (not there, changed
meanwhile, not accepted) is an answer, everything else is an error of `onevoice.errors`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson
import requests

from onevoice.errors import ConfigurationError, OperatorError, RefusedError, TransientError
from onevoice.messages import Json
from onevoice.sdk.exchange import Exchange, Reply
from onevoice.sdk.oauth import OAuth2
from onevoice.sdk.paging import NextPage, PageGuard, Paging, inside
from onevoice.sdk.patience import patiently
from onevoice.sdk.place import place


class AnswerKind(StrEnum):
    """What an answer means to the caller."""

    OK = "ok"
    MISSING = "missing"
    CONFLICT = "conflict"
    REFUSED = "refused"


_KINDS = {
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
        link: the address of the next page in the `Link` header.
    """

    kind: AnswerKind
    status: int
    data: Any = None
    etag: str | None = None
    link: str | None = None


class HeaderAuth(requests.auth.AuthBase):
    """Proves who we are with a secret in a header, which no repr shows.

    Raises:
        ConfigurationError: the secret holds characters that a header cannot carry.
    """

    def __init__(self, header: str, secret: str) -> None:
        if not secret.isascii() or not secret.isprintable():
            raise ConfigurationError("the token holds characters that no header can carry; write it again")
        self._header = header
        self._secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header on a request."""
        request.headers[self._header] = self._secret
        return request


class BearerAuth(HeaderAuth):
    """Proves who we are with a bearer token (RFC 6750)."""

    def __init__(self, token: str) -> None:
        super().__init__("Authorization", f"Bearer {token}")


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

    def get(self, path: str, *, stream: str = "", params: Mapping[str, str] | None = None) -> Answer:
        """Fetch one document.

        Raises:
            OperatorError, TransientError, ConfigurationError: see `Exchange`.
            TransientError: the body is not JSON.
        """
        return self._call("GET", path, stream, params=params, headers={})

    def write(
        self,
        method: str,
        path: str,
        body: Json,
        *,
        stream: str = "",
        if_match: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a document (PATCH, PUT, POST), only if the one there still has that tag when `if_match` is given.

        Raises:
            OperatorError, TransientError, ConfigurationError: see `Exchange`.
        """
        conditions = {"If-Match": if_match} if if_match else {}
        return self._call(method, path, stream, headers={**(headers or {}), **conditions}, body=body)

    def pages(
        self, path: str, *, stream: str, params: Mapping[str, str], paging: Paging, rows: str = ""
    ) -> Iterator[list[Json]]:
        """Yield the records of page after page of a list; a page that fails in passing is asked for again.

        Args:
            rows: where in a page its records are, a dotted path; empty: the page is the list itself.

        Raises:
            TransientError: a page holds no such list, or paging does not end.
            RefusedError: the list itself is missing or the request is not accepted.
            OperatorError: the next page would be on another server, or paging has no end.
        """
        where = place(self._system, stream)
        guard = PageGuard(where)
        asked, number = path, 0
        query: Mapping[str, str] = {**params, **paging.first()}
        while True:
            answer = patiently(partial(self.get, asked, stream=stream, params=query))
            found = _rows(answer, rows, where)
            following = paging.following(answer.data, rows=len(found), page_number=number, link=answer.link)
            guard.admit(found, following.locator if following else None)
            yield found
            if following is None:
                return
            asked, query = self._next(asked, params, following, where)
            number += 1

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
        url = self._url(path)
        reply = self._exchange.send(method, url, where=where, params=params, headers=sent, body=payload)
        if reply.status == 401 and isinstance(self._exchange.auth, OAuth2):
            self._exchange.auth.forget()
            reply = self._exchange.send(method, url, where=where, params=params, headers=sent, body=payload)
        self._exchange.sort_out(reply, where=where)
        return _answer(reply, where)

    def _url(self, path: str) -> str:
        return path if path.startswith(f"{self._base}/") else f"{self._base}/{path.lstrip('/')}"

    def _next(
        self, asked: str, params: Mapping[str, str], following: NextPage, where: str
    ) -> tuple[str, Mapping[str, str]]:
        """Return path and parameters of the next page. An address elsewhere would be sent our credentials."""
        if following.url is None:
            return asked, {**params, **(following.parameters or {})}
        url = urljoin(self._url(asked), following.url)
        if urlsplit(url)[:2] != urlsplit(self._base)[:2] or not url.startswith(f"{self._base}/"):
            raise OperatorError(f"{where}: the next page is not under the configured address; check the setting url")
        return url, {}


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


def _rows(answer: Answer, at: str, where: str) -> list[Json]:
    if answer.kind is not AnswerKind.OK:
        raise RefusedError(f"{where}: HTTP {answer.status} where a list was expected; check paths and parameters")
    found = inside(answer.data, at)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        what = f"a list of objects at {at!r}" if at else "a list of objects"
        raise TransientError(f"{where}: HTTP {answer.status} without {what}; it is tried again")
    return found


def _answer(reply: Reply, where: str) -> Answer:
    etag = reply.headers.get("ETag")
    link = next_link(reply.headers.get("Link"))
    if 400 <= reply.status < 500:
        kind = _KINDS.get(reply.status, AnswerKind.REFUSED)
        return Answer(kind=kind, status=reply.status, data=_json_or_none(reply.body), etag=etag)
    if not reply.body:
        return Answer(kind=AnswerKind.OK, status=reply.status, etag=etag)
    try:
        # What the body is decides, not what Content-Type says of it: both kinds of lie are met in practice.
        data = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        raise TransientError(f"{where}: HTTP {reply.status} with a body that is not JSON; it is tried again") from None
    return Answer(kind=AnswerKind.OK, status=reply.status, data=data, etag=etag, link=link)


def next_link(header: str | None) -> str | None:
    """Return the address with `rel="next"` in a `Link` header (RFC 8288)."""
    links = requests.utils.parse_header_links(header) if header else []
    return next((link["url"] for link in links if "next" in link.get("rel", "").lower().split()), None)


def _json_or_none(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
