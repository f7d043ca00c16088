"""OAuth 2.0 for programs: a token by client credentials (RFC 6749, 4.4) or by a refresh token (section 6).

Takes the token address and the client's secrets; puts `Authorization: Bearer` on each request. A token is renewed a
minute before it ends, and once when it is refused. A server that gives a new refresh token with each answer (rotation,
RFC 9700, 4.14.2) makes the old one worthless: the new one is kept where the old one stood, before it is used. No repr
and no message shows a token or a secret.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import orjson
import requests

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk.exchange import Exchange, Reply
from onevoice.sdk.place import place

_EARLY = timedelta(seconds=60)
_DEFAULT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """Where a refresh token is kept.

    Attributes:
        stands: gives the one that is kept at this moment.
        keep: takes the one that the server put in its place.
    """

    stands: Callable[[], str]
    keep: Callable[[str], None]


class OAuth2(requests.auth.AuthBase):
    """Proves who we are with a token that it fetches itself.

    Args:
        exchange: a line of its own for the token, without `auth`.
        now: the clock, UTC.
        refresh_token: None: the grant is `client_credentials`.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        system: str,
        exchange: Exchange,
        now: Callable[[], datetime],
        scope: str = "",
        refresh_token: RefreshToken | None = None,
    ) -> None:
        self._url = token_url
        self._client = {"client_id": client_id, "client_secret": client_secret} | ({"scope": scope} if scope else {})
        self._refresh_token = refresh_token
        self._kept = self._rotated = ""
        self._where = f"{place(system)}, token"
        self._exchange = exchange
        self._now = now
        self._lock = threading.Lock()
        self._token: str | None = None
        self._ends = now()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the header on a request.

        Raises:
            OperatorError: the client is refused.
            TransientError: the token server does not answer.
        """
        with self._lock:
            if self._token is None or self._now() >= self._ends:
                self._fetch()
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def forget(self) -> None:
        """Fetch a new token at the next request: the present one was refused."""
        with self._lock:
            self._token = None

    def _fetch(self) -> None:
        grant = self._grant()
        reply = self._ask(grant)
        if reply.status == 400 and grant != (now := self._grant()):
            reply = self._ask(now)  # another process was faster, and has kept the token that holds now
        if reply.status == 400:
            raise OperatorError(f"{self._where}: HTTP 400; the client or its grant is refused, check the secrets")
        self._exchange.sort_out(reply, where=self._where)
        try:
            answer = orjson.loads(reply.body)
            token, seconds = answer["access_token"], float(answer.get("expires_in") or _DEFAULT_SECONDS)
            rotated = answer.get("refresh_token")
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            raise TransientError(f"{self._where}: HTTP {reply.status} without a token; it is tried again") from None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise OperatorError(f"{self._where}: the token holds characters that no header can carry")
        if self._refresh_token and isinstance(rotated, str) and rotated not in ("", self._rotated or self._kept):
            self._rotated = rotated
            self._refresh_token.keep(rotated)
        self._token = token
        self._ends = self._now() + max(timedelta(seconds=seconds) - _EARLY, timedelta(0))

    def _grant(self) -> dict[str, str]:
        """Return the grant to ask by: what was kept last, by whomever, else what the server gave and nobody kept."""
        if self._refresh_token is None:
            return {"grant_type": "client_credentials"}
        kept = self._refresh_token.stands()
        if kept != self._kept:
            self._kept, self._rotated = kept, ""
        return {"grant_type": "refresh_token", "refresh_token": self._rotated or kept}

    def _ask(self, grant: dict[str, str]) -> Reply:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        body = urlencode(grant | self._client).encode()
        return self._exchange.send("POST", self._url, where=self._where, headers=headers, body=body)
