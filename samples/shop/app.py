"""The shop's doors: the API for integrations, the storefront for the customer herself, controls for tests.

Rules: the API wants a bearer token, keeps to a rate and writes only over a matching entity tag; the storefront stands
for the customer's own browser and needs none of these; the admin paths exist only when an admin token is set.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi.responses import JSONResponse

from samples.serving.bucket import TokenBucket
from samples.serving.clock import stamp
from samples.serving.faults import Faults
from samples.serving.journal import Journal
from samples.serving.outbox import Relay
from samples.shop.customer import WRITABLE, problems
from samples.shop.store import ReusedError, ShopStore, StaleError, etag
from samples.shop.webhooks import LONGEST_PAUSE, MAX_ATTEMPTS, WebhookSender

KINDS = ("customers", "orders")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the doors of one shop work with."""

    store: ShopStore
    journal: Journal
    bucket: TokenBucket
    api_token: str
    webhook_secret: str
    admin_token: str | None


def build_app(shop: Shop) -> FastAPI:
    """The ASGI app of one shop; its webhooks leave while it runs."""
    faults = Faults()
    relay = Relay(shop.store.outbox, _sender(shop), max_attempts=MAX_ATTEMPTS, longest_pause=LONGEST_PAUSE)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        relay.start()
        yield
        relay.stop()

    app = FastAPI(title="Sample web shop", lifespan=lifespan)
    app.include_router(_api(shop), prefix="/api", dependencies=[Depends(_guard(shop, faults))])
    app.include_router(_storefront(shop), prefix="/storefront")
    if shop.admin_token:
        app.include_router(_admin(shop, faults), prefix="/admin", dependencies=[Depends(_bearer(shop.admin_token))])
    app.add_api_route("/healthz", lambda: {"status": "ok"})
    return app


def _sender(shop: Shop) -> Callable[[], WebhookSender | None]:
    """The way out to the URL that is subscribed at the moment."""
    current: list[WebhookSender] = []

    def connect() -> WebhookSender | None:
        url = shop.store.webhook_url()
        if url and (not current or current[0].url != url):
            for old in current:
                old.close()
            current[:] = [WebhookSender(url, shop.webhook_secret)]
        return current[0] if current else None

    return connect


def _bearer(token: str) -> Callable[..., None]:
    def check(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "a valid bearer token is required", {"WWW-Authenticate": "Bearer"})

    return check


def _guard(shop: Shop, faults: Faults) -> Callable[..., None]:
    """Token, forced faults, rate; in this order."""
    authenticate = _bearer(shop.api_token)

    def check(authorization: Annotated[str, Header()] = "") -> None:
        authenticate(authorization)
        if fault := faults.take():
            time.sleep(fault.seconds)
            if fault.status:
                shop.journal.note("refused", None, {"status": fault.status})
                raise HTTPException(fault.status, "forced", {"Retry-After": str(fault.retry_after)})
        if wait := shop.bucket.take():
            shop.journal.note("refused", None, {"status": 429})
            raise HTTPException(429, "too many calls", {"Retry-After": str(math.ceil(wait))})

    return check


def _api(shop: Shop) -> APIRouter:
    router = APIRouter()
    for kind in KINDS:
        router.add_api_route(f"/{kind}", _lister(shop, kind), methods=["GET"])
        router.add_api_route(f"/{kind}/{{number}}", _reader(shop, kind), methods=["GET"])

    @router.post("/customers", status_code=201)
    def make(fields: dict[str, Any], idempotency_key: Annotated[str | None, Header()] = None) -> Response:
        shop.journal.note("create", idempotency_key, {"fields": fields})
        if not idempotency_key:
            raise HTTPException(400, "Idempotency-Key is required")
        if found := _lacks(fields):
            return JSONResponse({"errors": found}, 422)
        try:
            return JSONResponse(shop.store.add("customers", _blank() | fields, "created_at", once=idempotency_key), 201)
        except ReusedError:
            raise HTTPException(422, "the Idempotency-Key was used for something else") from None

    @router.patch("/customers/{number}")
    def patch(number: int, fields: dict[str, Any], if_match: Annotated[str | None, Header()] = None) -> Response:
        shop.journal.note("patch", str(number), {"fields": fields, "if_match": if_match})
        if if_match is None:
            raise HTTPException(428, "If-Match with the entity tag you read is required")
        if found := problems(fields):
            return JSONResponse({"errors": found}, 422)
        try:
            changed = shop.store.change(number, fields, if_match)
        except StaleError:
            raise HTTPException(412, "the account has changed since you read it") from None
        return _found(changed)

    return router


