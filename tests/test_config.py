"""Every mistake in `onevoice.toml` is found at start and named by its key, with what to write; no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from onevoice.config import Config, Secret, load_config, reveal
from onevoice.errors import ConfigurationError

SOUND = '[systems.crm]\nconnector = "sample_crm"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "onevoice.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Config:
    return load_config(write(folder, text))


def test_the_smallest_configuration_is_embedded_with_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, SOUND)
    crm = config.systems["crm"]
    assert config.embedded
    assert config.root == tmp_path
    assert (config.scheduler, config.api_host, config.api_port, config.retry_seconds) == (
        "builtin",
        "127.0.0.1",
        8080,
        5.0,
    )
    assert reveal(config.store_url) == f"sqlite:///{tmp_path / 'var' / 'onevoice.db'}"
    assert (crm.title, crm.poll_seconds, crm.reconcile_seconds, crm.clock_bound_seconds) == (
        "crm",
        60.0,
        86400.0,
        300.0,
    )
    assert crm.api_key is None


def test_everything_can_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CRM_KEY", "k"), ("STORE", "postgresql://x"), ("BUS", "amqp://x")):
        monkeypatch.setenv(name, value)
    config = load(
        tmp_path,
        """
        [hub]
        name = "shop-hub"
        root = "project"
        scheduler = "airflow"
        retry_after = "250ms"
        [store]
        url = {env = "STORE"}
        [bus]
        url = {env = "BUS"}
        management_url = "http://rabbit:15672"
        [api]
        host = "0.0.0.0"
        port = 80
        [operators.ann]
        api_key = {file = "ann.key"}
        [systems.crm]
        connector = "sample_crm"
        title = "The CRM"
        owner = "sales"
        region = "DE"
        poll_every = "1.5s"
        reconcile_every = "2h"
        clock_bound = "1m"
        max_backlog_age = "10m"
        api_key = {env = "CRM_KEY"}
        amqp_password = {file = "amqp"}
        [systems.crm.settings]
        endpoint = "http://crm/soap"
        [systems.crm.secrets]
        password = {env = "CRM_PASSWORD"}
        """.replace("        ", ""),
    )
    crm = config.systems["crm"]
    assert config.root == tmp_path / "project"
    assert (crm.poll_seconds, crm.reconcile_seconds, crm.clock_bound_seconds) == (1.5, 7200.0, 60.0)
    assert (crm.max_backlog_seconds, config.retry_seconds) == (600.0, 0.25)
    assert crm.settings == {"endpoint": "http://crm/soap"}
    assert crm.api_key is not None
    assert crm.api_key.reveal() == "k"
    assert config.operators["ann"].api_key == Secret("file", str(tmp_path / "ann.key"), "operators.ann.api_key")


@pytest.mark.parametrize(
    ("text", "key", "advice"),
    [
        ("", "systems", "[systems.<name>]"),
        ("[systems.crm]\n", "systems.crm.connector", "missing"),
        ("[systems.crm]\nconnector = 7\n", "systems.crm.connector", "quotes"),
        ('[systems.CRM]\nconnector = "x"\n', "systems.CRM", "lower case"),
        ('[systems.1crm]\nconnector = "x"\n', "systems.1crm", "lower case"),
        (SOUND + 'poll_every = "often"\n', "systems.crm.poll_every", '"5s"'),
        (SOUND + "poll_every = 60\n", "systems.crm.poll_every", '"5s"'),
        (SOUND + 'poll_evry = "5s"\n', "systems.crm.poll_evry", "unknown"),
        (SOUND + 'api_key = "hunter2"\n', "systems.crm.api_key", "{env ="),
        (SOUND + 'api_key = {envy = "X"}\n', "systems.crm.api_key", "{env ="),
        (SOUND + 'api_key = {env = "X", file = "y"}\n', "systems.crm.api_key", "{env ="),
        (SOUND + '[systems.crm.secrets]\npassword = "hunter2"\n', "systems.crm.secrets.password", "{env ="),
        (SOUND + 'settings = "x"\n', "systems.crm.settings", "write a table"),
        (f'[hub]\nscheduler = "cron"\n{SOUND}', "hub.scheduler", "builtin, airflow"),
        (f'[hub]\nschedular = "builtin"\n{SOUND}', "hub.schedular", "unknown"),
        (f'[hub]\nretry_after = "5"\n{SOUND}', "hub.retry_after", '"5s"'),
        (f'[api]\nport = "80"\n{SOUND}', "api.port", "whole number"),
        (f"[api]\nport = true\n{SOUND}", "api.port", "whole number"),
        (f"[api]\nport = 99999\n{SOUND}", "api.port", "65535"),
        (f"[api]\nhost = 1\n{SOUND}", "api.host", "quotes"),
        (f"[store]\nurl = 1\n{SOUND}", "store.url", "quotes"),
        (f'[bus]\nurl = {{env = ""}}\n{SOUND}', "bus.url", "{env ="),
        (f'[databse]\nurl = "x"\n{SOUND}', "databse", "unknown"),
        (f'api = "x"\n{SOUND}', "api", "write a table [api]"),
        (f"[operators.ann]\n{SOUND}", "operators.ann.api_key", "{env ="),
        (f'[operators.ann]\napi_key = {{env = "A"}}\nrole = "x"\n{SOUND}', "operators.ann.role", "unknown"),
        (f'[store]\nurl = "postgresql://h/d"\n{SOUND}', "bus.url", "sqlite:///"),
    ],
)
def test_a_wrong_key_is_named_with_what_to_write(tmp_path: Path, text: str, key: str, advice: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text)
    said = str(raised.value)
    assert said.startswith(f"{key}: ")
    assert advice in said
    assert "hunter2" not in said


def test_no_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="onevoice init"):
        load_config(tmp_path / "onevoice.toml")


@pytest.mark.parametrize("content", [b"[hub\n", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "onevoice.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not TOML"):
        load_config(path)


def test_a_missing_secret_is_named_by_its_setting_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_KEY", raising=False)
    config = load(tmp_path, SOUND + 'api_key = {env = "CRM_KEY"}\namqp_password = {file = "secrets/amqp"}\n')
    crm = config.systems["crm"]
    assert crm.api_key is not None
    assert crm.amqp_password is not None
    with pytest.raises(ConfigurationError, match=r"systems\.crm\.api_key: the environment variable CRM_KEY"):
        crm.api_key.reveal()
    with pytest.raises(ConfigurationError, match=r"systems\.crm\.amqp_password: the file .*secrets/amqp is missing"):
        crm.amqp_password.reveal()


def test_secrets_are_read_when_used_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE", "sqlite:////tmp/hunter2.db")
    monkeypatch.setenv("CRM_KEY", "hunter2")
    (tmp_path / "password").write_text("hunter2\n", encoding="utf-8")
    text = f"""
