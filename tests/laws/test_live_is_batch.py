"""`onevoice match` over a file and the hub live come to the same customers, in whatever order the rows come in."""

from __future__ import annotations

import json
import random
import shutil
import uuid
from pathlib import Path

import pytest

from benchmarks.identity.population import Row, population
from onevoice.config import load_config
from onevoice.mapping.phone import to_e164
from onevoice.messages import Envelope
from onevoice.store import open_store
from onevoice.store import tables as t
from onevoice.workers.catalog import load_catalog
from onevoice.workers.matching import match_rows
from tests.workers.walk import ARRIVED, ROOT, Walk, stamp

ROWS = 5_000
COLUMNS = ("given_name", "middle_name", "family_name", "birth_date", "email", "phone", "street", "city", "postal_code",
           "national_id")  # fmt: skip
MAPPING = """\
stream: people
to: person
key: record_id
version: changed
occurred_at: changed
fields:
  name.given: given_name
  name.middle: middle_name
  name.family: family_name
  birth_date: birth_date
  emails[main].address: email
  phones[main].number: phone
  addresses[main].street: street
  addresses[main].city: city
  addresses[main].postal_code: postal_code
  national_id: national_id
"""
MANIFEST = """\
id: list
title: A service list
owner: tests
kind: rest
entry: connector:List
settings: {type: object, additionalProperties: false, properties: {}}
streams:
  people: {mode: poll, writable: true}
"""


def rows() -> list[Row]:
    """Rows whose telephone numbers are written as the canonical schema has them; others would never enter."""
    told = population(people=2_600, seed=21)[0][:ROWS]
    return [{**row, "phone": to_e164(row["phone"], "GB") or "", "country": "GB"} for row in told]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("list")
    text = {"type": ["string", "null"]}
    schema = {
        "type": "object",
        "required": ["record_id", "changed"],
        "properties": dict.fromkeys(("record_id", "changed", *COLUMNS), text),
    }
    for folder in ("connectors/list", "mappings/list", "schemas/list"):
        (root / folder).mkdir(parents=True)
    (root / "connectors/list/manifest.yaml").write_text(MANIFEST)
    (root / "connectors/list/__init__.py").write_text("")
    (root / "mappings/list/people.yaml").write_text(MAPPING)
    (root / "schemas/list/people.json").write_text(json.dumps(schema))
    shutil.copytree(ROOT / "rules", root / "rules")
    shutil.copytree(ROOT / "schemas/canonical", root / "schemas/canonical")
    systems = '[systems.list]\nconnector = "list"\n'
    (root / "onevoice.toml").write_text(f'[hub]\nroot = "{root}"\n[store]\nurl = "sqlite:///x.db"\n{systems}')
    return root


def told(row: Row) -> Envelope:
    key = row["record_id"]
    data = {name: row[name] or None for name in COLUMNS}
    return Envelope(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
        system="list",
        stream="people",
        key=key,
        time=ARRIVED,
        sequence=stamp(1),
        reading=0,
        data={**data, "record_id": key, "changed": stamp(1)},
        deleted=False,
    )


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("order", [1, 2])
def test_rows_one_by_one_live_give_the_partition_of_the_file(root: Path, order: int) -> None:
    config = load_config(root / "onevoice.toml")
    store = open_store("sqlite://")
    store.create_tables()
    walk = Walk(store, config, load_catalog(config))
    everybody = rows()
    matched = match_rows(everybody, walk.ingest.model)
    shuffled = list(everybody)
    random.Random(order).shuffle(shuffled)
    counts = walk.take(*[told(row) for row in shuffled], batch=1).counts
    assert counts["applied"] == len(everybody) == ROWS
    customers: dict[uuid.UUID, set[str]] = {}
    for record in walk.rows(t.source_record):
        customers.setdefault(record.customer_id, set()).add(record.key)
    live = {frozenset(keys) for keys in customers.values()}
    batch: dict[str, set[str]] = {}
    for record_id, customer in matched.customers.items():
        batch.setdefault(customer, set()).add(record_id)
    assert live == {frozenset(keys) for keys in batch.values()}
    assert len(live) < ROWS * 0.75  # many were joined
    assert len(walk.rows(t.pair)) == len(matched.grouping.pairs)
    store.close()
