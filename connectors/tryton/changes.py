"""What changed in one of Tryton's tables, in the order of change: (write_date, id) is the position.

Tryton fills `write_date` at creation since series 8.2; rows without one would never be read, and are refused.
"""

from collections.abc import Iterator, Sequence

from connectors.tryton.encoding import moment
from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import Json, OperatorError, version_text
from onevoice.sdk.keyset import Keyset
from onevoice.sdk.manifest import StreamSpec

ALL = {"active_test": False}
"""Context in which rows that are archived are found, too."""


class Changes:
    """Asks one database for what changed.

    Args:
        context: what every call carries besides.
    """

    def __init__(self, rpc: TrytonRpc, context: Json | None = None) -> None:
        self._rpc = rpc
        self._context = {**ALL, **(context or {})}

    def since(
        self, model: str, position: Keyset | None, spec: StreamSpec, fields: Sequence[str], where: str
    ) -> Iterator[list[Json]]:
        """Yield pages of the rows behind a position, the stream's overlap included, with these fields."""
        start = position.back(spec.overlap_seconds) if position else None
        while True:
            rows = self._page(model, _behind(start), spec.page_size, "ASC", fields, where)
            if rows:
                yield rows
            if len(rows) < spec.page_size:
                return
            start = position_of(rows[-1])

    def newest(self, model: str, where: str) -> Keyset | None:
        """Return the position of the last change; None where the table is empty."""
        rows = self._page(model, [], 1, "DESC", (), where)
        return position_of(rows[0]) if rows else None

    def _page(
        self, model: str, domain: list[object], limit: int, way: str, fields: Sequence[str], where: str
    ) -> list[Json]:
        order = [["write_date", way], ["id", way]]
        rows: list[Json] = self._rpc.ask(
            f"{model}.search_read", domain, 0, limit, order, ["write_date", *fields], where=where, context=self._context
        )
        if any(row["write_date"] is None for row in rows):
            raise OperatorError(f"{where}: {model} has rows without write_date; this needs Tryton 8.2 or later")
        return rows


def position_of(row: Json) -> Keyset:
    """Return where a row stands in the order of change."""
    return Keyset(row["write_date"], version_text(row["id"]))


def _behind(start: Keyset | None) -> list[object]:
    """Return the search condition for what comes after a position."""
    if start is None:
        return []
    when = moment(start.moment())
    return ["OR", ["write_date", ">", when], [["write_date", "=", when], ["id", ">", int(start.key or 0)]]]
