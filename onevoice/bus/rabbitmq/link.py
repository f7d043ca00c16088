"""One connection with one channel, on an I/O thread of its own, opened again with jittered back-off when it is lost.

Takes what to do on a fresh channel and on a loss; gives `call`, the only way in for other threads. Because the thread
does nothing but I/O, heartbeats go on however long a batch takes. All methods marked *I/O thread* run there only.
"""

import random
import threading
from collections.abc import Callable
from copy import copy

import pika
import structlog
from pika.channel import Channel

_FIRST_DELAY_SECONDS = 0.1
_LAST_DELAY_SECONDS = 5.0
_CLOSE_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class Link:
    """Keeps one channel open until closed.

    Args:
        name: of the thread and, for whoever looks at the broker, of the connection.
        on_open: given each fresh channel. I/O thread.
        on_lost: told that the channel and all that was on it is gone. I/O thread.
    """

    def __init__(
        self,
        parameters: pika.connection.Parameters,
        *,
        name: str,
        on_open: Callable[[Channel], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._parameters = copy(parameters)
        self._parameters.client_properties = {"connection_name": name}
        self._name = name
        self._on_open = on_open
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._connection: pika.SelectConnection | None = None
        self._channel: Channel | None = None
        self._closing = threading.Event()
        self._settled = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, action: Callable[[], None]) -> bool:
        """Run `action` on the I/O thread soon; False when there is no connection, then it never runs."""
        with self._lock:
            if self._connection is None:
                return False
            self._connection.ioloop.add_callback_threadsafe(action)
            return True

    def wait_settled(self, seconds: float) -> bool:
        """Wait until the channel has done its work for the first time."""
        return self._settled.wait(seconds)

    def settled(self) -> None:
        """Note that the channel does its work, so that the next loss is answered at once. I/O thread."""
        self._failures = 0
        self._settled.set()

    def renew_channel(self) -> None:
        """Go on with a new channel on the same connection. I/O thread."""
        old, self._channel = self._channel, None
        connection = self._connection
        if old is None or connection is None or not connection.is_open:
            return
        if old.is_open:
            old.close()
        self._on_lost()
        connection.channel(on_open_callback=self._opened)

    def side_channel(self, on_open: Callable[[Channel], None]) -> Channel | None:
        """Open another channel for a question; None without a connection. I/O thread."""
        connection = self._connection
        return connection.channel(on_open_callback=on_open) if connection is not None and connection.is_open else None

    def fail(self) -> None:
        """Give the connection up and make a new one. I/O thread."""
        connection = self._connection
        if connection is None or connection.is_closing or connection.is_closed:
            return
        if not connection.is_open:
            connection.ioloop.stop()  # half open: pika cannot close it in order
            return
        connection.close()
        # A broker that hangs would never answer the good-bye.
        connection.ioloop.call_later(_CLOSE_SECONDS / 2, connection.ioloop.stop)

    def close(self) -> None:
        """End the connection and the thread; waits for both. What was handed to `call` before is still done."""
        self._closing.set()
        self.call(self.fail)
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._serve()
            except Exception as error:  # noqa: BLE001 - a dead I/O thread would be silence; a new connection is not
                _log.warning("connection broke", connection=self._name, error=type(error).__name__)
            delay = min(_LAST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(self._failures, 10))
            self._failures += 1
            self._closing.wait(delay * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the load, guards nothing

    def _serve(self) -> None:
        connection = pika.SelectConnection(
            self._parameters,
            on_open_callback=lambda opened: opened.channel(on_open_callback=self._opened),
            on_open_error_callback=self._down,
            on_close_callback=self._down,
        )
        with self._lock:
            self._connection = connection
        try:
            if self._closing.is_set():  # `close` may have looked for a connection before there was one
                self.fail()
            connection.ioloop.start()
        finally:
            with self._lock:
                self._connection = None
            self._channel = None
            connection.ioloop.close()
            self._on_lost()

    def _opened(self, channel: Channel) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._channel_closed)
        channel.add_on_cancel_callback(lambda _frame: self.fail())
        self._on_open(channel)

    def _channel_closed(self, channel: Channel, reason: Exception) -> None:
        if channel == self._channel:
            if channel.connection.is_open and not self._failures:
                _log.warning("channel closed", connection=self._name, code=getattr(reason, "reply_code", None))
            self.fail()

    def _down(self, connection: pika.SelectConnection, reason: Exception | str) -> None:
        if not self._closing.is_set() and not self._failures:  # said once, not at every try
            _log.warning("connection lost", connection=self._name, error=type(reason).__name__)
        connection.ioloop.stop()
