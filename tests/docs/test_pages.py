"""What the pages name is there: files, commands, targets of make, links."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import (
    ROOT,
    anchors,
    command_lines,
    command_problem,
    exists,
    is_path_of_project,
    links,
    pages,
    spans,
    targets,
)

PAGES = pages()
_RUN_TIME = {"onevoice.toml"}  # written by whoever runs a hub

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@every_page
def test_every_file_named_is_there(page: Path) -> None:
    named = {span for span in spans(page.read_text(encoding="utf-8")) if is_path_of_project(span)} - _RUN_TIME
    missing = {span for span in named if not exists(span) and not (page.parent / span).exists()}
    assert not missing


@every_page
def test_every_command_named_is_there(page: Path) -> None:
    found = {}
    for words in command_lines(page.read_text(encoding="utf-8")):
        if words[0] == "onevoice":
            problem = command_problem(words)
        else:
            wanted = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            problem = next((f"there is no target {word}" for word in wanted if word not in targets()), None)
        if problem:
            found[" ".join(words)] = problem
    assert not found


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = []
    for link in links(page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


def test_the_checks_find_what_is_not_there() -> None:
    text = "`onevoice custmer show x` `onevoice status --jason` `make dmeo` `onevoice/nowhere.py` [x](nowhere.md)"
    assert [command_problem(words) for words in command_lines(text) if words[0] == "onevoice"] == [
        "there is no command 'custmer'",
        "there is no option '--jason'",
    ]
    assert "dmeo" not in targets()
    assert is_path_of_project("onevoice/nowhere.py")
    assert not exists("onevoice/nowhere.py")
    assert links(text) == ["nowhere.md"]


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    named = set((ROOT / "mkdocs.yml").read_text(encoding="utf-8").split())
    lost = [page for page in (ROOT / "docs").rglob("*.md") if str(page.relative_to(ROOT / "docs")) not in named]
    assert not lost
