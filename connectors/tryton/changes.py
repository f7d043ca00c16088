"""What changed in one of Tryton's tables, in the order of change: (time, id) is the position.

The time is `write_date`. Tryton 8.2 leaves it empty in some rows until they are written the first time, such as an
address without a street; of a part, those are asked for apart, by `create_date`. A table of which every row must have
one is not read past a row without it.
"""

from collections.abc import Iterator, Sequence

from connectors.tryton.encoding import moment
from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import Json, OperatorError, version_text
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.manifest import StreamSpec

ALL = {"active_test": False}
"""Context in which rows that are archived are found, too."""
WRITTEN, CREATED = "write_date", "create_date"


class Changes:
    """Asks one database for what changed.

    Args:
        context: what every call carries besides.
    """

    def __init__(self, rpc: TrytonRpc, context: Json | None = None) -> None:
        self._rpc = rpc
        self._context = {**ALL, **(context or {})}

    def since(
        self,
        model: str,
        position: Keyset | None,
        spec: StreamSpec,
        fields: Sequence[str],
        where: str,
        *,
        by: str = "",
    ) -> Iterator[list[Json]]:
        """Yield pages of the rows behind a position, the stream's overlap included, with these fields.

        Args:
            by: WRITTEN, for the rows that have been written; CREATED, for those that have not; empty, for all, none of
                which may lack its `write_date`.
        """
        start = position.back(spec.overlap_seconds) if position else None
        while True:
            rows = self._page(model, _behind(start, by), spec.page_size, "ASC", fields, where, by)
            if rows:
                yield rows
            if len(rows) < spec.page_size:
                return
            start = position_of(rows[-1], by)

    def newest(self, model: str, where: str, *, by: str) -> Keyset | None:
        """Return the position of the last change; None where the table has no such rows."""
        rows = self._page(model, _behind(None, by), 1, "DESC", (), where, by)
        return position_of(rows[0], by) if rows else None

    def _page(
        self, model: str, domain: list[object], limit: int, way: str, fields: Sequence[str], where: str, by: str
    ) -> list[Json]:
        time = by or WRITTEN
        order = [[time, way], ["id", way]]
        rows: list[Json] = self._rpc.ask(
            f"{model}.search_read", domain, 0, limit, order, [time, *fields], where=where, context=self._context
        )
        if any(row[time] is None for row in rows):
            raise OperatorError(f"{where}: {model} has rows without write_date; this needs Tryton 8.2 or later")
        return rows


def position_of(row: Json, by: str = "") -> Keyset:
    """Return where a row stands in the order of change."""
    return Keyset(row[by or WRITTEN], version_text(row["id"]))


def _behind(start: Keyset | None, by: str) -> list[object]:
    """Return the search condition for what comes after a position."""
    kind: list[object] = [[WRITTEN, "=" if by == CREATED else "!=", None]] if by else []
    if start is None:
        return kind
    time, when = by or WRITTEN, moment(start.moment())
    after: list[object] = ["OR", [time, ">", when], [[time, "=", when], ["id", ">", int(start.key or 0)]]]
    return [*kind, after] if by else after
