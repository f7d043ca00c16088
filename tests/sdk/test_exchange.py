"""One exchange carries what the connector says and nothing that lies around on the machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.sdk.exchange import Exchange
from onevoice.sdk.throttle import Throttle


def test_a_login_in_netrc_does_not_replace_the_connectors_own(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.say(b"{}")
    exchange = Exchange(throttle=Throttle(None), now=lambda: datetime.now(UTC))
    exchange.send("POST", server.url, where="system erp", headers={"Authorization": "Session abc"}, body=b"{}")
    exchange.send("POST", server.url, where="system erp", body=b"{}")
    exchange.close()
    assert [asked.headers.get("Authorization") for asked in server.asked] == ["Session abc", None]
