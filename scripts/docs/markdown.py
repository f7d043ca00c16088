"""Markdown out of values: tables, code spans, the head of a generated page.

The one rule: the same values give the same text, whatever machine and whatever moment.
"""

from collections.abc import Iterable, Sequence

NOTICE = "<!-- Written by scripts/docs from the code: run `make docs`, do not edit. -->"


def page(title: str, lead: str, *parts: str) -> str:
    """Return a generated page."""
    return "\n\n".join((NOTICE, f"# {title}", lead, *parts)).rstrip() + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell is written so that it stays in it."""
    lines = [_row(heads), _row(["---"] * len(heads)), *(_row([_cell(cell) for cell in row]) for row in rows)]
    return "\n".join(lines)


def code(text: object) -> str:
    """Return a code span; nothing for an empty text."""
    return f"`{text}`" if str(text) else ""


def codes(texts: Iterable[object]) -> str:
    """Return code spans, one after the other."""
    return ", ".join(code(text) for text in texts)


def first_line(docstring: str | None) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
