"""Is the process alive, is it ready, and its metrics."""

from collections.abc import Callable, Iterable

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from onevoice.api.caller import Operator
from onevoice.api.wiring import HubHere
from onevoice.errors import OnevoiceError
from onevoice.workers.hub import Hub
from onevoice.workers.status import status_of

router = APIRouter(tags=["health"])


@router.get("/health")
def health(request: Request) -> Response:
    """Return 200 while the process and all its loops run, 503 when it should be started anew."""
    alive = request.app.state.loops_alive()
    return JSONResponse({"alive": alive}, status_code=200 if alive else 503)


@router.get("/ready")
def ready(request: Request, hub: HubHere) -> Response:
    """Return 200 when store and bus answer, so that requests can be served; 503 when one does not."""
    loops = request.app.state.loops_alive()
    answers = {"store": _answers(hub.store.ping), "bus": _answers(hub.bus.ping), "loops": loops}
    return JSONResponse(answers, status_code=200 if all(answers.values()) else 503)


@router.get("/metrics")
def metrics(_operator: Operator, request: Request) -> Response:
    """Return the metrics in Prometheus' text form."""
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


def watch_hub(registry: CollectorRegistry, hub: Hub) -> None:
    """Let the registry ask the hub for its state whenever it is read."""
    registry.register(_HubState(hub))


class _HubState:
    """Queues, obligations, quarantine and systems as gauges; names and counts only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def describe(self) -> Iterable[Metric]:
        """Say nothing beforehand, so that registering asks neither store nor bus."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges as they stand."""
        up = GaugeMetricFamily("onevoice_store_up", "Whether the store answers.")
        try:
            status = status_of(self._hub.config, self._hub.catalog, self._hub.store, self._hub.bus)
        except OnevoiceError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        queues = GaugeMetricFamily("onevoice_queue_messages", "Messages that wait.", labels=["queue"])
        for queue, count in status.queues.items():
            queues.add_metric([queue], count)
        yield queues
        kinds = ["system", "lane", "state"]
        owed = GaugeMetricFamily("onevoice_obligations", "Obligations not proven.", labels=kinds)
        age = GaugeMetricFamily("onevoice_obligation_age_seconds", "Age of the oldest one.", labels=kinds)
        waiting = GaugeMetricFamily("onevoice_quarantined", "Messages in quarantine.", labels=["system"])
        drift = GaugeMetricFamily("onevoice_drift", "Differences between records and schemas.", labels=["system"])
        reachable = GaugeMetricFamily("onevoice_system_reachable", "Whether it answered last.", labels=["system"])
        for system in status.systems:
            for one in system.owed:
                labels = [system.name, one.lane, one.state]
                owed.add_metric(labels, one.count)
                age.add_metric(labels, (status.at - one.oldest).total_seconds())
            waiting.add_metric([system.name], system.quarantined)
            drift.add_metric([system.name], system.drift)
            reachable.add_metric([system.name], system.state == "reachable")
        yield from (owed, age, waiting, drift, reachable)
        for name, number in (("records", status.records), ("customers", status.customers)):
            gauge = GaugeMetricFamily(f"onevoice_{name}", f"How many {name} there are.")
            gauge.add_metric([], number)
            yield gauge


def _answers(ping: Callable[[], None]) -> bool:
    try:
        ping()
    except OnevoiceError:
        return False
    return True
