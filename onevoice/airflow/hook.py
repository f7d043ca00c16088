"""`HubHook`: how a task reaches the hub, with what Airflow's connections hold.

`opened` opens store, bus and connectors in the task's own process (`onevoice_store`, `onevoice_bus`); `watch` asks the
running hub over HTTP (`onevoice_api`). What a connected system wants as its secret comes from the references in
`onevoice.toml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from onevoice.airflow.connections import API, BUS, STORE, api_access, bus_url, store_url
from onevoice.config import Config, load_config
from onevoice.errors import ConfigurationError, OperatorError, RefusedError, TransientError

# Database, broker and HTTP libraries are loaded when a task runs: a DAG file is parsed often, and parsing needs none.
# ruff: noqa: PLC0415
if TYPE_CHECKING:
    from onevoice.messages import Json
    from onevoice.workers.housekeeping import Tidied
    from onevoice.workers.hub import Hub
    from onevoice.workers.rejudge import Rejudging


class HubHook(BaseHook):
    """Opens the hub, or asks it.

    Args:
        config_path: the `onevoice.toml` of the hub.
    """

    def __init__(self, config_path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config_path = config_path

    def config(self) -> Config:
        """Return the configuration with store and bus as the connections have them.

        Raises:
            ConfigurationError: the file or a connection is wrong or missing, or the hub is one embedded process.
        """
        config = load_config(Path(self.config_path))
        if config.bus_url == "embedded:":
            raise ConfigurationError("bus.url: an embedded hub is one process; Airflow needs PostgreSQL and RabbitMQ")
        return replace(config, store_url=store_url(connection(STORE)), bus_url=bus_url(connection(BUS)))

    @contextmanager
    def opened(self) -> Iterator[Hub]:
        """Open the hub for a block and close it.

        Raises:
            ConfigurationError: see `config`; or a mapping, schema or rule is wrong, or the store's schema is behind.
            OperatorError: the broker does not let us in.
            TransientError: the store or the broker is away.
        """
        from onevoice.workers.hub import opened
        from onevoice.workers.run import require_current_schema

        config = self.config()
        require_current_schema(config)
        with opened(config) as hub:
            yield hub

    def learn(self) -> int:
        """Count the outcomes of decisions into the next snapshot; returns its number.

        Raises:
            ConfigurationError, OperatorError, TransientError: see `opened`.
        """
        from onevoice.workers.decisions.learning import learn

        with self.opened() as hub:
            return learn(hub.store)

    def tidy(self) -> list[Tidied] | None:
        """Take away what is over; None where somebody else is at it.

        Raises:
            ConfigurationError, OperatorError, TransientError: see `opened`.
        """
        from onevoice.workers.housekeeping import tidy

        with self.opened() as hub:
            return tidy(hub.store, hub.config.retention, holder=hub.worker)

    def rejudge(self, approved_by: str | None) -> Rejudging | None:
        """Judge all records by the present model; None where all of them were.

        Raises:
            ConfigurationError, OperatorError, TransientError: see `opened`.
            OperatorError: more customers would be regrouped than may be without approval.
        """
        from onevoice.workers.rejudge import Rejudge

        with self.opened() as hub:
            job = Rejudge(store=hub.store, ingest=hub.ingest, max_regroup=hub.config.max_regroup)
            return job.run(approved_by)

    def watch(self, system: str) -> Json:
        """Return what the hub says of one system (`GET /v1/watch/<system>`).

        Raises:
            ConfigurationError: the connection is wrong or missing.
            OperatorError: the hub does not accept the key.
            RefusedError: the hub does not know the system.
            TransientError: the hub does not answer.
        """
        from onevoice.sdk.exchange import Exchange, Limits
        from onevoice.sdk.rest import AnswerKind, BearerAuth, Rest
        from onevoice.sdk.throttle import Throttle

        access = api_access(connection(API))
        exchange = Exchange(
            throttle=Throttle(None),
            now=lambda: datetime.now(UTC),
            auth=BearerAuth(access.key),
            limits=Limits(read_seconds=10.0, total_seconds=15.0),
        )
        rest = Rest(access.base, system=system, exchange=exchange)
        try:
            answer = rest.get(f"v1/watch/{system}")
        except TransientError as error:
            raise TransientError(
                f"the hub's API does not answer about {error}. See whether 'onevoice run' runs and whether Airflow "
                f"connection {API} names its address",
                retry_after=error.retry_after,
            ) from None
        except OperatorError as error:
            raise OperatorError(
                f"the hub's API, {error}; the key is the password of Airflow connection {API}"
            ) from None
        finally:
            rest.close()
        if answer.kind is not AnswerKind.OK or not isinstance(answer.data, dict):
            raise RefusedError(
                f"system {system}: the hub answers HTTP {answer.status}; does it run with the same onevoice.toml?"
            )
        return answer.data


def connection(name: str) -> Connection:
    """Return one of Airflow's connections.

    Raises:
        ConfigurationError: there is none of that name.
    """
    try:
        found: Connection = Connection.get(name)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"Airflow connection {name}: not there; add it under Admin, Connections or as AIRFLOW_CONN_{name.upper()}"
        ) from None
    return found
