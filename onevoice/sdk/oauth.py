"""OAuth 2.0 for programs: a token by client credentials (RFC 6749, 4.4) or by a refresh token (section 6).

Takes the token address and the client's secrets; puts `Authorization: Bearer` on each request. A token is renewed a
minute before it ends, and once when it is refused. No repr and no message shows a token or a secret.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlencode

import orjson
import requests

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk.exchange import Exchange
from onevoice.sdk.place import place

_EARLY = timedelta(seconds=60)
_DEFAULT_SECONDS = 300.0


class OAuth2(requests.auth.AuthBase):
    """Proves who we are with a token that it fetches itself.

    Args:
        exchange: a line of its own for the token, without `auth`.
        refresh_token: None: the grant is `client_credentials`.
        now: the clock, UTC.
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
        refresh_token: str | None = None,
    ) -> None:
        self._url = token_url
        grant = {"grant_type": "client_credentials"}
        if refresh_token:
            grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        self._form = (
            grant | {"client_id": client_id, "client_secret": client_secret} | ({"scope": scope} if scope else {})
        )
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
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        body = urlencode(self._form).encode()
        reply = self._exchange.send("POST", self._url, where=self._where, headers=headers, body=body)
        if reply.status == 400:
            raise OperatorError(f"{self._where}: HTTP 400; the client or its grant is refused, check the secrets")
        self._exchange.sort_out(reply, where=self._where)
        try:
            answer = orjson.loads(reply.body)
            token, seconds = answer["access_token"], float(answer.get("expires_in") or _DEFAULT_SECONDS)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            raise TransientError(f"{self._where}: HTTP {reply.status} without a token; it is tried again") from None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise OperatorError(f"{self._where}: the token holds characters that no header can carry")
        self._token = token
        self._ends = self._now() + max(timedelta(seconds=seconds) - _EARLY, timedelta(0))
