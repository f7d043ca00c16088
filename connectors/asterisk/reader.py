"""Reads calls by listening: each read takes what the line has told since the last one, and listens on for a while.

The line stays open between reads; what Asterisk says meanwhile waits in the connection. When it was cut, the next read
opens it again, asks which channels are up, and goes on with the calls that the cursor names. Asterisk keeps nothing for
whoever is not there: a call that begins and ends while the line is away is not seen.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from connectors.asterisk.calls import STREAM, Calls
from connectors.asterisk.line import AmiLine
from connectors.asterisk.message import Message
from connectors.asterisk.screen_pop import ScreenPop
from onevoice.sdk import Json, Page, Settings, SourceRecord, TransientError
from onevoice.sdk.manifest import Manifest


class CallReader:
    """Listens on one line."""

    def __init__(self, opened: Callable[[], AmiLine], settings: Settings, manifest: Manifest) -> None:
        self._opened = opened
        self._manifest = manifest
        self._now = settings.now
        self._seconds = float(str(settings.values["listen_seconds"]))
        self._calls = Calls(frozenset(map(str, settings.values["internal_contexts"])))  # type: ignore[call-overload]
        self._pop = ScreenPop(str(settings.values.get("screen_pop_url") or ""))
        self._line: AmiLine | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Log in on a line of its own, and ask which channels are up: all that reading needs."""
        line = self._opened()
        try:
            line.ask("CoreShowChannels")
        finally:
            line.close()

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield calls that somebody answered or that ended, as they come, for `listen_seconds`."""
        self._manifest.stream(stream)
        with self._lock:
            deadline = time.monotonic() + self._seconds
            known = cursor
            self._hear(cursor, 0.0)
            while True:
                for page in self._pages(known):
                    known = page.cursor
                    yield page
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._hear(known, left)
            if (last := self._calls.cursor()) != known:
                yield Page(records=[], cursor=last)

    def readback(self, _stream: str, _keys: Sequence[str]) -> list[SourceRecord]:
        """Return nothing: Asterisk cannot be asked for a call that is over, which says nothing of the call."""
        return []

    def close(self) -> None:
        """Hang up."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _pages(self, cursor: Json | None) -> Iterator[Page]:
        records = list(self._calls.after(cursor))
        size = self._manifest.stream(STREAM).page_size
        for at in range(0, len(records), size):
            some = records[at : at + size]
            yield Page(records=[record for _, record in some], cursor=self._calls.cursor(some[-1][0]))

    def _hear(self, cursor: Json | None, seconds: float) -> None:
        try:
            if self._line is None:
                self._line = self._opened()
                self._take(self._line.events(0.0))
                channels = self._line.ask("CoreShowChannels")
                up = [message for message in channels if message.get("Event") == "CoreShowChannel"]
                self._calls.resume(cursor, up, self._now())
            elif seconds == 0.0:
                self._line.ask("Ping")  # a line that died without a word is found here, not hours later
            self._take(self._line.events(seconds))
        except TransientError:
            self.close()
            raise

    def _take(self, events: Sequence[Message]) -> None:
        self._calls.take(events, self._now())
        if self._line is not None:
            for headers in self._pop.headers(events, self._calls.number_of):
                self._line.ask("UserEvent", headers)
