"""Write-behind: a statement without an answer is sent, and the program goes on while the database works.

PostgreSQL takes statements in a row without waiting in between (pipeline mode of its protocol,
<https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>). It is entered with the first write that is marked
`BEHIND` and left before the next statement that has an answer, and before the commit. So what is read sees all that was
written before it, and what a write met is raised by the next statement that has an answer, at the latest by the commit.
"""

from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

BEHIND: Final = MappingProxyType({"behind": True})
"""Execution option of a statement of which nothing is asked but that it happens."""
DRIVER = "postgresql+onevoice"
"""The driver name, in a SQLAlchemy URL, of PostgreSQL written behind."""


class WriteBehind(PGDialect_psycopg):
    """PostgreSQL over psycopg, where statements marked `BEHIND` are not waited for."""

    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._sending: WeakKeyDictionary[Any, psycopg.Pipeline] = WeakKeyDictionary()

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Execute one statement; one marked `BEHIND` may not have happened yet."""
        if context is None or not context.execution_options.get("behind"):
            self._catch_up(cursor.connection)
        elif cursor.connection not in self._sending:
            pipeline = cursor.connection.pipeline()
            pipeline.__enter__()
            self._sending[cursor.connection] = pipeline
        super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        """Execute one statement many times, after all that was sent."""
        self._catch_up(cursor.connection)
        super().do_executemany(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commit, after all that was sent has happened."""
        self._catch_up(dbapi_connection)
        super().do_commit(dbapi_connection)  # type: ignore[no-untyped-call]

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Roll back, whatever became of what was sent."""
        with suppress(psycopg.Error):  # it goes with the transaction, and was raised if anybody still asked
            self._catch_up(dbapi_connection)
        super().do_rollback(dbapi_connection)  # type: ignore[no-untyped-call]

    def _catch_up(self, connection: Any) -> None:
        """Wait for what was sent, and raise what it met."""
        pipeline = self._sending.pop(getattr(connection, "driver_connection", connection), None)
        if pipeline is not None:
            pipeline.__exit__(None, None, None)


registry.register("postgresql.onevoice", __name__, WriteBehind.__name__)
