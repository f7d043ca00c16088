"""One user's session: login, the address that it names, a new login when it has ended, and the day's budget of calls.

The one rule: the session goes only to the host that the login went to, or to one under the configured domain; and the
hub stops before the organisation's calls are used up, since other programs need theirs.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from onevoice.sdk import ConfigurationError, Json, OperatorError, TransientError
from onevoice.sdk.exchange import Exchange, checked_address
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.ports import Settings
from onevoice.sdk.soap import SessionExpiredError, Soap

LIMIT_WAIT_SECONDS = 900.0
"""The limit is counted over the last 24 hours: it gives a little back all the time."""


class CallLimitError(TransientError):
    """The organisation's calls of the last 24 hours are used up, or the hub's share of them is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=LIMIT_WAIT_SECONDS)


class LocatorLostError(TransientError):
    """The place in a query is not known any more; the query is asked again from the last record."""


class WindowError(TransientError):
    """The time asked for is too long ago for changes since; everything behind the last record is queried."""


FAULTS = {
    "INVALID_LOGIN": OperatorError,
    "LOGIN_MUST_USE_SECURITY_TOKEN": OperatorError,
    "PASSWORD_LOCKOUT": OperatorError,
    "API_DISABLED_FOR_ORG": OperatorError,
    "INSUFFICIENT_ACCESS": OperatorError,
    "INVALID_TYPE": OperatorError,
    "INVALID_FIELD": OperatorError,
    "MALFORMED_QUERY": OperatorError,
    "REQUEST_LIMIT_EXCEEDED": CallLimitError,
    "SERVER_UNAVAILABLE": TransientError,
    "INVALID_QUERY_LOCATOR": LocatorLostError,
    "INVALID_REPLICATION_DATE": WindowError,
}


class PartnerSession:
    """Calls operations of the partner API."""

    def __init__(self, settings: Settings, manifest: Manifest, exchange: Exchange) -> None:
        self._settings = settings
        self._login_url = checked_address(settings.values["login_url"], "login_url")
        self._share = float(str(settings.values["call_share"]))
        self._batch = max(200, min(2000, max(spec.page_size for spec in manifest.streams.values())))
        self._soap = Soap(
            manifest.wsdl(),
            self._login_url,
            system=settings.system,
            exchange=exchange,
            faults=FAULTS,
            expired="INVALID_SESSION_ID",
        )
        self._id: str | None = None
        self._used = 0.0

    def call(self, operation: str, *, stream: str = "", **arguments: object) -> Any:
        """Call an operation and return its result; log in where there is no session, and once more where it has ended.

        Raises:
            CallLimitError: the hub's share of the day's calls is used up.
            LocatorLostError, WindowError: see there.
            OperatorError, RefusedError, TransientError: see `Soap.call`.
        """
        if self._used >= self._share:
            self._used = 0.0  # the next try sees how it stands then
            raise CallLimitError(
                f"{place(self._settings.system, stream)}: the hub's share of the day's calls is used up"
            )
        fresh = self._id is None
        try:
            answer = self._soap.call(operation, stream=stream, headers=self._headers(operation), **arguments)
        except SessionExpiredError:
            self._id = None
            if fresh:
                where = place(self._settings.system, stream)
                raise OperatorError(f"{where}: a new session is refused; check the login's rights") from None
            return self.call(operation, stream=stream, **arguments)
        self._count(answer["header"])
        return answer["body"]["result"]

    def close(self) -> None:
        """Forget the session and give the connections back."""
        self._id = None
        self._soap.close()

    def _headers(self, operation: str) -> dict[str, object]:
        if self._id is None:
            self._log_in()
        headers: dict[str, object] = {"SessionHeader": {"sessionId": self._id}}
        if operation in ("query", "queryMore"):
            headers["QueryOptions"] = {"batchSize": self._batch}
        return headers

    def _log_in(self) -> None:
        self._soap.move(self._login_url)
        username, password = str(self._settings.values["username"]), self._settings.secrets["password"]
        token = self._settings.secrets.get("security_token", "")
        result: Json = self._soap.call("login", username=username, password=password + token)
        where = place(self._settings.system)
        if result["passwordExpired"]:
            raise OperatorError(f"{where}: the user's password has expired; set a new one")
        try:
            server = checked_address(result["serverUrl"], "serverUrl")
        except ConfigurationError:
            raise OperatorError(f"{where}: the login names no address to go on at; check login_url") from None
        self._soap.move(self._trusted(server, where))
        self._id = str(result["sessionId"])

    def _trusted(self, server: str, where: str) -> str:
        own, named = urlsplit(self._login_url), urlsplit(server)
        domain = str(self._settings.values["domain"])
        same = own.netloc == named.netloc or (named.hostname or "").endswith(f".{domain}")
        if own.scheme != named.scheme or not same:
            raise OperatorError(f"{where}: the login names an address outside {domain}; check login_url and domain")
        return server

    def _count(self, header: Mapping[str, Any] | None) -> None:
        limits = ((header or {}).get("LimitInfoHeader") or {}).get("limitInfo") or ()
        for limit in limits:
            if limit["type"] == "API REQUESTS" and limit["limit"]:
                self._used = limit["current"] / limit["limit"]
