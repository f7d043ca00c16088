"""The agents' desktop: a call comes in, somebody does not want to be called.

POST /desktop/calls asks the hub who is calling, keeps and returns the screen pop, and publishes the call; POST
/desktop/do-not-call publishes the wish. One rule: both work also while the hub is away; events then wait.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import phonenumbers
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

from samples.callcentre.amqp import AmqpSender, user_in
from samples.callcentre.hub import HttpSender, new_session, screen_pop
from samples.callcentre.shape import COST_PER_SECOND
from samples.callcentre.store import CallCentreStore
from samples.callcentre.suppression import SuppressionFolder
from samples.serving.clock import stamp
from samples.serving.journal import Journal
from samples.serving.outbox import Relay

LONGEST_PAUSE = 5.0
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCentre:
    """What one call centre works with. The secrets are asked for when they are needed: a file may come later."""

    store: CallCentreStore
    journal: Journal
    folder: SuppressionFolder
    system: str
    api_key: Callable[[], str | None]
    amqp_password: Callable[[], str | None]
    admin_token: str | None


class NewCall(BaseModel):
    """A call that an agent just had. An empty number is a withheld one.

    `dialled` is which of the company's numbers was called, `campaign` what the agent noted that it was about, `insight`
    what the agent found that the customer may want next.
    """

    number: str = Field(max_length=40)
    kind: str = Field("service", pattern=r"^[a-z_]{1,30}$")
    agent: str = Field("agent-01", max_length=40)
    talk_seconds: int = Field(60, ge=0, le=36_000)
    subject: str | None = Field(None, max_length=200)
    dialled: str | None = Field(None, max_length=40)
    campaign: str | None = Field(None, max_length=100)
    insight: str | None = Field(None, pattern=r"^[a-z][a-z0-9_.-]{0,59}$")


class Confirmed(BaseModel):
    """Who the caller turned out to be: the id that the hub's answer named."""

    customer: UUID


class NewDoNotCall(BaseModel):
    """A wish not to be contacted: at `point`, or at `number` when no other point is named."""

    number: str = Field("", max_length=40)
    channel: Literal["phone", "email"] = "phone"
    point: str | None = Field(None, max_length=200)
    note: str | None = Field(None, max_length=200)


def build_app(centre: CallCentre) -> FastAPI:
    """The ASGI app of one call centre; events leave and lists are taken while it runs."""
    relay = Relay(centre.store.outbox, _sender(centre), max_attempts=None, longest_pause=LONGEST_PAUSE)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        relay.start()
        centre.folder.start()
        yield
        centre.folder.stop()
        relay.stop()

    app = FastAPI(title="Sample call centre", lifespan=lifespan)
    app.include_router(_desktop(centre), prefix="/desktop")
    if centre.admin_token:
        app.include_router(_admin(centre, centre.admin_token), prefix="/admin")
    app.add_api_route("/healthz", lambda: {"status": "ok"})
    return app


def _sender(centre: CallCentre) -> Callable[[], AmqpSender | HttpSender | None]:
    """The way out as configured now: the broker when there is one, else the hub's HTTP door."""
    current: list[AmqpSender | HttpSender] = []

    def connect() -> AmqpSender | HttpSender | None:
        broker, hub_url = centre.store.setting("amqp"), centre.store.setting("hub_url")
        target = broker or hub_url
        if target and (not current or current[0].target != target):
            for old in current:
                old.close()
            fresh = AmqpSender(broker, centre.amqp_password, centre.system) if broker else None
            current[:] = [fresh or HttpSender(target, centre.api_key)]
        return current[0] if current else None

    return connect


def _desktop(centre: CallCentre) -> APIRouter:
    router = APIRouter()
    session = new_session()

    @router.post("/calls", status_code=201)
    def take_call(new: NewCall) -> dict[str, Any]:
        number = _e164(new.number) if new.number else ""
        hub_url = centre.store.setting("hub_url")
        asked = time.perf_counter()
        pop = screen_pop(session, hub_url, centre.api_key, f"phone:{number}", new.kind) if hub_url and number else None
        waited = (time.perf_counter() - asked) * 1000
        record = centre.store.add("call", "C", _call(new, number, centre.store.clock.tick()), pop)
        centre.journal.note("call", record["call_id"], {"number": number, "kind": new.kind, "popped": pop is not None})
        return {"call": record, "context": pop, "context_ms": round(waited, 1)}

    @router.get("/calls/{call_id}")
    def show_call(call_id: str) -> dict[str, Any]:
        found = centre.store.call(call_id)
        if found is None:
            raise HTTPException(404, "no such call")
        return {"call": found[0], "context": found[1]}

    @router.post("/calls/{call_id}/confirm")
    def confirm(call_id: str, who: Confirmed) -> dict[str, Any]:
        hub_url = centre.store.setting("hub_url")
        found = centre.store.call(call_id)
        if found is None:
            raise HTTPException(404, "no such call")
        queue = str(found[0]["queue"] or "service")
        pop = screen_pop(session, hub_url, centre.api_key, str(who.customer), queue) if hub_url else None
        record = found[0] | {"confirmed": str(who.customer), "updated_at": centre.store.clock.tick()}
        centre.store.change("call", record, pop)
        return {"call": record, "context": pop}

    @router.post("/do-not-call", status_code=201)
    def do_not_call(new: NewDoNotCall) -> dict[str, Any]:
        point = (new.point or new.number).strip()
        if new.channel == "phone":
            point = _e164(point)
        elif not EMAIL.fullmatch(point):
            raise HTTPException(422, "point is not an e-mail address")
        fields = {
            "channel": new.channel,
            "point": point,
            "requested_at": centre.store.clock.tick(),
            "source": "caller",
            "note": new.note,
        }
        record = centre.store.add("do_not_call", "D", fields)
        centre.journal.note("do-not-call", record["entry_id"], record)
        return record

    return router


def _admin(centre: CallCentre, token: str) -> APIRouter:
    def check(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "a valid bearer token is required", {"WWW-Authenticate": "Bearer"})

    router = APIRouter(dependencies=[Depends(check)])

    @router.put("/hub", status_code=204)
    def set_hub(request: dict[Literal["hub_url", "amqp"], str]) -> None:
        if "amqp" in request:
            try:
                user_in(request["amqp"])
            except ValueError as error:
                raise HTTPException(422, str(error)) from None
        for name, value in request.items():
            centre.store.set(name, value)

    router.add_api_route("/outbox", centre.store.outbox.counts, methods=["GET"])
    return router


def _call(new: NewCall, number: str, now: str) -> dict[str, Any]:
    ended = datetime.fromisoformat(now).astimezone(UTC).replace(microsecond=0)
    return {
        "number": number,
        "direction": "inbound",
        "started_at": stamp(ended - timedelta(seconds=new.talk_seconds)),
        "ended_at": stamp(ended),
        "queue": new.kind,
        "agent": new.agent,
        "outcome": "answered",
        "talk_seconds": new.talk_seconds,
        "cost": str((COST_PER_SECOND * new.talk_seconds).quantize(Decimal("0.01"))),
        "currency": "GBP",
        "confirmed": None,
        "dialled": _e164(new.dialled) if new.dialled else None,
        "campaign": new.campaign,
        "subject": new.subject,
        "insight": new.insight,
        "updated_at": now,
    }


def _e164(text: str) -> str:
    try:
        number = phonenumbers.parse(text, "GB")
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise HTTPException(422, "number is not a telephone number")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
