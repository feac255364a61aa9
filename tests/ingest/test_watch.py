from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

import pytest

from appliance.errors import IndexMismatch, ShareError, Unavailable
from ingest.readers import RULES
from ingest.report import Report
from ingest.watch import (
    Follower,
)
from tests.ingest.conftest import Ingest

SECONDS = 20.0


def write(quick: Ingest, **files: str) -> None:
    """Write files; `_` in a name is a folder's end."""
    for name, text in files.items():
        file = quick.share / (name.replace("_", "/") + ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class Following:
    """A follower in a thread of its own, over a share and a service in memory."""

    def __init__(self, quick: Ingest, scan_seconds: float = 3600) -> None:
        self.quick = quick
        self.said: list[str] = []
        self.reports: list[tuple[dict[str, str], int]] = []
        self.error: BaseException | None = None
        self.ready = Flag()
        self._end = False
        self._follower = Follower(quick.job(), self._connect, scan_seconds, self._report)
        self.away = False
        quick.api.at = self._at
        self._thread = Thread(target=self._run)

    def _connect(self):
        if self.away:
            raise Unavailable("the service does not answer")
        return self.quick.api

    def _at(self, change: str, path: str) -> None:
        if self._end:
            raise KeyboardInterrupt
        if self.away:
            raise Unavailable("the service does not answer")

    def _report(self, report: Report) -> None:
        self.reports.append(({row.path: row.status for row in report.rows}, report.embedded))

    def _run(self) -> None:
        try:
            self._follower.follow(self.said.append, self.ready.set)
        except BaseException as error:
            self.error = error

    def __enter__(self) -> Following:
        self._thread.start()
        self.until(lambda: bool(self.reports))
        return self

    def __exit__(self, *error: object) -> None:
        self._end = True
        # Whatever happens next ends it.
        if self.quick.share.is_dir():
            (self.quick.share / "end.txt").write_text("end")
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def until(self, reached: Callable[[], bool]) -> None:
        """Return when it is so."""
        end = time.monotonic() + SECONDS
        while not reached():
            assert time.monotonic() < end, (self.said, self.reports, self.quick.api.answering())
            assert self._thread.is_alive(), self.error
            time.sleep(0.01)


def test_a_share_is_followed(quick: Ingest) -> None:
    """New, changed, renamed and deleted files and folders are there, or not, by themselves, each at its cost."""
    write(quick, a="one", in_b="two")
    with Following(quick) as following:
        api = quick.api
        assert {"a.txt": ("one",), "in/b.txt": ("two",)} == api.answering()
        write(quick, new_deep_c="three", a="one, changed")
        expected = {"a.txt": ("one, changed",), "in/b.txt": ("two",), "new/deep/c.txt": ("three",)}
        following.until(lambda: expected == api.answering())
        parsed = len(quick.worker.parsed)
        (quick.share / "new").rename(quick.share / "moved")
        (quick.share / "a.txt").unlink()
        following.until(lambda: {"in/b.txt": ("two",), "moved/deep/c.txt": ("three",)} == api.answering())
        following.until(lambda: {"in/b.txt", "moved/deep/c.txt"} == set(api.documents))
        (quick.share / "in" / RULES).write_text("readers = []")
        following.until(lambda: {"moved/deep/c.txt"} == set(api.answering()))
        (quick.share / "in" / RULES).unlink()
        following.until(lambda: {"in/b.txt", "moved/deep/c.txt"} == set(api.answering()))
        assert parsed == len(quick.worker.parsed)
        assert [] == following.said


def test_a_change_that_changes_nothing_opens_no_run(quick: Ingest) -> None:
    """Touching a file, or making one that is left out, is not worth a word; the next real change is."""
    write(quick, a="one")
    with Following(quick) as following:
        told = len(quick.api.told)
        (quick.share / "~$a.docx").write_text("x")
        (quick.share / "a.txt").write_text("one")
        os.utime(quick.share / "a.txt", ns=(0, quick.api.documents["a.txt"].modified_ns))
        write(quick, b="two")
        following.until(lambda: "b.txt" in quick.api.answering())
        assert [("put", "b.txt")] == quick.api.told[told:]


def test_what_disappears_during_a_long_run_stops_answering(quick: Ingest) -> None:
    """While a run over the share is held up in a parser, a deleted file loses its readers."""
    write(quick, a="one", b="two")
    quick()
    write(quick, c="three")
    reached, go = Flag(), Flag()

    def parsing(path: str) -> None:
        reached.set()
        assert go.wait(SECONDS)

    quick.worker.at = parsing
    following = Following(quick)
    following._thread.start()
    assert reached.wait(SECONDS)
    (quick.share / "a.txt").unlink()
    following.until(lambda: {"b.txt": ("two",)} == quick.api.answering())
    go.set()
    following.until(lambda: {"b.txt": ("two",), "c.txt": ("three",)} == quick.api.answering())
    following.__exit__()


def test_a_long_run_makes_room_for_changes(quick: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that appears while many are read is there before all of them are, and then the rest is."""
    monkeypatch.setattr("ingest.dirty.PATIENCE_SECONDS", 0.0)
    write(quick, **{f"f{i:02}": f"text {i}" for i in range(30)})
    reached, go = Flag(), Flag()

    def parsing(path: str) -> None:
        if path == "f05.txt":
            reached.set()
            assert go.wait(SECONDS)

    quick.worker.at = parsing
    following = Following(quick)
    following._thread.start()
    assert reached.wait(SECONDS)
    write(quick, urgent="urgent")
    waiting = time.monotonic() + 1.0
    following.until(lambda: time.monotonic() > waiting)
    go.set()
    following.until(lambda: 31 == len(quick.api.answering()))
    order = quick.worker.parsed
    assert order.index("urgent.txt") < order.index("f29.txt")
    assert 31 == len(set(order)) == len(order)
    following.__exit__()


def test_asking_for_everything_anew_is_asked_once(quick: Ingest) -> None:
    """A rebuild takes every file for new in the first run, and in no other."""
    write(quick, a="one")
    quick()
    quick.options = replace(quick.options, rebuild=True)
    with Following(quick) as following:
        write(quick, b="two")
        following.until(lambda: "b.txt" in quick.api.answering())
    assert ["a.txt", "a.txt", "b.txt"] == quick.worker.parsed[:3]


def test_a_service_that_restarts_is_waited_for(quick: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is away that is said once; when it is back everything that changed meanwhile is brought up to date."""
    monkeypatch.setattr("ingest.watch.RETRY_SECONDS", 0.05)
    write(quick, a="one")
    with Following(quick) as following:
        following.away = True
        write(quick, b="two")
        (quick.share / "a.txt").unlink()
        following.until(lambda: bool(following.said))
        following.away = False
        following.until(lambda: {"b.txt"} == set(quick.api.documents))
        assert ["the service does not answer"] == following.said


def test_a_share_that_vanishes_loses_nothing(quick: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unmounted, the share keeps its documents, that is said once, and when it is back it is followed again."""
    monkeypatch.setattr("ingest.watch.RETRY_SECONDS", 0.05)
    write(quick, a="one")
    away = quick.share.parent / "away"
    with Following(quick) as following:
        quick.share.rename(away)
        following.until(lambda: bool(following.said))
        quick.share.mkdir()
        following.until(lambda: any("empty" in text for text in following.said))
        assert {"a.txt": ("one",)} == quick.api.answering()
        quick.share.rmdir()
        away.rename(quick.share)
        write(quick, b="two")
        following.until(lambda: {"a.txt": ("one",), "b.txt": ("two",)} == quick.api.answering())


def test_a_full_scan_finds_what_no_event_told(quick: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system tells nothing that is noted, and every scan brings the index up to date."""
    monkeypatch.setattr("ingest.events._WANTED", 0x1)
    monkeypatch.setattr("ingest.events.far", lambda share: "NFS")
    write(quick, a="one")
    with Following(quick, scan_seconds=0.1) as following:
        write(quick, b="two")
        following.until(lambda: {"a.txt": ("one",), "b.txt": ("two",)} == quick.api.answering())
        assert "NFS tells nothing of changes made elsewhere" in following.said[0]


def test_a_share_that_is_not_there_at_first_is_an_error(quick: Ingest) -> None:
    """Following begins with a share that can be read."""
    quick.share.rmdir()
    follower = Follower(quick.job(), lambda: quick.api, 1, lambda report: None)
    with pytest.raises(ShareError):
        follower.follow(lambda text: None, lambda: None)


def test_what_does_not_pass_ends_the_following(quick: Ingest) -> None:
    """An index of another embedder does not get better by waiting."""

    def mismatch(change: str, path: str) -> None:
        raise IndexMismatch("another embedder")

    quick.api.at = mismatch
    write(quick, a="one")
    follower = Follower(quick.job(), lambda: quick.api, 1, lambda report: None)
    with pytest.raises(IndexMismatch):
        follower.follow(lambda text: None, lambda: None)
