"""The suppression list as it should stand now, as JSON or CSV."""

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from onevoice.api.caller import Operator
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import HubHere
from onevoice.consent.lists import MARKETING, EntryChange, changes_since, denied_entries, suppression_list
from onevoice.messages import Channel, ListEntry
from onevoice.workers.clock import ensure_list

router = APIRouter(tags=["suppressions"])

_COLUMNS = ("channel", "point", "purpose", "reason", "since")


@router.get("/suppressions", responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}})
def list_suppressions(
    _operator: Operator,
    hub: HubHere,
    channel: Annotated[list[Channel], Query(min_length=1, max_length=10)],
    purpose: str = "marketing",
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> list[ListEntry]:
    """Return every contact point that must not be used on the channels for the purpose, with reason and time."""
    if purpose not in hub.gate.rules.purposes:
        raise ProblemError(404, "no such purpose in rules/purposes.yaml")
    channels = [c.value for c in channel]
    if purpose == MARKETING:
        ensure_list(hub.store, hub.gate)
    with hub.store.transaction() as connection:
        if purpose == MARKETING:
            entries = suppression_list(connection, channels=channels)
        else:
            entries = denied_entries(connection, hub.gate, channels=channels, purpose=purpose)
    if form == "csv":
        return Response(_csv(entries), media_type="text/csv; charset=utf-8")  # type: ignore[return-value]
    return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Changes in the order of their numbers; ask again with `after` for what comes next."""

    changes: list[EntryChange]
    after: int


@router.get("/suppressions/changes")
def list_suppression_changes(
    _operator: Operator,
    hub: HubHere,
    channel: Annotated[list[Channel], Query(min_length=1, max_length=10)],
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Changes:
    """Return what came onto the list for marketing, or left it (`listed` is false), after a number seen before.

    Of an entry that changed several times the last change is told.
    """
    ensure_list(hub.store, hub.gate)
    with hub.store.transaction() as connection:
        changes = changes_since(connection, after, channels=[c.value for c in channel], limit=limit)
    return Changes(changes=changes, after=changes[-1].number if changes else after)


def _csv(entries: list[ListEntry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for entry in entries:
        since = entry.since.astimezone(UTC)
        writer.writerow([entry.channel, entry.point, entry.purpose, entry.reason, _stamp(since)])
    return text.getvalue()


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
