"""`init`, `check` and the way errors end: one line, an exit code, no traceback, no value."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from onevoice.cli import app, main
from onevoice.config import load_config
from onevoice.errors import ConfigurationError, ConflictError, OperatorError, RecordError, RefusedError, TransientError
from onevoice.workers.init import prepare_broker
from tests.cli.project import Project
from tests.conftest import RabbitVhost

ROOT = Path(__file__).resolve().parents[2]


def test_init_writes_a_project_that_only_lacks_its_systems(tmp_path: Path) -> None:
    project = Project(folder=tmp_path)
    said = project.run("init", str(tmp_path / "new"))
    for name in ("connectors", "mappings", "schemas", "rules", "var", "onevoice.toml"):
        assert (tmp_path / "new" / name).exists()
        assert name in said
    begun = Project(folder=tmp_path / "new")
    assert "[systems.<name>]" in begun.run("check", code=78)
    text = begun.config.read_text(encoding="utf-8")
    uncommented = text.replace("# [", "[").replace("# api_key", "api_key").replace("# connector", "connector")
    begun.config.write_text(uncommented, encoding="utf-8")
    assert set(load_config(begun.config).systems) == {"crm"}


def test_init_changes_nothing_that_is_there(project: Project) -> None:
    before = project.config.read_text(encoding="utf-8")
    (project.folder / "rules" / "purposes.yaml").write_text("mine", encoding="utf-8")
    assert "no preparation" in project.run("init", str(project.folder))
    assert project.config.read_text(encoding="utf-8") == before
    assert (project.folder / "rules" / "purposes.yaml").read_text(encoding="utf-8") == "mine"


def test_init_prepares_rabbitmq_and_gives_a_system_its_own_keys_only(
    project: Project, rabbit_vhost: RabbitVhost, pg_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"LEDGER_AMQP": "s3cret", "STORE": pg_url, "BUS": rabbit_vhost.url}.items():
        monkeypatch.setenv(name, value)
    text = project.config.read_text(encoding="utf-8")
    text = text.replace('connector = "ledger"', 'connector = "ledger"\namqp_password = {env = "LEDGER_AMQP"}')
    project.config.write_text(
        f'[store]\nurl = {{env = "STORE"}}\n[bus]\nurl = {{env = "BUS"}}\n{text}', encoding="utf-8"
    )
    assert "bus.management_url" in project.run("init", code=78)
    text = project.config.read_text(encoding="utf-8")
    address = f'[bus]\nmanagement_url = "{rabbit_vhost.management_url}"\n'
    project.config.write_text(text.replace("[bus]\n", address), encoding="utf-8")
    said = project.run("init")
    assert "broker user ledger may publish as ledger.*" in said
    assert "s3cret" not in said
    prepared = prepare_broker(load_config(project.config))
    assert prepared.users == ("ledger",)
    assert "onevoice.in.records" in prepared.queues
    management = rabbit_vhost.server.management
    assert {queue["name"] for queue in management("GET", f"/api/queues/{rabbit_vhost.name}")} == set(prepared.queues)
    (topic, *_) = management("GET", f"/api/topic-permissions/{rabbit_vhost.name}/ledger")
    assert topic["write"] == r"^ledger\."
    management("DELETE", "/api/users/ledger")


def test_check_finds_every_mistake_and_names_it(project: Project) -> None:
    assert "✗" not in project.run("check")
    mapping = project.folder / "mappings" / "register" / "people.yaml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("{given: Ann", "{given: Anne"), encoding="utf-8")
    project.register.unlink()
    said = project.run("check", code=78)
    assert "people.yaml:" in said
    assert "✗ system register" in said
    assert "✓ system ledger" in said
    assert "2 check(s) failed" in said
    project.config.write_text(
        project.config.read_text(encoding="utf-8").replace(
            'connector = "ledger"', 'connector = "ledger"\napi_key = {env = "NOT_THERE"}'
        )
    )
    (line,) = [line for line in project.run("check", code=78).splitlines() if "✗ onevoice.toml" in line]
    assert line == "✗ onevoice.toml and the secrets of its 2 system(s)"


def test_a_project_runs_its_own_copy_of_a_connector_that_comes_with_the_hub(project: Project) -> None:
    for name in ("connectors", "mappings", "schemas"):
        shutil.copytree(ROOT / name / "sample_shop", project.folder / name / "sample_shop")
    connector = project.folder / "connectors" / "sample_shop" / "connector.py"
    code = connector.read_text(encoding="utf-8").replace("import Settings", "import OperatorError, Settings")
    connector.write_text(f'{code}\n    def check(self):\n        raise OperatorError("our own copy")\n')
    with project.config.open("a", encoding="utf-8") as config:
        config.write('[systems.shop]\nconnector = "sample_shop"\nsettings = {url = "http://127.0.0.1:1"}\n')
        config.write('secrets = {token = {file = "token"}}\n')
    (project.folder / "token").write_text("t0ken", encoding="utf-8")
    assert "our own copy" in project.spawn("connector", "check", "shop", code=77)


def test_check_of_a_system_that_refuses_asks_for_a_person(project: Project) -> None:
    project.register.chmod(0o600)
    assert "ask its owner" in project.run("check", code=77)
    assert "ask its owner" in project.run("connector", "check", "register", code=77)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("said"), 78),
        (TransientError("said"), 75),
        (OperatorError("said"), 77),
        (RecordError("said"), 65),
        (RefusedError("said"), 1),
        (ConflictError("said"), 1),
        (KeyboardInterrupt(), 130),
        (ValueError("a secret value"), 70),
    ],
)
def test_an_error_is_one_line_and_the_exit_code_of_its_class(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(sys.modules[main.__module__], "app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == code
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert "a secret value" not in printed.err
    assert len(printed.err.splitlines()) <= 1
    if code not in (70, 130):
        assert printed.err == "error: said\n"


def test_no_configuration_and_a_wrong_one_say_what_to_do(tmp_path: Path) -> None:
    empty = Project(folder=tmp_path)
    assert "onevoice init" in empty.run("status", code=78)
    empty.config.write_text("[hub]\nnme = 'x'\n", encoding="utf-8")
    assert "hub.nme: unknown" in empty.run("check", code=78)


def test_the_configuration_is_taken_from_either_place_of_the_option(project: Project, tmp_path: Path) -> None:
    elsewhere = Project(folder=tmp_path)
    assert "people.yaml" in elsewhere.run("mapping", "lint", "--config", str(project.config))
    assert "people.yaml" in elsewhere.run("--config", str(project.config), "mapping", "lint")


def test_every_command_has_one_sentence_and_an_example() -> None:
    def commands(command: object, path: tuple[str, ...]) -> list[tuple[str, str]]:
        children = getattr(command, "commands", None)
        if children is None:
            return [(" ".join(path), str(getattr(command, "help", "")))]
        return [found for name, child in children.items() for found in commands(child, (*path, name))]

    found = commands(get_command(app), ("onevoice",))
    assert len(found) > 25
    for name, text in found:
        example = text.rpartition("Example: ")[2]
        assert example.startswith(name), name
        assert text.splitlines()[0].endswith((".", ":")), name
