"""The indexes that the contract suite runs on, and what it puts into them."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.identity import Identity
from appliance.index_edge import EdgeIndex
from appliance.index_server import MEMORY, ServerIndex
from appliance.ports import Index
from appliance.types import Chunk, Document, Hit, chunk_id, document_id
from tests.fakes import MemoryIndex

DIMENSIONS = 8
IDENTITY = Identity("hash", "ab" * 32, DIMENSIONS, "chunks-1")
EVERYONE = frozenset({"group:everyone"})
URL = os.environ.get("QDRANT_URL", "")

# Hundreds of indexes are made here: in memory, where syncing costs nothing, if there is room.
SHARED = Path("/dev/shm")  # noqa: S108  # the folders in it are made by tempfile
FAST = SHARED if SHARED.is_dir() and shutil.disk_usage(SHARED).free > 2_000_000_000 else None

Opener = Callable[[], "contextmanager[Index]"]


@contextmanager
def open_memory() -> Iterator[Index]:
    yield MemoryIndex()


@contextmanager
def open_edge() -> Iterator[Index]:
    with tempfile.TemporaryDirectory(dir=FAST) as folder:
        index = EdgeIndex(Path(folder), IDENTITY)
        try:
            yield index
        finally:
            index.close()


@contextmanager
def open_client() -> Iterator[Index]:
    index = ServerIndex(MEMORY, "library", IDENTITY)
    yield index
    index.close()


@contextmanager
def open_server() -> Iterator[Index]:
    name = f"test-{uuid.uuid4().hex}"
    index = ServerIndex(URL, name, IDENTITY, os.environ.get("QDRANT_API_KEY", ""))
    try:
        yield index
    finally:
        index.close()
        ServerIndex.destroy(URL, name, os.environ.get("QDRANT_API_KEY", ""))


OPENERS = [
    pytest.param(open_memory, id="memory"),
    pytest.param(open_edge, id="edge"),
    pytest.param(open_client, id="client"),
]
if URL:
    host = urlsplit(URL).hostname or URL
    OPENERS.append(pytest.param(open_server, id="server", marks=pytest.mark.allow_hosts([host])))

every_index = pytest.mark.parametrize("opener", OPENERS)


def document(name: str = "a.md", sha256: str = "1", readers: frozenset[str] = EVERYONE) -> Document:
    return Document(document_id("share", name), name, sha256 * 64, "text/markdown", readers)


def chunks(of: Document, *texts: str, headings: tuple[str, ...] = ()) -> list[Chunk]:
    return [Chunk(chunk_id(of, i), of, i, text, i + 1, headings) for i, text in enumerate(texts)]


def unit(*numbers: float) -> NDArray[np.float32]:
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.float32(np.linalg.norm(vector))


def random_units(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def put(index: Index, of: Document, *texts: str, seed: int = 0) -> list[Chunk]:
    made = chunks(of, *texts)
    index.replace(of, made, random_units(len(made), seed))
    return made


def texts(hits: list[Hit]) -> list[str]:
    return [hit.chunk.text for hit in hits]


def by_words(hits: list[Hit]) -> list[str]:
    """Return the texts that share a word with the question, best first."""
    return [hit.chunk.text for hit in sorted(hits, key=lambda hit: -hit.words) if hit.words]


def everything(index: Index, readers: frozenset[str] = EVERYONE) -> list[Hit]:
    return index.search("anything", unit(1), readers, 1000)
