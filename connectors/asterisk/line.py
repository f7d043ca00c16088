"""One logged-in line to the Manager Interface: actions with their answers, and the events that come in between.

Takes address and login, gives messages in their order. The secret itself is never sent: the login answers a challenge
(`AuthType: MD5`), which is all that the interface offers; TLS keeps the rest from being read on the way.
"""

import hashlib
import itertools
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping

from connectors.asterisk.message import END, Message, action, parse
from onevoice.sdk import ConfigurationError, OperatorError, TransientError
from onevoice.sdk.exchange import limits_now

_ANSWER_SECONDS = 10.0
_MOST_BYTES = 256 * 1024
"""Of one message; the largest of Asterisk's own are a few kilobytes."""
_MOST_WAITING = 100_000
_GREETING = b"Asterisk Call Manager/"


class AmiLine:
    """An open line.

    Args:
        where: its place, for messages.

    Raises:
        OperatorError: it is not Asterisk that answers, or the login is refused.
        TransientError: nobody answers.
    """

    def __init__(self, host: str, port: int, username: str, secret: str, *, tls: bool, where: str) -> None:
        self._where = where
        self._limits = limits_now()
        self._answer_seconds = min(_ANSWER_SECONDS, self._limits.read_seconds)
        self._buffer = bytearray()
        self._events: deque[Message] = deque()
        self._numbers = itertools.count(1)
        self._socket = self._connect(host, port, tls=tls)
        try:
            self._greet()
            self._log_in(username, secret)
        except BaseException:
            self.close()
            raise

    def ask(self, name: str, headers: Mapping[str, str] | None = None) -> list[Message]:
        """Send an action; return its answer, and behind it the events that belong to the answer.

        Raises:
            OperatorError: Asterisk refuses the action.
            TransientError: no answer in time, or the line is cut.
        """
        number = self._send(name, headers or {})
        deadline = time.monotonic() + self._answer_seconds
        answer: list[Message] = []
        while True:
            message = self._next(max(0.0, deadline - time.monotonic()))
            if message is None:
                raise TransientError(f"{self._where}: Asterisk does not answer to {name}; the line is opened again")
            if message.get("ActionID") != number:
                self._keep(message)
                continue
            if not answer and message.get("Response") not in ("Success", "Goodbye"):
                raise OperatorError(f"{self._where}: Asterisk refuses {name}; check this user's rights in manager.conf")
            answer.append(message)
            if answer[0].get("EventList") != "start" or message.get("EventList") == "Complete":
                return answer

    def events(self, seconds: float) -> list[Message]:
        """Return the events that have come; wait at most `seconds` for the first.

        Raises:
            TransientError: the line is cut.
        """
        if not self._events and (first := self._next(seconds)) is not None:
            self._keep(first)
        while (more := self._parsed()) is not None:
            self._keep(more)
        found = list(self._events)
        self._events.clear()
        return found

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _connect(self, host: str, port: int, *, tls: bool) -> socket.socket:
        try:
            plain = socket.create_connection((host, port), timeout=self._limits.connect_seconds)
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain
        except ssl.SSLError:
            raise OperatorError(f"{self._where}: the certificate is not trusted; check host and CA") from None
        except UnicodeError:
            raise ConfigurationError(f"{self._where}: setting 'host' is no host name") from None
        except OSError:
            raise TransientError(f"{self._where}: Asterisk cannot be reached; it is tried again") from None

    def _greet(self) -> None:
        deadline = time.monotonic() + self._answer_seconds
        while b"\r\n" not in self._buffer and time.monotonic() < deadline and len(self._buffer) < 200:
            self._receive(max(0.01, deadline - time.monotonic()))
        line, _, rest = bytes(self._buffer).partition(b"\r\n")
        if not line.startswith(_GREETING):
            raise OperatorError(f"{self._where}: it is no Asterisk Manager that answers; check host and port")
        self._buffer = bytearray(rest)

    def _log_in(self, username: str, secret: str) -> None:
        try:
            challenge = self.ask("Challenge", {"AuthType": "MD5"})[0].get("Challenge", "")
            key = hashlib.md5(f"{challenge}{secret}".encode(), usedforsecurity=False).hexdigest()
            login = {"AuthType": "MD5", "Username": username, "Key": key, "Events": "call,agent"}
            self.ask("Login", login)
        except OperatorError:
            raise OperatorError(f"{self._where}: the login is refused; check username and secret") from None

    def _send(self, name: str, headers: Mapping[str, str]) -> str:
        number = str(next(self._numbers))
        try:
            self._socket.settimeout(self._answer_seconds)
            self._socket.sendall(action(name, number, headers))
        except ValueError:
            raise ConfigurationError(f"{self._where}: a setting holds an end of line") from None
        except OSError:
            raise self._cut() from None
        return number

    def _next(self, seconds: float) -> Message | None:
        deadline = time.monotonic() + seconds
        while (message := self._parsed()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not self._receive(left):
                return self._parsed()
        return message

    def _parsed(self) -> Message | None:
        at = self._buffer.find(END)
        if at < 0:
            return None
        block = bytes(self._buffer[:at])
        del self._buffer[: at + len(END)]
        return parse(block)

    def _receive(self, seconds: float) -> bool:
        """Take what has come; False when nothing came in time."""
        try:
            self._socket.settimeout(max(0.001, seconds))
            content = self._socket.recv(64 * 1024)
        except TimeoutError:
            return False
        except OSError:
            raise self._cut() from None
        if not content:
            raise self._cut()
        self._buffer += content
        if len(self._buffer) > _MOST_BYTES and END not in self._buffer:
            raise OperatorError(f"{self._where}: a message without end; check host and port")
        return True

    def _keep(self, message: Message) -> None:
        if "Event" not in message:
            return
        if len(self._events) >= _MOST_WAITING:
            raise TransientError(f"{self._where}: more events than can be taken; the line is opened again")
        self._events.append(message)

    def _cut(self) -> TransientError:
        return TransientError(f"{self._where}: the line to Asterisk was cut; it is opened again")
