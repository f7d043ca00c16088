"""The store is put back to an older state: the systems are ahead, and nothing is made there twice."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert

from onevoice.errors import FencedError, RefusedError
from onevoice.store import open_store
from onevoice.store import tables as t
from onevoice.workers.lacking import Lacking
from onevoice.workers.recovery import Recovery, recover
from onevoice.workers.sync import Sync
from tests.workers.fakes import Finding, Making, delivery_of
from tests.workers.test_creating import ANN, contacts, creating, looked, upserting
from tests.workers.walk import Walk, crm, sample_hub

PARTIES = {"crm": "Contact", "erp": "customers"}
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@dataclass
class Restored:
    """A hub on a file that is put back to how it was; the systems outside live on."""

    file: Path
    hub_folder: Path
    system: Making
    safe_by: str

    def open(self) -> Walk:
        store = open_store(f"sqlite:///{self.file}")
        store.create_tables()
        return creating(Walk(store, *sample_hub(self.hub_folder)), self.system, safe_by=self.safe_by)

    def copy(self, target: Path) -> None:
        with closing(sqlite3.connect(self.file)) as one, closing(sqlite3.connect(target)) as other:
            one.backup(other)

    def put_back(self, walk: Walk, backup: Path) -> Walk:
        walk.store.close()
        for name in (self.file, Path(f"{self.file}-wal"), Path(f"{self.file}-shm")):
            name.unlink(missing_ok=True)
        with closing(sqlite3.connect(backup)) as one, closing(sqlite3.connect(self.file)) as other:
            one.backup(other)
        found = self.open()
        found.crm, found.erp, found.shop = walk.crm, walk.erp, walk.shop
        found.systems.given |= {"crm": walk.crm, "erp": walk.erp, "shop": walk.shop}
        found.was_read("crm", "Contact", YESTERDAY)
        return found


def recovered(walk: Walk) -> Recovery:
    systems = {name: walk.config.systems[name] for name in PARTIES}
    hub: Any = SimpleNamespace(
        config=replace(walk.config, systems=systems),
        catalog=SimpleNamespace(streams_of=lambda name: [walk.catalog.streams[name, PARTIES[name]]]),
        store=walk.store,
        delivery=walk.delivery,
        sync=Sync(walk.store, walk.door, walk.systems, "recover", Lacking(walk.store, walk.ingest)),
        bus=walk.bus,
    )
    found = recover(hub)
    walk.lease = walk.take_lease("after")
    walk.drain()
    return found


@pytest.mark.parametrize(
    ("system", "safe_by"),
    [
        (upserting(), "upsert_key"),
        (Finding("SystemModstamp", "Id", forgets=True), "lookup"),
        (Making("SystemModstamp", "Id", forgets=True), "none"),
    ],
)
def test_what_was_made_meanwhile_is_not_made_again(
    tmp_path: Path, hub_folder: Path, system: Making, safe_by: str
) -> None:
    place = Restored(tmp_path / "hub.db", hub_folder, system, safe_by)
    walk = place.open()
    walk.arrive("erp", "customers", walk.erp.put(ANN))
    place.copy(tmp_path / "backup.db")  # Ann is owed a contact
    walk.settle()
    assert len(system.records) == 1

    walk = place.put_back(walk, tmp_path / "backup.db")
    assert contacts(walk) == []
    found = {one.system: one for one in recovered(walk).systems}
    assert (found["crm"].creations, found["crm"].news) == (1, 1)
    walk.settle()
    if safe_by == "none":
        assert len(walk.rows(t.obligation, system="crm", stream="Contact", state="in_doubt")) == 1
        assert len(system.records) == 1
        looked(walk)
        walk.settle()
    assert len(system.records) == 1
    [row] = contacts(walk)
    assert row.customer_id == walk.record("erp", "K1").customer_id


def test_a_customer_who_came_and_was_made_there_in_between_is_not_made_again(tmp_path: Path, hub_folder: Path) -> None:
    place = Restored(tmp_path / "hub.db", hub_folder, Making("SystemModstamp", "Id", forgets=True), "none")
    walk = place.open()
    place.copy(tmp_path / "backup.db")  # nobody is there yet
    walk.arrive("erp", "customers", walk.erp.put(ANN))
    walk.settle()
    assert len(place.system.records) == 1

    walk = place.put_back(walk, tmp_path / "backup.db")
    assert {one.system: one.news for one in recovered(walk).systems} == {"crm": 1, "erp": 1}
    walk.settle()
    assert len(place.system.records) == 1
    assert len({row.customer_id for row in walk.rows(t.source_record)}) == 1


def test_it_waits_until_nobody_works_and_fences_off_who_worked_later_than_the_store_knows(walk: Walk) -> None:
    with walk.store.transaction() as connection:
        row = {"name": "other", "role": "ingest", "heartbeat_at": datetime.now(UTC)}
        connection.execute(insert(t.worker).values(row))
    with pytest.raises(RefusedError, match="other"):
        recovered(walk)
    with walk.store.transaction() as connection:
        connection.execute(t.worker.update().values(heartbeat_at=YESTERDAY))
    before = replace(walk.lease, fence=walk.lease.fence + 7)  # taken after the state that was put back
    assert recovered(walk).taken_on == 0
    assert walk.lease.fence > before.fence
    with pytest.raises(FencedError):
        walk.ingest.take([delivery_of(crm(1))], lease=before)
