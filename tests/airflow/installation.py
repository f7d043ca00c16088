"""Makes the installation that the tests run Airflow against, and says what must never be found in Airflow.

Three systems: `erp` works; `leaky` has a connector with a defect whose error quotes a customer; `away` does not answer.
`onevoice.toml` names a store and a broker that do not exist: a task reaches the real ones by Airflow's connections.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from onevoice.config import Config, load_config
from onevoice.store.migrate import upgrade
from onevoice.testing.servers.account import free_port, write_private
from samples.erp import database as erp
from samples.erp.schema import CUSTOMERS
from samples.population import generate

ROOT = Path(__file__).parents[2]
PEOPLE = 120
MARKED = {
    "first_name": "Zebedeemarked",
    "last_name": "Quillfeathermarked",
    "email": "marked.person@personal.example",
    "mobile": "+44 7700 900461",
}
NO_STORE = "postgresql+psycopg://nobody@127.0.0.1:1/none"
NO_BUS = "amqp://nobody@127.0.0.1:1/%2F"
ERP_ROLE = "erp_hub"
STEP_SECONDS = 120

LEAKY_CONNECTOR = '''
"""A connector with a defect: its error quotes a customer, and so does what caused it."""

from onevoice.sdk import Settings


class Leaky:
    def __init__(self, settings, manifest):
        pass

    def check(self):
        pass

    def read(self, stream, cursor):
        row = {marked!r}
        try:
            yield row[row["email"]]
        except KeyError as error:
            raise ValueError(f"cannot read {{row}}") from error

    def readback(self, stream, keys):
        return []

    def close(self):
        pass
'''

LEAKY_MANIFEST = """
id: leaky
title: Leaky
owner: tests
kind: sql
entry: connector:Leaky
settings: {type: object, additionalProperties: false, properties: {}}
streams:
  customers: {mode: poll}
capabilities: {max_batch: 1, create: none}
"""

TOML = """
[hub]
root = "root"
scheduler = "builtin"

[store]
url = {store}

[bus]
url = {bus}

[api]
port = {port}

[operators.airflow]
api_key = {{env = "AIRFLOW_API_KEY"}}

[systems.erp]
connector = "sample_erp"
title = "ERP"
owner = "finance"
poll_every = "1d"
[systems.erp.settings]
database = "{database}"
[systems.erp.secrets]
password = {{env = "ERP_PASSWORD"}}

[systems.leaky]
connector = "leaky"
poll_every = "1d"

[systems.away]
connector = "sample_erp"
title = "ERP that is away"
poll_every = "1d"
[systems.away.settings]
database = "postgresql://erp_hub@127.0.0.1:1/erp"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One hub, and one Airflow beside it.

    Attributes:
        environment: of every Airflow process.
        hub_environment: of every process of the hub itself.
        config: as the hub itself has it, with the real store and broker.
        airflow_database: URL of Airflow's own database; airflow_password: of its user admin.
        erp_counts: how many records each stream of the ERP has.
    """

    folder: Path
    environment: Mapping[str, str]
    hub_environment: Mapping[str, str]
    config: Config
    erp_database: str
    airflow_database: str
    airflow_password: str
    api_port: int
    secrets: frozenset[str]
    erp_counts: Mapping[str, int]

    def airflow(self, *words: str) -> str:
        """Run one `airflow` command; returns what it printed."""
        return self.run([str(Path(sys.executable).with_name("airflow")), *words])

    def run(self, command: list[str], seconds: float = STEP_SECONDS) -> str:
        """Run a command in Airflow's environment; returns its standard output."""
        done = subprocess.run(
            command,
            env=dict(self.environment),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{command[:2]}: {done.stderr[-4000:]}"
        return done.stdout

    def everything_kept(self) -> str:
        """Every row of every table of Airflow's database, and every file under its home, as one text."""
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in self.home_files()]
        engine = sa.create_engine(self.airflow_database)
        with engine.connect() as connection:
            for table in sa.inspect(connection).get_table_names():
                rows = connection.execute(sa.text(f'select t::text from "{table}" t')).scalars()
                texts += [row for row in rows if row]
        engine.dispose()
        return "\n".join(texts)

    def home_files(self) -> Iterator[Path]:
        """The files that Airflow has written."""
        return (path for path in Path(self.environment["AIRFLOW_HOME"]).rglob("*") if path.is_file())


