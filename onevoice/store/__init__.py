"""The one truth: tables, engine, bulk statements, migrations, and the transaction in which everything commits."""

from onevoice.store.bulk import rows_by_keys, upsert
from onevoice.store.engine import Store, open_store
from onevoice.store.lease import Lease

__all__ = ["Lease", "Store", "open_store", "rows_by_keys", "upsert"]
