"""Oblige: where what a system knows of a customer differs from what is true now, it is owed the difference."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from uuid import UUID

from onevoice.consent import Gate, Holding
from onevoice.consent.lists import MARKETING, Refreshed
from onevoice.consent.question import points_on_channel
from onevoice.errors import RecordError
from onevoice.identity import contact_points
from onevoice.mapping.paths import flatten, put_source
from onevoice.messages import Json, Lane, Permission, RecordRef, Work
from onevoice.obligations import Owed, owed_fields
from onevoice.workers.catalog import Catalog, Stream
from onevoice.workers.creations import target_of
from onevoice.workers.ingest.merge import Customer
from onevoice.workers.ingest.record import Record

NOTHING = Owed(fields={}, replaced={})


def list_target(channel: str, point: str, purpose: str) -> str:
    """Return the target of a list obligation: `<channel>|<point>|<purpose>`."""
    return f"{channel}|{point}|{purpose}"


def works_for(
    customers: Mapping[UUID, Customer],
    holdings: Mapping[UUID, Holding],
    marks: Mapping[RecordRef, dict[str, Json]],
    catalog: Catalog,
    gate: Gate,
) -> Iterator[Work]:
    """Yield what is owed to each record of the customers."""
    for customer in customers.values():
        holding = holdings[customer.id]
        for record in customer.members:
            yield from works_at(record, Lane, customer.golden, holding, marks.get(record.ref, {}), catalog, gate)


def works_at(
    record: Record,
    lanes: Iterable[Lane],
    golden: Json,
    holding: Holding | None,
    marks: dict[str, Json],
    catalog: Catalog,
    gate: Gate,
) -> Iterator[Work]:
    """Yield what is owed to one record."""
    stream = catalog.part_of(record.ref)
    if stream is not None and stream.writable and not record.deleted and record.payload is not None:
        for lane in lanes:
            now = owed(record, stream, lane, golden, holding, marks, gate)
            if now.fields or now.gap:  # a gap of the mapping is told where it is owed, not where it came from
                yield Work(system=record.ref.system, lane=lane, stream=record.ref.stream, target=record.ref.key)


def lanes_moved(record: Record, marks_before: Json, marks: Json, catalog: Catalog) -> list[Lane]:
    """Return the lanes on which a record may be owed something else than before, though its customer is as it was.

    What is owed follows from the customer, the fields that the hub may write and the marks on them, and nothing else.
    """
    stream = catalog.part_of(record.ref)
    if stream is None or not stream.writable:
        return []
    stored = record.stored
    if stored is None or stored.mapping_version != record.mapping_version:
        return list(Lane)
    before, now, read = stored.payload or {}, record.payload or {}, stream.mapping.read_source
    moved = [
        lane
        for lane in Lane
        if any(
            read(before, path) != read(now, path) or marks_before.get(path) != marks.get(path)
            for path in stream.mapping.writable_paths(lane)
        )
    ]
    return list(Lane) if Lane.RECORD in moved else moved  # a contact point may have come to stand there


def owed(
    record: Record,
    stream: Stream,
    lane: Lane,
    golden: Json,
    holding: Holding | None,
    marks: dict[str, Json],
    gate: Gate,
) -> Owed:
    """Return what one record is owed on one lane now.

    Args:
        holding: the acts that bear on its customer; the record lane asks for none.
    """
    mapping = stream.mapping
    payload = record.payload or {}
    gaps: dict[str, str] = {}
    if lane is Lane.RECORD:
        wanted = mapping.to_source(golden, {}, lane, gaps, data=payload)
        for path in stream.set_aside(payload):  # nothing is written over what waits for a person
            wanted.pop(path, None)
    elif holding is None or not (holding.acts or marks):
        return NOTHING
    else:
        wanted = mapping.to_source({}, permissions_of(stream, holding, gate, record, marks), lane)
    found = owed_fields(
        wanted,
        mapping.difference(
            payload, {path: wanted[path] for path in wanted if not _is_kept(stream, path, payload, marks)}
        ),
        payload,
        marks,
        writable=mapping.writable_paths(lane) - gaps.keys(),
        if_empty=mapping.if_empty,
        read=mapping.read_source,
        alone=any("made" in mark for mark in marks.values()) and _is_alone(record, golden),
    )
    return replace(found, gap="; ".join(gaps.values())) if gaps else found


def _is_alone(record: Record, golden: Json) -> bool:
    """Nobody but the record itself says anything of its customer."""
    own = flatten(record.canonical)
    return all(own.get(path) == value for path, value in flatten(golden).items())


def creates_for(customer: Customer, catalog: Catalog, gate: Gate, *, needed: bool) -> Iterator[Work]:
    """Yield what is to be made for a customer where a system lacks it and is to have it.

    One that a system had and deleted is not made again.

    Args:
        needed: an order or an accepted offer names the customer.
    """
    for stream in catalog.creating():
        wanted = (needed or stream.create == "all") and is_lacking(customer.members, stream)
        if wanted and fields_to_create(stream, customer.golden, None, gate):
            target = target_of(customer.id)
            yield Work(system=stream.system, lane=Lane.RECORD, stream=stream.name, target=target)


def is_lacking(members: Collection[Record], stream: Stream) -> bool:
    """Return whether somebody has a customer of the stream's kind, and its system never had."""
    return any(not member.deleted and member.type == stream.mapping.to for member in members) and not any(
        (member.ref.system, member.ref.stream) == (stream.system, stream.name) for member in members
    )


