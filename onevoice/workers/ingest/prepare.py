"""Check and map: everything that can be said of a message without the store, before any transaction."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from onevoice.bus import Delivery
from onevoice.bus.envelope import envelope_json, parse_envelope
from onevoice.bus.topology import routing_key
from onevoice.consent.lifting import may_lift
from onevoice.contracts import Drift, Mode
from onevoice.errors import RecordError
from onevoice.mapping import Mapping, is_history
from onevoice.mapping.slot import WHOLE
from onevoice.messages import Envelope, Json, Mapped, RecordRef
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.ingest.record import Record
from onevoice.workers.ingest.set_aside import quarantine_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message that passed every check.

    Attributes:
        ref: the record it is about.
        mapped: None for a delete.
        also: what else the source record gives, each as a record of its own; what it does not give any more, deleted.
        drift: where the record is not what its schema says.
        aside: JSON pointers to fields whose values wait in quarantine while the rest is taken in.
        set_aside: stored payload -> source paths of such fields, where the stream has them.
        content_hash: of the source payload; with version and reading it tells one effect from another.
    """

    delivery: Delivery
    envelope: Envelope
    ref: RecordRef
    mapping: Mapping
    mapped: Mapped | None
    content_hash: str
    occurred_at: datetime
    also: tuple["Incoming", ...] = ()
    drift: tuple[Drift, ...] = ()
    aside: tuple[str, ...] = ()
    set_aside: Callable[[Json], frozenset[str]] | None = None

    @property
    def is_part(self) -> bool:
        """Whether it is what a source record gives besides itself."""
        return bool(self.mapping.slot)

    @property
    def version(self) -> tuple[str, int, str]:
        """Its place in the total order of the record's versions."""
        return self.envelope.sequence, self.envelope.reading, self.content_hash

    @property
    def of(self) -> tuple[str, str, str]:
        """System, stream and key that the message names."""
        return self.ref.system, self.ref.stream, self.ref.key

    def aside_row(self) -> dict[str, Any]:
        """Return the row for quarantine of the fields that are set aside; it has the message whole."""
        return quarantine_row(
            self.delivery,
            step="field",
            reason=f"{self.mapping.name}: taken in without fields that do not fit the schema: {', '.join(self.aside)}",
            pointers=self.aside,
            mapping_version=self.mapping.version_id,
        )

    @property
    def effect(self) -> tuple[str, str, str, int, str]:
        """What it brings about: the same stream, key, version, reading and content are one effect."""
        return self.envelope.stream, self.envelope.key, *self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A message for quarantine, with how far it got."""

    delivery: Delivery
    step: str
    reason: str
    pointers: tuple[str, ...]
    mapping_version: str | None
    drift: tuple[Drift, ...] = ()

    @property
    def of(self) -> tuple[str, str, str]:
        """System, stream and key that the message names."""
        row = self.row()
        return row["system"], row["stream"], row["key"]

    def row(self) -> dict[str, Any]:
        """Return its row for quarantine."""
        return quarantine_row(
            self.delivery,
            step=self.step,
            reason=self.reason,
            pointers=self.pointers,
            mapping_version=self.mapping_version,
        )


def prepare(delivery: Delivery, catalog: Catalog, *, urgent: bool) -> Incoming | Rejected:
    """Check the envelope, the source record and the canonical record, and map between them."""
    step, version = "envelope", None
    drift: tuple[Drift, ...] = ()
    aside: tuple[str, ...] = ()
    try:
        envelope = parse_envelope(
            delivery.body, routing_key=delivery.routing_key, user_id=delivery.user_id, urgent=urgent
        )
        stream = catalog.stream(envelope.system, envelope.stream)
        version = stream.mapping.version_id
        if envelope.deleted:
            return _with_also(_deleted(delivery, envelope, stream.mapping), stream, None)
        step = "source schema"
        data = envelope.data or {}
        drift = stream.source.drift(envelope.data)
        if drift:
            data, aside = stream.admit(data, drift)
        step = "mapping"
        if stream.mapping.key(data) != envelope.key:
            raise RecordError("subject is not the key that the record itself carries", pointers=("/subject",))
        mapped = stream.mapping.to_canonical(data)
        step = "canonical schema"
        stream.canonical.check(mapped.canonical)
        incoming = Incoming(
            delivery=delivery,
            envelope=envelope,
            ref=_ref(envelope),
            mapping=stream.mapping,
            mapped=mapped,
            content_hash=content_hash(envelope.data),
            occurred_at=stream.mapping.occurred_at(data) or envelope.time,
            drift=drift,
            aside=aside,
            set_aside=stream.set_aside if stream.mode is Mode.QUARANTINE_FIELD else None,
        )
        if stream.also:
            step = "also"
            incoming = _with_also(incoming, stream, data)
        step = "act"
        _check_acts(incoming, catalog)
    except RecordError as error:
        return Rejected(
            delivery=delivery,
            step=step,
            reason=str(error),
            pointers=error.pointers,
            mapping_version=version,
            drift=drift,
        )
    return incoming


def _with_also(main: Incoming, stream: Stream, data: Json | None) -> Incoming:
    """Add what else the record gives; a customer or relationship that it does not give is deleted by this version.

    What happened stays, whatever a later version says: interactions, orders and acts.
    """
    if "#" in main.envelope.key:
        raise RecordError("the key holds `#`, which sets apart what else a record of this stream gives")
    found = []
    for part in stream.also:
        given = part.mapping.records(data) if data is not None else []
        for ending, read, mapped in given:
            part.canonical.check(mapped.canonical)
            entry = {name: value for name, value in read.items() if name != WHOLE}
            payload = entry if WHOLE in read else main.envelope.data
            found.append(_part(main, part.mapping, ending, payload, mapped))
        if not given and not is_history(part.mapping.to):
            found.append(_part(main, part.mapping, f"#{part.mapping.slot}", None, None))
    return replace(main, also=tuple(found))


def _part(main: Incoming, mapping: Mapping, ending: str, read: Json | None, mapped: Mapped | None) -> Incoming:
    envelope = replace(main.envelope, key=main.envelope.key + ending, data=read, deleted=mapped is None)
    return replace(main, envelope=envelope, ref=_ref(envelope), mapping=mapping, mapped=mapped)


def prepare_stored(record: Record, catalog: Catalog) -> Incoming | Rejected:
    """Check and map the version of a record that is stored, as if it came now; of a deleted one, its last evidence."""
    envelope = Envelope(
        id=f"stored:{record.ref}",
        system=record.ref.system,
        stream=record.ref.stream,
        key=record.ref.key,
        time=record.occurred_at,
        sequence=record.sequence,
        reading=record.reading,
        data=record.payload,
    )
    key = routing_key(envelope.system, envelope.stream)
    body = envelope_json(envelope)
    prepared = prepare(
        Delivery(body=body, routing_key=key, user_id=None, redelivered=0, tag=None), catalog, urgent=False
    )
    if isinstance(prepared, Rejected):
        return prepared
    also = () if record.deleted else tuple(replace(p, content_hash=record.content_hash) for p in prepared.also)
    return replace(prepared, content_hash=record.content_hash, also=also)


def _check_acts(incoming: Incoming, catalog: Catalog) -> None:
    for one in (incoming, *incoming.also):
        if one.mapped is not None and one.mapped.type == "act":
            latest = one.envelope.time + catalog.clock_bound(one.ref.system)
            _check_act(one.mapped.canonical, one.ref.system, latest)


def _check_act(stated: Json, system: str, latest: datetime) -> None:
    """A grant from the future would outweigh every opt-out until then; a withdrawal takes effect at receipt."""
    if stated["kind"] == "lift" and not may_lift(stated.get("reason", "lift"), system):
        raise RecordError("a system lifts by delivery or verification only; correct its reason", pointers=("/reason",))
    if stated["kind"] in ("grant", "lift") and datetime.fromisoformat(stated["time"]) > latest:
        raise RecordError("a grant is dated later than its receipt; correct its time or the clock", pointers=("/time",))


def content_hash(data: object) -> str:
    """Return a short hash of a payload, equal for equal content."""
    return hash_of(sorted_json(data))


def sorted_json(data: object) -> bytes:
    """Return the text of which the content hash is taken.

    Raises:
        TypeError: the data cannot be written as JSON.
    """
    return orjson.dumps(data, option=orjson.OPT_SORT_KEYS)


def hash_of(text: bytes) -> str:
    """Return the content hash of a payload that is written already."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _ref(envelope: Envelope) -> RecordRef:
    return RecordRef(envelope.system, envelope.stream, envelope.key)


def _deleted(delivery: Delivery, envelope: Envelope, mapping: Mapping) -> Incoming:
    return Incoming(
        delivery=delivery,
        envelope=envelope,
        ref=_ref(envelope),
        mapping=mapping,
        mapped=None,
        content_hash="deleted",
        occurred_at=envelope.time,
    )
