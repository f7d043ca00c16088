"""The state of each connected system: reachable, failing or parked; and its connector, built once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import structlog
from sqlalchemy import Connection, Update, select, update

from onevoice.config import Config, Secret
from onevoice.errors import ConfigurationError, OperatorError, PausedError, RefusedError, TransientError
from onevoice.obligations import wake
from onevoice.sdk import Connector, Settings
from onevoice.sdk.discovery import build, check_settings
from onevoice.store import Store, upsert
from onevoice.store.tables import system_state
from onevoice.workers.breaker import Breaker
from onevoice.workers.catalog import Catalog
from onevoice.workers.fault import place_of
from onevoice.workers.outbox import event, tell

READ, WRITE = "read", "write"
"""The two ways to speak to a system; one may fail while the other goes well."""
NOTED_EVERY = timedelta(seconds=1)

log = structlog.get_logger("onevoice")


def utc_now() -> datetime:
    """Return the clock that connectors are given."""
    return datetime.now(UTC)


def settings_of(config: Config, system: str, clock: Callable[[], datetime] = utc_now) -> Settings:
    """Return what a system's connector is built from; its secrets are read, and read again whenever they are used.

    Raises:
        ConfigurationError: a secret's variable or file is missing or empty; the text names both ends.
    """
    chosen = config.systems[system]
    secrets = _Secrets(chosen.secrets)
    return Settings(system=system, values=chosen.settings, secrets=secrets, now=clock, keep=secrets.keep)


class _Secrets(Mapping[str, str]):
    """A system's secrets as they stand at this moment: another process may have put a new one in place."""

    def __init__(self, references: Mapping[str, Secret]) -> None:
        self._references = references
        for reference in references.values():
            reference.reveal()

    def __getitem__(self, name: str) -> str:
        return self._references[name].reveal()

    def __iter__(self) -> Iterator[str]:
        return iter(self._references)

    def __len__(self) -> int:
        return len(self._references)

    def keep(self, name: str, value: str) -> None:
        """Keep a secret that the system has changed; where that cannot be, it is said and holds in this process."""
        try:
            self._references[name].keep(value)
        except ConfigurationError as error:
            log.error("secret_not_kept", reason=str(error))


def check_all_settings(config: Config, catalog: Catalog) -> None:
    """Return when every configured system has the settings and secrets that its connector asks for.

    Raises:
        ConfigurationError: one is missing or wrong; the text names the key and what to write.
    """
    for system in config.systems:
        check_settings(catalog.manifests[system], settings_of(config, system))


