"""Makes the DAGs: for each system `sync__<system>`, `reconcile__<system>` and `watch__<system>`; for the hub, its jobs.

Takes a configuration; gives DAGs by id. Parsing reads that one file and nothing else, so which streams a system has is
not known here: one task goes through all of them in order, and says in its log how each went.

`hub.scheduler` picks exactly one clock for what is periodic. With "airflow" sync and reconcile run at the intervals
of `onevoice.toml`; with "builtin" `onevoice run` does both, and the DAGs start by hand only. The watch always runs.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param

from onevoice.airflow.descriptions import (
    describe_housekeeping,
    describe_learn,
    describe_reconcile,
    describe_rejudge,
    describe_sync,
    describe_watch,
)
from onevoice.airflow.failure import RetryByErrorClass
from onevoice.airflow.operators import (
    APPROVE_DELETES,
    APPROVE_REGROUPING,
    HousekeepingOperator,
    HubOperator,
    JobOperator,
    LearnOperator,
    ReconcileOperator,
    RejudgeOperator,
    SyncOperator,
    WatchOperator,
)
from onevoice.config import HOUSEKEEPING_SECONDS, LEARN_SECONDS, REJUDGE_SECONDS, Config, SystemConfig, load_config

TAGS = frozenset({"onevoice", "sync", "reconcile", "watch", "learn", "rejudge", "housekeeping"})
"""All tags there are: `onevoice`, and the kind of DAG."""

_START = datetime(2025, 1, 1, tzinfo=UTC)
_WATCH_EVERY = timedelta(minutes=1)
# A sync that is cut goes on from its cursor, a reconciliation begins anew.
_SYNC_MAY_TAKE = timedelta(hours=2)
_RECONCILE_MAY_TAKE = timedelta(hours=12)
_WATCH_MAY_TAKE = timedelta(seconds=45)
_LEARN_MAY_TAKE = timedelta(hours=1)
_REJUDGE_MAY_TAKE = timedelta(hours=12)
_HOUSEKEEPING_MAY_TAKE = timedelta(hours=6)
_PATIENCE: dict[str, Any] = {
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=15),
}


def configured_dags() -> Mapping[str, DAG]:
    """Return all DAGs of the `onevoice.toml` that ONEVOICE_CONFIG names (else of the folder in which Airflow runs).

    Raises:
        ConfigurationError: the file is missing or wrong; Airflow shows the text as an import error.
    """
    return build_dags(load_config(Path(os.environ.get("ONEVOICE_CONFIG", "onevoice.toml"))))


def build_dags(config: Config) -> Mapping[str, DAG]:
    """Return all DAGs by id."""
    dags: dict[str, DAG] = {}
    for system in config.systems.values():
        for dag in (_sync(config, system), _reconcile(config, system), _watch(config, system)):
            dags[dag.dag_id] = dag
    return dags | {dag.dag_id: dag for dag in (_learn(config), _rejudge(config), _housekeeping(config))}


def _learn(config: Config) -> DAG:
    dag = _job_dag(
        "learn",
        dag_display_name="Decisions: learn",
        schedule=_period(config, LEARN_SECONDS),
        description="Counts what became of offers, for the decisions to come",
        doc_md=describe_learn(config),
    )
    _job(LearnOperator, dag, config, execution_timeout=_LEARN_MAY_TAKE)
    return dag


def _rejudge(config: Config) -> DAG:
    dag = _job_dag(
        "rejudge",
        dag_display_name="Customers: judge anew",
        schedule=_period(config, REJUDGE_SECONDS),
        description="Brings a changed matching model to all records",
        doc_md=describe_rejudge(config),
        params={
            APPROVE_REGROUPING: Param(
                False,
                type="boolean",
                title="Approve the regrouping",
                description="Let this run regroup more customers than identity.max_regroup.",
            )
        },
    )
    _job(RejudgeOperator, dag, config, execution_timeout=_REJUDGE_MAY_TAKE)
    return dag


def _housekeeping(config: Config) -> DAG:
    dag = _job_dag(
        "housekeeping",
        dag_display_name="Hub: housekeeping",
        schedule=_period(config, HOUSEKEEPING_SECONDS),
        description="Takes away what is over",
        doc_md=describe_housekeeping(config),
    )
    _job(HousekeepingOperator, dag, config, execution_timeout=_HOUSEKEEPING_MAY_TAKE)
    return dag


def _sync(config: Config, system: SystemConfig) -> DAG:
    dag = _dag(
        "sync",
        system,
        schedule=_period(config, system.poll_seconds),
        description=f"Reads what changed in {system.title}",
        doc_md=describe_sync(config, system),
    )
    _task(SyncOperator, dag, config, system, retries=3, execution_timeout=_SYNC_MAY_TAKE)
    return dag


def _reconcile(config: Config, system: SystemConfig) -> DAG:
    dag = _dag(
        "reconcile",
        system,
        schedule=_period(config, system.reconcile_seconds),
        description=f"Reads {system.title} whole and finds what is gone",
        doc_md=describe_reconcile(config, system),
        params={
            APPROVE_DELETES: Param(
                False,
                type="boolean",
                title="Approve many deletes",
                description="Let this run take over deletes beyond the share that needs a person's approval.",
            )
        },
    )
    _task(ReconcileOperator, dag, config, system, retries=3, execution_timeout=_RECONCILE_MAY_TAKE)
    return dag


def _watch(config: Config, system: SystemConfig) -> DAG:
    dag = _dag(
        "watch",
        system,
        schedule=_WATCH_EVERY,
        description=f"Turns red when {system.title} is behind",
        doc_md=describe_watch(system),
    )
    # One more look after a short while: the next run is a minute away, and red shall mean red.
    _task(
        WatchOperator,
        dag,
        config,
        system,
        retries=1,
        retry_delay=timedelta(seconds=5),
        execution_timeout=_WATCH_MAY_TAKE,
    )
    return dag


def _dag(kind: str, system: SystemConfig, **arguments: Any) -> DAG:
    return DAG(
        f"{kind}__{system.name}",
        dag_display_name=f"{system.title}: {kind}",
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"onevoice", kind},
        **arguments,
    )


def _job_dag(kind: str, **arguments: Any) -> DAG:
    return DAG(
        kind,
        start_date=_START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags={"onevoice", kind},
        **arguments,
    )


def _job(operator: type[JobOperator], dag: DAG, config: Config, **arguments: Any) -> None:
    operator(
        task_id=operator.verb,
        dag=dag,
        config_path=str(config.path.absolute()),
        retry_policy=RetryByErrorClass(),
        retries=3,
        **(_PATIENCE | arguments),
    )


def _task(operator: type[HubOperator], dag: DAG, config: Config, system: SystemConfig, **arguments: Any) -> HubOperator:
    return operator(
        task_id=operator.verb,
        dag=dag,
        system=system.name,
        config_path=str(config.path.absolute()),
        owner=system.owner,
        retry_policy=RetryByErrorClass(),
        **(_PATIENCE | arguments),
    )


def _period(config: Config, seconds: float) -> timedelta | None:
    return timedelta(seconds=seconds) if config.scheduler == "airflow" else None
