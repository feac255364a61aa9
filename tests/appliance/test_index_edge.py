"""The embedded index on its disk: what is kept, what is refused, and what a crash leaves."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.errors import HomeInUse, IndexMismatch, StorageFull, StoreError
from appliance.identity import Identity
from appliance.index_edge import EdgeIndex
from appliance.types import Chunk, Document, chunk_id, document_id

ROOT = Path(__file__).parents[2]
IDENTITY = Identity("minilm-l6", "3f9a" * 16, 4, "chunks-1")
EVERYONE = frozenset({"group:everyone"})


def document(sha256: str = "1", name: str = "a.md") -> Document:
    return Document(document_id("share", name), name, sha256 * 64, "text/markdown", EVERYONE)


def fill(index: EdgeIndex, of: Document, count: int) -> list[Chunk]:
    made = [Chunk(chunk_id(of, i), of, i, f"leave {i}", None) for i in range(count)]
    index.replace(of, made, vectors(count))
    return made


def vectors(count: int) -> NDArray[np.float32]:
    return np.tile(np.float32([0.5, 0.5, 0.5, 0.5]), (count, 1))


def found(index: EdgeIndex) -> set[str]:
    return {p.chunk.document.sha256[0] for p in index.search("leave", vectors(1)[0], EVERYONE, 1000)}


def test_an_index_is_kept(tmp_path: Path) -> None:
    """What was put in is there after closing and opening again."""
    index = EdgeIndex(tmp_path, IDENTITY)
    made = fill(index, document(), 3)
    index.close()
    index = EdgeIndex(tmp_path, IDENTITY)
    assert made == sorted((p.chunk for p in index.search("leave", vectors(1)[0], EVERYONE, 9)), key=lambda c: c.ordinal)
    index.close()


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Identity("bge-small", "77c1" * 16, 4, "chunks-1"), ["minilm-l6", "3f9a…", "bge-small", "77c1…"]),
        (Identity("minilm-l6", "77c1" * 16, 4, "chunks-1"), ["3f9a…", "77c1…"]),
        (Identity("minilm-l6", "3f9a" * 16, 8, "chunks-1"), ["4 dimensions", "8 dimensions"]),
        (Identity("minilm-l6", "3f9a" * 16, 4, "chunks-2"), ["chunks-1", "chunks-2"]),
        (Identity("minilm-l6", "3f9a" * 16, 4, "chunks-1", "bm25-other"), ["bm25-six-letters-1", "bm25-other"]),
    ],
)
def test_another_identity_is_refused(tmp_path: Path, other: Identity, named: list[str]) -> None:
    """An index answers only to what it was built with; the message says both, the hint how to rebuild."""
    index = EdgeIndex(tmp_path, IDENTITY)
    fill(index, document(), 1)
    index.close()
    with pytest.raises(IndexMismatch) as raised:
        EdgeIndex(tmp_path, other)
    assert [] == [name for name in named if name not in raised.value.message]
    assert "appliance ingest DIR --rebuild" in raised.value.hint
    index = EdgeIndex(tmp_path, IDENTITY)
    assert 1 == index.count()
    index.close()


def test_destroy_makes_room_for_another_identity(tmp_path: Path) -> None:
    """After it, the folder holds nothing, and an index of any identity can be made there."""
    index = EdgeIndex(tmp_path, IDENTITY)
    fill(index, document(), 1)
    index.close()
    EdgeIndex.destroy(tmp_path)
    assert [] == list(tmp_path.iterdir())
    EdgeIndex.destroy(tmp_path)
    index = EdgeIndex(tmp_path, Identity("bge-small", "77c1" * 16, 8, "chunks-1"))
    assert 0 == index.count()
    index.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """While an index is open, nobody else opens it."""
    index = EdgeIndex(tmp_path, IDENTITY)
    with pytest.raises(HomeInUse):
        EdgeIndex(tmp_path, IDENTITY)
    index.close()
    EdgeIndex(tmp_path, IDENTITY).close()


def test_a_closed_index_refuses(tmp_path: Path) -> None:
    """Using it is an error of ours, not of the engine's."""
    index = EdgeIndex(tmp_path, IDENTITY)
    index.close()
    for use in (index.count, index.versions, lambda: fill(index, document(), 1), lambda: found(index)):
        with pytest.raises(StoreError):
            use()


def test_a_full_disk_is_noticed_before_anything_is_written(tmp_path: Path) -> None:
    """Without room for a change it is refused, and the former version answers."""
    index = EdgeIndex(tmp_path, IDENTITY)
    fill(index, document("1"), 2)
    index.close()
    index = EdgeIndex(tmp_path, IDENTITY, reserve_bytes=2**60)
    with pytest.raises(StorageFull):
        fill(index, document("2"), 2)
    assert {"1"} == found(index)
    index.close()
    with pytest.raises(StorageFull):
        EdgeIndex(tmp_path / "other", IDENTITY, reserve_bytes=2**60)


def test_a_nearly_full_disk_does_not_keep_readers(tmp_path: Path) -> None:
    """When no document gets in any more, taking readers or documents away still works."""
    index = EdgeIndex(tmp_path, IDENTITY)
    fill(index, document("1"), 2)
    fill(index, document("3", name="b.md"), 2)
    index.close()
    index = EdgeIndex(tmp_path, IDENTITY, reserve_bytes=3 * shutil.disk_usage(tmp_path).free)
    with pytest.raises(StorageFull):
        fill(index, document("2"), 2)
    index.update([dataclasses.replace(document("1"), readers=frozenset())])
    index.remove(document(name="b.md").id)
    assert set() == found(index)
    index.close()


