"""The embedded index's folder: which files of the engine's log are synced, and what a crash while creating leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance import edge_files
from appliance.edge_files import EngineLog
from appliance.errors import StorageFull
from appliance.identity import Identity
from appliance.index_edge import EdgeIndex

IDENTITY = Identity("minilm-l6", "3f9a" * 16, 4, "chunks-1")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files and folders that were synced, in order."""
    names: list[str] = []

    def record(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fdatasync", record)
    monkeypatch.setattr(os, "fsync", record)
    return names


def test_the_file_that_is_written_to_is_synced(tmp_path: Path, synced: list[str]) -> None:
    """Of the open files the lowest by number, not by letters; of the closed ones none that was there before."""
    for name in ("open-10", "open-9", "closed-0"):
        (tmp_path / name).touch()
    EngineLog(tmp_path).sync()
    assert ["open-9"] == synced


def test_a_file_that_was_closed_since_is_synced_once(tmp_path: Path, synced: list[str]) -> None:
    """After the engine has gone on to its next file, the last one and the folder's names are synced too."""
    for name in ("open-1", "open-2"):
        (tmp_path / name).touch()
    log = EngineLog(tmp_path)
    (tmp_path / "open-1").rename(tmp_path / "closed-77")
    (tmp_path / "open-3").touch()
    log.sync()
    assert ["closed-77", "open-2", tmp_path.name] == synced
    log.sync()
    assert ["open-2"] == synced[3:]


def test_an_interrupted_creation_is_started_again(tmp_path: Path) -> None:
    """What a crash has left of a new index is no index, and goes with the next removal."""
    (tmp_path / "new-1").mkdir()
    (tmp_path / "identity.json").write_text("{}")
    index = EdgeIndex(tmp_path, IDENTITY)
    assert 0 == index.count()
    index.close()
    EdgeIndex.destroy(tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_space_is_required_where_the_folder_will_be(tmp_path: Path) -> None:
    """A folder that does not exist yet has the room of the one above it."""
    edge_files.require_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(StorageFull):
        edge_files.require_space(tmp_path / "not" / "yet", 2**62)
