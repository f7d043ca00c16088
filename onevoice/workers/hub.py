"""Wires the real things together: one hub from one `onevoice.toml`."""

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from onevoice.bus import Bus, Topology, open_bus
from onevoice.config import Config, reveal
from onevoice.consent import ConsentRules, Gate
from onevoice.errors import OnevoiceError
from onevoice.identity import Model
from onevoice.master import Survivorship
from onevoice.store import Store, open_store, with_point_key
from onevoice.workers.catalog import Catalog, load_catalog
from onevoice.workers.clock import Clock
from onevoice.workers.delivery import Delivery
from onevoice.workers.door import Door
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.as_of import begin_as_of
from onevoice.workers.lacking import Lacking
from onevoice.workers.links import Signing
from onevoice.workers.model import load_model
from onevoice.workers.relay import Relay
from onevoice.workers.sync import Sync
from onevoice.workers.systems import Systems


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Everything that a command, a door or a worker needs."""

    config: Config
    catalog: Catalog
    store: Store
    bus: Bus
    systems: Systems
    door: Door
    ingest: Ingest
    relay: Relay
    delivery: Delivery
    sync: Sync
    clock: Clock
    gate: Gate
    model: Model
    survivorship: Survivorship
    signing: Signing | None
    worker: str

    def close(self) -> None:
        """Close connectors, bus and store, in that order."""
        self.systems.close()
        self.bus.close()
        self.store.close()


def topology_of(config: Config, catalog: Catalog) -> Topology:
    """Return exchanges, queues and broker users for the configured systems."""
    return Topology(
        systems=catalog.routing(),
        amqp_systems=frozenset(name for name, system in config.systems.items() if system.amqp_password),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """The store with all that takes records in: what a hub is without a bus and without systems."""

    catalog: Catalog
    store: Store
    ingest: Ingest
    signing: Signing | None


def open_master(config: Config) -> Master:
    """Open the store and what takes records in; no broker is needed.

    Raises:
        ConfigurationError: a setting, mapping, schema or rule is wrong.
        TransientError: the store is away.
    """
    catalog = load_catalog(config)
    rules = config.root / "rules"
    consent = ConsentRules.load(rules)
    catalog.hold_to_purposes(consent.purposes)
    gate = Gate(consent, bounds={system: catalog.clock_bound(system) for system in config.systems})
    model = load_model(config)
    survivorship = Survivorship.load(rules / "survivorship.yaml")
    store = open_store(reveal(config.store_url))
    signing = Signing.load(config)
    if signing is not None:
        store = with_point_key(store, signing.point_key)
    if store.dialect == "sqlite":
        store.create_tables()
    try:
        store.ping()
        begin_as_of(store, gate.clock().date())
    except OnevoiceError:
        store.close()
        raise
    ingest = Ingest(store=store, catalog=catalog, model=model, survivorship=survivorship, gate=gate)
    return Master(catalog=catalog, store=store, ingest=ingest, signing=signing)


def open_hub(config: Config) -> Hub:
    """Open everything; nothing contacts a connected system yet.

    Raises:
        ConfigurationError: a setting, mapping, schema or rule is wrong.
        TransientError: the store or the broker is away.
    """
    master = open_master(config)
    store, catalog, gate = master.store, master.catalog, master.ingest.gate
    try:
        bus = open_bus(reveal(config.bus_url), store, topology_of(config, catalog))
    except OnevoiceError:
        store.close()
        raise
    systems = Systems(config, store, catalog)
    door = Door(store, bus, catalog)
    ingest = master.ingest
    worker = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return Hub(
        config=config,
        catalog=catalog,
        store=store,
        bus=bus,
        systems=systems,
        door=door,
        ingest=ingest,
        relay=Relay(store, bus),
        delivery=Delivery(
            store=store, catalog=catalog, systems=systems, door=door, ingest=ingest, retry_seconds=config.retry_seconds
        ),
        sync=Sync(store, door, systems, worker, Lacking(store, ingest)),
        clock=Clock(store=store, gate=gate, ingest=ingest),
        gate=gate,
        model=ingest.model,
        survivorship=ingest.survivorship,
        signing=master.signing,
        worker=worker,
    )


@contextmanager
def opened(config: Config) -> Iterator[Hub]:
    """Open a hub for a block and close it."""
    hub = open_hub(config)
    try:
        yield hub
    finally:
        hub.close()
