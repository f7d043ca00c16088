"""Calls Tryton's methods over JSON-RPC, in a session that is opened when needed and again when it has run out.

Takes a method and its arguments, gives its result. The one rule: what Tryton says of a failure decides which error it
becomes, and is never quoted, since it may hold values of the record.
"""

import base64
import threading
from typing import Any
from urllib.parse import quote

import orjson

from connectors.tryton.encoding import decode
from onevoice.sdk import ConflictError, Json, OperatorError, RefusedError, TransientError
from onevoice.sdk.exchange import Exchange, Reply

_LOGIN = "common.db.login"


class TrytonRpc:
    """One user's line to one database.

    Args:
        url: the server's address.
    """

    def __init__(self, url: str, database: str, username: str, password: str, *, exchange: Exchange) -> None:
        self._url = f"{url}/{quote(database, safe='')}/rpc/"
        self._username = username
        self._password = password
        self._exchange = exchange
        self._lock = threading.Lock()
        self._session: str | None = None

    def call(self, method: str, *arguments: object, where: str, context: Json | None = None) -> Any:
        """Call a method of a model, e.g. `party.party.search_read`, and return its result.

        Raises:
            ConflictError: a record is not the one any more that `_timestamp` in the context names.
            RefusedError: Tryton's own rules refuse the call, or a person would have to confirm it.
            OperatorError: the user is not let in, or the database or the method does not exist.
            TransientError: Tryton is away, too busy, or failed inside.
        """
        payload = _request(f"model.{method}", [*arguments, context or {}])
        session = self._opened(where, stale=None)
        reply = self._post(payload, session, where)
        if reply.status == 401:  # the session has run out; the call was not carried out
            reply = self._post(payload, self._opened(where, stale=session), where)
        return _result(self._answer(reply, where), where)

    def ask(self, method: str, *arguments: object, where: str, context: Json | None = None) -> Any:
        """Call a method that only reads. Tryton says of a missing right that the user did something wrong.

        Raises:
            OperatorError, TransientError: see `call`; reading is never refused because of one record.
        """
        try:
            return self.call(method, *arguments, where=where, context=context)
        except RefusedError:
            model = method.rpartition(".")[0]
            raise OperatorError(f"{where}: Tryton does not let this user read {model}; check its rights") from None

    def close(self) -> None:
        """Give the connections back; the session runs out by itself."""
        self._exchange.close()

    def _opened(self, where: str, *, stale: str | None) -> str:
        """Return the session's header; log in when there is none or when it is the one that has run out."""
        with self._lock:
            if self._session is None or self._session == stale:
                self._session = self._log_in(where)
            return self._session

    def _log_in(self, where: str) -> str:
        payload = _request(_LOGIN, [self._username, {"password": self._password}])
        reply = self._post(payload, None, where)
        if reply.status == 401:
            raise OperatorError(f"{where}: the login is refused; check username and password")
        result = _result(self._answer(reply, where), where)
        try:
            user, key = int(result[0]), str(result[1])
        except (TypeError, ValueError, IndexError, KeyError):
            raise OperatorError(f"{where}: the answer to the login is not Tryton's; check the address") from None
        return "Session " + base64.b64encode(f"{self._username}:{user}:{key}".encode()).decode()

    def _post(self, payload: bytes, session: str | None, where: str) -> Reply:
        headers = {"Content-Type": "application/json"} | ({"Authorization": session} if session else {})
        return self._exchange.send("POST", self._url, where=where, headers=headers, body=payload)

    def _answer(self, reply: Reply, where: str) -> Json:
        self._exchange.sort_out(reply, where=where)
        if reply.status == 404:
            raise OperatorError(f"{where}: HTTP 404; check the address and the name of the database")
        if reply.status != 200:
            raise OperatorError(f"{where}: HTTP {reply.status}; is this the address of a Tryton server?")
        try:
            answer = decode(reply.body)
        except ValueError:
            raise TransientError(f"{where}: an answer that is not JSON; it is tried again") from None
        if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
            raise TransientError(f"{where}: an answer without result; it is tried again")
        return answer


def _request(method: str, parameters: list[object]) -> bytes:
    # Tryton takes exactly these three for a JSON-RPC request; with one more it answers in another form.
    return orjson.dumps({"id": 1, "method": method, "params": parameters})


def _result(answer: Json, where: str) -> Any:
    """Return the result. Errors come with HTTP 200 and their class's name in front, or as a text of any kind."""
    error = answer.get("error")
    if error is None:
        return answer.get("result")
    kind = error[0] if isinstance(error, list) and error else ""
    if kind == "ConcurrencyException":
        raise ConflictError(f"{where}: Tryton says that it was changed meanwhile; it is read again")
    if kind == "UserError":
        raise RefusedError(f"{where}: Tryton's rules refuse it (UserError); try the same by hand to see why")
    if kind == "UserWarning":
        raise RefusedError(f"{where}: Tryton asks a person to confirm it (UserWarning); do it by hand")
    if kind == "LoginException":
        raise OperatorError(f"{where}: the login asks for more than a password; let this user in by password alone")
    raise TransientError(f"{where}: Tryton failed inside; it is tried again, its own log says more")
