"""The ground of a run: private PostgreSQL (fsync on) and RabbitMQ, a hub root with targets, customers already present.

    with Ground(folder) as ground:
        ground.load(present, progress)
        ground.hub("mix_a", present, messages)   # a database and a virtual host of its own, ready to run

The rule: contenders share the two servers, and nothing else; every hub starts from a copy of the same loaded database.
"""

import itertools
import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pika
import psycopg
import yaml

from benchmarks.messages import Message, message_of
from benchmarks.population import Told
from benchmarks.target import write_lines
from onevoice.bus import Delivery
from onevoice.config import load_config
from onevoice.consent import ConsentRules, Gate
from onevoice.identity import Model
from onevoice.master import Survivorship
from onevoice.messages import Json
from onevoice.store import Lease, Store, open_store
from onevoice.store.migrate import upgrade
from onevoice.testing.servers import PrivatePostgres, PrivateRabbit
from onevoice.workers.catalog import Catalog, load_catalog
from onevoice.workers.hub import topology_of
from onevoice.workers.ingest import Ingest

PROJECT = Path(__file__).resolve().parents[1]
SYSTEMS = ("crm", "erp", "shop", "callcentre")
PRESENT = "present"
LOAD_BATCH = 2_000
LOAD_LEASE_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlace:
    """Where one hub runs: its configuration, database and virtual host."""

    config: Path
    dsn: str
    amqp: str


class Ground:
    """Both servers and the hub root, until the end of the `with`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self.postgres = self._exit.enter_context(PrivatePostgres())
        self.rabbit = self._exit.enter_context(PrivateRabbit())
        self.root = _make_root(self.folder / "root")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def dsn(self, database: str) -> str:
        """Return the libpq address of a database."""
        return self.postgres.url(database).replace("+psycopg", "", 1)

    def catalog(self) -> Catalog:
        """Return the systems as every hub of this ground knows them."""
        return load_catalog(load_config(self._write_config("catalog", "sqlite:///unused.db", "embedded:")))

    def load(self, told: Iterable[Told], progress: Callable[[int], None]) -> None:
        """Bring records into the database that every hub's is a copy of, through ingest, without a broker."""
        self.postgres.create_database(PRESENT)
        url = self.postgres.url(PRESENT)
        upgrade(url)
        catalog = self.catalog()
        store = open_store(url)
        try:
            _take_all(store, catalog, (message_of(one, catalog) for one in told), progress)
        finally:
            store.close()
        with psycopg.connect(self.dsn(PRESENT), autocommit=True) as connection:
            connection.execute("vacuum analyze")

    def hub(self, name: str, present: Iterable[Told], messages: Sequence[Message]) -> HubPlace:
        """Make the place of one hub: a copy of the loaded database, and targets that hold what is present.

        Args:
            messages: what the systems will tell; with each of them its record changes in its target.
        """
        self.postgres.create_database(name, template=PRESENT)
        amqp = self.rabbit.url(self.rabbit.create_vhost(name))
        held: dict[Path, list[tuple[int, str, str, Json]]] = defaultdict(list)
        told = ((number, message.told) for number, message in enumerate(messages, 1))
        for since, one in itertools.chain(((0, one) for one in present), told):
            path = self.folder / name / one.system / f"{one.record.stream}.tsv"
            held[path].append((since, one.record.key, one.record.version, one.record.data or {}))
        for path, lines in held.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_lines(path, lines)
        config = self._write_config(name, self.postgres.url(name), amqp)
        connection = pika.BlockingConnection(pika.URLParameters(amqp))
        topology_of(load_config(config), self.catalog()).declare(connection.channel())
        connection.close()
        return HubPlace(config=config, dsn=self.dsn(name), amqp=amqp)

    def _write_config(self, name: str, store: str, bus: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "store").write_text(store)
        (folder / "bus").write_text(bus)
        lines = [f'[hub]\nroot = "{self.root}"', '[store]\nurl = {file = "store"}', '[bus]\nurl = {file = "bus"}']
        for system in SYSTEMS:
            lines.append(f'[systems.{system}]\nconnector = "bench_{system}"')
            lines.append(f'[systems.{system}.settings]\nfolder = "{folder / system}"')
        path = folder / "onevoice.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def _make_root(root: Path) -> Path:
    """Lay out a hub root whose connectors are targets in memory; schemas, mappings and rules are the samples' own."""
    (root / "connectors").mkdir(parents=True)
    shutil.copytree(PROJECT / "rules", root / "rules")
    shutil.copytree(PROJECT / "schemas" / "canonical", root / "schemas" / "canonical")
    for system in SYSTEMS:
        for kind in ("mappings", "schemas"):
            shutil.copytree(PROJECT / kind / f"sample_{system}", root / kind / f"bench_{system}")
        manifest = yaml.safe_load((PROJECT / "connectors" / f"sample_{system}" / "manifest.yaml").read_text())
        for key in ("contract", "lists"):
            manifest.pop(key, None)
        folder_setting = {"type": "string", "description": "the folder of the target's records"}
        manifest |= {
            "id": f"bench_{system}",
            "entry": "connector:Target",
            "settings": {
                "type": "object",
                "additionalProperties": False,
                "required": ["folder"],
                "properties": {"folder": folder_setting},
            },
        }
        folder = root / "connectors" / f"bench_{system}"
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest))
        (folder / "connector.py").write_text('from benchmarks.target import Target\n\n__all__ = ["Target"]\n')
    return root


def _take_all(store: Store, catalog: Catalog, messages: Iterable[Message], progress: Callable[[int], None]) -> None:
    rules = PROJECT / "rules"
    ingest = Ingest(
        store=store,
        catalog=catalog,
        model=Model.load(rules / "identity.yaml"),
        survivorship=Survivorship.load(rules / "survivorship.yaml"),
        gate=Gate(ConsentRules.load(rules)),
    )
    lease = Lease.take(store, "ingest", secrets.token_hex(4), seconds=LOAD_LEASE_SECONDS)
    assert lease is not None, "nobody else is at a new database"
    batch: list[Delivery] = []
    done = 0
    for message in messages:
        batch.append(
            Delivery(body=message.body, routing_key=message.routing_key, user_id=None, redelivered=0, tag=None)
        )
        if len(batch) == LOAD_BATCH:
            ingest.take(batch, lease=lease)
            done += len(batch)
            progress(done)
            batch = []
    if batch:
        ingest.take(batch, lease=lease)
    progress(done + len(batch))
    lease.release(store)


def remove(folder: Path) -> None:
    """Take the ground's folder away."""
    shutil.rmtree(folder, ignore_errors=True)
