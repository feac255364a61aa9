"""A scripted service on a Unix socket, and clients of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.fake_service import Server, Service
from ui.client import Client


@pytest.fixture
def service() -> Service:
    """What the fake service says; tests change it before or while it serves."""
    return Service()


@pytest.fixture
def api_socket(service: Service) -> Iterator[Path]:
    """A running fake service's socket, at a path short enough for one."""
    with tempfile.TemporaryDirectory(prefix="ui-") as folder:
        server = Server(Path(folder) / "api.sock", service)
        yield server.path
        server.close()


@pytest.fixture
def client(api_socket: Path) -> Iterator[Client]:
    """A client of the fake service."""
    client = Client(api_socket)
    yield client
    client.close()
