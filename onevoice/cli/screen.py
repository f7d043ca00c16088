"""How things look on a terminal: tables, ages, progress, one line for an error, JSON for scripts."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

GOOD, BAD, WARN = "green", "red", "yellow"
_WIDE = 10_000
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def failed(message: str) -> None:
    """Say on standard error what went wrong."""
    err.print(Text.assemble(("error: ", f"bold {BAD}"), message), soft_wrap=True)


def done(message: str) -> None:
    """Say that something was done."""
    out.print(Text.assemble(("✓ ", GOOD), message), soft_wrap=True)


def note(message: str) -> None:
    """Say something beside the result."""
    out.print(Text(message, style="dim"), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print rows under column names; a column whose name ends in `#` holds numbers.

    On a pipe the lines are as long as they need to be, so that other programs can read them.
    """
    target = out if out.is_terminal else Console(highlight=False, width=_WIDE)
    shown = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold")
    for name in columns:
        shown.add_column(name.removesuffix("#"), justify="right" if name.endswith("#") else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(_cell(cell)) for cell in row))
    target.print(shown)


def print_json(value: Any) -> None:
    """Print a value as JSON; dataclasses as objects, times in ISO 8601."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False, default=str) + "\n")


def plain(value: Any) -> Any:
    """Return a value made of dictionaries, lists and texts alone."""
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago something was, in one unit; `-` for never."""
    if moment is None:
        return "-"
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), "now")


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a bar while a block works; the block calls what it is given with how many more are done."""
    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
