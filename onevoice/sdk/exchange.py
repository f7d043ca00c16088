"""One HTTP exchange with a system: time and size limits, and what a failure means for whoever runs the work.

Shared by the REST and the SOAP client. Takes a prepared request, gives status, headers and body. The one rule: no
error of `requests` leaves here, and no message quotes a body, a header or a query.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from onevoice.errors import ConfigurationError, OperatorError, TransientError
from onevoice.sdk.throttle import Throttle

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how large an exchange may be.

    Attributes:
        connect_seconds, read_seconds: for connecting and for silence on the line.
        total_seconds: for the whole body, so that a body that drips is cut off as well.
        max_bytes: largest body.
        max_pages: most pages of one list.
        again_seconds: waits before a page that failed in passing is asked for again.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    total_seconds: float = 120.0
    max_bytes: int = 16 * 1024 * 1024
    max_pages: int = 200_000
    again_seconds: tuple[float, ...] = (0.2, 1.0)


_held_to: ContextVar[Limits | None] = ContextVar("held_to", default=None)


def limits_now() -> Limits:
    """Return the limits that hold for what is made at this moment."""
    return _held_to.get() or Limits()


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Hold what is made in a block to these limits, whatever it asks for: an examination must not take long."""
    token = _held_to.set(limits)
    try:
        yield
    finally:
        _held_to.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, complete; header names are matched without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """The line to one system; keeps connections open and within the declared rate.

    Attributes:
        auth: how requests prove who they are; None: not at all.

    Args:
        now: the clock, UTC, for `Retry-After` dates.
    """

    def __init__(
        self,
        *,
        throttle: Throttle,
        now: Callable[[], datetime],
        auth: requests.auth.AuthBase | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.auth = auth
        self._session = requests.Session()
        self._session.auth = auth or _as_it_is
        self._throttle = throttle
        self._now = now
        self._limits = _held_to.get() or limits or Limits()

    def send(
        self,
        method: str,
        url: str,
        *,
        where: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send one request and return the whole answer, whatever its status.

        Raises:
            TransientError: not reachable, too slow, or the body was cut.
            OperatorError: the certificate is not trusted, or the answer exceeds its limit.
            ConfigurationError: the address or the credentials cannot be sent at all.
        """
        self._throttle.wait()
        timeout = (self._limits.connect_seconds, self._limits.read_seconds)
        try:
            with self._session.request(
                method,
                url,
                params=params,
                headers=headers,
                data=body,
                timeout=timeout,
                stream=True,
                allow_redirects=False,
            ) as response:
                content = self._whole(response.iter_content(_CHUNK), where)
                return Reply(status=response.status_code, headers=response.headers, body=content)
        except requests.exceptions.SSLError:
            raise OperatorError(f"{where}: the server's certificate is not trusted; check its address and CA") from None
        except (ValueError, UnicodeError, requests.exceptions.InvalidSchema):
            # requests' own InvalidURL, MissingSchema, InvalidHeader and JSON errors are ValueErrors.
            raise ConfigurationError(f"{where}: the address or the credentials cannot be sent; check them") from None
        except requests.exceptions.Timeout:
            raise TransientError(f"{where}: no answer in time; it is tried again") from None
        except requests.exceptions.RequestException:
            raise TransientError(f"{where}: not reachable, or the answer was cut; it is tried again") from None

    def sort_out(self, reply: Reply, *, where: str) -> None:
        """Return when the status is one that the caller can judge (2xx, 4xx of its own making).

        Raises:
            OperatorError: 401, 403, or the address has moved.
            TransientError: 408, 429, 5xx; with the wait that the server asked for.
        """
        status = reply.status
        if status in (401, 403):
            raise OperatorError(f"{where}: HTTP {status}; check the credentials and their rights")
        if 300 <= status < 400:
            raise OperatorError(f"{where}: HTTP {status}; the address has moved, write the new one in the settings")
        if status in (408, 429) or status >= 500:
            wait = retry_after(reply.headers, self._now())
            raise TransientError(f"{where}: HTTP {status}; it is tried again", retry_after=wait)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _whole(self, chunks: Iterator[bytes], where: str) -> bytes:
        deadline = time.monotonic() + self._limits.total_seconds
        content = bytearray()
        for chunk in chunks:
            content += chunk
            if len(content) > self._limits.max_bytes:
                raise OperatorError(f"{where}: the answer exceeds {self._limits.max_bytes} bytes; lower the page size")
            if time.monotonic() > deadline:
                raise TransientError(f"{where}: the answer did not end in time; it is tried again")
        return bytes(content)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request's own proof alone: without any `auth`, requests would put a login from ~/.netrc in its place."""
    return request


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, from seconds or an HTTP date; None when it says nothing."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def checked_address(value: object, setting: str) -> str:
    """Return an http(s) address without its trailing slash.

    Raises:
        ConfigurationError: it is none, or it carries a password.
    """
    text = str(value)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f'setting {setting!r} is not an address; write e.g. {setting} = "https://host:port"')
    if parts.password:
        raise ConfigurationError(f"setting {setting!r} carries a password; write it as a secret instead")
    return text.rstrip("/")
