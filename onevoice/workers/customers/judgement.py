"""Judgements as rows: what people said about pairs of records, and what stands of it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, update

from onevoice.errors import RefusedError
from onevoice.identity import JudgedPair
from onevoice.messages import RecordRef
from onevoice.store import upsert
from onevoice.store.tables import judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a person said about two records: "same" or "different"."""

    id: UUID
    verdict: str
    a: RecordRef
    b: RecordRef
    actor: str
    reason: str
    made_at: datetime

    @property
    def pair(self) -> JudgedPair[RecordRef]:
        """The words alone, without who said them."""
        return JudgedPair(verdict=self.verdict, a=self.a, b=self.b)


def standing(connection: Connection) -> list[Judgement]:
    """Return every judgement that is not retracted, oldest first. People make them, so there are not many."""
    statement = select(judgement).where(judgement.c.retracted_at.is_(None))
    return [_judgement(row) for row in connection.execute(statement.order_by(judgement.c.made_at, judgement.c.id))]


def standing_at(connection: Connection, records: Collection[RecordRef]) -> list[Judgement]:
    """Return the judgements that bear on any of the records, oldest first."""
    return [judged for judged in standing(connection) if judged.a in records or judged.b in records]


def record(connection: Connection, judgements: Iterable[Judgement], *, replaced: Iterable[Judgement]) -> None:
    """Store judgements and retract those that they replace."""
    rows = []
    for judged in judgements:
        rows.append(
            {
                "id": judged.id,
                "verdict": judged.verdict,
                "a_system": judged.a.system,
                "a_stream": judged.a.stream,
                "a_key": judged.a.key,
                "b_system": judged.b.system,
                "b_stream": judged.b.stream,
                "b_key": judged.b.key,
                "actor": judged.actor,
                "reason": judged.reason,
                "made_at": judged.made_at,
            }
        )
        _withdraw(connection, [r.id for r in replaced if {r.a, r.b} == {judged.a, judged.b}], judged)
    upsert(connection, judgement, rows, key=["id"])


def withdraw(connection: Connection, judgement_id: UUID, *, actor: str, now: datetime) -> Judgement:
    """Retract one judgement and return it as it was.

    Raises:
        RefusedError: there is none under this id, or it was retracted before.
    """
    row = connection.execute(select(judgement).where(judgement.c.id == judgement_id)).one_or_none()
    if row is None:
        raise RefusedError("judgement: there is none under this id; 'onevoice customer explain' shows those that stand")
    if row.retracted_at is not None:
        raise RefusedError(f"judgement {judgement_id}: it was retracted before")
    connection.execute(
        update(judgement).where(judgement.c.id == judgement_id).values(retracted_at=now, retracted_by=actor)
    )
    return _judgement(row)


def _withdraw(connection: Connection, ids: list[UUID], by: Judgement) -> None:
    if ids:
        connection.execute(
            update(judgement).where(judgement.c.id.in_(ids)).values(retracted_at=by.made_at, retracted_by=by.actor)
        )


def _judgement(row: Row[Any]) -> Judgement:
    return Judgement(
        id=row.id,
        verdict=row.verdict,
        a=RecordRef(system=row.a_system, stream=row.a_stream, key=row.a_key),
        b=RecordRef(system=row.b_system, stream=row.b_stream, key=row.b_key),
        actor=row.actor,
        reason=row.reason,
        made_at=row.made_at,
    )
