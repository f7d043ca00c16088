"""The page about the HTTP interface, from its OpenAPI document."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from onevoice.api import create_app
from onevoice.api.caller import authenticated, operator
from onevoice.config import load_config
from onevoice.workers.hub import opened
from scripts.docs.markdown import code, first_line, page, table

_CONFIG = """
[hub]
root = "{root}"
[store]
url = "sqlite:///hub.db"
[systems.erp]
connector = "sample_erp"
[systems.erp.settings]
database = "sqlite:///nowhere.db"
"""


def http_page(root: Path) -> str:
    """Return the page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "onevoice.toml"
        path.write_text(_CONFIG.format(root=root), encoding="utf-8")
        with opened(load_config(path)) as hub:
            app = create_app(hub, loops_alive=lambda: True)
            document = app.openapi()
            callers = dict(_callers(app.routes))
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    rows = [
        [code(f"{method} {path}"), callers[method, path], first_line(operation.get("description"))]
        for method, path, operation in operations
    ]
    return page(
        "The HTTP interface",
        "`onevoice run` serves it, and its OpenAPI document at `/openapi.json`, from which this page is made. A caller "
        "shows `Authorization: Bearer <key>`: a system's key (`systems.<name>.api_key`) pushes that system's own "
        "records and asks for context; an operator's key does everything else. Bodies are JSON in UTF-8. Errors are "
        "RFC 9457 problem documents without values; 503 carries `Retry-After`.",
        table(["operation", "who", "what"], rows),
        *(_operation(method, path, operation) for method, path, operation in operations),
    )


def _callers(routes: Any) -> Iterator[tuple[tuple[str, str], str]]:
    for route in _flat(routes):
        calls = set(_dependencies(route.dependant))
        who = "operator" if operator in calls else "system or operator" if authenticated in calls else "anyone"
        if "/webhooks/" in route.path:
            who = "whoever signs"
        if route.path.startswith("/v1/records") or route.path == "/v1/events":
            who = "system"
        for method in route.methods:
            yield (method, route.path.replace(":path}", "}")), who


def _flat(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "routes"):
            yield from _flat(route.routes)


def _dependencies(dependant: Any) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _dependencies(inner)


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"## `{method} {path}`"]
    text = (operation.get("description") or "").strip()
    parts += [" ".join(part.split()) for part in text.split("\n\n")]
    rows = [
        [code(one["name"]), one["in"], "yes" if one.get("required") else "", _form(one["schema"])]
        for one in operation.get("parameters", ())
    ]
    if rows:
        parts.append(table(["parameter", "in", "needed", "form"], rows))
    body = operation.get("requestBody")
    if body:
        forms = [f"{code(kind)}: {_form(content['schema'])}" for kind, content in body["content"].items()]
        parts.append(f"Body: {'; '.join(forms)}.")
    answers = [f"{status} {_answer(answer)}" for status, answer in operation["responses"].items()]
    parts.append(f"Answers: {'; '.join(answers)}.")
    return "\n\n".join(parts)


def _answer(answer: dict[str, Any]) -> str:
    forms = [_form(content.get("schema", {})) for content in answer.get("content", {}).values()]
    shown = ", ".join(form for form in dict.fromkeys(forms) if form and form != "any")
    return shown or answer["description"].lower().rstrip(".")


def _form(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for joined in ("anyOf", "oneOf"):
        if joined in schema:
            return " or ".join(_form(one) for one in schema[joined] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(map(code, schema["enum"]))
    if "const" in schema:
        return code(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_form(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))
