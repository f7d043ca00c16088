"""Secrets come from the environment: the value itself in NAME, or the path of a file that holds it in NAME_FILE.

One rule: never from the command line, where every user of the machine can read them.
"""

from __future__ import annotations

import os
from pathlib import Path


def secret(name: str) -> str:
    """The secret called `name`; ends the program with a clear message when it is not set."""
    value = optional_secret(name)
    if value is None:
        raise SystemExit(
            f"{name} is not set: put the secret into the environment as {name}, or its file as {name}_FILE"
        )
    return value


def optional_secret(name: str) -> str | None:
    """The secret called `name`, or None when it is not set or its file is not there yet."""
    if file := os.environ.get(f"{name}_FILE"):
        path = Path(file)
        return path.read_text(encoding="utf-8").strip() or None if path.exists() else None
    return os.environ.get(name) or None