def test_a_flush_in_between_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put in before and after the engine flushed its files is there after opening again."""
    monkeypatch.setattr("appliance.index_edge.FLUSH_POINTS", 3)
    index = EdgeIndex(tmp_path, IDENTITY)
    for version in "1234":
        fill(index, document(version), 2)
    fill(index, document(name="b.md"), 2)
    index.close()
    index = EdgeIndex(tmp_path, IDENTITY)
    assert {document().id: "4" * 64, document(name="b.md").id: "1" * 64} == index.versions()
    assert 4 == index.count()
    index.close()


def test_optimizing_keeps_what_is_found(tmp_path: Path) -> None:
    """Dropping the room of replaced chunks changes no answer."""
    index = EdgeIndex(tmp_path, IDENTITY)
    for version in "12":
        fill(index, document(version), 1500)
    assert index.optimize()
    assert (1500, {"2"}) == (index.count(), found(index))
    assert not index.optimize()
    index.close()


def _folder_for_file(folder: Path) -> None:
    shutil.rmtree(folder / "shard" / "segments")
    (folder / "shard" / "segments").write_bytes(b"")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "identity missing": lambda folder: (folder / "identity.json").unlink(),
    "identity is no JSON": lambda folder: (folder / "identity.json").write_bytes(b"\0\0"),
    "identity incomplete": lambda folder: (folder / "identity.json").write_text(json.dumps({"embedder": "x"})),
    "configuration broken": lambda folder: (folder / "shard" / "edge_config.json").write_bytes(b"{"),
    "log broken": lambda folder: next((folder / "shard" / "wal").glob("open-*")).write_bytes(b"\xff" * 100),
    "segment broken": lambda folder: next((folder / "shard").rglob("segment.json")).write_bytes(b"\xff"),
    "panic in the engine": lambda folder: os.truncate(next((folder / "shard").rglob("vectors/status.dat")), 4),
    "payload index lost": lambda folder: next((folder / "shard").rglob("payload_index/config.json")).unlink(),
    "no folder where one should be": _folder_for_file,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_index_is_named_as_such(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    """Whatever is broken, opening ends in an error of ours that names the rebuild, and a rebuild works."""
    index = EdgeIndex(tmp_path, IDENTITY)
    fill(index, document(), 3)
    index.close()
    damage(tmp_path)
    with pytest.raises(StoreError) as raised:
        EdgeIndex(tmp_path, IDENTITY)
    assert "--rebuild" in raised.value.hint
    EdgeIndex.destroy(tmp_path)
    index = EdgeIndex(tmp_path, IDENTITY)
    assert 0 == index.count()
    index.close()


def test_an_index_that_lost_chunks_does_not_list_the_document(tmp_path: Path) -> None:
    """A document of which a part is gone is not half there: it is not there."""
    index = EdgeIndex(tmp_path, IDENTITY)
    for name in "abcdef":
        fill(index, document(name=name), 3)
    index.close()
    mappings = next((tmp_path / "shard").rglob("mutable_id_tracker.mappings"))
    mappings.write_bytes(mappings.read_bytes()[: mappings.stat().st_size // 2])
    index = EdgeIndex(tmp_path, IDENTITY)
    assert 0 < len(index.versions()) < 6
    assert 3 * len(index.versions()) == index.count()
    index.close()


# Runs in a process of its own: puts version 1 in, then version 2, and dies at one step of the latter.
CRASH = """
import os, signal, sys
from pathlib import Path
from tests.appliance.test_index_edge import IDENTITY, document, fill
from appliance.index_edge import EdgeIndex

folder, before, after, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
index = EdgeIndex(folder, IDENTITY)
if before:
    fill(index, document("1"), before)

class Dying:
    steps = 0
    def __init__(self, shard):
        self.shard = shard
    def __getattr__(self, name):
        return getattr(self.shard, name)
    def update(self, operation):
        self.step()
        self.shard.update(operation)
        self.step()
    def step(self):
        if Dying.steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        Dying.steps += 1

index._shard = Dying(index._shard)
fill(index, document("2"), after)
print("returned", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("before", "after"), [(0, 3), (3, 700), (700, 2)])
def test_a_killed_replacement_leaves_one_whole_version(tmp_path: Path, before: int, after: int) -> None:
    """Killed at any step, the index opens with the old version or the new one, whole; the new one if it was done."""
    for step in range(20):
        folder = tmp_path / str(step)
        child = subprocess.run(
            [sys.executable, "-c", CRASH, str(folder), str(before), str(after), str(step)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
            check=False,
        )
        assert -signal.SIGKILL == child.returncode, child.stderr
        index = EdgeIndex(folder, IDENTITY)
        state = (index.count(), dict(index.versions()), found(index))
        index.close()
        old = (before, {document().id: "1" * 64}, {"1"}) if before else (0, {}, set())
        new = (after, {document().id: "2" * 64}, {"2"})
        assert state in ([new] if child.stdout else [old, new])
        if child.stdout:
            return
    pytest.fail("the replacement was never done")
