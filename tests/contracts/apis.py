"""The two sides of ingest that the contract suite runs on: the service itself, and the one in memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray

from appliance.bootstrap import Loaders, chunker, open_appliance
from appliance.client import Client
from appliance.config import load
from appliance.service import create_app
from appliance.types import ModelRecord
from ingest.chunk import Draft
from ingest.files import Stamp
from ingest.push import Api, Known, Put
from tests.fakes import HashEmbedder, MemoryApi, ScriptedGenerator

SHARE = "/srv/files"
READERS = ("group:everyone",)
TOKEN = "the-ingest-credential"
DIMENSIONS = 384
# More than any test puts in: a search of this many shows all that answers.
ALL = 100


class Side(Protocol):
    """One service, with what a test needs to know of it beside its Api."""

    chunker: str
    embedder: ModelRecord

    @property
    def api(self) -> Api | MemoryApi: ...

    def shown(self, user: str) -> Mapping[str, tuple[str, ...]]:
        """Return the texts that a user finds, by path, sorted."""
        ...

    def outcome(self, run: str) -> tuple[Mapping[str, int], int, int, int]:
        """Return what a finished run did: files by status, documents removed, passages, findings."""
        ...

    def how_far(self, run: str) -> tuple[int, int]:
        """Return how many of how many files a run has done."""
        ...


@dataclass
class Memory:
    api: MemoryApi
    chunker: str
    embedder: ModelRecord

    def shown(self, user: str) -> Mapping[str, tuple[str, ...]]:
        return {
            path: tuple(sorted(texts))
            for path, texts in self.api.answering().items()
            if {*READERS, f"user:{user}"} & set(self.api.documents[path].readers)
        }

    def outcome(self, run: str) -> tuple[Mapping[str, int], int, int, int]:
        return self.api.outcomes[run]

    def how_far(self, run: str) -> tuple[int, int]:
        return self.api.progressed[run]


@dataclass
class Served:
    api: Api
    chunker: str
    embedder: ModelRecord
    client: Client

    def shown(self, user: str) -> Mapping[str, tuple[str, ...]]:
        body = {"question": "anything", "user": user, "limit": ALL}
        found: dict[str, list[str]] = {}
        for passage in self.client.call("POST", "/api/search", body)["passages"]:
            found.setdefault(passage["document"], []).append(passage["text"])
        return {path: tuple(sorted(texts)) for path, texts in found.items()}

    def outcome(self, run: str) -> tuple[Mapping[str, int], int, int, int]:
        row = self._run(run)
        assert row["finished"]
        return row["counts"], row["removed"], row["passages"], row["findings"]

    def how_far(self, run: str) -> tuple[int, int]:
        row = self._run(run)
        return row["done"], row["total"]

    def _run(self, run: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.client.call("GET", "/api/runs")["runs"]
        return next(row for row in rows if row["id"] == run)


@contextmanager
def open_memory(folder: Path) -> Iterator[Side]:
    yield Memory(MemoryApi(), "test", HashEmbedder(DIMENSIONS).record)


@contextmanager
def open_served(folder: Path) -> Iterator[Side]:
    """Run the service on its Unix socket in a thread, as `appliance serve` does, on the embedded index."""
    settings = load(folder / "h")
    loaders = Loaders(
        embedder=lambda settings: HashEmbedder(DIMENSIONS), generator=lambda settings: ScriptedGenerator("")
    )
    appliance = open_appliance(settings, loaders=loaders)
    settings.ingest_token.write_text(TOKEN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(settings.socket))
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(create_app(appliance, TOKEN), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    identity = appliance.identity
    record = ModelRecord("embedder", identity.embedder, identity.sha256, "float32", "Apache-2.0")
    try:
        with closing(Client(settings.socket)) as client, closing(Api(settings.socket, settings.ingest_token)) as api:
            yield Served(api, chunker(settings), record, client)
    finally:
        server.should_exit = True
        thread.join()


Opener = Callable[[Path], AbstractContextManager[Side]]
OPENERS = [pytest.param(open_memory, id="memory"), pytest.param(open_served, id="served")]


def draft(text: str) -> Draft:
    return Draft(text, 1, ("Valves",))


def put(path: str, *texts: str, sha256: str = "1", readers: tuple[str, ...] = READERS, owner: str = "") -> Put:
    """Return the state of a file that was read and has these passages."""
    return Put(
        path=path,
        owner=owner or path,
        sha256=sha256 * 64,
        stamp=Stamp(len("".join(texts)), 1_700_000_000_123_456_789),
        media_type="text/plain",
        readers=readers,
        status="indexed",
        title="a title",
        drafts=tuple(draft(text) for text in texts),
    )


def vectors(of: Put) -> NDArray[np.float32] | None:
    """Return a vector for each passage of `of`."""
    return HashEmbedder(DIMENSIONS).embed([draft.text for draft in of.drafts]) if of.drafts else None


def start(side: Side) -> str:
    """Start a run as ingest does, and return its id."""
    return side.api.start(SHARE, side.chunker, side.embedder)


def tell(side: Side, run: str, *puts: Put) -> None:
    """Put these states, with a vector for each passage."""
    for each in puts:
        side.api.put(run, SHARE, each, vectors(each))


def known(side: Side, under: str = "") -> dict[str, Known]:
    """Return what is known, by path."""
    return {row.path: row for row in side.api.known(SHARE, under)}


def paths(side: Side, under: str = "") -> list[str]:
    """Return the paths that are known, as they come."""
    return [row.path for row in side.api.known(SHARE, under)]
