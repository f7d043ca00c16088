"""The page about the `onevoice` command, from the command itself."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import typer.main

from onevoice.cli import app
from onevoice.cli.app import DEFECT, EXIT_CODES, INTERRUPTED
from scripts.docs.markdown import code, codes, first_line, page, table


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with its full name, in the order of `onevoice --help`."""
    root: Any = typer.main.get_command(app)
    yield from _below("onevoice", root)


def cli_page() -> str:
    """Return the page."""
    parts = [_command(name, command) for name, command in commands()]
    exits = table(
        ["code", "when"],
        [
            ["0", "done"],
            ["2", "wrong usage"],
            *([str(number), first_line(kind.__doc__)] for kind, number in EXIT_CODES),
            [str(DEFECT), "a defect in the hub: class and place are named, values are not"],
            [str(INTERRUPTED), "interrupted with Ctrl-C"],
        ],
    )
    return page(
        "The command line",
        "Every command takes its configuration from `--config`, else from `$ONEVOICE_CONFIG`, else from "
        "`onevoice.toml` in this folder. A customer reference is an id, `rec:<system>:<stream>:<key>`, `phone:+…` or "
        "`email:…`.",
        "## Exit codes",
        exits,
        *parts,
    )


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for word, inner in command.commands.items():
        yield from _below(f"{name} {word}", inner)


def _command(name: str, command: Any) -> str:
    text = "\n\n".join(_paragraph(part) for part in command.help.strip().split("\n\n"))
    parts = [f"## `{name}`", text]
    shown = [one for one in command.params if one.name not in ("help", "config")]
    if shown:
        rows = [[_name(one), _form(one), "yes" if one.required else "", one.help or ""] for one in shown]
        parts.append(table(["argument or option", "form", "needed", "what"], rows))
    return "\n\n".join(parts)


def _paragraph(text: str) -> str:
    words = " ".join(text.split())
    return f"Example: `{words.removeprefix('Example: ')}`" if words.startswith("Example: ") else words


def _plain(annotation: Any) -> Any:
    """Return the type of one value: what a list holds, what may be absent."""
    inner = [one for one in get_args(annotation) if one is not type(None)]
    return _plain(inner[0]) if inner else annotation


def _name(param: Any) -> str:
    is_option = any(opt.startswith("-") for opt in param.opts)
    name = ", ".join(param.opts) if is_option else (param.metavar or param.name).strip("[]").upper()
    return code(name) + (" (repeatable)" if param.multiple else "")


def _form(param: Any) -> str:
    kind = _plain(param.type_descriptor.annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        form = codes(member.value for member in kind)
    elif param.opts[0].startswith("-") and kind is bool:
        form = "switch"
    else:
        form = getattr(kind, "__name__", str(kind)).lower().replace("str", "text").replace("int", "number")
    default = param.default.value if isinstance(param.default, Enum) else param.default
    return f"{form}, else {code(default)}" if default not in (None, False) else form
