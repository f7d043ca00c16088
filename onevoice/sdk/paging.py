"""Notices a system whose paging does not end: one that gives the same locator or the same page twice."""

import hashlib

from onevoice.errors import TransientError


class PageGuard:
    """Watches one read, page by page.

    Args:
        where: the place to name, see `place`.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._locators: set[str] = set()
        self._last_page: bytes | None = None

    def admit(self, page: object, following: str | None) -> None:
        """Take note of a page and of the locator of the page after it.

        Raises:
            TransientError: the locator was given before, or the page equals the one before it.
        """
        digest = hashlib.sha256(repr(page).encode("utf-8", "backslashreplace")).digest()
        if digest == self._last_page:
            raise TransientError(f"{self._where}: paging gave the same page twice in a row; the read stops there")
        self._last_page = digest
        if following is None:
            return
        if following in self._locators:
            raise TransientError(f"{self._where}: paging came back to a page it had given; the read stops there")
        self._locators.add(following)
