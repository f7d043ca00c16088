"""One real Tryton for the session, and one running hub beside it for the tests of the walk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onevoice.testing.servers import PrivatePostgres, PrivateRabbit
from tests.systems.tryton_server import PrivateTryton
from tests.systems.walk import Walk, walking


@pytest.fixture(scope="session")
def tryton() -> Iterator[PrivateTryton]:
    """The session's Tryton: module party, nobody in it but its administrator."""
    with PrivateTryton() as server:
        yield server


@pytest.fixture(scope="session")
def walk(
    tmp_path_factory: pytest.TempPathFactory, tryton: PrivateTryton, postgres: PrivatePostgres, rabbit: PrivateRabbit
) -> Iterator[Walk]:
    """A running hub that has read everything and come to rest."""
    with walking(tmp_path_factory.mktemp("walk"), tryton, postgres, rabbit) as running:
        running.converge()
        yield running
