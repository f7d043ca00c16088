"""The one truth: tables, engine, bulk statements, migrations, and the transaction in which everything commits."""

from onevoice.store.bulk import (
    among,
    count_by_key,
    delete_by_keys,
    delete_pairs,
    rows_by_keys,
    rows_up_to,
    update_rows,
    upsert,
)
from onevoice.store.engine import Store, open_store
from onevoice.store.lease import Lease, keep_out

__all__ = [
    "Lease",
    "Store",
    "among",
    "count_by_key",
    "delete_by_keys",
    "delete_pairs",
    "keep_out",
    "open_store",
    "rows_by_keys",
    "rows_up_to",
    "update_rows",
    "upsert",
]
