"""`onevoice run` as a process: ends in good order, is killed in mid-load, and goes on where it was."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from onevoice.config import load_config
from onevoice.errors import ConfigurationError
from onevoice.store.migrate import upgrade
from onevoice.workers.run import run
from tests.cli.project import ANN, Project, make_project, own_connectors, person
from tests.conftest import RabbitVhost
from tests.faults.line import Line

WORKER = ("worker",)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with own_connectors():
        yield make_project(tmp_path / "hub", port=free_port())


@pytest.fixture
def hubs() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes to be killed at the end, whatever happened."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(project: Project, query: str) -> Any:
    """One value from the store, read beside the hub."""
    connection = sqlite3.connect(f"file:{project.database}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not within the bound"
        time.sleep(0.01)


def applied(project: Project) -> int:
    return int(ask(project, "select count(*) from message where state = 'applied'"))


def people(count: int) -> list[dict[str, Any]]:
    return [
        person(f"p{n}", given="Ann", family=f"Lee{n}", email=f"ann{n}@example.com", no_mail=n % 10 == 0)
        for n in range(count)
    ]


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[int, str]:
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_the_next_start_goes_on(
    project: Project, hubs: list[subprocess.Popen[str]], number: int
) -> None:
    project.run("ingest", str(project.write_people([person("p1", **ANN)])), "--system", "ledger", "--stream", "people")
    hubs.append(project.hub(*WORKER))
    wait_for(lambda: applied(project) == 1 and ask(project, "select count(*) from worker") == 1)
    assert project.json("status")["working"] is True
    code, out = end(hubs[0], number)
    assert code == 0
    assert json.loads(out.splitlines()[-1])["drained"] is True
    assert project.json("status", code=1)["workers"] == []

    later = project.write_people([person("p2", given="Bob", family="Ray", born="1971-05-06")])
    project.run("ingest", str(later), "--system", "ledger", "--stream", "people")
    hubs.append(project.hub(*WORKER))
    wait_for(lambda: applied(project) == 2)
    assert end(hubs[1], number)[0] == 0


def test_killed_in_mid_load_it_loses_nothing_and_applies_everything_once(
    project: Project, hubs: list[subprocess.Popen[str]]
) -> None:
    total = 2000
    load = project.write_people(people(total))
    project.run("ingest", str(load), "--system", "ledger", "--stream", "people")
    caught = []
    for kill_after in (1, total // 2):
        hubs.append(project.hub(*WORKER))
        wait_for(lambda mark=kill_after: applied(project) >= mark)  # type: ignore[misc]
        hubs[-1].kill()
        hubs[-1].wait(10)
        caught.append(applied(project))
    assert 0 < caught[0] < total, "the kill must meet the load"
    project.run("ingest", str(load), "--system", "ledger", "--stream", "people")  # the sender, unsure, sends again
    hubs.append(project.hub(*WORKER))
    wait_for(lambda: applied(project) == total and ask(project, "select count(*) from queue_message") == 0, 60)
    assert ask(project, "select count(*) from source_record") == total
    assert ask(project, "select count(*) from quarantine") == 0
    assert ask(project, "select max(revision) from customer") == 1
    assert ask(project, "select count(*) from act where superseded_at is null") == total // 10
    assert end(hubs[-1])[0] == 0
    project.run("rebuild", "--check")


def test_a_second_process_is_refused_on_an_embedded_hub(project: Project, hubs: list[subprocess.Popen[str]]) -> None:
    hubs.append(project.hub(*WORKER))
    assert "another 'onevoice run'" in project.spawn("run", "--role", "worker", code=77)
    hubs[0].kill()
    hubs[0].wait(10)
    hubs.append(project.hub(*WORKER))


def test_the_log_is_json_and_holds_no_value(project: Project, hubs: list[subprocess.Popen[str]]) -> None:
    marked = {
        "given": "Zmarkedgiven",
        "family": "Zmarkedfamily",
        "email": "zmarked@example.com",
        "phone": "+447400999888",
    }
    bad = person("p3", **marked) | {"updated": "zmarked-no-time", "no_mail": False}
    batch = [person("p1", **marked), person("p2", **marked, no_mail=True), bad]
    project.fill_register(person("r1", **marked))
    project.run("ingest", str(project.write_people(batch)), "--system", "ledger", "--stream", "people")
    hubs.append(project.hub(*WORKER))
    wait_for(lambda: applied(project) >= 3 and ask(project, "select count(*) from quarantine") == 1)
    project.register.rename(project.folder / "away.json")
    project.run("sync", "register", code=75)
    code, out = end(hubs[0])
    assert code == 0
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())
    assert "marked" not in out.lower()
    assert "999888" not in out


def test_with_the_http_interface_it_answers_and_ends(project: Project, hubs: list[subprocess.Popen[str]]) -> None:
    hubs.append(project.hub())
    port = load_config(project.config).api_port

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    wait_for(healthy)
    assert end(hubs[0])[0] == 0


def test_a_taken_port_ends_the_hub_with_the_setting_to_change(project: Project) -> None:
    port = load_config(project.config).api_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert "api.port" in project.spawn("run", code=77)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('[systems.register.settings]\nfile = ""\n', "'file' is missing"),
        ("[systems.register.settings]\nfile = 7\n", "'file' is not of the declared form"),
        ('[systems.register.secrets]\ntoken = { env = "NOT_THERE" }\n', "NOT_THERE"),
    ],
)
def test_a_wrong_setting_of_a_connected_system_ends_it_before_it_starts(
    project: Project, wrong: str, named: str
) -> None:
    text = project.config.read_text(encoding="utf-8")
    project.config.write_text(text.partition("[systems.register.settings]")[0] + wrong, encoding="utf-8")
    config = load_config(project.config)
    stop = threading.Event()
    for role in ("delivery", "schedule"):
        with pytest.raises(ConfigurationError, match=named):
            run(config, [role], stop, ready=stop.set)
    run(config, ["ingest"], stop, ready=stop.set)  # it speaks to no system, and needs no secret of any


def test_an_unknown_role_and_no_role_are_refused(project: Project) -> None:
    config = load_config(project.config)
    for roles in ([], ["ingest", "cooking"]):
        with pytest.raises(ConfigurationError, match="role"):
            run(config, roles)


def test_it_runs_in_a_thread_until_its_event_is_set(project: Project) -> None:
    stop, started = threading.Event(), threading.Event()
    config = load_config(project.config)
    thread = threading.Thread(target=run, args=(config, ["ingest", "relay", "delivery"], stop, started.set))
    thread.start()
    assert started.wait(20)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_postgresql_store_without_its_schema_is_refused_with_the_command(project: Project, pg_url: str) -> None:
    text = project.config.read_text(encoding="utf-8")
    project.config.write_text(
        f'[store]\nurl = "{pg_url}"\n[bus]\nurl = "amqp://127.0.0.1:1/"\n{text}', encoding="utf-8"
    )
    assert "onevoice db upgrade" in project.spawn("run", "--role", "worker", code=78)
    assert "onevoice db upgrade" in project.run("status", code=78)
    assert "0001" in project.run("db", "current")
    assert "applied 0001" in project.run("db", "upgrade")
    assert "current" in project.run("db", "upgrade")
    status = project.json("status", code=1)
    assert "rabbitmq" in status["bus"]
    assert status["queues"] == {}


def test_a_store_and_a_broker_that_are_away_at_start_are_waited_for(
    project: Project, hubs: list[subprocess.Popen[str]], pg_url: str, rabbit_vhost: RabbitVhost
) -> None:
    text = project.config.read_text(encoding="utf-8")
    upgrade(pg_url)
    away = {"store": free_port(), "rabbitmq": free_port()}
    store, bus = elsewhere(pg_url, away["store"]), elsewhere(rabbit_vhost.url, away["rabbitmq"])
    project.config.write_text(f'[store]\nurl = "{store}"\n[bus]\nurl = "{bus}"\n{text}', encoding="utf-8")
    process = project.start(*WORKER)
    hubs.append(process)
    assert process.stdout is not None
    with ExitStack() as lines:
        for said in map(json.loads, process.stdout):
            if said["event"] == "started":
                break
            who = said.get("reason", "").partition(":")[0]
            if who in away:  # it comes up while the hub waits
                real = urlsplit({"store": pg_url, "rabbitmq": rabbit_vhost.url}[who])
                lines.enter_context(Line(str(real.hostname), int(real.port or 0), at=away.pop(who)))
        assert away == {}
        assert end(process)[0] == 0


def elsewhere(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")))
