"""`python run_dags.py DAG...` runs each by `dag.test()` and prints, last, how every task ended (JSON)."""

from __future__ import annotations

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.session import create_session


def main() -> None:
    """Run the named DAGs one after the other."""
    bag = DagBag()
    assert not bag.import_errors, bag.import_errors
    ended = {}
    for dag_id in sys.argv[1:]:
        run = bag.dags[dag_id].test()
        with create_session() as session:
            ended[dag_id] = {task.task_id: str(task.state) for task in run.get_task_instances(session=session)}
    print(json.dumps(ended))


if __name__ == "__main__":
    main()
