"""`onevoice run`: the hub itself."""

import threading
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.setting import ConfigPath, loaded

if TYPE_CHECKING:
    from onevoice.config import Config
    from onevoice.workers.hub import Hub


class Role(StrEnum):
    """The parts of a hub that may run in processes of their own; `worker` is all of them but the HTTP interface."""

    INGEST = "ingest"
    RELAY = "relay"
    DELIVERY = "delivery"
    SCHEDULE = "schedule"
    API = "api"
    WORKER = "worker"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    role: Annotated[
        list[Role] | None,
        typer.Option("--role", help="Run this part alone; repeatable. worker is all but api. [default: all]"),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Run the hub until Ctrl-C or SIGTERM: take records in, group and merge them, deliver what systems are owed.

    The first signal ends it in good order within 30 seconds, a second one at once; either way nothing is lost.

    Example: onevoice run
    """
    from onevoice.workers.log import configure_logging
    from onevoice.workers.run import ROLES, WORKER_ROLES

    configure_logging()
    wanted = {str(one) for one in role or ROLES}
    if Role.WORKER in wanted:
        wanted = (wanted - {Role.WORKER}) | set(WORKER_ROLES)
    run_hub(loaded(config), wanted)


def run_hub(
    config: "Config",
    roles: Collection[str],
    stop_event: threading.Event | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Run the hub, the HTTP interface included where `api` is among the roles; see `onevoice.workers.run.run`."""
    from onevoice.workers.run import run as run_workers

    run_workers(config, roles, stop_event, ready, serve=_serve if "api" in roles else None)


def _serve(hub: "Hub", alive: Callable[[], bool], stop: threading.Event) -> None:
    from onevoice.api import create_app
    from onevoice.api.server import serve

    config = hub.config
    app = create_app(hub, loops_alive=alive)
    serve(app, config.api_host, config.api_port, stop, share_port=config.api_share_port)
