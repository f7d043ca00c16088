"""The page on connecting Tryton holds word for word: its configuration works, its commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.systems.tryton_client import TrytonClient
from tests.systems.tryton_server import ROOT, PrivateTryton

PAGE = ROOT / "docs" / "how-to" / "connect-tryton.md"


def test_the_page_connects_a_tryton(tmp_path: Path) -> None:
    toml, commands = re.findall(r"^```\w*\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    with PrivateTryton() as tryton:
        erp = TrytonClient(tryton.url, tryton.database, tryton.user, tryton.password)
        erp.create("res.user", [{"name": "Onevoice", "login": "onevoice", "password": "a long password for the hub"}])
        erp.create("party.category", [{"name": "No e-mail marketing"}, {"name": "No phone marketing"}])
        erp.create("party.party", [{"name": "Ann Smith"}])
        erp.close()
        toml = toml.replace("https://erp.example.com", tryton.url).replace('"production"', f'"{tryton.database}"')
        config = tmp_path / "onevoice.toml"
        config.write_text(f'[hub]\nroot = "{ROOT}"\n[store]\nurl = "sqlite:///hub.db"\n{toml}', encoding="utf-8")
        for line in commands.splitlines():
            done = subprocess.run(
                [sys.executable, "-m", *line.partition("#")[0].split(), "--config", str(config)],
                env={**os.environ, "ONEVOICE_ERP_PASSWORD": "a long password for the hub"},
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            assert "Ann" not in done.stdout + done.stderr
