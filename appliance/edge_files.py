"""The folder of the embedded index: what lies where, how it is created and removed, and what its failures mean."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import qdrant_edge as edge

from appliance.durable import replace_file, sync_folder
from appliance.errors import ApplianceError, HomeInUse, StorageFull, StoreError
from appliance.identity import REBUILD, Identity
from appliance.index_payload import BM25, DENSE, INDEXED_FIELDS

SHARD = "shard"
IDENTITY = "identity.json"

# The engine builds its graph (HNSW) over segments larger than this many kilobytes of vectors: 130,000 chunks of 384
# dimensions. Below, exact search is fast enough, and building would stop the process for minutes.
GRAPH_KB = 200_000


def create(folder: Path, identity: Identity) -> None:
    """Create an empty index in `folder`. A crash leaves either no `shard` or a whole index."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"new-{uuid.uuid4().hex}"
    fresh.mkdir()
    shard = edge.EdgeShard.create(
        str(fresh),
        edge.EdgeConfig(
            vectors={DENSE: edge.EdgeVectorParams(size=identity.dimensions, distance=edge.Distance.Dot)},
            sparse_vectors={BM25: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
            optimizers=edge.EdgeOptimizersConfig(indexing_threshold=GRAPH_KB),
        ),
    )
    for field in INDEXED_FIELDS:
        shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Keyword))
    shard.close()
    replace_file(folder / IDENTITY, json.dumps(identity.stored(), indent=2).encode())
    fresh.rename(folder / SHARD)
    sync_folder(folder)


def destroy(folder: Path) -> None:
    """Remove the index in `folder` and what a crash has left of former ones. A missing one is no error."""
    if (folder / SHARD).exists():
        # Renamed first, so that a crash leaves either the whole index or none.
        (folder / SHARD).rename(folder / f"removed-{uuid.uuid4().hex}")
    (folder / IDENTITY).unlink(missing_ok=True)
    for leftover in (*folder.glob("removed-*"), *folder.glob("new-*")):
        shutil.rmtree(leftover)


def read_identity(folder: Path) -> object:
    """Return what `identity.json` holds, or None where it is missing or not JSON."""
    try:
        return json.loads((folder / IDENTITY).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def require_space(folder: Path, size_bytes: int) -> None:
    """Raise StorageFull unless `size_bytes` are free where `folder` is, or will be."""
    while not folder.exists():
        folder = folder.parent
    free = os.statvfs(folder)
    free_bytes = free.f_bavail * free.f_frsize
    if free_bytes < size_bytes:
        raise StorageFull(
            f"{free_bytes:,} bytes are free for the index in {folder}, it needs {size_bytes:,}",
            "Free some space on that disk, then run the same command again.",
        )


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what the engine and the disk raise into errors of the appliance."""
    try:
        yield
    except ApplianceError:
        raise
    except OSError as error:
        raise _explained(folder, error, full=error.errno in (errno.ENOSPC, errno.EDQUOT)) from error
    except BaseException as error:
        # The engine raises plain Exception for what it expects, and PanicException, which is no Exception, for what
        # it does not. Neither is anything else's.
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        raise _explained(folder, error, full="No space left" in str(error)) from error


def _explained(folder: Path, error: BaseException, full: bool) -> ApplianceError:
    if full:
        return StorageFull(f"the disk of index {folder} is full", "Free some space, then run the same command again.")
    if "WouldBlock" in str(error):
        return HomeInUse(f"index {folder} is open in another process", "Stop the other process first.")
    if isinstance(error, PermissionError):
        return StoreError(f"index {folder} cannot be used: {error}", "Give this user the right to read and write it.")
    return StoreError(f"index {folder} cannot be used: {error}", REBUILD)


class EngineLog:
    """The engine's write-ahead log, as far as it must be synced from outside.

    Its files: `open-N`, of which the lowest is written to, and `closed-N`. All keep their content after a change of
    name, and the engine verifies checksums when it replays them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._synced = set(folder.glob("closed-*"))

    def sync(self) -> None:
        """Return when everything written so far survives a power cut."""
        closed = set(self._folder.glob("closed-*"))
        opened = sorted(self._folder.glob("open-*"), key=_number)
        for path in (*(closed - self._synced), *opened[:1]):
            _sync_file(path)
        if closed - self._synced:
            sync_folder(self._folder)
        self._synced = closed


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _number(path: Path) -> int:
    return int(path.name.rpartition("-")[2])
