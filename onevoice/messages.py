"""The words that the rooms exchange: frozen values, no behaviour beyond their own invariants, no I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

Json: TypeAlias = dict[str, Any]

PARTY_TYPES = frozenset({"person", "organisation"})


class Channel(StrEnum):
    """The closed list of channels."""

    EMAIL = "email"
    SMS = "sms"
    PHONE = "phone"
    POST = "post"
    FAX = "fax"
    WEB = "web"
    APP = "app"
    CHAT = "chat"
    COMMUNITY = "community"
    BRANCH = "branch"


class Permission(StrEnum):
    """What a fold of acts says: a live prohibition, a live grant, or neither."""

    DENIED = "denied"
    ALLOWED = "allowed"
    UNKNOWN = "unknown"


STRICTEST_FIRST = (Permission.DENIED, Permission.UNKNOWN, Permission.ALLOWED)


class Lane(StrEnum):
    """The two ways out of the hub; `suppression` alone writes consent and suppression fields."""

    SUPPRESSION = "suppression"
    RECORD = "record"


@dataclass(frozen=True, slots=True, order=True)
class RecordRef:
    """The crosswalk key of a source record."""

    system: str
    stream: str
    key: str

    def __str__(self) -> str:
        return f"rec:{self.system}:{self.stream}:{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """One version of one record as a connector read it or a system pushed it.

    Attributes:
        key: the record's key within its stream.
        version: the source version in a form whose text order is its order (see `mapping.version_text`).
        data: the record in the system's own shape; None when it was deleted.
        deleted: the system says explicitly that the record is gone.
    """

    stream: str
    key: str
    version: str
    data: Json | None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A source record on its way in: CloudEvents 1.0 with the extensions of the public contract.

    Attributes:
        id: unique together with `system`.
        sequence: source version; `(sequence, reading)` orders the versions of one key.
        reading: reading number, counted up when content differs at one and the same source version.
        received_body: the bytes as they came, kept for quarantine.
    """

    id: str
    system: str
    stream: str
    key: str
    time: datetime
    sequence: str
    reading: int
    data: Json | None
    deleted: bool = False
    urgent: bool = False
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedFlag:
    """What a consent field of a source record says at one version; it becomes an act only where it changes."""

    channel: str
    purpose: str
    observed: str | None  # "withdrawn" | "granted" | None: no act


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A source record after mapping.

    Attributes:
        type: canonical type: person, organisation, relationship, interaction, act or order.
        canonical: the canonical record.
        flags: the consent fields observed on it.
        origins: canonical path -> the source paths it was made from, for echo judgement field by field.
    """

    type: str
    canonical: Json
    flags: tuple[ObservedFlag, ...]
    origins: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be written to one record of a system, in that system's shape.

    Attributes:
        key: the record's key there.
        fields: dotted source path -> value; only what differs. None clears.
        expected_version: source version that the change was computed on, for conditional writes.
        idempotency_key: the same for every retry of the same change.
    """

    key: str
    fields: Json
    expected_version: str | None = None
    idempotency_key: str = ""


class WriteOutcome(StrEnum):
    """What became of one change."""

    APPLIED = "applied"
    CONFLICT = "conflict"  # stale: read again and redo
    REFUSED = "refused"  # the system will not have it
    TRANSIENT = "transient"  # try again
    MISSING = "missing"  # there is no such record any more


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """One result a change; every change gets exactly one."""

    key: str
    outcome: WriteOutcome
    reason: str = ""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """A record to be made in a system, in that system's shape.

    Attributes:
        reference: the hub's own name of it: the same at every repeat, and of no other record.
        fields: dotted source path -> value.
    """

    reference: str
    fields: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationResult:
    """One result a creation; `key` is the system's own where it is applied, new or made by an earlier repeat."""

    reference: str
    outcome: WriteOutcome
    key: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One entry of a suppression list that a system holds."""

    channel: str
    point: str  # normalised contact point without its kind, e.g. +442079460000
    purpose: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A message on the way out: only who is owed something; the worker reads what it is at that moment.

    `target` is the record's key, or the contact point of a list entry; `stream` is the stream or the list's name.
    """

    system: str
    lane: Lane
    stream: str
    target: str


ANY = "any"
"""In an act: on every channel, or for every purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in the hub, told to whoever listens on `onevoice.events`.

    Attributes:
        id: the same at every repeat of the same event.
        type: `customer.created`, `customer.merged`, `suppression.added`, …; the routing key.
        subject: id of the customer, record or row that it is about.
        data: ids, keys and paths; of values only what the listener must act on, such as a suppressed contact point.
    """

    id: UUID
    type: str
    subject: str
    time: datetime
    data: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One grant, prohibition, lift or preference, anchored at a source record, a contact point or both.

    Attributes:
        kind: grant, withdrawal, objection, prohibition, lift or preference.
        channel: one of `Channel`, or `any`.
        purpose: an entry of `rules/purposes.yaml`, or `any`.
        reason: row of `rules/suppression.yaml` for what prohibits; otherwise the kind again.
        time: when it was said, at the latest.
        earliest: when it was said, at the earliest; None: at `time`.
        first_sight: nobody knows how long before `time` it was said.
        anchor_point: `phone:…`, `email:…`, or `session:…` for a web session.
        controller: the legal entity that it is towards.
        valid_until: when it ends by itself.
        inbound: it also holds in conversations that the customer begins.
        thread: the one thread that it is about.
        lifts: the act that a `lift` is about; None where it is about its anchor.
        terms: what a preference wishes.
        evidence: what proves it; field names after ISO/IEC TS 27560.
    """

    id: UUID
    kind: str
    channel: str
    purpose: str
    reason: str
    time: datetime
    source: RecordRef
    earliest: datetime | None = None
    first_sight: bool = False
    anchor_record: RecordRef | None = None
    anchor_point: str | None = None
    controller: str = "default"
    valid_until: datetime | None = None
    inbound: bool = False
    thread: str | None = None
    lifts: UUID | None = None
    terms: Json = field(default_factory=dict)
    evidence: Json = field(default_factory=dict)
