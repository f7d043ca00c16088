"""The beginning of a connector: manifest, schema, a mapping with a test, and the steps that lead from there to done.

Takes a name, a kind and a direction; writes new folders of a project and changes nothing that is there. What it writes
works as it is with a system of a common form, and is to be changed to the form of the one at hand.
"""

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from onevoice.errors import ConfigurationError

KINDS = ("rest", "soap", "sql", "file", "amqp")
DIRECTIONS = ("in", "out", "both")
_STREAM = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,59}$")
_NAME = re.compile(r"^[a-z][a-z0-9_]{1,30}$")
_SETTINGS: Mapping[str, tuple[str, str]] = {
    "rest": ('url = "https://@NAME@.example.com/api"', 'token = {file = "@NAME@-token"}'),
    "soap": ('endpoint = "https://@NAME@.example.com/soap"', ""),
    "sql": ('database = "postgresql://hub@host/@NAME@"', 'password = {file = "@NAME@-password"}'),
    "file": ('folder = "/srv/@NAME@"', ""),
    "amqp": ('broker = "amqp://hub@host:5672/@NAME@"', 'password = {file = "@NAME@-password"}'),
}
_DRAFT = """ With the schema taken away,
   `onevoice connector discover @NAME@ --draft` drafts one from what the system shows."""
_NOTES = {
    "sql": " A recording (K4) is made over SQLite: with `--record` on a small copy of the tables, named as a system of "
    "its own; else take K4 out by `exempt`, with the reason.",
}
_STANDING = {
    "in": "Nothing is written.",
    "out": "The hub's values are written over the system's: give it little trust in rules/survivorship.yaml.",
    "both": "A corrected e-mail address or number is written always, a name only into a gap.",
}


def begun(root: Path, name: str, kind: str, direction: str, stream: str = "people") -> list[Path]:
    """Write the beginning of a connector into a project and return what was added.

    Args:
        kind: one of `KINDS`.
        direction: in (it is read), out (the hub's values stand there) or both.
        stream: what the system calls its people.

    Raises:
        ConfigurationError: the name cannot be one, is taken, or the folder cannot be written.
    """
    if not _NAME.match(name):
        raise ConfigurationError(f"{name!r} is no name of a connector: lower case letters, digits and _, 2 to 31")
    if not _STREAM.match(stream):
        raise ConfigurationError(f"{stream!r} is no name of a stream: letters, digits and _, 1 to 60")
    words = {**_words(name, kind, direction), "STREAM": stream}
    writes = direction != "in"
    wanted = {root / place: text for place, text in _rendered(words, kind, writes=writes).items()}
    taken = [
        root / folder / name for folder in ("connectors", "mappings", "schemas") if (root / folder / name).exists()
    ]
    if taken:
        raise ConfigurationError(f"{taken[0].relative_to(root)} is there already; choose another name")
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{root}: cannot be written ({type(error).__name__})") from None
    return list(wanted)


def settings_of(name: str, kind: str) -> str:
    """Return what the project's configuration must say of the new system."""
    settings, secrets = (part.replace("@NAME@", name) for part in _SETTINGS[kind])
    lines = [f"[systems.{name}]", f'connector = "{name}"', f"settings = {{{settings}}}"]
    return "\n".join([*lines, *([f"secrets = {{{secrets}}}"] if secrets else [])])


def _rendered(words: dict[str, str], kind: str, *, writes: bool) -> dict[str, str]:
    name, stream = words["NAME"], words["STREAM"]
    found = {
        f"connectors/{name}/manifest.yaml": _template(f"manifest.{kind}.yaml"),
        f"connectors/{name}/README.md": _template("README.md"),
        f"mappings/{name}/{stream}.yaml": _template("mapping.yaml"),
        f"schemas/{name}/{stream}.json": _template("schema.json"),
    }
    if kind == "soap":
        wsdl = _filled(_template("service.wsdl"), words, writes=writes)
        words["SHA"] = hashlib.sha256(wsdl.encode()).hexdigest()
        found[f"connectors/{name}/{name}.wsdl"] = wsdl
    if kind == "amqp":
        found[f"connectors/{name}/__init__.py"] = f'"""Speaks to {name} over AMQP."""\n'
        found[f"connectors/{name}/connector.py"] = _template("connector.amqp.py.txt")
    return {place: _filled(text, words, writes=writes) for place, text in found.items()}


def _words(name: str, kind: str, direction: str) -> dict[str, str]:
    writes = direction != "in"
    write = {"in": "", "out": ", write: always", "both": ", write: if-empty"}[direction]
    yes, no = ('"yes"', '"no"') if kind == "file" else ("true", "false")
    settings, secrets = (part.replace("@NAME@", name) for part in _SETTINGS[kind])
    imports = ["Json", "Page", "Settings", "SourceRecord", "version_text"]
    if writes:
        imports = ["Change", *imports[:-1], "WriteOutcome", "WriteResult", "version_text"]
    return {
        "NAME": name,
        "KIND": kind,
        "DIRECTION": {"in": "read", "out": "written", "both": "both ways"}[direction],
        "SUPPRESSION": "flag" if writes else "none",
        "STANDING": _STANDING[direction],
        "GIVEN": f"{{from: given_name{write}}}",
        "FAMILY": f"{{from: family_name{write}}}",
        "YES": yes,
        "NO": no,
        "FLAG": '{"enum": ["yes", "no", null]}' if kind == "file" else '{"type": ["boolean", "null"]}',
        "SETTINGS": settings,
        "SECRETS": secrets,
        "RECORD": " --record" if kind in ("rest", "soap") else "",
        "DRAFT": "" if kind == "amqp" else _DRAFT.replace("@NAME@", name),
        "NOTE": _NOTES.get(kind, ""),
        "IMPORTS": ", ".join(imports),
        "AND_QUESTIONS": ", and it answers questions" if writes else "",
        "AND_ITS_QUESTIONS": ", and the questions that it answers" if writes else "",
        "S": "s" if writes else "",
        "QUESTIONS_QUEUE": ", self._questions" if writes else "",
    }


def _filled(text: str, words: Mapping[str, str], *, writes: bool) -> str:
    kept = []
    for line in text.splitlines():
        mark = "#+write" if "#+write" in line else "#-write" if "#-write" in line else ""
        if mark and (mark == "#+write") != writes:
            continue
        kept.append(line.removeprefix(f"{mark} ").removesuffix(mark).rstrip() if mark else line)
    filled = "\n".join(kept) + "\n"
    for word, value in words.items():
        filled = filled.replace(f"@{word}@", value)
    return filled


def _template(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
