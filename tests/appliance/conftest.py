"""Fixtures for tests of `models pull`: a hub on loopback, a folder of wheels, an empty model folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import ADDRESS, DATA, Hub, served


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on loopback that HF_ENDPOINT names; pip sees only the (empty) folder `links`."""
    links = tmp_path / "links"
    links.mkdir()
    with served(Hub({ADDRESS: DATA})) as state:
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(links))
        yield state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"
