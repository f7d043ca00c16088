"""A hub of the service desk of `tests.mapping.desk` and the sample ERP."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

from onevoice.config import load_config
from onevoice.messages import Envelope, Json, SourceRecord
from onevoice.store import Store
from onevoice.workers.catalog import load_catalog
from tests.mapping.desk import MAPPING, TICKET, lay_out
from tests.workers.fakes import FakeSystem
from tests.workers.walk import ARRIVED, ROOT, Walk, stamp


class Desk(FakeSystem):
    """Changes one part of a record without the rest, as the fields are named."""

    def change(self, key: str, **fields: Any) -> SourceRecord:
        data: Json = dict(self.records[key])
        for path, value in fields.items():
            outer, _, inner = path.partition(".")
            data[outer] = {**data[outer], inner: value} if inner else value
        return self.put(data)


def desk_root(root: Path, mapping: str = MAPPING) -> Path:
    """Lay out the hub's folder."""
    lay_out(root, mapping)
    shutil.copytree(ROOT / "rules", root / "rules")
    for name in ("schemas/canonical", "schemas/sample_erp", "mappings/sample_erp", "connectors/sample_erp"):
        shutil.copytree(ROOT / name, root / name)
    systems = '[systems.desk]\nconnector = "desk"\n[systems.erp]\nconnector = "sample_erp"\n'
    (root / "onevoice.toml").write_text(f'[hub]\nroot = "{root}"\n[store]\nurl = "sqlite:///x.db"\n{systems}')
    return root


def opened(store: Store, root: Path) -> Walk:
    config = load_config(root / "onevoice.toml")
    walk = Walk(store, config, load_catalog(config))
    walk.systems.given["desk"] = Desk("changed", "id")
    return walk


def desk_of(walk: Walk) -> Desk:
    found = walk.systems.given["desk"]
    assert isinstance(found, Desk)
    return found


def ticket(day: float, *, deleted: bool = False, **fields: Any) -> Envelope:
    return Envelope(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"desk/{day}/{deleted}")),
        system="desk",
        stream="ticket",
        key="7",
        time=ARRIVED,
        sequence=stamp(day),
        reading=0,
        data=None if deleted else TICKET | {"changed": stamp(day)} | fields,
        deleted=deleted,
    )


def arrive(walk: Walk, record: SourceRecord) -> None:
    walk.arrive("desk", "ticket", record)
