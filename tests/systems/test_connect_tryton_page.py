"""The page on connecting Tryton holds word for word: its configuration works, its commands run."""

from __future__ import annotations

from pathlib import Path

from tests.systems.page import follow
from tests.systems.tryton_client import TrytonClient
from tests.systems.tryton_server import PrivateTryton


def test_the_page_connects_a_tryton(tmp_path: Path) -> None:
    with PrivateTryton() as tryton:
        erp = TrytonClient(tryton.url, tryton.database, tryton.user, tryton.password)
        erp.hire("onevoice", "a long password for the hub", erp.found_company())
        erp.create("party.category", [{"name": "No e-mail marketing"}, {"name": "No phone marketing"}])
        erp.create("party.party", [{"name": "Ann Smith"}])
        erp.close()
        printed = follow(
            "connect-tryton.md",
            tmp_path,
            put={"https://erp.example.com": tryton.url, '"production"': f'"{tryton.database}"'},
            env={"ONEVOICE_ERP_PASSWORD": "a long password for the hub"},
        )
    assert "Ann" not in printed
