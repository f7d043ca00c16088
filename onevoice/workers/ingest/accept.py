"""Accept a version of a record: is it news, which of its fields are its own, and which acts follow from it.

Pure. The greatest (source version, reading, content) stands, in whatever order versions arrive. A field that says
what the hub last wrote there is an echo: it keeps the system's last own value and its time, and is no act either.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from onevoice.consent import WITHDRAWN, acts_of_flag, observe, points_since
from onevoice.consent.question import points_on_channel
from onevoice.identity import contact_points
from onevoice.mapping.paths import flatten, source_path, unflatten
from onevoice.messages import Act, Json, Mapped, ObservedFlag, RecordRef
from onevoice.workers.ingest.prepare import Incoming
from onevoice.workers.ingest.record import Record, StoredObservation, read_series, stored_series
from onevoice.workers.marks import Marks, is_echo, judged

_ACTS = uuid.UUID("0197a000-0000-7000-8000-6f6e65766f69")


@dataclass(frozen=True, slots=True)
class Family:
    """Records that one source record gives: the source paths that any of them reads, and what the hub wrote there."""

    sources: frozenset[str]
    marks: Marks


def family_of(incoming: Incoming, marks: Mapping[RecordRef, Marks]) -> Family:
    """Return the family of a record that gives others besides itself."""
    parts = (incoming, *incoming.also)
    written = {source: mark for part in parts for source, mark in marks.get(part.ref, {}).items()}
    return Family(frozenset().union(*(part.mapping.sources for part in parts)), written)


def accept(
    record: Record, incoming: Incoming, marks: Marks, *, clock_bound: timedelta, family: Family | None = None
) -> str:
    """Take one version into the record; returns `applied`, `unchanged` or `stale`.

    Args:
        record: the record as it stands, changed in place.
        incoming: the version.
        marks: what the hub wrote to this record, by source path; a mark that the system has overruled is taken out.
        clock_bound: how far the system's clock may be off.
        family: the records that its source record gives, where it gives several.
    """
    if incoming.version == record.version:
        if incoming.mapping.version_id == record.mapping_version:
            return "unchanged"
        _remap(record, incoming, marks, clock_bound)
        return "applied"
    newer = incoming.version > record.version
    since = record.occurred_at
    if newer:
        _judge_marks(incoming, marks)
    if incoming.mapped is not None:
        _observe_flags(record, incoming, incoming.mapped, marks, clock_bound)
    if not newer:
        if incoming.mapped is not None and record.deleted and _is_last_evidence(record, incoming):
            _take_values(record, incoming, incoming.mapped, marks, since)
            record.touched = True
        elif incoming.mapped is not None and incoming.set_aside is not None:
            _lend(record, incoming, incoming.mapped, clock_bound)
        return "stale"
    if incoming.mapped is None:
        record.deleted = True
        record.occurred_at = incoming.occurred_at
    else:
        if not _is_own_write(record, incoming, family or Family(incoming.mapping.sources, marks)):
            record.occurred_at = min(incoming.occurred_at, incoming.envelope.time + clock_bound)
        record.deleted = False
        _take_values(record, incoming, incoming.mapped, marks, since)
    record.sequence, record.reading, record.content_hash = incoming.version
    record.mapping_version = incoming.mapping.version_id
    record.touched = True
    return "applied"


def _remap(record: Record, incoming: Incoming, marks: Marks, clock_bound: timedelta) -> None:
    """Take the values of the standing version anew: it is the mapping that is another one.

    Its consent fields too; but what the mapping before took for a withdrawal stands.
    """
    if incoming.mapped is not None:
        if not record.deleted:
            _observe_flags(record, incoming, incoming.mapped, marks, clock_bound)
        _take_values(record, incoming, incoming.mapped, marks, record.occurred_at)
    if incoming.is_part:
        record.deleted = incoming.mapped is None
    record.mapping_version = incoming.mapping.version_id
    record.touched = True


def _lend(record: Record, incoming: Incoming, mapped: Mapped, clock_bound: timedelta) -> None:
    """Where the standing version has a field set aside, the newest older version that can be read speaks for it."""
    aside = incoming.set_aside(record.payload) if incoming.set_aside and record.payload is not None else frozenset()
    time = min(incoming.occurred_at, incoming.envelope.time + clock_bound).isoformat()
    own = flatten(record.canonical) if aside else {}
    for path, value in flatten(mapped.canonical).items() if aside else ():
        told = path not in own or (path in record.echoes and record.echoes[path] < time)
        if told and not aside.isdisjoint(mapped.origins.get(path, ())):
            own[path] = value
            record.echoes = {**record.echoes, path: time}
            record.canonical, record.touched = unflatten(own), True


def acts_of(ref: RecordRef, flags: Mapping[str, list[StoredObservation]]) -> dict[uuid.UUID, Act]:
    """Return the acts that follow from a record's consent fields: a pure function of their series.

    Each is dated to the interval since the version before; a late version in between gives another act in its place. An
    act's id stays the same while later versions bring more points under it.
    """
    acts = {}
    for name, series in flags.items():
        channel, _, purpose = name.partition("/")
        observations = read_series(series) if any(one[2] == WITHDRAWN for one in series) else ()
        for said in acts_of_flag(observations):
            since = "first sight" if said.earliest is None else said.earliest.isoformat()
            act = Act(
                id=act_id(ref, f"{name}|{since}", *said.version),
                kind="withdrawal",
                channel=channel,
                purpose=purpose,
                reason="withdrawal",
                time=said.time,
                earliest=said.earliest,
                first_sight=said.earliest is None,
                anchor_record=ref,
                source=ref,
                evidence={
                    "observed": name,
                    "version": said.version[0],
                    "points": points_since(observations, said.version),
                },
            )
            acts[act.id] = act
    return acts


def act_from_record(incoming: Incoming, *, clock_bound: timedelta) -> Act | None:
    """Return the act that an act record states; None for all else.

    A withdrawal dated in the future takes effect at receipt.
    """
    if incoming.mapped is None or incoming.mapped.type != "act":
        return None
    stated = incoming.mapped.canonical
    party = stated.get("party")
    latest = incoming.envelope.time + clock_bound
    until = stated.get("valid_until")
    return Act(
        id=act_id(incoming.ref, "act", incoming.envelope.sequence, incoming.envelope.reading),
        kind=stated["kind"],
        channel=stated["channel"],
        purpose=stated["purpose"],
        reason=stated.get("reason") or ("grant" if stated["kind"] == "grant" else stated["kind"]),
        time=min(datetime.fromisoformat(stated["time"]), latest),
        anchor_record=RecordRef(system=incoming.ref.system, stream=party["stream"], key=party["key"])
        if party
        else None,
        anchor_point=stated.get("point"),
        controller=stated.get("controller", "default"),
        valid_until=datetime.fromisoformat(until) if until else None,
        inbound=stated.get("inbound", False),
        thread=stated.get("thread"),
        terms=stated.get("terms") or {},
        source=incoming.ref,
        evidence=stated.get("evidence") or {},
    )


def _judge_marks(incoming: Incoming, marks: Marks) -> None:
    """Take note of what the system gave back of the hub's own writing, and forget what it has overruled."""
    if incoming.envelope.data is None:
        return
    for source, mark in list(marks.items()):
        value = incoming.mapping.read_source(incoming.envelope.data, source)
        after = judged(mark, value, _numbered(incoming))
        if after is None:
            del marks[source]
        else:
            marks[source] = after


