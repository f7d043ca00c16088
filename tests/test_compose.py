"""The container stack, held to the compose specification and to the commands that exist, since no engine ran it."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.main import get_command

from onevoice.config import load_config
from onevoice.sdk import Settings
from onevoice.sdk.discovery import check_settings, discover

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"hub-setup", "airflow-init", "samples-setup"}
PINNED = re.compile(r"^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$")
SECRET_WORDS = re.compile(r"password|passwd|secret|token|_key|api_key", re.IGNORECASE)
CREDENTIALS_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
AIRFLOW_COMMANDS = {("db", "migrate"), ("api-server",), ("scheduler",), ("dag-processor",), ("jobs", "check")}


def words_of(service: dict[str, Any]) -> Iterator[list[str]]:
    """Every command line of a service: its command and its health check, shell lists taken apart."""
    lines = [service.get("command", []), service.get("healthcheck", {}).get("test", [])[1:]]
    for line in lines:
        if line[:2] == ["sh", "-ec"]:
            yield from (part.split() for part in re.split(r"&&|\|\||;", line[2]))
        elif line:
            yield [str(word) for word in line]


def every_command(program: str) -> list[tuple[str, list[str]]]:
    return [
        (name, words[1:]) for name, service in SERVICES.items() for words in words_of(service) if words[0] == program
    ]


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads(
        files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8")
    )
    jsonschema.Draft7Validator(schema).validate(COMPOSE)


@pytest.mark.parametrize(("service", "words"), every_command("onevoice"), ids=str)
def test_every_hub_command_exists(service: str, words: list[str]) -> None:
    from onevoice.cli import app

    command = get_command(app)
    path = ["onevoice"]
    while words and hasattr(command, "commands"):
        name, *words = words
        path.append(name)
        assert name in command.commands, f"{service}: no such command: {' '.join(path)}"
        command = command.commands[name]
    # Parsing alone: an unknown option or a value that is not allowed raises.
    command.make_context(" ".join(path), list(words))


@pytest.mark.parametrize(("service", "words"), every_command("airflow"), ids=str)
def test_every_airflow_command_is_one_that_was_tried(service: str, words: list[str]) -> None:
    assert tuple(words[:1]) in AIRFLOW_COMMANDS or tuple(words[:2]) in AIRFLOW_COMMANDS, service


@pytest.mark.parametrize(("service", "words"), every_command("python"), ids=str)
def test_every_python_module_exists_and_every_snippet_compiles(service: str, words: list[str]) -> None:
    flag, what = words[:2]
    if flag == "-m":
        assert importlib.util.find_spec(f"{what}.__main__"), service
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        shown = subprocess.run(
            [sys.executable, "-m", what, "--help"], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
        )
        assert given <= set(re.findall(r"--[a-z-]+", shown.stdout)), service
    else:
        compile(what, service, "exec")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_unprivileged_and_watched(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(service["image"]), service["image"]
    uid, _, gid = service["user"].partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "privileged" not in service
    if name not in ONE_SHOT:
        assert service["healthcheck"]["test"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), "a port is offered on loopback only"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_it_needs(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how["condition"] == wanted, f"{name} on {other}"


def test_whatever_a_service_names_is_declared_and_used() -> None:
    for kind in ("secrets", "configs"):
        used = {
            entry if isinstance(entry, str) else entry["source"]
            for service in SERVICES.values()
            for entry in service.get(kind, [])
        }
        assert used == set(COMPOSE[kind])
    mounted = {entry.partition(":")[0] for service in SERVICES.values() for entry in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])


def test_no_secret_is_in_the_file() -> None:
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("deploy/secrets/")
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            assert not CREDENTIALS_IN_URL.search(str(value)), f"{name}: {key}"
            if SECRET_WORDS.search(key):
                names_a_place = key.endswith(("_FILE", "_CMD")) or key.startswith("AIRFLOW__SECRETS__BACKEND")
                assert names_a_place, f"{name}: {key} holds a secret itself"
    for path in (ROOT / "docker-compose.yml", *(ROOT / "deploy").glob("*.*")):
        assert not CREDENTIALS_IN_URL.search(path.read_text(encoding="utf-8")), path.name
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert "deploy/secrets/" in ignored


def test_make_secrets_makes_every_secret_once(tmp_path: Path) -> None:
    script = tmp_path / "deploy" / "make-secrets"
    script.parent.mkdir()
    script.write_bytes((ROOT / "deploy" / "make-secrets").read_bytes())
    wanted = {tmp_path / secret["file"] for secret in COMPOSE["secrets"].values()}
    subprocess.run(["bash", str(script)], check=True, capture_output=True, timeout=30)
    first = {path: path.read_text(encoding="utf-8") for path in wanted}
    assert all(first.values())
    assert (tmp_path / "deploy" / "secrets").stat().st_mode & 0o077 == 0
    json.loads(first[tmp_path / "deploy/secrets/airflow_passwords.json"])
    subprocess.run(["bash", str(script)], check=True, capture_output=True, timeout=30)
    assert {path: path.read_text(encoding="utf-8") for path in wanted} == first


def test_the_configuration_loads_and_names_only_secrets_that_the_services_get() -> None:
    path = ROOT / "deploy" / "onevoice.toml"
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r'file = "/run/secrets/(\w+)"', text))
    for name in ("hub-setup", "api", "worker", "airflow-scheduler"):
        assert named <= {entry for entry in SERVICES[name]["secrets"] if isinstance(entry, str)}, name
    assert set(tomllib.loads(text)["systems"]) <= set(SERVICES)


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    text = (ROOT / "deploy" / "onevoice.toml").read_text(encoding="utf-8").replace("/run/secrets", str(secrets))
    for name in set(re.findall(rf'file = "{secrets}/(\w+)"', text)):
        (secrets / name).write_text("x://y" if name.endswith("_url") else "x", encoding="utf-8")
    path = tmp_path / "onevoice.toml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path)
    manifests = discover(ROOT / "connectors")
    for name, system in config.systems.items():
        given = {key: secret.reveal() for key, secret in system.secrets.items()}
        settings = Settings(system=name, values=system.settings, secrets=given, now=lambda: datetime.now(UTC))
        check_settings(manifests[system.connector], settings)
    assert config.scheduler == "airflow"
    assert not config.embedded


def test_the_dockerfile_is_pinned_and_ends_unprivileged() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    stages = [line.split() for line in lines if line.startswith("FROM ")]
    names = {words[3] for words in stages}
    for words in stages:
        assert words[1] in names or re.search(r":\d+\.\d+\.\d+", words[1]), words
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets <= names
    for target in targets:
        start = next(i for i, line in enumerate(lines) if line.endswith(f" AS {target}"))
        body = lines[start + 1 :]
        end = next((i for i, line in enumerate(body) if line.startswith("FROM ")), len(body))
        assert "USER 10001:10001" in body[:end], target
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"}
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    assert copied <= allowed
