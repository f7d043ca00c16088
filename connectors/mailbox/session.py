"""One IMAP session that only looks: folders are opened read-only (EXAMINE) and mails fetched with PEEK.

Takes folders and UIDs, gives what stands there. Source: RFC 3501 (RFC 9051). The one rule: no flag of a mail changes,
and no answer of the server is quoted.
"""

import contextlib
import imaplib
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from onevoice.sdk import OperatorError, TransientError
from onevoice.sdk.exchange import limits_now

MOST_BYTES = 2 * 1024 * 1024
"""Of one report; the mail that is attached to it is cut."""

_UID = re.compile(rb"\bUID (\d+)")
_STORED = re.compile(rb'INTERNALDATE "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Stored:
    """A mail as it stands in a folder."""

    uid: int
    stored_at: datetime
    content: bytes


class ImapSession:
    """A session that is opened when needed and again after it was cut.

    Args:
        place: of the mailbox, for messages.
    """

    def __init__(self, host: str, port: int, username: str, password: str, *, tls: bool, place: str) -> None:
        self._address = (host, port, tls)
        self._login = (username, password)
        self._where = place
        self._seconds = limits_now().read_seconds
        self._lock = threading.Lock()
        self._client: imaplib.IMAP4 | None = None

    def standing(self, folder: str) -> tuple[int, int]:
        """Return a folder's UIDVALIDITY and the last UID given out in it; with another validity all UIDs are void."""
        with self._examined(folder) as (client, validity):
            return validity, max(0, (_number(client, "UIDNEXT") or 1) - 1)

    def uids(self, folder: str, validity: int, after: int, *, only: Sequence[str] = ()) -> list[int]:
        """Return the UIDs behind one, in order.

        Args:
            only: further search keys, such as `HEADER Content-Type multipart/report`.

        Raises:
            TransientError: the folder has another UIDVALIDITY now.
        """
        with self._examined(folder, validity) as (client, _):
            found = self._said(client.uid("SEARCH", "UID", f"{after + 1}:*", *only))
        # `n:*` always has the last mail in it, whatever n is.
        return sorted(uid for uid in map(int, b" ".join(line or b"" for line in found).split()) if uid > after)

    def fetched(self, folder: str, validity: int, uids: Sequence[int], *, whole: bool) -> list[Stored]:
        """Return mails by their UIDs, header section or whole; those that are gone meanwhile are left out."""
        if not uids:
            return []
        what = f"BODY.PEEK[]<0.{MOST_BYTES}>" if whole else "BODY.PEEK[HEADER]"
        with self._examined(folder, validity) as (client, _):
            found = self._said(client.uid("FETCH", ",".join(map(str, uids)), f"(UID INTERNALDATE {what})"))
        return sorted((_stored(line) for line in found if isinstance(line, tuple)), key=lambda one: one.uid)

    def close(self) -> None:
        """Log out."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.logout()

    @contextlib.contextmanager
    def _examined(self, folder: str, validity: int | None = None) -> Iterator[tuple[imaplib.IMAP4, int]]:
        with self._lock, self._classified():
            client = self._opened()
            kind, _ = client.select('"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"', readonly=True)
            if kind != "OK":
                raise OperatorError(
                    f"{self._where}: a folder of the settings is not there, or not to be read; check it"
                )
            actual = _number(client, "UIDVALIDITY")
            if actual is None:
                raise OperatorError(f"{self._where}: the server names no UIDVALIDITY; it is no IMAP4rev1 server")
            if validity is not None and actual != validity:
                raise TransientError(f"{self._where}: a folder was made anew while it was read; it is read again")
            yield client, actual

    def _opened(self) -> imaplib.IMAP4:
        if self._client is None:
            host, port, tls = self._address
            context = ssl.create_default_context()
            client = (
                imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=self._seconds)
                if tls
                else imaplib.IMAP4(host, port, timeout=self._seconds)
            )
            try:
                client.login(*self._login)
            except imaplib.IMAP4.abort:
                raise
            except (imaplib.IMAP4.error, UnicodeError):
                client.shutdown()
                raise OperatorError(f"{self._where}: the login is refused; check username and password") from None
            self._client = client
        return self._client

    @contextlib.contextmanager
    def _classified(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLError:
            self._drop()
            raise OperatorError(f"{self._where}: the certificate is not trusted; check host and CA") from None
        except (imaplib.IMAP4.abort, OSError):
            self._drop()
            raise TransientError(f"{self._where}: the mail server cannot be reached; it is tried again") from None
        except imaplib.IMAP4.error:
            self._drop()
            raise OperatorError(
                f"{self._where}: the mail server refuses a command; check that it speaks IMAP4rev1"
            ) from None

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.shutdown()

    def _said(self, answer: tuple[str, list[Any]]) -> list[Any]:
        kind, content = answer
        if kind != "OK":
            raise TransientError(f"{self._where}: the mail server cannot do it now; it is tried again")
        return content


def _number(client: imaplib.IMAP4, name: str) -> int | None:
    """Return a number that the server said with the folder, if it did."""
    content = client.untagged_responses.get(name, [b""])[0]
    return int(content) if isinstance(content, bytes) and content.isdigit() else None


def _stored(line: tuple[bytes, bytes]) -> Stored:
    uid, stored = _UID.search(line[0]), _STORED.search(line[0])
    moment = datetime.strptime(stored[1].decode().strip(), "%d-%b-%Y %H:%M:%S %z") if stored else datetime.now(UTC)
    return Stored(int(uid[1]) if uid else 0, moment.astimezone(UTC), line[1])