@dataclass(slots=True)
class Systems:
    """Hands out connectors and keeps account of how each system is.

    One connector a thread and purpose would be safest for every library; connectors are asked to be safe to call
    from several threads, so that one is enough.
    """

    config: Config
    store: Store
    catalog: Catalog
    clock: Callable[[], datetime] = utc_now
    _built: dict[tuple[str, str], Connector] = field(default_factory=dict)
    _retired: dict[str, list[Connector]] = field(default_factory=dict)
    _contacts: Counter[str] = field(default_factory=Counter)
    _noted_good: dict[str, datetime] = field(default_factory=dict)
    _breakers: dict[tuple[str, str], Breaker] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def connector(self, system: str, purpose: str) -> Connector:
        """Return the system's connector for one purpose (`read`, or a lane); each purpose has its own connection.

        Raises:
            ConfigurationError: its settings are wrong.
        """
        with self._lock:
            found = self._built.get((system, purpose))
            if found is None:
                found = build(self.catalog.manifests[system], settings_of(self.config, system, self.clock))
                self._built[system, purpose] = found
            return found

    @contextmanager
    def contact(self, system: str, way: str) -> Iterator[None]:
        """Note how contact with a system went; one that does not let us in is parked until a person resumes it.

        Args:
            way: `READ` or `WRITE`.

        Raises:
            PausedError: it failed again and again this way, and is left alone for a moment; the block did not run.
            OperatorError, TransientError, RefusedError: as the block raised them.
        """
        with self._lock:
            breaker = self._breakers.setdefault((system, way), Breaker(self.config.retry_seconds))
            left = breaker.paused_for(self.clock())
            self._contacts[system] += not left
        if left:
            raise PausedError(f"system {system}: failed again and again; left alone for {left:.0f} s", retry_after=left)
        try:
            yield
        except OperatorError as error:
            self._forget(system)
            self.park(system, str(error))
            raise
        except TransientError as error:
            with self._lock:
                until = breaker.failed(self.clock(), retry_after=error.retry_after)
            self._note(system, str(error), paused_until=until if way == WRITE else None)
            raise
        except RefusedError as error:
            self._note(system, str(error))
            raise
        else:
            with self._lock:
                breaker.succeeded()
            self._note(system, None, back=way == WRITE)
        finally:
            self._end_contact(system)

    def is_paused(self, system: str, way: str) -> bool:
        """Return whether contact would be refused now, since it failed again and again."""
        with self._lock:
            breaker = self._breakers.get((system, way))
            return breaker is not None and bool(breaker.paused_for(self.clock()))

    def parked(self) -> set[str]:
        """Return the systems that wait for a person."""
        with self.store.transaction() as connection:
            return parked_systems(connection)

    def parked_for(self, system: str) -> str | None:
        """Return why a system waits for a person; None: it does not."""
        statement = select(system_state.c.reason).where(system_state.c.system == system, system_state.c.parked)
        with self.store.transaction() as connection:
            reason: str | None = connection.execute(statement).scalar()
            return reason

    def park(self, system: str, reason: str) -> None:
        """Leave a system alone until a person resumes it; whoever listens is told once."""
        with self.store.transaction() as connection:
            upsert(connection, system_state, [_unknown(system)], key=["system"])
            statement = select(system_state.c.parked).where(system_state.c.system == system).with_for_update()
            news = not connection.execute(statement).scalar_one()
            if news:
                tell(connection, [event("system.parked", system, {"system": system, "reason": reason}, now=utc_now())])
        if news:
            log.error("system_parked", system=system, reason=reason)
        self._note(system, reason, parked=True)

    def resume(self, system: str) -> None:
        """Take a system out of parking, as a person asked."""
        with self._lock:
            for breaker in [self._breakers[key] for key in self._breakers if key[0] == system]:
                breaker.succeeded()
        self._note(system, None, parked=False, back=True)

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            connectors = [*self._built.values(), *(one for retired in self._retired.values() for one in retired)]
            self._built.clear()
            self._retired.clear()
        _close(connectors)

    def _forget(self, system: str) -> None:
        """Build its connectors anew when they are needed next, from the secrets as they are then."""
        with self._lock:
            for built in [key for key in self._built if key[0] == system]:
                self._retired.setdefault(system, []).append(self._built.pop(built))

    def _end_contact(self, system: str) -> None:
        """Close the forgotten connectors once nobody speaks through any of them."""
        with self._lock:
            self._contacts[system] -= 1
            done = self._retired.pop(system, []) if not self._contacts[system] else []
        _close(done)

    def _note(
        self,
        system: str,
        error: str | None,
        *,
        parked: bool | None = None,
        paused_until: datetime | None = None,
        back: bool = False,
    ) -> None:
        """Take down the end of a contact; `parked` is left as it stands unless it is given.

        Args:
            paused_until: until when it is not to be written to.
            back: it was written to, which ends a pause.
        """
        now = utc_now()
        if not self._is_worth_a_note(system, now, good=error is None and parked is None):
            return
        row = _unknown(system) | {
            "parked": bool(parked),
            "reason": error if parked else None,
            "last_contact_at": None if error else now,
            "last_error": error,
            "last_error_at": now if error else None,
            "failures": 1 if error else 0,
            "paused_until": paused_until,
        }
        columns = ["last_error", "last_error_at"] if error else ["last_contact_at"]
        columns += [] if parked is None else ["parked", "reason"]
        columns += [] if paused_until is None else ["paused_until"]
        failures = "system_state.failures + 1" if error else "0"
        with self.store.transaction() as connection:
            upsert(connection, system_state, [row], key=["system"], update=columns, expressions={"failures": failures})
            if back and connection.execute(_end_pause(system)).rowcount:
                wake(connection, system, now=now)

    def _is_worth_a_note(self, system: str, now: datetime, *, good: bool) -> bool:
        """One good contact after another is noted now and then; a change, always."""
        with self._lock:
            before = self._noted_good.get(system)
            if good and before is not None and now - before < NOTED_EVERY:
                return False
            if good:
                self._noted_good[system] = now
            else:
                self._noted_good.pop(system, None)
            return True


def _close(connectors: Sequence[Connector]) -> None:
    for connector in connectors:
        try:
            connector.close()
        except Exception as error:  # noqa: BLE001 - it is given up either way; its text may hold values
            log.warning("connector_not_closed", error=type(error).__name__, at=place_of(error))


def _unknown(system: str) -> dict[str, Any]:
    """The row of a system that nothing is known of yet."""
    return {str(column.name): None for column in system_state.c} | {"system": system, "parked": False, "failures": 0}


def _end_pause(system: str) -> Update:
    paused = (system_state.c.system == system) & system_state.c.paused_until.is_not(None)
    return update(system_state).where(paused).values(paused_until=None)


def parked_systems(connection: Connection) -> set[str]:
    """Return the systems that wait for a person."""
    statement = select(system_state.c.system).where(system_state.c.parked.is_(True))
    return set(connection.execute(statement).scalars())
