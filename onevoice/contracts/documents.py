"""Schema files as self-contained documents.

Takes a root folder and the path of a schema in it; gives the schema with every `$ref` replaced by what it names, so
that whoever walks a schema (validators, mapping lint, generators) needs no resolver. References stay inside the root.
"""

import json
from pathlib import Path
from typing import Any

from onevoice.errors import ConfigurationError
from onevoice.messages import Json


def load_schema(root: Path, name: str) -> Json:
    """Return the schema `root/name` with all references inlined.

    Raises:
        ConfigurationError: a file is missing, is no JSON object, or a reference leads nowhere, outside or in a circle.
    """
    path = (root / name).resolve()
    return dict(_inline(_read(path), path, root.resolve(), ()))


def _read(path: Path) -> Json:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"schema {path} does not exist: write it or correct the name that asks for it"
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"schema {path} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"schema {path} must be a JSON object")
    return document


def _inline(node: Any, path: Path, root: Path, trail: tuple[str, ...]) -> Any:
    if isinstance(node, list):
        return [_inline(item, path, root, trail) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _inline(value, path, root, trail) for key, value in node.items() if key not in ("$ref", "$defs")}
    if "$ref" not in node:
        return rest
    target, target_path, address = _follow(str(node["$ref"]), path, root)
    if address in trail:
        raise ConfigurationError(f"schema {path}: the reference {node['$ref']} leads back to itself")
    return {**_inline(target, target_path, root, (*trail, address)), **rest}


def _follow(reference: str, path: Path, root: Path) -> tuple[Json, Path, str]:
    file, _, pointer = reference.partition("#")
    target_path = (path.parent / file).resolve() if file else path
    if not target_path.is_relative_to(root):
        raise ConfigurationError(f"schema {path}: the reference {reference} leaves the folder {root}")
    node: Any = _read(target_path)
    for step in pointer.split("/")[1:]:
        node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise ConfigurationError(f"schema {path}: the reference {reference} names nothing")
    return node, target_path, f"{target_path}#{pointer}"
