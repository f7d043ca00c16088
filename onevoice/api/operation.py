"""What operators need: quarantine, obligations, the state of the hub and of one system."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import select

from onevoice.api.caller import Operator
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import HubHere, configured
from onevoice.errors import RefusedError
from onevoice.obligations.ledger import resend
from onevoice.store.tables import obligation
from onevoice.workers.drift import DriftReport, drift_reports
from onevoice.workers.quarantine import Failure, Reprocessed, failures, preview, reprocess
from onevoice.workers.replay import Preview
from onevoice.workers.status import HubStatus, status_of
from onevoice.workers.watch import Watch, watch

router = APIRouter(tags=["operation"])

State = Literal["due", "sent", "in_doubt", "refused", "verified"]


class Waiting(BaseModel):
    """Messages in quarantine: one, or all that failed alike."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str | None = Field(default=None, max_length=64)
    id: UUID | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "Waiting":
        if (self.fingerprint is None) == (self.id is None):
            raise ValueError("name a fingerprint or an id")
        return self


class Reprocess(Waiting):
    """What to send through the walk again, why, and how fast."""

    reason: str | None = Field(default=None, max_length=500, description="Why, for the record; no personal data.")
    per_second: float | None = Field(default=None, gt=0, le=10_000)


class Resend(BaseModel):
    """Which obligations to make due again."""

    model_config = ConfigDict(extra="forbid")

    system: str = Field(max_length=64)
    state: Literal["refused", "in_doubt", "due"] = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """What one system is owed about one of its records or lists."""

    system: str
    lane: str
    stream: str
    target: str
    state: str
    requested_at: datetime
    next_attempt_at: datetime | None
    attempts: int
    verified_at: datetime | None
    last_error: str | None


@router.get("/quarantine")
def list_quarantine(_operator: Operator, hub: HubHere) -> list[Failure]:
    """Return what waits in quarantine, equal failures as one line, the most frequent first."""
    with hub.store.transaction() as connection:
        return failures(connection)


@router.post("/quarantine/preview")
def preview_quarantine(asked: Waiting, _operator: Operator, hub: HubHere) -> list[Preview]:
    """Return what would become of each message if it were sent again now, the oldest first; sends nothing."""
    return preview(hub, fingerprint=asked.fingerprint, one=asked.id)


@router.post("/quarantine/reprocess")
def reprocess_quarantine(asked: Reprocess, operator: Operator, hub: HubHere) -> Reprocessed:
    """Send messages through the walk again, as after a fix; what fails again comes back."""
    return reprocess(
        hub,
        fingerprint=asked.fingerprint,
        one=asked.id,
        actor=operator,
        reason=asked.reason,
        per_second=asked.per_second,
    )


@router.get("/drift")
def list_drift(_operator: Operator, hub: HubHere) -> list[DriftReport]:
    """Return where records are no longer what their schemas say: fields and types, no values."""
    with hub.store.transaction() as connection:
        return drift_reports(connection, hub.catalog)


@router.get("/obligations")
def list_obligations(
    _operator: Operator,
    hub: HubHere,
    system: Annotated[str | None, Query(max_length=64)] = None,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Obligation]:
    """Return what systems are owed, the oldest request first; without `state`, what is not proven yet."""
    columns = [obligation.c[name] for name in Obligation.__dataclass_fields__]
    statement = select(*columns).order_by(obligation.c.requested_at).limit(limit)
    statement = statement.where(obligation.c.state == state if state else obligation.c.state != "verified")
    if system is not None:
        statement = statement.where(obligation.c.system == configured(hub, system))
    with hub.store.transaction() as connection:
        return [Obligation(**row._mapping) for row in connection.execute(statement)]


@router.post("/obligations/resend")
def resend_obligations(asked: Resend, _operator: Operator, hub: HubHere) -> Count:
    """Make a system's obligations due again at once, as after a correction over there."""
    configured(hub, asked.system)
    with hub.store.transaction() as connection:
        return Count(count=resend(connection, asked.system, state=asked.state, now=datetime.now(UTC)))


@router.get("/status")
def get_status(_operator: Operator, hub: HubHere) -> HubStatus:
    """Return how systems, queues, obligations and workers are."""
    return status_of(hub.config, hub.catalog, hub.store, hub.bus)


@router.get("/watch/{system}")
def watch_system(system: str, _operator: Operator, hub: HubHere) -> Watch:
    """Return each measure of one system with its limit; `ok` when all are within theirs."""
    try:
        return watch(hub, system)
    except RefusedError:
        raise ProblemError(404, "no such system in onevoice.toml") from None
