"""The one truth: tables, engine, bulk statements, migrations, and the transaction in which everything commits."""

from onevoice.store.bulk import (
    among,
    count_by_key,
    delete_by_keys,
    delete_pairs,
    insert_new,
    listed,
    rows_by_keys,
    rows_up_to,
    update_rows,
    upsert,
)
from onevoice.store.engine import Store, open_store
from onevoice.store.gather import Gathering
from onevoice.store.keyed import hidden, with_point_key
from onevoice.store.lease import INGEST, Lease, keep_out
from onevoice.store.notice import give_notice, listening

__all__ = [
    "INGEST",
    "Gathering",
    "Lease",
    "Store",
    "among",
    "count_by_key",
    "delete_by_keys",
    "delete_pairs",
    "give_notice",
    "insert_new",
    "hidden",
    "keep_out",
    "listed",
    "listening",
    "open_store",
    "rows_by_keys",
    "rows_up_to",
    "update_rows",
    "upsert",
    "with_point_key",
]
