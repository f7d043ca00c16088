"""Announce: what a transaction changed, as events.

Takes customers and acts as they stood and as they stand, gives events. The one rule: an event is computed from the
records' customers before and after, so it tells what happened and not which command or message brought it about.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from onevoice.consent import Gate
from onevoice.consent.holdings import acts_at
from onevoice.consent.question import points_said_of
from onevoice.mapping.paths import flatten
from onevoice.messages import Act, Event, Json, RecordRef
from onevoice.store import rows_by_keys
from onevoice.store.tables import source_record
from onevoice.workers.ingest.merge import Customer
from onevoice.workers.ingest.record import REF, Record
from onevoice.workers.outbox import event


def customer_events(customers: Mapping[UUID, Customer], *, now: datetime) -> Iterator[Event]:
    """Yield `customer.created`, `changed`, `merged` and `split` for customers as they stand after a change.

    Records that moved are named with the customer that held them before and the one that holds them now; a customer
    that was merged away or split resolves by its id as before.
    """
    gone_to: dict[UUID, list[Record]] = defaultdict(list)
    for customer in customers.values():
        for record in customer.members:
            if record.stored_customer is not None:
                gone_to[record.stored_customer].append(record)
    for customer_id, records in sorted(gone_to.items()):
        if len({r.customer_id for r in records}) > 1:
            yield event("customer.split", customer_id, {"customer": str(customer_id), **_records(records)}, now=now)
    for customer in customers.values():
        yield from _of_one(customer, now)


def _of_one(customer: Customer, now: datetime) -> Iterator[Event]:
    before = {r.stored_customer for r in customer.members} - {None}
    told = {"customer": str(customer.id), "type": customer.members[0].type, "revision": customer.revision}
    if not before:
        yield event("customer.created", customer.id, told | _records(customer.members), now=now)
        return
    if len(before) > 1:
        yield event("customer.merged", customer.id, told | _records(customer.members), now=now)
    paths = changed_paths(customer.before, customer.golden) if customer.changed else []
    moved = [r for r in customer.members if r.stored_customer != customer.id]
    if paths or moved:
        yield event("customer.changed", customer.id, told | {"changed": paths} | _records(moved), now=now)


def changed_paths(before: Json | None, after: Json) -> list[str]:
    """Return the paths whose values differ between two golden records, sorted."""
    old, new = flatten(before or {}), flatten(after)
    return sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def interaction_events(connection: Connection, records: Iterable[Record], *, now: datetime) -> Iterator[Event]:
    """Yield `interaction.recorded` for interactions that are seen for the first time."""
    new = [r for r in records if r.type == "interaction" and r.fresh and not r.deleted and r.canonical]
    parties = {_party(r) for r in new if r.party_key is not None}
    customers = _customers_of(connection, parties)
    for record in new:
        said = record.canonical
        customer = customers.get(_party(record)) if record.party_key is not None else None
        data: Json = {name: said[name] for name in ("channel", "direction", "kind", "time") if name in said}
        data |= {"record": _ref(record.ref), "customer": str(customer) if customer else None}
        yield event("interaction.recorded", record.ref, data, now=now)


def consent_events(
    connection: Connection, gate: Gate, *, added: Sequence[Act], gone: Sequence[Act], now: datetime
) -> Iterator[Event]:
    """Yield `consent.changed` for each act that was added or superseded, and what that did to suppressions.

    What is lifted comes before what is added. Where an act only takes the place of another one that prohibited the
    same, nothing was lifted and nothing added.

    Args:
        added: acts that were not there before; they are in the store already.
        gone: acts that do not count any more.
    """
    if not added and not gone:
        return
    for change, acts in (("added", added), ("superseded", gone)):
        for act in acts:
            yield event("consent.changed", act.id, {"change": change, **_act(act)}, now=now)
    both = [*added, *gone]
    after = acts_at(
        connection,
        {a.anchor_record for a in both if a.anchor_record is not None},
        {a.anchor_point for a in both if a.anchor_point is not None},
    )
    new = {a.id for a in added}
    before = [a for a in after if a.id not in new] + list(gone)
    live_before = {a.id: a for a in gate.live_prohibitions(before)}
    live_after = {a.id: a for a in gate.live_prohibitions(after)}
    lifted = [act for id_, act in live_before.items() if id_ not in live_after]
    fresh = [act for id_, act in live_after.items() if id_ not in live_before]
    replaced = {_prohibited(act) for act in lifted} & {_prohibited(act) for act in fresh}
    for kind, acts in (("lifted", lifted), ("added", fresh)):
        for act in acts:
            if _prohibited(act) not in replaced:
                yield event(f"suppression.{kind}", act.id, _suppression(act, gate), now=now)


def _prohibited(act: Act) -> Hashable:
    """What an act prohibits, whenever it was said."""
    anchor = (act.anchor_record, act.anchor_point, points_said_of(act))
    return anchor, act.channel, act.purpose, act.controller, act.reason, act.thread


def _act(act: Act) -> Json:
    return {
        "act": str(act.id),
        "kind": act.kind,
        "channel": act.channel,
        "purpose": act.purpose,
        "controller": act.controller,
        "time": act.time.isoformat(),
        "record": _ref(act.anchor_record) if act.anchor_record else None,
        "point": act.anchor_point,
    }


def _suppression(act: Act, gate: Gate) -> Json:
    return {
        **_act(act),
        "points": list(points_said_of(act)),
        "reason": act.reason,
        "reach": gate.rules.reason(act.reason).reach,
    }


def _records(records: Iterable[Record]) -> dict[str, Any]:
    return {
        "records": [
            {
                "record": _ref(r.ref),
                "before": str(r.stored_customer) if r.stored_customer else None,
                "after": str(r.customer_id),
            }
            for r in sorted(records, key=lambda r: r.ref)
        ]
    }


def _ref(ref: RecordRef) -> Json:
    return {"system": ref.system, "stream": ref.stream, "key": ref.key}


def _party(record: Record) -> RecordRef:
    return RecordRef(system=record.ref.system, stream=record.party_stream or "", key=record.party_key or "")


def _customers_of(connection: Connection, refs: Collection[RecordRef]) -> dict[RecordRef, UUID]:
    c = source_record.c
    keys = [(r.system, r.stream, r.key) for r in refs]
    rows = rows_by_keys(connection, source_record, [c.system, c.stream, c.key, c.customer_id], key=REF, keys=keys)
    return {
        RecordRef(system=row.system, stream=row.stream, key=row.key): row.customer_id for row in rows if row.customer_id
    }
