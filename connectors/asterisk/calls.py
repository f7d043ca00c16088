"""All calls that a line has told of: those under way, and those that ended a short while ago.

Takes events, gives records with a position in the order of change. A cursor is such a position and the calls under way,
so that after a restart they go on with what was known of them.
"""

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from connectors.asterisk.call import EVENTS, Call
from connectors.asterisk.message import Message
from onevoice.sdk import Json, SourceRecord, version_text

STREAM = "call"
KEPT = timedelta(minutes=15)
"""So long after its last event a call that is over takes late ones, and is given again to whoever has not had it."""


class Calls:
    """What is remembered.

    Args:
        internal: the contexts that the company's own telephones dial in.
    """

    def __init__(self, internal: Collection[str]) -> None:
        self._internal = internal
        self._calls: dict[str, Call] = {}
        self._given: dict[str, tuple[int, Json]] = {}
        self._heard: dict[str, datetime] = {}
        self._position = 0
        self._name = uuid.uuid4().hex
        self._last = ""

    def take(self, events: Sequence[Message], now: datetime) -> None:
        """Add events in the order that they came in; those of other kinds are passed over."""
        touched = {}
        for event in events:
            call_id = event.get("Linkedid")
            if event.get("Event") in EVENTS and call_id:
                call = self._calls.setdefault(call_id, Call(call_id))
                call.take(event, now)
                self._heard[call_id] = now
                touched[call_id] = call
        self._note(touched.values(), now)
        self._forget(now)

    def resume(self, cursor: Json | None, channels: Sequence[Message], now: datetime) -> None:
        """Go on after the line was away: with what a cursor knows, and the channels that are up now."""
        # What is remembered here is never less than what a cursor made here says.
        for facts in cursor["calls"] if cursor is not None and cursor.get("line") != self._name else ():
            self._calls.setdefault(facts["call_id"], Call.of(facts))
            self._heard.setdefault(facts["call_id"], now)
        under_way = [call for call in self._calls.values() if call.ended_at() is None]
        present = {channel.get("Uniqueid", "") for channel in channels}
        self.take(channels, now)
        met = [self._calls[name] for name in {channel.get("Linkedid", "") for channel in channels} & self._calls.keys()]
        for call in (*under_way, *met):
            call.miss(present, now)
        self._note((*under_way, *met), now)

    def after(self, cursor: Json | None) -> Iterator[tuple[int, SourceRecord]]:
        """Yield what changed behind a cursor, in the order of change; all that is remembered for a strange cursor."""
        known = cursor is not None and cursor.get("line") == self._name
        start = cursor["at"] if cursor is not None and known else 0
        for position, data in sorted(self._given.values(), key=lambda one: one[0]):
            if position > start:
                version = data["updated_at"]
                yield position, SourceRecord(stream=STREAM, key=data["call_id"], version=version, data=data)

    def cursor(self, position: int | None = None) -> Json:
        """Return the cursor behind a position; behind everything when none is named."""
        calls = [call.facts() for call in self._calls.values() if call.ended_at() is None]
        return {"line": self._name, "at": self._position if position is None else position, "calls": calls}

    def number_of(self, call_id: str) -> str:
        """Return who calls, as far as is known."""
        call = self._calls.get(call_id)
        return call.number if call else ""

    def _note(self, calls: Collection[Call], now: datetime) -> None:
        for call in calls:
            data = call.record(self._internal)
            if data is None:
                continue
            _, before = self._given.get(call.call_id, (0, {}))
            if {name: value for name, value in before.items() if name != "updated_at"} != data:
                # Later than every other, though two changes fall into one moment or the clock goes back.
                self._last = max(version_text(now), _next(self._last))
                self._position += 1
                self._given[call.call_id] = (self._position, {**data, "updated_at": self._last})

    def _forget(self, now: datetime) -> None:
        over = [name for name, call in self._calls.items() if call.ended_at() and self._heard[name] < now - KEPT]
        for name in over:
            del self._calls[name], self._heard[name]
            self._given.pop(name, None)


def _next(version: str) -> str:
    return version_text(datetime.fromisoformat(version) + timedelta(microseconds=1)) if version else ""
