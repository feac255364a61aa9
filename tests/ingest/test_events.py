from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.events import Events, far
from ingest.files import open_share


@pytest.fixture
def events(share: Path) -> Iterator[Events]:
    (share / "in" / "deep").mkdir(parents=True)
    (share / "in" / "a.txt").write_text("text")
    made = Events(str(share))
    yield made
    made.close()


def happened(events: Events) -> list[tuple[str, str]]:
    """Return what has happened, in order, each thing once."""
    return list(dict.fromkeys((event.kind, event.path) for event in events.read(5)))


CHANGES: dict[str, tuple[Callable[[Path], object], list[tuple[str, str]]]] = {
    "a file is made": (
        lambda share: (share / "in" / "b.txt").write_text("x"),
        [("begun", "in/b.txt"), ("written", "in/b.txt")],
    ),
    "a file is changed": (lambda share: (share / "in" / "a.txt").write_text("x"), [("written", "in/a.txt")]),
    "a file is removed": (lambda share: (share / "in" / "a.txt").unlink(), [("gone", "in/a.txt")]),
    "a file is renamed": (
        lambda share: (share / "in" / "a.txt").rename(share / "b.txt"),
        [("gone", "in/a.txt"), ("written", "b.txt")],
    ),
    "a file gets another mode": (lambda share: (share / "in" / "a.txt").chmod(0o600), [("rights", "in/a.txt")]),
    "a folder gets another mode": (lambda share: (share / "in").chmod(0o700), [("rights", "in")]),
    "the share gets another mode": (lambda share: share.chmod(0o700), [("rights", "")]),
    "a folder is made": (lambda share: (share / "new").mkdir(), [("folder", "new")]),
    "a folder is renamed": (lambda share: (share / "in").rename(share / "out"), [("gone", "in"), ("folder", "out")]),
    "a name is no UTF-8": (
        lambda share: (share / os.fsdecode(b"\xff.txt")).touch(),
        [("begun", "\udcff.txt"), ("written", "\udcff.txt"), ("rights", "\udcff.txt")],
    ),
    "a lock file is made": (lambda share: (share / "~$a.docx").write_text("x"), []),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_told(events: Events, share: Path, change: str) -> None:
    """Content, rights, names, files and folders: each change comes as what it is, and nothing else does."""
    do, expected = CHANGES[change]
    do(share)
    (share / "mark").mkdir()
    told = happened(events)
    assert ("folder", "mark") == told.pop()
    assert set(expected) >= set(told) >= {each for each in expected if each[0] != "rights" or len(expected) == 1}


def test_what_is_in_a_new_folder_is_watched(events: Events, share: Path) -> None:
    """A folder that appears with folders in it is watched with all of them."""
    (share / "new" / "deep").mkdir(parents=True)
    happened(events)
    assert {"", "in", "in/deep", "new", "new/deep"} == events.folders()
    (share / "new" / "deep" / "c.txt").write_text("x")
    assert ("written", "new/deep/c.txt") in happened(events)


def test_a_renamed_folder_is_watched_under_its_new_name(events: Events, share: Path) -> None:
    """Changes in it come with the new path, also when folders change places."""
    (share / "in").rename(share / "out")
    (share / "out" / "deep").rename(share / "in")
    (share / "out").rename(share / "in" / "again")
    happened(events)
    assert {"", "in", "in/again"} == events.folders()
    (share / "in" / "again" / "a.txt").write_text("x")
    assert [("written", "in/again/a.txt")] == happened(events)


def test_a_folder_that_left_the_share_is_not_watched(events: Events, share: Path, tmp_path: Path) -> None:
    """What happens in a folder that was moved out of the share is nobody's business."""
    (share / "in").rename(tmp_path / "elsewhere")
    assert [("gone", "in")] == happened(events)
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    (share / "mark").mkdir()
    assert [("folder", "mark")] == happened(events)


def test_links_are_not_followed(events: Events, share: Path, tmp_path: Path) -> None:
    """A link to a folder elsewhere is no folder of the share."""
    (tmp_path / "elsewhere").mkdir()
    (share / "link").symlink_to(tmp_path / "elsewhere")
    happened(events)
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    (share / "mark").mkdir()
    assert [("folder", "mark")] == happened(events)
    assert {"", "in", "in/deep", "mark"} == events.folders()


def test_version_control_is_not_watched(share: Path) -> None:
    """Folders that the walk leaves out are left out here."""
    (share / ".git" / "objects").mkdir(parents=True)
    events = Events(str(share))
    assert {""} == events.folders()
    events.close()


def test_a_full_queue_is_said(events: Events, share: Path) -> None:
    """When the kernel drops events, that is an event, and new folders are found all the same."""
    for _ in range(2):
        for i in range(int(Path("/proc/sys/fs/inotify/max_queued_events").read_text()) // 4):
            (share / f"{i}.txt").touch()
            (share / f"{i}.txt").unlink()
    (share / "new").mkdir()
    told: list[tuple[str, str]] = []
    while ("lost", "") not in told:
        told = happened(events)
    assert "new" in events.folders()


def test_a_share_that_is_moved_away_is_lost(events: Events, share: Path) -> None:
    """When the share itself goes, that is said, and no file of it counts as gone."""
    share.rename(share.parent / "elsewhere")
    assert [("lost", "")] == happened(events)


def test_a_deleted_share_is_lost(events: Events, share: Path) -> None:
    """A share that is deleted with everything in it ends with that."""
    shutil.rmtree(share)
    assert ("lost", "") == happened(events)[-1]


def test_too_many_folders_are_said_and_the_others_watched(share: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel allows no further watch the note says how to allow more."""
    for i in range(5):
        (share / str(i)).mkdir()
    events = Events(str(share))
    assert "" == events.note
    libc = events._libc
    monkeypatch.setattr(events, "_libc", Full(libc))
    (share / "6").mkdir()
    happened(events)
    assert "max_user_watches" in events.note
    (share / "1" / "a.txt").write_text("x")
    assert ("written", "1/a.txt") in happened(events)
    events.close()


class Full:
    """A C library of a kernel that allows no further watch."""

    def __init__(self, libc: object) -> None:
        self._libc = libc

    def inotify_add_watch(self, *arguments: object) -> int:
        import ctypes
        import errno

        ctypes.set_errno(errno.ENOSPC)
        return -1


def test_reading_ends_when_woken(events: Events) -> None:
    """A read in another thread returns with nothing when it is woken."""
    events.wake()
    assert [] == events.read(None)


def test_the_file_system_is_known(share: Path) -> None:
    """A disk of this machine tells of its changes."""
    descriptor = open_share(str(share))
    assert "" == far(descriptor)
    os.close(descriptor)
