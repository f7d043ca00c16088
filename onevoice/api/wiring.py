"""What the operations of the API are given: the hub, its customers, the fuse of its doors.

What is given is asynchronous, though nothing in it waits: FastAPI would send each of a request's plain functions
through the pool of threads.
"""

import threading
import time
from typing import Annotated

from fastapi import Depends, Request

from onevoice.api.problem import ProblemError, overloaded
from onevoice.workers.acts import Acts
from onevoice.workers.customers import Customers
from onevoice.workers.decisions.desk import Desk
from onevoice.workers.door import records_waiting
from onevoice.workers.hub import Hub

_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 10.0


class Fuse:
    """Refuses pushes while too many messages wait; what must not be sent to whom is let through all the same."""

    def __init__(self, hub: Hub, most_waiting: int) -> None:
        self._hub = hub
        self._most = most_waiting
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._full = False

    def check(self) -> None:
        """Return while there is room.

        Raises:
            ProblemError: 503, too many messages wait.
            TransientError: the bus does not answer.
        """
        with self._lock:
            if time.monotonic() - self._looked_at > _LOOK_SECONDS:
                self._full = records_waiting(self._hub.bus) >= self._most
                self._looked_at = time.monotonic()
            if self._full:
                raise overloaded("too many records wait to be taken in; send again later", _RETRY_SECONDS)


async def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


async def _customers(request: Request) -> Customers:
    customers: Customers = request.app.state.customers
    return customers


async def _acts(request: Request) -> Acts:
    acts: Acts = request.app.state.acts
    return acts


async def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


async def _fuse(request: Request) -> Fuse:
    fuse: Fuse = request.app.state.fuse
    return fuse


def configured(hub: Hub, system: str) -> str:
    """Return the system's name.

    Raises:
        ProblemError: 404, it is not configured.
    """
    if system not in hub.config.systems:
        raise ProblemError(404, "no such system in onevoice.toml")
    return system


HubHere = Annotated[Hub, Depends(_hub)]
CustomersHere = Annotated[Customers, Depends(_customers)]
ActsHere = Annotated[Acts, Depends(_acts)]
DeskHere = Annotated[Desk, Depends(_desk)]
FuseHere = Annotated[Fuse, Depends(_fuse)]
