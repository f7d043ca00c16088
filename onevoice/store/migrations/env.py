"""What Alembic asks for each run: the connection that `onevoice.store.migrate` hands over, and how types are written.

A revision says what PostgreSQL has and imports nothing of the hub, so that it means the same for ever.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.dialects import postgresql

from onevoice.store.tables import metadata

_PG = postgresql.dialect()  # type: ignore[no-untyped-call]


def _written(kind: str, item: Any, _autogenerate: AutogenContext) -> str | Literal[False]:
    if kind != "type":
        return False
    name = item.compile(dialect=_PG)
    return {"JSONB": "postgresql.JSONB()", "TIMESTAMP WITH TIME ZONE": "sa.TIMESTAMP(timezone=True)"}.get(name, False)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=_written,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
