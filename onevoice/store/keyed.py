"""Contact points that the store may only know by a keyed hash: those whose owner had everything erased.

The key follows from the hub's secret and travels with the store's connections; it is never in the database itself.
"""

import hmac
from dataclasses import replace

from sqlalchemy import Connection

from onevoice.store.engine import Store

_OPTION = "point_key"


def with_point_key(store: Store, key: bytes) -> Store:
    """Return the store, able to hide contact points under a key."""
    option = {_OPTION: key}
    reader = store.reader.execution_options(**option) if store.reader is not None else None
    return replace(store, engine=store.engine.execution_options(**option), reader=reader)


def hidden(connection: Connection, point: str) -> str | None:
    """Return the keyed hash of a contact point (HMAC-SHA256), None where the store has no key."""
    key = connection.get_execution_options().get(_OPTION)
    return hmac.digest(key, point.encode(), "sha256").hex() if key is not None else None
