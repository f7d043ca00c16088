"""The common ways in which an API divides a list into pages, and the guard against one that never ends.

A way of paging is asked for the first page's parameters, and after each page for where the next one is. The one rule:
a read ends. A locator or a page that comes back, a run of empty pages and a list without end are errors by name.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk.exchange import limits_now

MAX_EMPTY_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPage:
    """Where the next page is: more parameters for the same address, or an address of its own.

    Attributes:
        locator: tells this page from all others, for the guard.
    """

    locator: str
    parameters: Mapping[str, str] | None = None
    url: str | None = None


class Paging(Protocol):
    """One way of paging; it keeps nothing between reads."""

    def first(self) -> Mapping[str, str]:
        """Return the parameters of the first page."""

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """Return where the page after this one is; None when this was the last.

        Args:
            page: the body of the answer.
            rows: how many records it held.
            page_number: counts from 0.
            link: the address in the `Link` header with `rel="next"` (RFC 8288).
        """


@dataclass(frozen=True, slots=True)
class SinglePage:
    """The whole list comes in one answer."""

    def first(self) -> Mapping[str, str]:
        """Ask for nothing special."""
        return {}

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """There is none."""


@dataclass(frozen=True, slots=True)
class CursorPaging:
    """Each page names the cursor of the next.

    Args:
        at: where in the page the cursor is, a dotted path.
        parameter: in which it is sent.
    """

    at: str
    parameter: str = "cursor"

    def first(self) -> Mapping[str, str]:
        """Ask without a cursor."""
        return {}

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """Take the cursor from the page; a missing or empty one ends the list."""
        cursor = inside(page, self.at)
        if cursor in (None, "", False):
            return None
        return NextPage(locator=str(cursor), parameters={self.parameter: str(cursor)})


@dataclass(frozen=True, slots=True)
class NumberPaging:
    """Pages have numbers; an empty page is behind the last, since a server may give fewer than asked for at any time.

    Args:
        begin: the first page's number.
    """

    parameter: str = "page"
    begin: int = 1

    def first(self) -> Mapping[str, str]:
        """Ask for the first number."""
        return {self.parameter: str(self.begin)}

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """Go on until a page is empty."""
        number = str(self.begin + page_number + 1)
        return NextPage(locator=number, parameters={self.parameter: number}) if rows else None


@dataclass(slots=True)
class OffsetPaging:
    """Pages begin behind so many records; an empty page is behind the last."""

    parameter: str = "offset"
    _passed: int = 0

    def first(self) -> Mapping[str, str]:
        """Begin with the first record."""
        self._passed = 0
        return {self.parameter: "0"}

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """Go on behind what was given, until a page is empty."""
        self._passed += rows
        return NextPage(locator=str(self._passed), parameters={self.parameter: str(self._passed)}) if rows else None


@dataclass(frozen=True, slots=True)
class LinkPaging:
    """The `Link` header of an answer has the next address (RFC 8288)."""

    def first(self) -> Mapping[str, str]:
        """Ask for nothing special."""
        return {}

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """Take the address from the header."""
        return NextPage(locator=link, url=link) if link else None


@dataclass(frozen=True, slots=True)
class AddressPaging:
    """The body of an answer has the next address, at a dotted path."""

    at: str

    def first(self) -> Mapping[str, str]:
        """Ask for nothing special."""
        return {}

    def following(self, page: Any, *, rows: int, page_number: int, link: str | None) -> NextPage | None:
        """Take the address from the page."""
        address = inside(page, self.at)
        return NextPage(locator=str(address), url=str(address)) if address else None


class PageGuard:
    """Watches one read, page by page.

    Args:
        where: the place to name, see `place`.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._locators: set[str] = set()
        self._last_page: bytes | None = None
        self._empty = 0

    def admit(self, page: object, following: str | None) -> None:
        """Take note of a page and of the locator of the page after it.

        Raises:
            TransientError: the locator was given before, or the page equals the one before it and is not empty.
            OperatorError: more pages, or more empty ones in a row, than any list has.
        """
        self._empty = 0 if page else self._empty + 1
        digest = hashlib.sha256(repr(page).encode("utf-8", "backslashreplace")).digest() if page else None
        if digest is not None and digest == self._last_page:
            raise TransientError(f"{self._where}: paging gave the same page twice in a row; the read stops there")
        self._last_page = digest
        if following is None:
            return
        if following in self._locators:
            raise TransientError(f"{self._where}: paging came back to a page it had given; the read stops there")
        self._locators.add(following)
        if len(self._locators) > limits_now().max_pages or self._empty > MAX_EMPTY_PAGES:
            raise OperatorError(f"{self._where}: paging does not end; look at what the system gives")


def inside(value: Any, path: str) -> Any:
    """Return what stands at a dotted path; the value itself for an empty one, None when nothing does."""
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