def _lister(shop: Shop, kind: str) -> Callable[..., dict[str, Any]]:
    def list_records(
        updated_since: datetime | None = None,
        limit: Annotated[int, Query(ge=1, le=250)] = 50,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        shop.journal.note("list", None, {"kind": kind, "updated_since": updated_since, "cursor": cursor})
        if updated_since is not None and updated_since.tzinfo is None:
            raise HTTPException(422, "updated_since needs a time zone")
        since = _read_cursor(cursor, kind) if cursor else (stamp(updated_since) if updated_since else "", 0)
        records, more = shop.store.page(kind, since=since, limit=limit)
        last = (records[-1]["updated_at"], records[-1]["id"] + 1) if more else None
        return {kind: records, "next_cursor": _write_cursor(kind, last) if last else None}

    return list_records


def _reader(shop: Shop, kind: str) -> Callable[..., Response]:
    def read(number: int, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        shop.journal.note("read", str(number), {"kind": kind})
        record = shop.store.get(kind, number)
        if record is not None and if_none_match == etag(record):
            return Response(status_code=304, headers={"ETag": etag(record)})
        return _found(record)

    return read


def _storefront(shop: Shop) -> APIRouter:
    router = APIRouter()

    @router.post("/customers", status_code=201)
    def sign_up(fields: dict[str, Any]) -> Response:
        shop.journal.note("storefront sign-up", None, fields)
        if found := _lacks(fields):
            return JSONResponse({"errors": found}, 422)
        return JSONResponse(shop.store.add("customers", _blank() | fields, "created_at"), 201)

    @router.post("/customers/{number}")
    def edit(number: int, fields: dict[str, Any]) -> Response:
        shop.journal.note("storefront edit", str(number), fields)
        if found := problems(fields):
            return JSONResponse({"errors": found}, 422)
        return _found(shop.store.change(number, fields))

    @router.post("/customers/{number}/orders", status_code=201)
    def order(number: int, total: Annotated[str, Query(pattern=r"^\d{1,8}\.\d\d$")] = "25.00") -> Response:
        shop.journal.note("storefront order", str(number), {"total": total})
        if shop.store.get("customers", number) is None:
            raise HTTPException(404, "no such account")
        fields = {"customer_id": number, "total": total, "currency": "GBP", "status": "paid"}
        return JSONResponse(shop.store.add("orders", fields, "placed_at"), 201)

    return router


def _admin(shop: Shop, faults: Faults) -> APIRouter:
    router = APIRouter()

    @router.post("/faults", status_code=204)
    def force(wish: dict[str, Any]) -> None:
        faults.force(wish)

    @router.put("/webhook", status_code=204)
    def subscribe(request: dict[str, str]) -> None:
        shop.store.subscribe(request["url"])

    router.add_api_route("/outbox", shop.store.outbox.counts, methods=["GET"])
    return router


def _blank() -> dict[str, Any]:
    return dict.fromkeys(WRITABLE)


def _lacks(fields: dict[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the fields of a new account."""
    required = {name: ["is required"] for name in ("first_name", "last_name", "email") if name not in fields}
    return problems(fields) | required


def _found(record: dict[str, Any] | None) -> Response:
    if record is None:
        raise HTTPException(404, "no such record")
    return JSONResponse(record, headers={"ETag": etag(record)})


def _write_cursor(kind: str, position: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, *position]).encode()).decode()


def _read_cursor(cursor: str, kind: str) -> tuple[str, int]:
    try:
        name, updated_at, number = json.loads(base64.urlsafe_b64decode(cursor))
        position = (str(updated_at), int(number))
    except (binascii.Error, ValueError, TypeError):
        name, position = None, ("", 0)
    if name != kind:
        raise HTTPException(422, "the cursor is not one of this list: start it again")
    return position
