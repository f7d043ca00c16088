"""A system that comes is read before it is written, at a rate; of one that goes, a person says what stands."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select

from onevoice.config import load_config
from onevoice.sdk.formats import Csv
from onevoice.store.tables import obligation
from onevoice.workers.hub import opened
from tests.cli.project import Project, own_connectors, settle

FORM = Csv(columns=["id"])
BLANK = {"given_name": None, "family_name": None, "email": None, "phone": None, "no_email": "no"}


def write(folder: Path, *people: dict[str, str]) -> None:
    rows = [{"id": str(n), **BLANK, **one, "updated_at": "2025-05-01T09:00:00Z"} for n, one in enumerate(people, 1)]
    (folder / "people.csv").write_bytes(FORM.dump(rows, where="test"))


def rows(folder: Path) -> list[dict[str, str | None]]:
    return FORM.parse((folder / "people.csv").read_bytes(), where="test")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A hub with one system, in which Ann wants no mail."""
    made = Project(folder=tmp_path / "hub")
    made.folder.mkdir()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    ann = {"given_name": "Ann", "family_name": "Osterley", "email": "ann.osterley@example.com"}
    write(tmp_path / "one", {**ann, "no_email": "yes", "phone": "+441614960123"}, {"family_name": "Ray"})
    write(tmp_path / "two", ann, {"given_name": "Cid", "family_name": "Moe", "email": "cid.moe@example.com"})
    with own_connectors():
        made.run("init", str(made.folder))
        made.run("connector", "new", "people", "--kind", "file")
        made.run(*adding("one", tmp_path), "--yes")
        settle(made)
        yield made


def adding(name: str, place: Path) -> list[str]:
    return ["system", "add", name, "--connector", "people", "--set", f"folder={place / name}"]


def open_obligations(project: Project) -> int:
    with opened(load_config(project.config)) as hub, hub.store.transaction() as connection:
        statement = select(func.count()).where(obligation.c.next_attempt_at.is_not(None))
        return int(connection.execute(statement).scalar_one())


def test_it_is_shown_before_anything_is_written(project: Project, tmp_path: Path) -> None:
    before = rows(tmp_path / "two")
    said = project.run(*adding("two", tmp_path), stdin="n\n")
    shown = [" ".join(line.split()) for line in said.splitlines()]
    assert "people opt-out no_email 1" in shown
    assert "people value phone 1" in shown
    assert "nothing is written" in said
    with opened(load_config(project.config)) as hub:
        assert hub.relay.relay() == 0, "what it is owed is held"
    assert rows(tmp_path / "two") == before
    [state] = [one for one in project.json("status", code=1)["systems"] if one["name"] == "two"]
    assert (state["state"], "is being added" in state["reason"]) == ("parked", True)

    assert "system two is in use" in project.run("system", "add", "two", "--yes")
    settle(project)
    ann = rows(tmp_path / "two")[0]
    assert (ann["no_email"], ann["phone"]) == ("yes", "+441614960123")
    assert rows(tmp_path / "two")[1] == before[1]
    assert "is connected already" in project.run("system", "add", "two", code=78)


def test_records_are_written_at_the_rate_that_was_said(project: Project, tmp_path: Path) -> None:
    people = [{"given_name": "P", "family_name": f"Q{n}", "email": f"p{n}@example.com"} for n in range(6)]
    write(tmp_path / "one", *({**one, "phone": f"+4416149601{n:02}"} for n, one in enumerate(people)))
    project.run("sync", "one")
    settle(project)
    write(tmp_path / "two", *people)
    project.run(*adding("two", tmp_path), "--rate", "0.5", "--yes")
    with opened(load_config(project.config)) as hub, hub.store.transaction() as connection:
        statement = select(obligation.c.next_attempt_at).where(
            obligation.c.system == "two", obligation.c.lane == "record"
        )
        times = sorted(row.next_attempt_at for row in connection.execute(statement.where(obligation.c.state == "due")))
    assert [(later - first).total_seconds() for first, later in pairwise(times)] == [2.0] * 5


@pytest.mark.parametrize("claims", ["withdraw", "keep"])
def test_what_a_system_said_stands_or_is_withdrawn(project: Project, tmp_path: Path, claims: str) -> None:
    project.run(*adding("two", tmp_path), "--yes")
    settle(project)
    write(tmp_path / "one", {"given_name": "Ann", "family_name": "Osterley", "email": "ann.osterley@example.com"})
    said = project.run("system", "remove", "one", stdin=f"{claims}\n")
    assert "not contacted any more" in said
    assert open_obligations(project) == 0 or claims == "withdraw"
    shown = project.run("customer", "show", "rec:two:people:1")
    assert ("+441614960123" in shown) is (claims == "keep")
    assert "withdrawal" in shown, "an opt-out stands, whoever told it"
    without = project.config.read_text().partition("[systems.one]")
    rest = without[2].partition("[systems.two]")
    project.config.write_text(f"{without[0]}[systems.two]{rest[2]}")
    settle(project)
    assert "Osterley" in project.run("customer", "show", "rec:two:people:1")
    assert "2 system" not in project.run("check")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--connector", "nobody"], "nobody"),
        (["--connector", "people", "--set", "folder"], "write NAME=VALUE"),
        (["--connector", "people", "--secret", "x=plain"], "a secret is a reference"),
        (["--connector", "people"], "setting 'folder' is missing"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_begins(project: Project, more: list[str], named: str) -> None:
    before = project.config.read_text()
    said = project.run("system", "add", "three", *more, code=78)
    assert named in said
    assert project.config.read_text() == before


def test_a_system_that_is_away_is_not_named_either(project: Project, tmp_path: Path) -> None:
    before = project.config.read_text()
    assert "does not exist" in project.run(*adding("nowhere", tmp_path), code=77)
    assert project.config.read_text() == before


def test_a_system_that_was_removed_can_be_added_anew(project: Project, tmp_path: Path) -> None:
    project.run("system", "remove", "one", "--claims", "withdraw")
    assert "system one is in use" in project.run("system", "add", "one", "--yes")
    settle(project)
    assert "+441614960123" in project.run("customer", "show", "rec:one:people:1")


@pytest.mark.parametrize(
    ("command", "last"),
    [
        ("list", "1 connector(s)"),
        ("check", "1 system(s) answer and let the hub in"),
        ("discover", "1 system(s) looked at"),
        ("test", "check(s) hold for 1 system(s)"),
    ],
)
def test_without_a_name_a_command_runs_over_all_and_counts(project: Project, command: str, last: str) -> None:
    said = project.run("connector", command)
    assert said.strip().splitlines()[-1].endswith(last)


@pytest.mark.parametrize("command", ["check", "discover"])
def test_a_system_that_is_away_is_named_by_each_command(project: Project, tmp_path: Path, command: str) -> None:
    (tmp_path / "one").rename(tmp_path / "away")
    said = project.run("connector", command, code=77)
    assert "system one" in said
    assert "does not exist" in said
