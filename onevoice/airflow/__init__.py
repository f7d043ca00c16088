"""The hub in Airflow: DAGs made from `onevoice.toml`, their operators, and the hook that opens the hub.

Takes the configuration file that ONEVOICE_CONFIG names; gives one sync, one reconcile and one watch DAG a system. The
one rule: nothing of a customer goes into Airflow, neither into XCom nor into a log, a reason or a traceback.
"""

from onevoice.airflow.dags import build_dags, configured_dags
from onevoice.airflow.hook import HubHook
from onevoice.airflow.operators import ReconcileOperator, SyncOperator, WatchOperator

__all__ = [
    "HubHook",
    "ReconcileOperator",
    "SyncOperator",
    "WatchOperator",
    "build_dags",
    "configured_dags",
]