def install(folder: Path, databases: Mapping[str, str], bus: str) -> Installation:
    """Fill the ERP, make store and Airflow's database, write `onevoice.toml`."""
    (folder / "home").mkdir()
    erp_password, api_key = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    erp_counts = _fill_erp(databases["erp"], erp_password)
    _make_root(folder / "root")
    erp_address = sa.make_url(databases["erp"])._replace(drivername="postgresql", username=ERP_ROLE, password=None)
    api_port = free_port()
    settings = {"database": erp_address.render_as_string(), "port": api_port}
    path, hub_path = folder / "onevoice.toml", folder / "hub.toml"
    path.write_text(TOML.format(store=f'"{NO_STORE}"', bus=f'"{NO_BUS}"', **settings), encoding="utf-8")
    hub_path.write_text(TOML.format(store='{env = "HUB_STORE"}', bus='{env = "HUB_BUS"}', **settings), encoding="utf-8")
    store = sa.make_url(databases["store"]).set(drivername="postgresql").render_as_string(hide_password=False)
    admin_password = secrets.token_urlsafe(24)
    passwords = write_private(folder / "passwords.json", json.dumps({"admin": admin_password}), None)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "ONEVOICE"))}
    of_systems = {"AIRFLOW_API_KEY": api_key, "ERP_PASSWORD": erp_password, "PYTHONPATH": str(ROOT)}
    environment = {
        **inherited,
        **of_systems,
        "AIRFLOW_HOME": str(folder / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": databases["airflow"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": databases["airflow"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW_CONN_ONEVOICE_STORE": store,
        "AIRFLOW_CONN_ONEVOICE_BUS": bus,
        "AIRFLOW_CONN_ONEVOICE_API": f"http://:{api_key}@127.0.0.1:{api_port}",
        "ONEVOICE_CONFIG": str(path),
    }
    hub_environment = {
        **inherited,
        **of_systems,
        "ONEVOICE_CONFIG": str(hub_path),
        "HUB_STORE": databases["store"],
        "HUB_BUS": bus,
    }
    upgrade(databases["store"])
    hidden = {erp_password, api_key, sa.make_url(databases["store"]).password, bus.split("@", 1)[0].rsplit(":", 1)[1]}
    installation = Installation(
        folder=folder,
        environment=environment,
        hub_environment=hub_environment,
        config=replace(load_config(path), store_url=databases["store"], bus_url=bus),
        erp_database=databases["erp"],
        airflow_database=databases["airflow"],
        airflow_password=admin_password,
        api_port=api_port,
        secrets=frozenset(str(secret) for secret in hidden),
        erp_counts=erp_counts,
    )
    installation.airflow("db", "migrate")
    return installation


def _fill_erp(url: str, password: str) -> dict[str, int]:
    erp.create(url)
    population = generate(PEOPLE, 1)
    customers = [dict(row) for row in population.records["erp", "customers"]]
    erp.load(url, customers, population.erp_addresses, population.records["erp", "orders"])
    engine = erp.open_engine(url)
    with engine.begin() as connection:
        first = min(row["customer_no"] for row in customers)
        connection.execute(sa.update(CUSTOMERS).where(CUSTOMERS.c.customer_no == first).values(MARKED))
    engine.dispose()
    erp.grant_hub(url, ERP_ROLE, password)
    return {stream: len(population.records["erp", stream]) for stream in ("customers", "orders")}


def _make_root(root: Path) -> None:
    root.mkdir()
    (root / "rules").symlink_to(ROOT / "rules")
    (root / "connectors").mkdir()
    (root / "connectors" / "sample_erp").symlink_to(ROOT / "connectors" / "sample_erp")
    for folder in ("mappings/sample_erp", "schemas/canonical", "schemas/sample_erp"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for kind, file in (("mappings", "customers.yaml"), ("schemas", "customers.json")):
        (root / kind / "leaky").mkdir()
        shutil.copy(ROOT / kind / "sample_erp" / file, root / kind / "leaky" / file)
    leaky = root / "connectors" / "leaky"
    leaky.mkdir()
    (leaky / "__init__.py").write_text('"""Leaks."""\n', encoding="utf-8")
    (leaky / "connector.py").write_text(LEAKY_CONNECTOR.format(marked=MARKED), encoding="utf-8")
    (leaky / "manifest.yaml").write_text(LEAKY_MANIFEST, encoding="utf-8")
