"""What the gate is asked, what it knows of a customer, and what it answers.

Every answer carries its reasons, so that a reader understands why a contact was allowed or refused; reasons hold codes,
times and ids of acts, never a contact point or a name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from onevoice.messages import Act, Permission, RecordRef

DEFAULT_CONTROLLER = "default"
CHANNEL_OF_POINT = {"email": ("email",), "phone": ("phone", "sms"), "session": ("web", "app", "chat")}
POINT_CHANNELS = frozenset(channel for channels in CHANNEL_OF_POINT.values() for channel in channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacted:
    """A contact that was made; counts towards caps."""

    channel: str
    purpose: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What is known of one customer for the gate: the records in it, the points they carry, the acts at either.

    Attributes:
        carried: record -> the points that it carries itself; a record's grant counts at no others.
        former: points that no record carries any more, of which a withdrawal was said while its record carried them.
        shared: those of the points that another customer holds as well.
        joined: groups of its records that a trusted id or a person's judgement holds together, not a likelihood.
        ordered_at: the latest order, for soft opt-in.
        contacts: contacts that were made with it, for caps.
        country: where it lives, for quiet hours and soft opt-in; None when that is not known.
        timezone: its own time zone; None when that is not known.
    """

    records: frozenset[RecordRef]
    points: frozenset[str]
    acts: Sequence[Act]
    carried: Mapping[RecordRef, frozenset[str]] = field(default_factory=dict)
    former: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    joined: Sequence[frozenset[RecordRef]] = ()
    ordered_at: datetime | None = None
    contacts: Sequence[Contacted] = ()
    country: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May this be done?

    Attributes:
        point: `phone:…`, `email:…`, `session:…`; None on channels that have no points.
        record: as a flag on this record would hold it, instead of at one point.
        inbound: the customer began the conversation.
        thread: the campaign, survey, case or order that it belongs to.
        topic: what it is about, of the purpose's topics; None: of none in particular.
    """

    channel: str
    purpose: str
    now: datetime
    point: str | None = None
    record: RecordRef | None = None
    inbound: bool = False
    controller: str = DEFAULT_CONTROLLER
    thread: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """One reason of an answer.

    Attributes:
        code: see docs/architecture/consent.md.
        says: what it means here, in words, without personal data.
        act: the act that it rests on.
    """

    code: str
    says: str
    act: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the acts alone say, with those that decided it."""

    permission: Permission
    because: tuple[Act, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether to contact, and every reason for it."""

    allowed: bool
    permission: Permission
    because: tuple[Because, ...]


def points_on_channel(points: frozenset[str] | set[str] | Sequence[str], channel: str) -> list[str]:
    """Return those contact points that a channel reaches, sorted."""
    return sorted(p for p in points if channel in CHANNEL_OF_POINT.get(p.partition(":")[0], ()))


def points_said_of(act: Act) -> tuple[str, ...]:
    """Return the points that the record of a flag carried since the flag made this act."""
    if act.kind == "grant" or act.source != act.anchor_record:
        return ()
    return tuple(act.evidence.get("points", ()))
