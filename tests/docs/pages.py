"""The pages of the documentation, and what they name: code spans, commands, links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from onevoice.cli import app

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^\s*```.*?^\s*```\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_WRITTEN_BY_USERS = ("var/", "site/", "mappings/erp/", "mappings/crm/", "connectors/club/", "mappings/club/")
_NAME = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")


def pages() -> list[Path]:
    """Return every page that people read first or find from there."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return found + sorted((ROOT / "docs").rglob("*.md"))


def spans(text: str) -> list[str]:
    """Return what stands in back-ticks, code blocks left out."""
    return _SPAN.findall(_FENCE.sub("", text))


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield each `onevoice …` and `make …`, in back-ticks or at the start of a line of a code block, in words."""
    lines = list(spans(text))
    for block in _FENCE.findall(text):
        lines += [line.strip().removeprefix("$ ") for line in block.splitlines()[1:-1]]
    for line in lines:
        if line.startswith(("onevoice ", "make ")):
            yield shlex.split(line.replace("…", "").replace("<", "").replace(">", ""), comments=True)


def links(text: str) -> list[str]:
    """Return the targets of links that lead to a file or heading of the project."""
    outside = ("http://", "https://", "mailto:")
    return [target for target in _LINK.findall(_FENCE.sub("", text)) if not target.startswith(outside)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(text)}


def is_path_of_project(span: str) -> bool:
    """Return whether a code span names a file or folder that a checkout should have."""
    path = span.replace("<connector>", "*").replace("<stream>", "*").replace("<system>", "*")
    if not _NAME.fullmatch(path) or span.startswith(_WRITTEN_BY_USERS):
        return False
    first, slash, _ = path.partition("/")
    is_folder = (ROOT / first).is_dir() and not first.startswith(".")
    return (bool(slash) and is_folder) or (not slash and path.endswith((".md", ".toml", ".yml", ".lock")))


def exists(span: str) -> bool:
    """Return whether a checkout has it; `*` and `<…>` stand for any name."""
    path = re.sub(r"<\w+>", "*", span)
    return any(ROOT.glob(path.rstrip("/")))


def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def command_problem(words: list[str]) -> str | None:
    """Return what is wrong with an `onevoice` command line: a command or an option that there is not."""
    command: Any = typer.main.get_command(app)
    rest = words[1:]
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            return f"there is no command {rest[0]!r}"
        command = command.commands[rest.pop(0)]
    known = {option for param in command.params for option in param.opts} | {"--help", "-h", "--config"}
    for word in rest:
        option = word.partition("=")[0]
        if option.startswith("-") and option != "-" and option not in known:
            return f"there is no option {option!r}"
    return None
