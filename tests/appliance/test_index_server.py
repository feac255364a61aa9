"""The server's adapter: what it makes of a server that is away, refuses, or holds something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from appliance.errors import ApplianceError, IndexMismatch, StorageFull, StoreError, Unavailable
from appliance.identity import Identity
from appliance.index_server import MEMORY, ServerIndex
from appliance.types import Chunk, Document, chunk_id, document_id

IDENTITY = Identity("minilm-l6", "3f9a" * 16, 4, "chunks-1")
EVERYONE = frozenset({"group:everyone"})
loopback = pytest.mark.allow_hosts(["127.0.0.1"])


@contextmanager
def server(status: int, body: bytes) -> Iterator[str]:
    """Answer every request in the same way, and yield the address."""

    class Answers(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = answer  # noqa: N815  # names that http.server looks for

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@loopback
def test_a_server_that_is_away_is_unavailable() -> None:
    """Nobody listens: the message names the address, the hint the setting."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Unavailable) as raised:
            ServerIndex(url, "library", IDENTITY)
    assert url in raised.value.message
    assert "index.url" in raised.value.hint


@loopback
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, b"Must provide an API key", Unavailable),
        (403, b"forbidden", Unavailable),
        (400, b'{"status":{"error":"bad request"}}', StoreError),
        (500, b'{"status":{"error":"internal"}}', Unavailable),
        (500, b'{"status":{"error":"No space left on device"}}', StorageFull),
        (200, b"<html>not Qdrant</html>", Unavailable),
        (200, b'{"result": 7}', Unavailable),
    ],
)
def test_a_refusal_becomes_an_error_of_ours(status: int, body: bytes, expected: type[ApplianceError]) -> None:
    """Whatever the server answers, the caller gets an error with a hint."""
    with server(status, body) as url, pytest.raises(expected) as raised:
        ServerIndex(url, "library", IDENTITY, api_key="wrong-key")
    assert raised.value.hint
    assert "wrong-key" not in str(raised.value)


class Shared:
    """Hands the same in-process collection to every index of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = QdrantClient(MEMORY)
        monkeypatch.setattr(self.client, "close", lambda: None)
        monkeypatch.setattr("appliance.index_server.QdrantClient", lambda *args, **kwargs: self.client)

    def open(self, identity: Identity = IDENTITY) -> ServerIndex:
        return ServerIndex(MEMORY, "library", identity)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Shared:
    return Shared(monkeypatch)


def fill(index: ServerIndex, sha256: str, count: int) -> None:
    of = Document(document_id("share", "a.md"), "a.md", sha256 * 64, "text/markdown", EVERYONE)
    made = [Chunk(chunk_id(of, i), of, i, f"leave {i}", None) for i in range(count)]
    index.replace(of, made, np.full((count, 4), 0.5, dtype=np.float32))


def test_another_identity_is_refused(shared: Shared) -> None:
    """A collection answers only to what it was built with."""
    shared.open().close()
    with pytest.raises(IndexMismatch):
        shared.open(Identity("bge-small", "77c1" * 16, 4, "chunks-1"))
    with pytest.raises(IndexMismatch):
        shared.open(Identity("minilm-l6", "3f9a" * 16, 4, "chunks-2"))
    ServerIndex.destroy(MEMORY, "library")
    assert 0 == shared.open(Identity("bge-small", "77c1" * 16, 8, "chunks-1")).count()


def test_a_collection_of_somebody_else_is_left_alone(shared: Shared) -> None:
    """Without an identity it is not ours, whatever its name."""
    shared.client.create_collection("library", models.VectorParams(size=4, distance=models.Distance.DOT))
    with pytest.raises(StoreError):
        shared.open()


def test_an_interrupted_replacement_is_repaired(shared: Shared) -> None:
    """Of a version that came in half, nothing is left after the next start; the former one answers."""
    index = shared.open()
    fill(index, "1", 2)
    other = Document(document_id("share", "a.md"), "a.md", "2" * 64, "text/markdown", EVERYONE)
    half = [index._point(Chunk(chunk_id(other, i), other, i, "half", None), np.full(4, 0.5), 3) for i in range(2)]
    shared.client.upsert("library", half)
    index.close()
    index = shared.open()
    assert (2, {other.id: "1" * 64}) == (index.count(), index.versions())


def test_a_replacement_that_fails_half_way_leaves_the_old_version(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second request of several fails, the first is undone."""
    index = shared.open()
    fill(index, "1", 2)
    upsert, calls = shared.client.upsert, []

    def failing(*args: object, **kwargs: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise ConnectionResetError("the cable was pulled")
        return upsert(*args, **kwargs)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(shared.client, "upsert", failing)
    with pytest.raises(ConnectionResetError):
        fill(index, "2", 600)
    assert (2, ["1" * 64]) == (index.count(), list(index.versions().values()))
