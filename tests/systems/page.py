"""Follows a how-to page word for word: its configuration, with the addresses of real servers, and its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs" / "how-to"


def follow(page: str, folder: Path, *, put: Mapping[str, str], env: Mapping[str, str]) -> str:
    """Run the page's commands with its configuration; returns all that they printed.

    Args:
        put: what stands in the page's configuration -> what is true here.
    """
    text = (HOW_TO / page).read_text(encoding="utf-8")
    toml = _block(text, "toml")
    for before, after in put.items():
        assert before in toml, f"{page}: its configuration has no {before}"
        toml = toml.replace(before, after)
    config = folder / "onevoice.toml"
    config.write_text(f'[hub]\nroot = "{ROOT}"\n[store]\nurl = "sqlite:///hub.db"\n{toml}', encoding="utf-8")
    printed = ""
    for line in _block(text, "").splitlines():
        done = subprocess.run(
            [sys.executable, "-m", *line.partition("#")[0].split(), "--config", str(config)],
            env={**os.environ, **env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed += done.stdout + done.stderr
    return printed


def _block(text: str, language: str) -> str:
    """Return the first block of a language; of none, the commands."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found = [content for kind, content in blocks if kind == language]
    assert found, f"the page has no block {language or 'of commands'}"
    return str(found[0])
