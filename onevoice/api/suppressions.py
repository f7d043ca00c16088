"""The suppression list as it should stand now, as JSON or CSV."""

import csv
import io
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from onevoice.api.caller import Operator
from onevoice.api.problem import ProblemError
from onevoice.api.wiring import HubHere
from onevoice.consent.lists import denied_entries
from onevoice.messages import Channel, ListEntry

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
    with hub.store.transaction() as connection:
        entries = denied_entries(connection, hub.gate, channels=[c.value for c in channel], purpose=purpose)
    if form == "csv":
        return Response(_csv(entries), media_type="text/csv; charset=utf-8")  # type: ignore[return-value]
    return entries


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
