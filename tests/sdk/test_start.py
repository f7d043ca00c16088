"""What `onevoice connector new` writes holds from the first moment, for each kind and direction, and works as it is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import ConfigurationError
from onevoice.messages import Change, SourceRecord
from onevoice.sdk import RecordWriter, Settings
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import load_manifest
from onevoice.sdk.start import DIRECTIONS, KINDS, begun, settings_of
from onevoice.testing.contract import CHECKS, Subject, examine, harmless
from onevoice.testing.exchanges import FOLDER, record
from tests.cli.project import own_connectors
from tests.conftest import RabbitVhost
from tests.sdk.start_systems import SYSTEMS, Running

ROOT = Path(__file__).resolve().parents[2]
NAME = "registry"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(ROOT / "schemas" / "canonical", tmp_path / "schemas" / "canonical")
    with own_connectors():
        yield tmp_path
    for module in [name for name in sys.modules if name.startswith(f"connectors.{NAME}")]:
        del sys.modules[module]


def subject_of(project: Path, running: Running | None = None, **more: Any) -> Subject:
    manifest = load_manifest(project / "connectors" / NAME, f"connectors.{NAME}")
    given: dict[str, Any] = {}
    if running is not None:
        given = {
            "unreachable": running.unreachable,
            "wrong_secrets": running.wrong_secrets,
            "refill": running.refill,
        }
    needed = manifest.settings["required"]
    values = (
        running.values if running else {name: "http://127.0.0.1:1" for name in needed if name not in manifest.secrets()}
    )
    secrets = running.secrets if running else dict.fromkeys(manifest.secrets(), "x")
    settings = Settings(
        system=NAME, values=values, secrets=secrets, now=lambda: datetime.now(UTC) + timedelta(seconds=5)
    )
    return Subject(manifest=manifest, root=project, settings=settings, **{**given, **more})


def renamed(_stream: str, found: SourceRecord) -> Change:
    return Change(key=found.key, fields={"given_name": "Zed"}, expected_version=found.version)


def problems(subject: Subject, checks: list[str]) -> dict[str, tuple[str, ...]]:
    return {one.check: one.problems for one in examine(subject, checks) if one.problems}


def asked(subject: Subject) -> list[str]:
    return [check for check in CHECKS if check not in subject.manifest.quality.exempt]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_beginning_is_sound_before_there_is_a_system(project: Path, kind: str, direction: str) -> None:
    added = begun(project, NAME, kind, direction)
    assert all(path.is_file() for path in added)
    assert not any(
        "@" in line and line.count("@") > 1 for path in added for line in path.read_text().split() if NAME in line
    )
    text = {path.name: path.read_text() for path in added}
    assert not any(mark in whole for whole in text.values() for mark in ("#+", "#-", "@NAME", "@WRIT"))
    subject = subject_of(project)
    if kind in ("sql", "amqp", "file"):
        values = {"database": "sqlite:////none", "broker": "amqp://x@127.0.0.1:1/", "folder": "/none"}
        own = {name: values[name] for name in subject.manifest.settings["required"] if name in values}
        subject = subject_of(project, Running(values=own, people=dict, secrets=dict(subject.settings.secrets)))
    assert problems(subject, ["K1", "K2"]) == {}
    assert subject.manifest.stream("people").writable is (direction != "in")
    assert settings_of(NAME, kind).startswith(f'[systems.{NAME}]\nconnector = "{NAME}"\n')
    if kind == "amqp":
        with subject.connected() as connector:
            assert isinstance(connector, RecordWriter) is (direction != "in")


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_from_red_to_green_over_a_system_of_its_form(
    project: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    begun(project, NAME, kind, "both")
    vhost = request.getfixturevalue("rabbit_vhost") if kind == "amqp" else None
    with SYSTEMS[kind](project, vhost) as running:
        away = subject_of(project, running)
        values = {**running.values, **running.unreachable}
        absent = subject_of(project, Running(values=values, people=dict, secrets=running.secrets))
        assert "K3" in problems(absent, ["K3"]), "red: the system is not there"
        if kind in ("rest", "soap", "sql"):
            assert "there are no recorded exchanges" in problems(away, ["K4"])["K4"][0], "red: nothing is recorded"
            folder = project / "connectors" / NAME / FOLDER
            folder.mkdir()
            for fixture in record(away.manifest, away.settings, away.personal(), build):
                assert "Osterley" not in fixture.dump().decode()
                (folder / fixture.name).write_bytes(fixture.dump())
        subject = subject_of(project, running, change=renamed)
        assert problems(subject, asked(subject)) == {}, "green"
        assert any(person["given_name"] == "Zed" for person in running.people().values())


def test_what_is_examined_of_a_queue_in_use_takes_nothing_off_it(project: Path, rabbit_vhost: RabbitVhost) -> None:
    begun(project, NAME, "amqp", "both")
    with SYSTEMS["amqp"](project, rabbit_vhost) as running:
        subject = replace(subject_of(project, running), refill=lambda: None)
        assert problems(subject, harmless(subject.manifest)) == {}
        with subject.connected() as connector:
            assert isinstance(connector, RecordWriter)
            assert sum(len(page.records) for page in connector.read("people", None)) == len(running.people())


def test_a_system_of_another_form_is_red_until_schema_and_mapping_say_so(project: Path) -> None:
    begun(project, NAME, "file", "in")
    with SYSTEMS["file"](project, None) as running:
        people = Path(str(running.values["folder"])) / "people.csv"
        people.write_text(people.read_text().replace("email,phone", "mail,phone", 1))
        found = problems(subject_of(project, running), ["K5", "K6"])
        assert any("`required` does not hold" in one for one in found["K5"]), found
        for path in (project / "schemas" / NAME / "people.json", project / "mappings" / NAME / "people.yaml"):
            changed = path.read_text().replace('"email"', '"mail"').replace("from: email", "from: mail")
            path.write_text(changed.replace("email: Ann@example.com", "mail: Ann@example.com"))
        subject = subject_of(project, running)
        assert problems(subject, [one for one in asked(subject) if not CHECKS[one].writes]) == {}


def test_a_beginning_takes_nothing_that_is_there(project: Path) -> None:
    begun(project, NAME, "rest", "in")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(ConfigurationError, match=f"connectors/{NAME} is there already"):
        begun(project, NAME, "sql", "in")
    for wrong in ("Club", "a", "../club", "club-hub"):
        with pytest.raises(ConfigurationError, match="is no name of a connector"):
            begun(project, wrong, "rest", "in")
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
