"""A hub that Airflow works for: private store, broker, ERP, and a home of Airflow's own. Nothing outside is touched."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Airflow makes its home when it is first imported: here, never in the user's own.
_HOME = Path(tempfile.mkdtemp(prefix="onevoice-airflow-home-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = str(_HOME)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "false"

from onevoice.testing.servers import PrivatePostgres, PrivateRabbit  # noqa: E402
from tests.airflow.installation import Installation, install  # noqa: E402


@pytest.fixture(scope="session")
def installation(
    postgres: PrivatePostgres, rabbit: PrivateRabbit, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A hub with a filled ERP, and Airflow's database made; nothing runs yet."""
    vhost = rabbit.create_vhost()
    databases = {name: postgres.create_database() for name in ("store", "erp", "airflow")}
    yield install(
        tmp_path_factory.mktemp("hub"),
        {name: postgres.url(database) for name, database in databases.items()},
        rabbit.url(vhost),
    )
    for database in databases.values():
        postgres.drop_database(database)
    rabbit.delete_vhost(vhost)