def _observe_flags(record: Record, incoming: Incoming, mapped: Mapped, marks: Marks, clock_bound: timedelta) -> None:
    time = min(incoming.occurred_at, incoming.envelope.time + clock_bound)
    points = contact_points(_stated_itself(incoming, mapped, marks) if marks else mapped.canonical)
    for flag in mapped.flags:
        if not _is_echo(_flag_sources(mapped, flag), incoming, marks):
            name, on_channel = f"{flag.channel}/{flag.purpose}", points_on_channel(points, flag.channel)
            before, version = record.flags.get(name, []), _numbered(incoming)
            if not before or version > tuple(before[-1][:2]):  # as nearly always: the last word on it
                after = [*before, *stored_series(observe((), version, flag.observed, time, on_channel))]
            else:
                after = stored_series(observe(read_series(before), version, flag.observed, time, on_channel))
            if after != before:
                record.flags = {**record.flags, name: after}
                record.touched = True


def _stated_itself(incoming: Incoming, mapped: Mapped, marks: Marks) -> Json:
    """What the hub wrote into a record is none of the points that its flag speaks of: else it would outlast a merge."""
    return _own_values(flatten(mapped.canonical), {}, {}, mapped.origins, incoming, marks)


def _is_last_evidence(record: Record, incoming: Incoming) -> bool:
    """A deleted record keeps the newest version before its delete, even where the delete came first."""
    if record.payload is None:
        return True
    sequence, reading = _numbered(incoming)
    kept = incoming.mapping.version(record.payload)
    return sequence > kept or (sequence == kept and reading > 0)


