"""Finds connectors by their manifests and builds them: no list to edit.

Takes a folder of connector folders, and the entry points of installed packages; gives manifests, and a connector for
one system's settings. The one rule: a wrong setting is named before anything connects, and a secret's value never is.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema

from onevoice.errors import ConfigurationError
from onevoice.sdk.manifest import FILE, Manifest, load_manifest
from onevoice.sdk.ports import Connector, Settings

GROUP = "onevoice.connectors"
_PACKAGE = "connectors"
_DECLARATIVE = {
    # Imported when needed: who speaks REST alone does not load zeep or a database driver.
    "rest": ("onevoice.sdk.declarative.rest", "DeclarativeRest"),
    "soap": ("onevoice.sdk.declarative.soap", "DeclarativeSoap"),
    "file": ("onevoice.sdk.declarative.file", "declared_files"),
    "sql": ("onevoice.sdk.declarative.sql", "DeclarativeSql"),
}


def discover(root: Path) -> dict[str, Manifest]:
    """Return the manifests under `root` and of installed packages, by id, in alphabetical order.

    An installed package names its connector's package in the entry point group `onevoice.connectors`.

    Raises:
        ConfigurationError: a manifest is wrong, or two connectors have one id.
    """
    found: dict[str, Manifest] = {}
    folders = [(path.parent, f"{_PACKAGE}.{path.parent.name}") for path in sorted(root.glob(f"*/{FILE}"))]
    for folder, package in folders + _installed():
        manifest = load_manifest(folder, package)
        if manifest.id in found:
            raise ConfigurationError(f"two connectors are called {manifest.id!r}; rename one folder")
        found[manifest.id] = manifest
    return dict(sorted(found.items()))


def check_settings(manifest: Manifest, settings: Settings) -> Settings:
    """Return the settings with defaults filled in.

    Raises:
        ConfigurationError: one is missing, unknown or wrong; names the key and what to write.
    """
    properties: Mapping[str, Any] = manifest.settings["properties"]
    required = frozenset(manifest.settings.get("required", ()))
    values = {key: rule["default"] for key, rule in properties.items() if "default" in rule} | dict(settings.values)
    for key in (*values, *settings.secrets):  # first: one that is misspelt is also the reason why one is missing
        if key not in properties:
            raise ConfigurationError(
                f"system {settings.system}: unknown setting {key!r}; {manifest.id} knows {', '.join(properties)}"
            )
    for key in sorted(required):
        given: Mapping[str, object] = settings.secrets if key in manifest.secrets() else values
        if given.get(key) in (None, ""):
            raise _wrong(settings, key, "is missing", properties[key])
    for key, value in values.items():
        if key in manifest.secrets():
            raise _wrong(settings, key, "is a secret and stands in plain text", properties[key])
        if not jsonschema.Draft202012Validator(properties[key]).is_valid(value):
            raise _wrong(settings, key, f"is not of the declared form ({_form(properties[key])})", properties[key])
    return replace(settings, values=values)


def build(manifest: Manifest, settings: Settings) -> Connector:
    """Return the connector for one system; it connects when first used.

    Raises:
        ConfigurationError: a setting is wrong, or the manifest's entry cannot be imported.
    """
    checked = check_settings(manifest, settings)
    connector = _connector_type(manifest)(checked, manifest)
    if not isinstance(connector, Connector):
        raise ConfigurationError(f"connector {manifest.id}: {type(connector).__name__} lacks check() or close()")
    return connector


def _connector_type(manifest: Manifest) -> Callable[[Settings, Manifest], object]:
    if manifest.entry is None:
        module_name, class_name = _DECLARATIVE[manifest.kind]
        found: Callable[[Settings, Manifest], object] = getattr(importlib.import_module(module_name), class_name)
        return found
    module_name, _, class_name = manifest.entry.partition(":")
    try:
        _reach(manifest)
        module = importlib.import_module(f"{manifest.package}.{module_name}")
        found = getattr(module, class_name)
    except (ImportError, AttributeError):
        raise ConfigurationError(f"connector {manifest.id}: entry {manifest.entry!r} cannot be imported") from None
    if manifest.folder.resolve() not in Path(str(module.__file__)).resolve().parents:
        raise ConfigurationError(
            f"connector {manifest.id}: another connector of this name is installed; rename this one"
        )
    return found


def _installed() -> list[tuple[Path, str]]:
    found = []
    for point in entry_points(group=GROUP):
        try:
            module = importlib.import_module(point.value)
        except ImportError:
            raise ConfigurationError(f"the installed connector {point.name!r} cannot be imported") from None
        found.append((Path(str(module.__file__)).parent, point.value))
    return found


def _reach(manifest: Manifest) -> None:
    """Make a project's own `connectors/` folder part of the package, before those that come with the hub.

    A project may hold its own copy of one of those, as the container's does; its manifest speaks of that copy's code.
    """
    if manifest.package != f"{_PACKAGE}.{manifest.id}":
        return
    package = importlib.import_module(_PACKAGE)
    root = str(manifest.folder.parent.resolve())
    if root not in [str(Path(path).resolve()) for path in package.__path__]:
        package.__path__.insert(0, root)


def _wrong(settings: Settings, key: str, problem: str, rule: Mapping[str, Any]) -> ConfigurationError:
    return ConfigurationError(f"system {settings.system}: setting {key!r} {problem}; write {rule['description']}")


def _form(rule: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{word} {rule[word]}" for word in ("type", "enum", "pattern", "minimum", "maximum") if word in rule
    )
