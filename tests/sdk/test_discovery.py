"""Connectors are found by their manifests; wrong manifests and wrong settings are named before anything connects."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

import connectors
from onevoice.errors import ConfigurationError
from onevoice.sdk import Settings
from onevoice.sdk.discovery import build, check_settings, discover
from onevoice.sdk.manifest import load_manifest

ROOT = Path(connectors.__file__).parent
NOW = datetime(2025, 6, 1, tzinfo=UTC)
SECRET = "s3cret-value"

MANIFEST = {
    "id": "till",
    "title": "Till",
    "owner": "sales",
    "kind": "rest",
    "entry": "connector:Till",
    "settings": {
        "type": "object",
        "additionalProperties": False,
        "required": ["url", "token"],
        "properties": {
            "url": {"type": "string", "description": 'the address, e.g. "https://till"'},
            "page": {"type": "integer", "minimum": 1, "default": 20, "description": "records on a page"},
            "token": {"type": "string", "x-secret": True, "description": "the API's token as a secret"},
        },
    },
    "streams": {"sale": {"mode": "poll"}},
}
CODE = """
class Till:
    def __init__(self, settings, manifest):
        self.settings, self.manifest = settings, manifest

    def check(self):
        pass

    def close(self):
        pass


class NoConnector(Till):
    close = None
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Each test brings a `connectors.till` of its own."""
    known = list(connectors.__path__)
    yield
    connectors.__path__[:] = known
    for name in [name for name in sys.modules if name.startswith(("connectors.till", "till_package"))]:
        del sys.modules[name]


def till(root: Path, **changes: Any) -> Path:
    folder = root / "till"
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(yaml.safe_dump({**MANIFEST, **changes}, sort_keys=False))
    (folder / "__init__.py").touch()
    (folder / "connector.py").write_text(CODE)
    return folder


def settings(values: dict[str, object], secrets: dict[str, str] | None = None) -> Settings:
    return Settings(
        system="till1", values=values, secrets={"token": SECRET} if secrets is None else secrets, now=lambda: NOW
    )


def test_the_connectors_that_come_with_the_hub_are_found() -> None:
    found = discover(ROOT)
    assert {"sample_crm", "sample_erp", "sample_shop", "sample_callcentre"} <= found.keys()
    assert found["sample_crm"].stream("Contact").writable
    assert found["sample_crm"].secrets() == {"password"}
    assert [channel.value for channel in found["sample_callcentre"].lists["suppression"].channels] == ["phone", "email"]
    for manifest in found.values():
        assert (manifest.folder / "README.md").is_file()


def test_a_project_of_its_own_brings_connectors_of_its_own(tmp_path: Path) -> None:
    till(tmp_path)
    manifest = discover(tmp_path)["till"]
    assert (manifest.stream("sale").page_size, manifest.stream("sale").overlap_seconds) == (200, 120)
    connector: Any = build(manifest, settings({"url": "https://till"}))
    assert connector.settings.values == {"url": "https://till", "page": 20}
    assert connector.manifest is manifest


@pytest.mark.parametrize(
    ("values", "secrets", "named"),
    [
        ({}, None, "'url' is missing; write the address"),
        ({"url": ""}, None, "'url' is missing"),
        ({"url": "https://till"}, {}, "'token' is missing; write the API's token as a secret"),
        ({"url": 5}, None, "'url' is not of the declared form"),
        ({"url": "https://till", "page": 0}, None, "'page' is not of the declared form"),
        ({"url": "https://till", "pages": 5}, None, "unknown setting 'pages'; till knows url, page, token"),
        ({"ulr": "https://till"}, None, "unknown setting 'ulr'; till knows url, page, token"),
        ({"url": "https://till"}, {"tokn": SECRET}, "unknown setting 'tokn'; till knows url, page, token"),
        ({"url": "https://till", "token": SECRET}, None, "'token' is a secret and stands in plain text"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_write(
    tmp_path: Path, values: dict[str, object], secrets: dict[str, str] | None, named: str
) -> None:
    manifest = load_manifest(till(tmp_path), "connectors.till")
    with pytest.raises(ConfigurationError, match="system till1: ") as caught:
        check_settings(manifest, settings(values, secrets))
    assert named in str(caught.value)
    assert SECRET not in str(caught.value)


def test_secrets_are_in_no_repr() -> None:
    assert SECRET not in repr(settings({"url": "https://till"}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "ftp"}, "kind: "),
        ({"streams": {"sale": {"mode": "poll", "page_sise": 5}}}, "streams.sale: "),
        ({"lists": {"stop": {"channels": ["pigeon"]}}}, "lists.stop.channels.0: "),
        ({"capabilities": {"max_batch": 0}}, "capabilities.max_batch: "),
        ({"capabilities": {"requests_per_second": 0}}, "capabilities.requests_per_second: "),
        ({"owner": None}, "owner: "),
        ({"id": "tills"}, "id must be 'till'"),
        ({"settings": {"type": "object", "properties": {}}}, "settings: "),
        ({"contract": {"file": "../x.wsdl", "sha256": "0" * 64}}, "contract.file: "),
    ],
)
def test_a_wrong_manifest_is_named_by_file_and_key(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=r"till/manifest\.yaml: ") as caught:
        load_manifest(till(tmp_path, **changes), "connectors.till")
    assert named in str(caught.value)


def test_a_missing_or_broken_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_manifest(tmp_path, "connectors.till")
    (tmp_path / "manifest.yaml").write_text("id: [")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        load_manifest(tmp_path, "connectors.till")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("conector:Till", "cannot be imported"),
        ("connector:Tell", "cannot be imported"),
        ("connector:NoConnector", "lacks"),
    ],
)
def test_an_entry_that_is_no_connector_is_named(tmp_path: Path, entry: str, problem: str) -> None:
    manifest = load_manifest(till(tmp_path, entry=entry), "connectors.till")
    with pytest.raises(ConfigurationError, match=problem):
        build(manifest, settings({"url": "https://till"}))


def test_an_installed_package_brings_its_connector_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = till(tmp_path / "till_package").parent
    (installed / "__init__.py").touch()
    info = tmp_path / "till_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: till-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[onevoice.connectors]\ntill = till_package.till\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    manifest = discover(tmp_path / "none")["till"]
    assert manifest.package == "till_package.till"
    assert type(build(manifest, settings({"url": "https://till"}))).__module__ == "till_package.till.connector"
    with pytest.raises(ConfigurationError, match="two connectors are called 'till'"):
        discover(installed)


def test_a_folder_that_is_called_like_an_installed_connector_does_not_get_its_code(tmp_path: Path) -> None:
    first = load_manifest(till(tmp_path / "one"), "connectors.till")
    second = load_manifest(till(tmp_path / "two"), "connectors.till")
    build(first, settings({"url": "https://till"}))
    with pytest.raises(ConfigurationError, match="rename this one"):
        build(second, settings({"url": "https://till"}))
