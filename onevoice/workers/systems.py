"""The state of each connected system: reachable, failing or parked; and its connector, built once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy import Connection, select

from onevoice.config import Config
from onevoice.errors import OperatorError, RefusedError, TransientError
from onevoice.sdk import Connector, Settings
from onevoice.sdk.discovery import build
from onevoice.store import Store, upsert
from onevoice.store.tables import system_state
from onevoice.workers.catalog import Catalog


def utc_now() -> datetime:
    """Return the clock that connectors are given."""
    return datetime.now(UTC)


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
    _lock: Lock = field(default_factory=Lock)

    def connector(self, system: str, purpose: str) -> Connector:
        """Return the system's connector for one purpose (`read`, or a lane); each purpose has its own connection.

        Raises:
            ConfigurationError: its settings are wrong.
        """
        with self._lock:
            found = self._built.get((system, purpose))
            if found is None:
                settings = self.config.systems[system]
                found = build(
                    self.catalog.manifests[system],
                    Settings(
                        system=system,
                        values=settings.settings,
                        secrets={name: secret.reveal() for name, secret in settings.secrets.items()},
                        now=self.clock,
                    ),
                )
                self._built[system, purpose] = found
            return found

    @contextmanager
    def contact(self, system: str) -> Iterator[None]:
        """Note how contact with a system went; one that does not let us in is parked until a person resumes it.

        Raises:
            OperatorError, TransientError, RefusedError: as the block raised them.
        """
        try:
            yield
        except OperatorError as error:
            self._note(system, str(error), parked=True)
            self._forget(system)
            raise
        except (TransientError, RefusedError) as error:
            self._note(system, str(error))
            raise
        else:
            self._note(system, None)

    def parked(self) -> set[str]:
        """Return the systems that wait for a person."""
        with self.store.transaction() as connection:
            return parked_systems(connection)

    def resume(self, system: str) -> None:
        """Take a system out of parking, as a person asked."""
        self._note(system, None, parked=False)

    def close(self) -> None:
        """Give back all connections."""
        with self._lock:
            for connector in self._built.values():
                connector.close()
            self._built.clear()

    def _forget(self, system: str) -> None:
        """Build its connectors anew when they are needed next, from the secrets as they are then."""
        with self._lock:
            for built in [key for key in self._built if key[0] == system]:
                del self._built[built]

    def _note(self, system: str, error: str | None, *, parked: bool | None = None) -> None:
        """Take down the end of a contact; `parked` is left as it stands unless it is given."""
        now = utc_now()
        row = {
            "system": system,
            "parked": bool(parked),
            "reason": error if parked else None,
            "last_contact_at": None if error else now,
            "last_error": error,
            "last_error_at": now if error else None,
            "failures": 1 if error else 0,
        }
        columns = ["last_error", "last_error_at"] if error else ["last_contact_at"]
        columns += [] if parked is None else ["parked", "reason"]
        failures = "system_state.failures + 1" if error else "0"
        with self.store.transaction() as connection:
            upsert(connection, system_state, [row], key=["system"], update=columns, expressions={"failures": failures})


def parked_systems(connection: Connection) -> set[str]:
    """Return the systems that wait for a person."""
    statement = select(system_state.c.system).where(system_state.c.parked.is_(True))
    return set(connection.execute(statement).scalars())
