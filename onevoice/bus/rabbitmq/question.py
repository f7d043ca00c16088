"""Asks the broker something on a channel of its own, so that a refusal harms nobody else on the connection."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from pika.channel import Channel

from onevoice.bus.rabbitmq.link import Link
from onevoice.errors import TransientError

ANSWER_SECONDS = 5.0


def ask_depth(link: Link, queue: str) -> int:
    """Return how many messages wait in a queue.

    Raises:
        TransientError: no connection, no answer, or no such queue at the moment.
    """

    def put(channel: Channel, answer: Callable[[int], None]) -> None:
        channel.queue_declare(queue, passive=True, callback=lambda frame: answer(frame.method.message_count))

    return _Question(link, put).answer()


def ask_alive(link: Link) -> None:
    """Return when the broker has answered.

    Raises:
        TransientError: no connection or no answer.
    """
    _Question(link, lambda _channel, answer: answer(0)).answer()


class _Question:
    def __init__(self, link: Link, put: Callable[[Channel, Callable[[int], None]], None]) -> None:
        self._link = link
        self._put = put
        self._future: Future[int] = Future()

    def answer(self) -> int:
        if not self._link.call(self._begin):
            raise TransientError("rabbitmq: not connected; is the broker up?")
        try:
            return self._future.result(ANSWER_SECONDS)
        except TimeoutError:
            raise TransientError(f"rabbitmq: no answer within {ANSWER_SECONDS:.0f} s; is the broker up?") from None

    # --- I/O thread ---

    def _begin(self) -> None:
        channel = self._link.side_channel(self._opened)
        if channel is None:
            self._future.set_exception(TransientError("rabbitmq: not connected; is the broker up?"))
        else:
            channel.add_on_close_callback(self._closed)

    def _opened(self, channel: Channel) -> None:
        def answer(value: int) -> None:
            self._future.set_result(value)
            channel.close()

        self._put(channel, answer)

    def _closed(self, _channel: Channel, _reason: Any) -> None:
        if not self._future.done():
            self._future.set_exception(TransientError("rabbitmq: no answer, the queue or the connection is gone"))
