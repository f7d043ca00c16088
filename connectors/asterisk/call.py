"""One call, put together from the events that name it, whatever order they come in.

Takes events, gives a record. Everything that is kept is a set, a latest or a largest of what was said, so that the same
events give the same call in any order; what is missing stays empty. Asterisk names a call by its `Linkedid`: the
`Uniqueid` of its first channel, which is the second it began in and a counter.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from connectors.asterisk.message import Message, known
from onevoice.sdk import Json, version_text

EVENTS = frozenset(
    {
        *("Newchannel", "NewCallerid", "CoreShowChannel", "Hangup", "BridgeEnter"),
        *("QueueCallerJoin", "QueueCallerAbandon", "AgentCalled", "AgentConnect", "AgentComplete"),
    }
)


@dataclass(slots=True)
class Call:
    """What is known of a call.

    Attributes:
        channels: unique id -> when it was hung up; None: it is up.
        legs: unique id of an agent's channel -> what is known of that agent's part.
        interrupted: the line was away during the call, so parts may be missing.
    """

    call_id: str
    number: str = ""
    dialled: str = ""
    context: str = ""
    channels: dict[str, str | None] = field(default_factory=dict)
    queues: list[str] = field(default_factory=list)
    legs: dict[str, Json] = field(default_factory=dict)
    bridged: bool = False
    abandoned: bool = False
    interrupted: bool = False

    @classmethod
    def of(cls, facts: Json) -> "Call":
        """Return the call that `facts` was made of."""
        return cls(**facts)

    def facts(self) -> Json:
        """Return all that is known, as JSON."""
        return asdict(self)

    def take(self, event: Message, now: datetime) -> None:
        """Add what an event of this call says."""
        kind, channel = event["Event"], event.get("Uniqueid", "")
        if channel:
            self.channels.setdefault(channel, None)
        if channel == self.call_id:
            self._first_channel(event, kind)
        if queue := event.get("Queue"):
            self.queues = sorted({*self.queues, queue})
        if kind == "Hangup":
            self.channels[channel] = _moment(event, now)
        elif kind == "BridgeEnter":
            self.bridged = True
        elif kind == "QueueCallerAbandon":
            self.abandoned = True
        elif kind in ("AgentCalled", "AgentConnect", "AgentComplete"):
            self._leg(event, kind)

    def miss(self, present: Collection[str], now: datetime) -> None:
        """Note that the line was away, and which channels are still up after it."""
        self.interrupted = True
        for channel, ended in self.channels.items():
            if ended is None and channel not in present:
                self.channels[channel] = version_text(now)

    def ended_at(self) -> str | None:
        """Return when the last of its channels was hung up; None while one is up."""
        ends = list(self.channels.values())
        return max(end or "" for end in ends) if ends and None not in ends else None

    def record(self, internal: Collection[str]) -> Json | None:
        """Return the call as the hub takes it; None before somebody has answered or it has ended.

        Args:
            internal: the contexts that the company's own telephones dial in.
        """
        answered = [(uid, leg) for uid, leg in sorted(self.legs.items()) if leg.get("answered")]
        leg: Json = answered[-1][1] if answered else {}
        ended_at = self.ended_at()
        picked_up = bool(answered) or (self.bridged and not self.queues)
        if not picked_up and ended_at is None:
            return None
        outbound = not self.queues and self.context in internal
        return {
            "call_id": self.call_id,
            "number": (self.dialled if outbound else self.number) or None,
            "direction": "outbound" if outbound else "inbound",
            "queue": leg.get("queue") or (self.queues[-1] if self.queues else None),
            "agent": leg.get("agent"),
            "outcome": "answered" if picked_up else "abandoned" if self.abandoned or self.queues else "unanswered",
            "started_at": _started(self.call_id),
            "ended_at": ended_at,
            "hold_seconds": leg.get("hold"),
            "talk_seconds": leg.get("talk"),
            "ended_by": leg.get("ended_by"),
            "interrupted": self.interrupted,
        }

    def _first_channel(self, event: Message, kind: str) -> None:
        # The fullest of several: a number grows from an extension to one that can be called back.
        self.number = max(self.number, known(event.get("CallerIDNum")) or "", key=lambda one: (len(one), one))
        if kind == "Newchannel" or (kind == "CoreShowChannel" and not self.context):
            self.context, self.dialled = event.get("Context", ""), known(event.get("Exten")) or ""

    def _leg(self, event: Message, kind: str) -> None:
        leg = self.legs.setdefault(event.get("DestUniqueid", ""), {})
        leg |= {"agent": known(event.get("MemberName")) or event.get("Interface"), "queue": event.get("Queue")}
        if kind == "AgentCalled":
            return
        leg["answered"] = True
        for name, header in (("hold", "HoldTime"), ("talk", "TalkTime")):
            if event.get(header, "").isdecimal():
                leg[name] = int(event[header])
        if kind == "AgentComplete":
            leg["ended_by"] = event.get("Reason")


def _moment(event: Message, now: datetime) -> str:
    """Return when an event happened: its `Timestamp`, where manager.conf asks for one, else when it came."""
    try:
        return version_text(datetime.fromtimestamp(float(event["Timestamp"]), UTC))
    except (KeyError, ValueError, OverflowError, OSError):
        return version_text(now)


def _started(call_id: str) -> str | None:
    """Return when a call began: `1795320606.0`, or `office-1795320606.0` where Asterisk has a `systemname`."""
    try:
        return version_text(datetime.fromtimestamp(int(call_id.rpartition("-")[2].partition(".")[0]), UTC))
    except (ValueError, OverflowError, OSError):
        return None
