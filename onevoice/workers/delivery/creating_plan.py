"""The plan of a creation round: what becomes of each record that a system is owed and lacks.

Takes obligations and their customers as they stand now. The one rule: what was begun is finished before anything else
is made for its customer.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection

from onevoice.consent import Gate, Holding
from onevoice.consent.holdings import holdings_of
from onevoice.messages import Json, RecordRef
from onevoice.obligations import Due
from onevoice.workers.catalog import Stream
from onevoice.workers.creations import Noted, forget, load_creations
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.merge import goldens_of
from onevoice.workers.ingest.oblige import denials_in, fields_to_create, is_lacking
from onevoice.workers.ingest.record import Record, load_records


@dataclass(slots=True, kw_only=True)
class Plan:
    """What becomes of the obligations that a worker took on: `make` and `prove` need the system.

    Attributes:
        make: reference -> its obligation and what is to be sent; `again` are those that were sent before.
        prove: reference -> its obligation and the system's key, for what is made and not read back.
        unread: the system may have made a record of its own since it was last read.
    """

    make: dict[UUID, tuple[Due, Json]] = field(default_factory=dict)
    again: set[UUID] = field(default_factory=set)
    prove: dict[UUID, tuple[Due, str]] = field(default_factory=dict)
    settled: list[Due] = field(default_factory=list)
    waiting: list[Due] = field(default_factory=list)
    unread: list[Due] = field(default_factory=list)
    doubtful: dict[UUID, Due] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The customers of the records for which new ones are asked for, as they stand now.

    Attributes:
        noted: what was begun or made under their references.
        unseen: those references of which no record is known to the hub yet.
    """

    anchors: Mapping[UUID, Record]
    members: Mapping[UUID, Sequence[Record]]
    goldens: Mapping[UUID, Json]
    holdings: Mapping[UUID, Holding]
    noted: Mapping[UUID, Noted]
    unseen: frozenset[UUID]


def look(connection: Connection, stream: Stream, references: Sequence[UUID], noted: Mapping[UUID, Noted]) -> Wanted:
    """Read the customers of the records under these references, and what is noted of them.

    Args:
        noted: what was read already.
    """
    loaded = Loaded(connection)
    anchors = loaded.by_ids(references)
    customers = {one.customer_id for one in anchors.values() if one.customer_id is not None}
    members: dict[UUID, list[Record]] = defaultdict(list)
    for record in loaded.stored_in(customers).values():
        if record.customer_id is not None:
            members[record.customer_id].append(record)
    others = {record.id for some in members.values() for record in some} - noted.keys()
    begun = {**load_creations(connection, stream, others), **noted}
    keys = {one: RecordRef(stream.system, stream.name, n.key) for one, n in begun.items() if n.key is not None}
    known = load_records(connection, set(keys.values()))
    return Wanted(
        anchors=anchors,
        members=members,
        goldens=goldens_of(connection, customers),
        holdings=holdings_of(connection, customers),
        noted=begun,
        unseen=frozenset(one for one in begun if keys.get(one) not in known),
    )


def decide(
    connection: Connection, stream: Stream, reference: UUID, due: Due, now: Wanted, gate: Gate, plan: Plan
) -> None:
    """Put one obligation where it belongs in the plan."""
    noted, anchor = now.noted.get(reference), now.anchors.get(reference)
    members = now.members.get(anchor.customer_id, ()) if anchor is not None and anchor.customer_id else ()
    if noted is not None and noted.key is not None:
        plan.prove[reference] = due, noted.key
    elif noted is not None and stream.safe_by == "none" and noted.state == "begun":
        plan.doubtful[reference] = due
    elif noted is not None and stream.safe_by == "none" and not is_lacking(members, stream):
        forget(connection, stream, [reference])  # a person looked, and it came in by itself
        plan.settled.append(due)
    elif noted is not None:
        plan.make[reference] = due, once_more(stream, now, noted, gate)
        plan.again.add(reference)
    elif not (fields := fields_for(stream, now, reference, gate)):
        plan.settled.append(due)
    elif any(one.id in now.unseen for one in members):
        plan.waiting.append(due)
    else:
        plan.make[reference] = due, fields


def fields_for(stream: Stream, now: Wanted, reference: UUID, gate: Gate) -> Json:
    """Return what a new record is made with; nothing where none is lacking, or its customer goes by another."""
    anchor = now.anchors.get(reference)
    if anchor is None or anchor.customer_id != reference or not is_lacking(now.members[reference], stream):
        return {}
    golden, holding = now.goldens.get(reference, {}), now.holdings[reference]
    return fields_to_create(stream, golden, holding, gate)


def once_more(stream: Stream, now: Wanted, noted: Noted, gate: Gate) -> Json:
    """Return what is sent again: the same, and what was prohibited since, where a repeat may say something else."""
    anchor = now.anchors.get(noted.reference)
    if stream.safe_by == "idempotency_key" or anchor is None or anchor.customer_id is None:
        return noted.fields
    golden, holding = now.goldens.get(anchor.customer_id, {}), now.holdings[anchor.customer_id]
    return noted.fields | denials_in(stream, noted.fields, golden, holding, gate)
