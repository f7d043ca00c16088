"""The HTTP application of one hub, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from onevoice.api import (
    contacts,
    customers,
    decisions,
    health,
    judgements,
    operation,
    own_page,
    push,
    reviews,
    suppressions,
)
from onevoice.api.access import AccessLog, RequestMetrics
from onevoice.api.caller import Keys
from onevoice.api.problem import RESPONSES, install
from onevoice.api.wiring import Fuse
from onevoice.store.engine import POOL_SIZE
from onevoice.workers.acts import open_acts
from onevoice.workers.contacts import Contacts
from onevoice.workers.customers import open_customers
from onevoice.workers.decisions.desk import Desk
from onevoice.workers.door import MOST_WAITING
from onevoice.workers.hub import Hub

_DESCRIPTION = """\
Push what your system knows, ask what the others know. Errors are RFC 9457 problem documents. A customer reference is an
id, `rec:<system>:<stream>:<key>`, `phone:+…` or `email:…`."""


def create_app(hub: Hub, *, loops_alive: Callable[[], bool], most_waiting: int = MOST_WAITING) -> FastAPI:
    """Return the application.

    Args:
        loops_alive: whether everything that this process should run still runs.
        most_waiting: messages waiting to be taken in from which pushes are refused with 503.

    Raises:
        ConfigurationError: a key or a rule is missing or wrong.
    """
    app = FastAPI(
        title="Onevoice",
        version=version("onevoice"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_as_many_threads_as_connections,
    )
    registry = CollectorRegistry()
    app.state.hub = hub
    app.state.customers = open_customers(hub)
    app.state.contacts = Contacts(store=hub.store, gate=hub.gate, signing=hub.signing)
    app.state.acts = open_acts(hub)
    app.state.own_pages = own_page.open_doors(hub)
    failures = Counter(
        "onevoice_rule_failures_total", "Rules that raised, and so were out of a decision.", ["rule"], registry=registry
    )
    app.state.desk = Desk(hub.store, app.state.customers, failed=lambda rule: failures.labels(rule).inc())
    app.state.keys = Keys.load(hub.config)
    app.state.fuse = Fuse(hub, most_waiting)
    app.state.registry = registry
    app.state.loops_alive = loops_alive
    health.watch_hub(registry, hub)
    install(app)
    app.add_middleware(AccessLog, metrics=RequestMetrics(registry))
    for part in (push, customers, decisions, judgements, reviews, suppressions, operation, contacts, own_page):
        app.include_router(part.router, prefix="/v1", responses=RESPONSES)
    app.include_router(own_page.public, prefix="/v1", responses=RESPONSES)
    app.include_router(health.router, responses=RESPONSES)
    return app


@asynccontextmanager
async def _as_many_threads_as_connections(_app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = POOL_SIZE
    yield
