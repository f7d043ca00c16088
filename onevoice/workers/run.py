"""Runs the hub: opens it, starts what the roles ask for, and ends it in good order when told to.

Takes a configuration and roles. The one rule: nothing that was acknowledged depends on a good end; a signal only makes
the end quick and clean, a second one makes it immediate.
"""

import fcntl
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import structlog
from sqlalchemy import delete, make_url, update

from onevoice.config import Config, reveal
from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError, TransientError
from onevoice.obligations import release_all
from onevoice.store import INGEST
from onevoice.store.migrate import pending
from onevoice.store.tables import lease as lease_table
from onevoice.store.tables import worker as worker_table
from onevoice.workers.hub import Hub, open_hub
from onevoice.workers.loops import Loops
from onevoice.workers.systems import check_all_settings

WORKER_ROLES = ("ingest", "relay", "delivery", "schedule")
ROLES = (*WORKER_ROLES, "api")
CONNECTING_ROLES = frozenset({"delivery", "schedule"})
"""Those that speak to the connected systems; the others need none of their secrets."""
DRAIN_SECONDS = 25.0
WATCH_SECONDS = 0.5
FIRST_WAIT_SECONDS = 1.0
MOST_WAIT_SECONDS = 15.0
LOOK_SECONDS = 0.05
FORGOTTEN_AFTER = timedelta(days=1)

Serve = Callable[[Hub, Callable[[], bool], threading.Event], None]
"""Runs the HTTP server: hub, whether all loops are alive, when to stop."""

log = structlog.get_logger("onevoice")


def run(
    config: Config,
    roles: Collection[str],
    stop_event: threading.Event | None = None,
    ready: Callable[[], None] | None = None,
    *,
    serve: Serve | None = None,
) -> None:
    """Run until `stop_event` is set or SIGTERM or SIGINT comes; then drain and return.

    Where the store or the broker is away at start, it waits for them.

    Args:
        roles: any of `ROLES`.
        ready: called once, when everything has started.
        serve: runs the HTTP server until the event is set; needed for role `api` alone, since the doors stand above
            the workers (`onevoice.cli.run.run_hub` passes it).

    Raises:
        ConfigurationError: a role or setting is wrong, a connected system lacks a setting or secret, or the store's
            schema is behind.
        OperatorError: another process runs the embedded hub, the broker does not let the user in, or the HTTP port is
            taken.
    """
    wanted = _checked(roles)
    if ("api" in wanted) != (serve is not None):
        raise ConfigurationError("role api and the HTTP server go together: start both or neither")
    stop = stop_event or threading.Event()
    with _signals(stop), _alone(config), _opened(config, stop) as hub:
        if hub is None:
            return
        if wanted & CONNECTING_ROLES:
            check_all_settings(config, hub.catalog)
        if config.embedded:
            _inherit(hub)
        loops = Loops(hub, stop=stop)
        loops.start(wanted - {"api"})
        http = _Http(hub, loops, serve) if serve is not None else None
        try:
            if http is not None:
                http.wait_until_listening()
            log.info("started", worker=hub.worker, roles=sorted(wanted))
            if ready is not None:
                ready()
            while not stop.wait(WATCH_SECONDS):
                if http is not None:
                    http.check()
        finally:
            _drain(hub, loops, http)


@contextmanager
def _opened(config: Config, stop: threading.Event) -> Iterator[Hub | None]:
    """Open the hub as soon as store and broker answer; None where it is told to stop before."""
    wait = FIRST_WAIT_SECONDS
    while not stop.is_set():
        try:
            require_current_schema(config)
            hub = open_hub(config)
        except TransientError as error:
            log.warning("start_waits", reason=str(error), seconds=wait)
            stop.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            wait = min(2 * wait, MOST_WAIT_SECONDS)
            continue
        try:
            yield hub
        finally:
            hub.close()
        return
    yield None


def require_current_schema(config: Config) -> None:
    """Return when the store's schema is the one that this version needs.

    Raises:
        ConfigurationError: steps are missing.
        TransientError: the database is away.
    """
    url = reveal(config.store_url)
    if not url.startswith("sqlite"):
        missing = pending(url)
        if missing:
            raise ConfigurationError(
                f"store: its schema lacks {len(missing)} step(s), from {missing[0]} on; run 'onevoice db upgrade'"
            )


class _Http:
    """The HTTP server in a thread of its own; what ended it early is raised where the hub is watched."""

    def __init__(self, hub: Hub, loops: Loops, serve: Serve) -> None:
        self._error: BaseException | None = None
        self._address = (hub.config.api_host, hub.config.api_port)
        self._stop = loops.stop

        def supervised() -> None:
            try:
                serve(hub, loops.alive, loops.stop)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - handed on to whoever watches
                self._error = error

        self._thread = threading.Thread(target=supervised, name="api", daemon=True)
        self._thread.start()

    def wait_until_listening(self) -> None:
        """Return when the port answers, or when the hub is to stop."""
        while not self._stop.is_set():
            self.check()
            try:
                socket.create_connection(self._address, timeout=1.0).close()
            except OSError:
                self._stop.wait(LOOK_SECONDS)
            else:
                return

    def check(self) -> None:
        """Raise what ended the server; it never ends by itself."""
        if self._thread.is_alive() or self._stop.is_set():
            return
        if isinstance(self._error, OnevoiceError):
            raise self._error
        host, port = self._address
        raise OperatorError(f"api: the HTTP server on {host}:{port} ended; is the port free? see api.host and api.port")

    def join(self, seconds: float) -> bool:
        """Wait for the end; returns whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()


def _checked(roles: Collection[str]) -> frozenset[str]:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise ConfigurationError(f"role {', '.join(unknown) or 'missing'}: write any of {', '.join(ROLES)}")
    return frozenset(roles)


def _inherit(hub: Hub) -> None:
    """End what the process before had taken on: we hold its file lock, so it is dead, and nobody need wait for it."""
    with hub.store.transaction() as connection:
        connection.execute(update(lease_table).where(lease_table.c.name == INGEST).values(expires_at=datetime.now(UTC)))
        release_all(connection, now=datetime.now(UTC))


def _drain(hub: Hub, loops: Loops, http: _Http | None) -> None:
    began = time.monotonic()
    ended = loops.join(DRAIN_SECONDS)
    if http is not None:
        ended = http.join(max(0.0, DRAIN_SECONDS - (time.monotonic() - began))) and ended
    try:
        with hub.store.transaction() as connection:
            silent = worker_table.c.heartbeat_at < datetime.now(UTC) - FORGOTTEN_AFTER
            connection.execute(delete(worker_table).where((worker_table.c.name == hub.worker) | silent))
    except OnevoiceError:
        pass  # the store is away: the heartbeat grows old by itself
    log.info("stopped", worker=hub.worker, drained=ended, seconds=round(time.monotonic() - began, 1))


@contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end the hub in good order; the second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _alone(config: Config) -> AbstractContextManager[None]:
    return _locked(config) if config.embedded else nullcontext()


@contextmanager
def _locked(config: Config) -> Iterator[None]:
    """Keep a second process off an embedded hub: one process is what its promises are made for."""
    database = make_url(reveal(config.store_url)).database
    path = Path(f"{database}.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(
                f"store {database}: another 'onevoice run' is at work here, and the embedded hub is one process; "
                "stop it first, or set bus.url and store.url to RabbitMQ and PostgreSQL"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
