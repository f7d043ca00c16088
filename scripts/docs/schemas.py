"""The page about canonical records, from `schemas/canonical/`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from onevoice.contracts import Contracts
from scripts.docs.markdown import code, codes, page, table


def schemas_page(root: Path) -> str:
    """Return the page."""
    contracts = Contracts(root / "schemas")
    names = sorted(path.stem for path in (root / "schemas" / "canonical").glob("*.json") if path.stem != "parts")
    return page(
        "Canonical records",
        "What a source record is after mapping, whatever system it came from. Lists hold one entry of each kind: "
        "`emails[work].address` is the address of the entry whose `kind` is `work`. *Personal* fields carry "
        "`x-personal` in the schema. A property that is not listed is refused.",
        *(_schema(name, contracts.canonical(name).schema) for name in names),
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    rows = [[code(path), form, needed, personal, text] for path, form, needed, personal, text in _leaves(schema, "")]
    heads = ["path", "form", "needed", "personal", "meaning"]
    return "\n\n".join((f"## `{name}`", str(schema.get("description", "")), table(heads, rows)))


def _leaves(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str, str]]:
    required = set(schema.get("required", ()))
    for name, rule in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        needed = "yes" if name in required else ""
        items = rule.get("items")
        if "properties" in rule:
            yield path, "object", needed, "", rule.get("description", "")
            yield from _leaves(rule, f"{path}.")
        elif isinstance(items, dict) and "properties" in items:
            yield path, "list", needed, "", rule.get("description", "")
            yield from _leaves(items, f"{path}[kind].")
        else:
            yield path, _form(rule), needed, "yes" if rule.get("x-personal") else "", rule.get("description", "")


def _form(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return codes(rule["enum"])
    kind = rule.get("type", "any")
    form = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if "format" in rule:
        form += f", {rule['format']}"
    if isinstance(rule.get("items"), dict):
        form += f" of {_form(rule['items'])}"
    return form
