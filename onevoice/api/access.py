"""What is noted of each request: method, the route's template, status, time taken, who. Never a path, query or body.

Also the last resort: an error that nobody foresaw becomes an answer here, and the log gets its class and place alone,
since its text may hold values.
"""

import time
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from onevoice.api.problem import problem
from onevoice.workers.fault import place_of

UNMATCHED = "unmatched"
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

log = structlog.get_logger("onevoice")


class RequestMetrics:
    """How many requests there were and how long they took, by route."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.count = Counter(
            "onevoice_http_requests_total", "Requests.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "onevoice_http_request_seconds", "Time taken.", ["method", "route"], buckets=_SECONDS, registry=registry
        )


class AccessLog:
    """Outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # noqa: BLE001 - its text may hold values: nothing above may print it
            log.error("request_failed", error=type(error).__name__, at=place_of(error))
            if not status:
                await problem(500, "the hub failed; its log says where")(scope, receive, noted)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        method = scope["method"] if route != UNMATCHED else "any"
        self._metrics.count.labels(method, route, status).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        caller: Any = scope.get("state", {}).get("caller")
        log.info(
            "request", method=method, route=route, status=status, caller=caller, milliseconds=round(seconds * 1000, 1)
        )