ENDING = frozenset({"everything", "all_but_legal"})
"""What blocks so much that nobody is made known to another system."""


def fields_to_create(stream: Stream, golden: Json, holding: Holding | None, gate: Gate) -> Json:
    """Return what a new record of a customer is made with: all that is known, and every prohibition in the same call.

    Nothing where the system needs more to make one, or something that was said blocks everything, as a death does. What
    is permitted, the suppression lane writes later.

    Args:
        holding: the acts that bear on the customer; None where the consent fields do not matter.
    """
    mapping = stream.mapping
    fields = mapping.to_source(golden, {}, Lane.RECORD, {})
    if not fields.keys() >= set(stream.needs):
        return {}
    if holding is not None and holding.acts:
        if any(gate.rules.reason(a.reason).blocks in ENDING for a in gate.live_prohibitions(holding.acts)):
            return {}
        fields |= denials_in(stream, fields, golden, holding, gate)
    return fields


def denials_in(stream: Stream, fields: Json, golden: Json, holding: Holding, gate: Gate) -> Json:
    """Return the consent fields that say no in a record that is made with these fields."""
    record = reduce(lambda data, item: put_source(data, *item), fields.items(), Json())
    points = points_in(stream, record) or contact_points(golden)  # rather one too many
    denied = {
        (channel, purpose): Permission.DENIED
        for channel, purpose in stream.mapping.acts
        if any(
            gate.fold(holding, channel, purpose, point).permission is Permission.DENIED
            for point in (None, *points_on_channel(points, channel))
        )
    }
    return stream.mapping.to_source({}, denied, Lane.SUPPRESSION)


def _is_kept(stream: Stream, path: str, payload: Json, marks: Collection[str]) -> bool:
    """The field is filled by the system itself and only ever filled by the hub: no need to compare it."""
    mapping = stream.mapping
    return path in mapping.if_empty and path not in marks and mapping.read_source(payload, path) not in (None, "")


def permissions_of(
    stream: Stream, holding: Holding, gate: Gate, record: Record, marks: Collection[str]
) -> dict[tuple[str, str], Permission]:
    """Return the permissions that the stream has fields for, as this record of it holds them.

    What the hub wrote into a record is no point of its own and permits nothing there; but it stands there, and the
    system writes to it, so what is prohibited at it is prohibited.
    """
    standing = points_in(stream, record.payload or {}) - holding.carried.get(record.ref, frozenset()) if marks else ()
    return {
        (channel, purpose): Permission.DENIED
        if any(
            gate.fold(holding, channel, purpose, point).permission is Permission.DENIED
            for point in points_on_channel(standing, channel)
        )
        else gate.fold(holding, channel, purpose, record=record.ref).permission
        for channel, purpose in stream.mapping.acts
    }


def points_in(stream: Stream, payload: Json) -> frozenset[str]:
    """Return the contact points in a record as the system has it, whoever wrote them; none where it cannot be read."""
    try:
        return frozenset(contact_points(stream.mapping.to_canonical(payload).canonical))
    except RecordError:
        return frozenset()


def list_works(refreshed: Refreshed, proven: Collection[tuple[str, str, str]], catalog: Catalog) -> Iterator[Work]:
    """Yield what is owed to the systems' lists where they are proven to hold another list than the one that stands.

    Args:
        proven: (system, list, target) of the entries that each system is proven to hold.
    """
    for (system, name), channels in catalog.lists.items():
        for channel, point in refreshed.places:
            target = list_target(channel, point, MARKETING)
            wanted = (channel, point) in refreshed.listed
            if channel in channels and wanted != ((system, name, target) in proven):
                yield Work(system=system, lane=Lane.SUPPRESSION, stream=name, target=target)