[store]
url = {{env = "STORE"}}
{SOUND}
api_key = {{env = "CRM_KEY"}}
secrets = {{password = {{file = "password"}}}}
"""
    config = load(tmp_path, text)
    secret = config.systems["crm"].secrets["password"]
    assert secret.reveal() == "hunter2"
    assert reveal(config.store_url) == "sqlite:////tmp/hunter2.db"
    assert "hunter2" not in repr(config) + str(config) + repr(secret)


def test_a_secret_that_a_system_changed_is_kept_in_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "refresh"
    place.write_text("0ld\n")
    place.chmod(0o644)
    Secret("file", str(place), "systems.shop.secrets.refresh").keep("n3w")
    assert Secret("file", str(place), "x").reveal() == "n3w"
    assert place.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("REFRESH", "0ld")
    with pytest.raises(ConfigurationError, match="refresh") as caught:
        Secret("env", "REFRESH", "systems.shop.secrets.refresh").keep("n3w")
    assert "n3w" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Secret("file", str(tmp_path / "none" / "refresh"), "x").keep("n3w")


def test_relative_places_count_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "key").write_text("k", encoding="utf-8")
    config = load(tmp_path, '[store]\nurl = "sqlite:///data/hub.db"\n' + SOUND + 'api_key = {file = "key"}\n')
    key = config.systems["crm"].api_key
    assert key is not None
    assert key.reveal() == "k"
    assert reveal(config.store_url) == f"sqlite:///{tmp_path / 'data' / 'hub.db'}"


@pytest.mark.parametrize(
    ("text", "missing", "misspelt"),
    [
        ('[systems.crm]\nconector = "sample_crm"\n', "systems.crm.connector: missing", "systems.crm.conector"),
        (
            '[operators.anna]\napi_kye = {env = "K"}\n' + SOUND,
            "operators.anna.api_key: missing",
            "operators.anna.api_kye",
        ),
    ],
)
def test_a_misspelt_key_is_named_beside_the_one_that_is_missing(
    tmp_path: Path, text: str, missing: str, misspelt: str
) -> None:
    with pytest.raises(ConfigurationError, match=missing) as caught:
        load(tmp_path, text)
    assert f"is {misspelt} misspelt?" in str(caught.value)
