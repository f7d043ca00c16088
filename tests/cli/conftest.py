"""A project in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.project import Project, make_project, own_connectors


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with own_connectors():
        yield make_project(tmp_path / "hub")