def _numbered(incoming: Incoming) -> tuple[str, int]:
    return incoming.envelope.sequence, incoming.envelope.reading


def _flag_sources(mapped: Mapped, flag: ObservedFlag) -> tuple[str, ...]:
    return mapped.origins.get(f"acts[{flag.channel}/{flag.purpose}]", ())


def _take_values(record: Record, incoming: Incoming, mapped: Mapped, marks: Marks, since: datetime) -> None:
    """Take the values of a version; `since` is the time that those of the version before it date from."""
    own_before = flatten(record.canonical) if record.echoes or marks or incoming.aside else {}
    stated = flatten(mapped.canonical) if marks else {}
    echoes: dict[str, str] = {}
    for path in stated:
        if path in own_before and _is_echo(mapped.origins.get(path, ()), incoming, marks):
            echoes[path] = record.echoes.get(path, record.occurred_at.isoformat())
    record.canonical = (
        _own_values(stated, own_before, echoes, mapped.origins, incoming, marks) if marks else mapped.canonical
    )
    if incoming.aside:
        _keep_aside(record, incoming, mapped, own_before, echoes, since)
    record.echoes = echoes
    record.type = mapped.type
    record.payload = incoming.envelope.data
    party = mapped.canonical.get("party")
    record.party_stream, record.party_key = (party["stream"], party["key"]) if party else (None, None)
    record.point = mapped.canonical.get("point")


def _keep_aside(
    record: Record, incoming: Incoming, mapped: Mapped, own_before: Json, echoes: dict[str, str], since: datetime
) -> None:
    """A field whose value waits in quarantine keeps the last one that could be read, at that value's time."""
    aside = {source_path(pointer) for pointer in incoming.aside}
    own = flatten(record.canonical)
    for path, value in own_before.items():
        if path not in own and not aside.isdisjoint(mapped.origins.get(path, ())):
            own[path] = value
            echoes[path] = record.echoes.get(path, since.isoformat())
    record.canonical = unflatten(own)


def _is_own_write(record: Record, incoming: Incoming, family: Family) -> bool:
    """Return whether this version came about by the hub's write alone.

    Such a version says nothing new of the system's own fields, so it must not make them younger either: else filling
    one gap would let a system's stale values win everywhere.
    """
    marks = family.marks
    if not marks or record.payload is None or incoming.envelope.data is None:
        return False
    old, new, read = record.payload, incoming.envelope.data, incoming.mapping.read_source
    changed = [source for source in family.sources | marks.keys() if read(old, source) != read(new, source)]
    return bool(changed) and all(_is_echo((source,), incoming, marks) for source in changed)


def _own_values(
    stated: Json,
    own_before: Json,
    echoes: Mapping[str, str],
    origins: Mapping[str, tuple[str, ...]],
    incoming: Incoming,
    marks: Mapping[str, Json],
) -> Json:
    own = {}
    for path, value in stated.items():
        if not _is_echo(origins.get(path, ()), incoming, marks):
            own[path] = value
        elif path in echoes:
            own[path] = own_before[path]
    return unflatten(own)


def _is_echo(sources: tuple[str, ...], incoming: Incoming, marks: Mapping[str, Json]) -> bool:
    data = incoming.envelope.data
    if not marks or not sources or data is None:
        return False
    read, version = incoming.mapping.read_source, _numbered(incoming)
    return all(source in marks and is_echo(marks[source], read(data, source), version) for source in sources)


def act_id(ref: RecordRef, what: str, sequence: str, reading: int) -> uuid.UUID:
    """Return the id of the act that a record makes: the same for the same, whenever it is made."""
    return uuid.uuid5(_ACTS, f"{ref}|{what}|{sequence}|{reading}")
