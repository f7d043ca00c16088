"""The page on adding a connector holds word for word: its files, written as they stand, connect the club both ways."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from samples.club.service import KEY, Club, founded, served
from tests.cli.project import Project, own_connectors, settle

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-a-connector.md"
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
NOT_HERE = ("onevoice init", "onevoice run", "onevoice status")  # begun and run by the test itself; asked at its end


@pytest.fixture
def club() -> Iterator[Club]:
    with own_connectors(), served(founded()) as running:
        yield running


def test_the_page_connects_the_club_both_ways(tmp_path: Path, club: Club) -> None:
    project = Project(folder=tmp_path / "club-hub")
    project.folder.mkdir()
    project.run("init", str(project.folder))
    standing = {path: path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
    (project.folder / "club-key").write_text(f"{KEY}\n")
    commands: list[str] = []
    for block in map(dedent, BLOCK.findall(PAGE.read_text(encoding="utf-8"))):
        name = re.match(r"# ([\w./-]+)\n", block)
        if name is None:
            commands += _run(project, block, commands)
            continue
        path = project.folder / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if path == project.config else "w", encoding="utf-8") as file:
            file.write(block.replace("http://127.0.0.1:8090", club.url))
    changed = {path for path, content in standing.items() if path.read_bytes() != content}
    assert changed == {project.config}
    assert len(commands) > 7
    assert commands[1].startswith("onevoice connector new club")
    assert "12 check(s) hold for 1 system(s)" in project.run("connector", "test")
    recorded = "".join(path.read_text() for path in (project.folder / "connectors/club/fixtures").iterdir())
    assert '"stream": "members"' in recorded
    assert not any(word in recorded for word in ("Osterley", "osterley", "example.com", KEY))
    assert club.members[1]["no_mail"] is True, "the opt-out of the other membership was written"
    assert club.members[2]["no_mail"] is False
    project.run("sync", "club")
    settle(project)
    assert len(club.sent) == 1, "what the hub wrote is no news"
    [shown] = project.json("status", code=1)["systems"]  # 1: no hub runs at that moment
    assert (shown["state"], shown["quarantined"], shown["owed"]) == ("reachable", 0, [])
    names = [project.run("customer", "show", f"rec:club:members:{number}") for number in (1, 3)]
    assert all("Osterley" in name for name in names)


def _run(project: Project, block: str, before: list[str]) -> list[str]:
    done = []
    for line in (line for line in block.splitlines() if line.startswith(("onevoice ", "rm "))):
        if line.startswith("rm "):
            (project.folder / line.removeprefix("rm ")).unlink()
            continue
        if line == "onevoice run":
            project.run("sync", "club")
            settle(project)
        elif not line.startswith(NOT_HERE):
            said = project.run(*shlex.split(line)[1:])
            assert "problem" not in said or "no problem" in said or " 0 problem" in said, said
        done.append(line)
    return done
