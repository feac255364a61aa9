from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import IndexMismatch, ShareError, Unavailable
from ingest.events import Event, Events
from ingest.files import Stamp
from ingest.readers import RULES, Access
from ingest.register import Session
from ingest.report import Report
from ingest.run import run, session
from ingest.watch import (
    MOST_SECONDS,
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    Batch,
    Dirty,
    Follower,
    Sentry,
    listings,
    topmost,
)
from tests.ingest.conftest import READERS, Ingest, zipped

SECONDS = 20.0


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def nothing(path: str) -> Stamp | None:
    return None


def test_a_batch_waits_for_quiet_but_not_for_long() -> None:
    """It is due half a second after the last event, and two seconds after the first."""
    clock = Clock()
    dirty = Dirty(clock)
    assert dirty.due() is None
    dirty.add([Event("written", "a")])
    assert QUIET_SECONDS == dirty.due()
    for _ in range(4):
        clock.now += QUIET_SECONDS * 0.9
        dirty.add([Event("written", "b")])
    assert (100 + MOST_SECONDS - clock.now) == pytest.approx(dirty.due())
    assert MOST_SECONDS <= 2
    assert Batch(("a", "b"), frozenset({"a", "b"})) == dirty.take(nothing)
    assert dirty.due() is None


def test_a_file_that_is_being_written_is_taken_when_it_stands_still() -> None:
    """Made and not yet closed, it has to look the same twice; closed, it is taken at once."""
    clock, looks = Clock(), {"a": Stamp(1, 1), "b": Stamp(1, 1)}
    dirty = Dirty(clock)
    dirty.add([Event("begun", "a"), Event("begun", "b"), Event("rights", "a"), Event("written", "b")])
    assert ("b",) == dirty.take(looks.get).paths
    looks["a"] = Stamp(2, 2)
    assert () == dirty.take(looks.get).paths
    assert QUIET_SECONDS == dirty.due()
    assert Batch(("a",), frozenset({"a"})) == dirty.take(looks.get)


def test_a_rule_file_concerns_its_folder() -> None:
    """Whatever happens to it, everything below is looked at; changed rights make no content suspect."""
    dirty = Dirty()
    dirty.add([Event("written", f"in/{RULES}"), Event("rights", "a")])
    assert Batch(("a", "in"), frozenset({"in"})) == dirty.take(nothing)
    dirty.add([Event("gone", RULES), Event("written", "in/b")])
    assert ("",) == dirty.take(nothing).paths


def test_lost_events_ask_for_everything() -> None:
    """Without knowing what happened the whole share is looked at."""
    dirty = Dirty()
    dirty.add([Event("lost")])
    assert dirty.take(nothing).whole


def test_a_long_run_is_told_when_something_waits() -> None:
    """A change that waits too long, or a failure, asks the run to make room."""
    clock = Clock()
    dirty = Dirty(clock)
    dirty.add([Event("written", "a")])
    assert not dirty.waits()
    clock.now += PATIENCE_SECONDS + 1
    assert dirty.waits()
    dirty.take(nothing)
    assert not dirty.waits()
    dirty.fail(IndexMismatch("other"))
    assert dirty.waits()
    with pytest.raises(IndexMismatch):
        dirty.wait(1)


def test_paths_in_others_are_left_out() -> None:
    """What lies in a folder that is looked at need not be named; names that only begin alike stay."""
    assert ("a", "ab", "b/c") == topmost(["a/x", "a", "ab", "b/c", "a/y/z"])
    assert ("",) == topmost(["a", ""])


@given(st.lists(st.sampled_from(["a", "a/b", "a/b/c", "d", "d/e", *(f"many/{i}" for i in range(60))]), min_size=1))
def test_listings_cover_what_was_asked_for_and_no_more(paths: list[str]) -> None:
    """Whether one by one or by their folder: every path and all in it count, and nothing else does."""
    asked = listings(paths)
    for owner in ("a", "a/b", "a/b/c/x", "d", "d/e", "other", *(f"many/{i}" for i in range(60)), "many/3/in"):
        counts = any(
            (owner == under or not under or owner.startswith(under + "/")) and rule(owner)
            for under, rule in asked.items()
        )
        assert any(owner == path or owner.startswith(path + "/") for path in paths) == counts


@pytest.fixture
def events(quick: Ingest) -> Iterator[Events]:
    made = Events(str(quick.share))
    yield made
    made.close()


@pytest.fixture
def sentry(quick: Ingest, events: Events) -> Sentry:
    job = quick.job()
    return Sentry(job.place, events, Dirty(), session(job), lambda: quick.api)


def write(quick: Ingest, **files: str) -> None:
    """Write files; `_` in a name is a folder's end."""
    for name, text in files.items():
        file = quick.share / (name.replace("_", "/") + ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_what_disappears_has_no_readers_at_once(quick: Ingest, sentry: Sentry) -> None:
    """A file with all in it, and a folder with all below: on the event alone, without a run of ingestion."""
    write(quick, a="text", in_b="text", in_deep_c="text", d="text")
    (quick.share / "z.zip").write_bytes(zipped(one__txt="one"))
    quick()
    (quick.share / "a.txt").unlink()
    (quick.share / "z.zip").unlink()
    shutil.rmtree(quick.share / "in")
    sentry.handle([Event("gone", "a.txt"), Event("gone", "z.zip"), Event("gone", "in")])
    assert {"d.txt": ("text",)} == quick.api.answering()
    assert 6 == len(quick.api.documents)


def test_many_that_disappear_are_found_by_their_folder(quick: Ingest, sentry: Sentry) -> None:
    """Hundreds of deleted files of a folder cost one listing, and their neighbours keep their readers."""
    write(quick, **{f"in_{i}": f"text {i}" for i in range(120)})
    quick()
    for i in range(100):
        (quick.share / "in" / f"{i}.txt").unlink()
    asked: list[str] = []
    quick.api.at = lambda change, path: asked.append(path) if change == "known" else None
    sentry.handle([Event("gone", f"in/{i}.txt") for i in range(100)])
    assert {f"in/{i}.txt" for i in range(100, 120)} == set(quick.api.answering())
    assert ["in"] == asked


def test_rights_that_are_taken_away_count_at_once(quick: Ingest, events: Events) -> None:
    """With `access.posix`, a mode that closes a file or a folder takes readers away; one that opens is for the run."""
    write(quick, a="text", in_b="text")
    quick.access = Access(READERS, posix=True)
    quick.share.chmod(0o755)
    job = quick.job()
    sentry = Sentry(job.place, events, Dirty(), session(job), lambda: quick.api)
    quick()
    assert {"a.txt", "in/b.txt"} == set(quick.api.answering())
    (quick.share / "a.txt").chmod(0)
    (quick.share / "in").chmod(0)
    sentry.handle([Event("rights", "a.txt"), Event("rights", "in")])
    assert {} == quick.api.answering()
    (quick.share / "a.txt").chmod(0o644)
    (quick.share / "in").chmod(0o755)
    sentry.handle([Event("rights", "a.txt"), Event("rights", "in")])
    assert {} == quick.api.answering()
    quick.over("a.txt", "in")
    assert {"a.txt", "in/b.txt"} == set(quick.api.answering())
    assert 2 == len(quick.worker.parsed)


def test_a_rule_counts_at_once(quick: Ingest, sentry: Sentry) -> None:
    """A rule that names fewer readers, or that breaks, takes the others away below its folder."""
    write(quick, a="text", in_b="text")
    quick()
    (quick.share / "in" / RULES).write_text("?")
    sentry.handle([Event("written", f"in/{RULES}")])
    assert {"a.txt"} == set(quick.api.answering())


def test_nothing_is_said_when_nothing_changes(quick: Ingest, sentry: Sentry) -> None:
    """Files that the service never knew, and events that take nothing away, open no run."""
    write(quick, a="text")
    quick()
    runs = len(quick.api.started)
    sentry.handle(
        [Event("gone", "unknown.txt"), Event("gone", "a.txt"), Event("written", "a.txt"), Event("rights", "a.txt")]
    )
    assert runs == len(quick.api.started)


def test_a_share_that_is_gone_takes_no_readers_away(quick: Ingest, events: Events, sentry: Sentry) -> None:
    """Where something else lies at the share's place, no file was deleted: the whole share is to be looked at."""
    write(quick, a="text")
    quick()
    quick.share.rename(quick.share.parent / "elsewhere")
    quick.share.mkdir()
    sentry.handle([Event("gone", "a.txt")])
    assert {"a.txt": ("text",)} == quick.api.answering()
    assert sentry._dirty.take(nothing).whole


def test_what_the_service_could_not_hear_is_said_again(quick: Ingest, sentry: Sentry) -> None:
    """While the service restarts the sentry remembers what it owes, and pays with the next chance."""
    write(quick, a="text")
    quick()
    (quick.share / "a.txt").unlink()

    def away(change: str, path: str) -> None:
        raise Unavailable("the service does not answer")

    quick.api.at = away
    sentry.handle([Event("gone", "a.txt")])
    assert {"a.txt": ("text",)} == quick.api.answering()
    quick.api.at = lambda change, path: None
    sentry.handle([])
    assert {} == quick.api.answering()


class Held:
    """Holds a thread up at one change until it is let go."""

    def __init__(self, quick: Ingest, change: str, path: str) -> None:
        self.reached, self._go = Flag(), Flag()
        self._what = (change, path)
        quick.api.at = self._at

    def _at(self, change: str, path: str) -> None:
        if (change, path) == self._what and not self._go.is_set():
            self.reached.set()
            assert self._go.wait(SECONDS)

    def go(self) -> None:
        self._go.set()


def in_thread(work: Callable[[], object]) -> Thread:
    thread = Thread(target=work)
    thread.start()
    return thread


def test_a_put_under_way_is_corrected_after_it(quick: Ingest, sentry: Sentry) -> None:
    """The file goes while its document is being put: the sentry waits for the put and then takes the readers away."""
    write(quick, a="text")
    held = Held(quick, "put", "a.txt")
    running = in_thread(quick)
    assert held.reached.wait(SECONDS)
    (quick.share / "a.txt").unlink()
    watching = in_thread(lambda: sentry.handle([Event("gone", "a.txt")]))
    until_it_waits(quick, watching)
    held.go()
    running.join()
    watching.join()
    assert "a.txt" in quick.api.documents
    assert {} == quick.api.answering()


def test_a_put_that_comes_after_the_sentry_is_not_made(quick: Ingest, sentry: Sentry) -> None:
    """The file goes between reading and putting: the put looks, and says nothing."""
    write(quick, a="text", b="text b")

    def parsing(path: str) -> None:
        if path == "b.txt":
            (quick.share / "b.txt").unlink()
            sentry.handle([Event("gone", "b.txt")])

    quick.worker.at = parsing
    quick()
    assert {"a.txt": ("text",)} == quick.api.answering()
    assert "b.txt" not in quick.api.documents


def test_readers_from_an_old_plan_are_not_given_back(quick: Ingest, sentry: Sentry) -> None:
    """A run planned to give readers; before it does, a rule takes them away: what the sentry took stays taken."""
    write(quick, a="text", in_b="text")
    quick()
    quick.access = Access(("group:staff",))
    held = Held(quick, "regrant", "a.txt")
    running = in_thread(quick)
    assert held.reached.wait(SECONDS)
    (quick.share / "in" / RULES).write_text("readers = []")
    watching = in_thread(lambda: sentry.handle([Event("written", f"in/{RULES}")]))
    until_it_waits(quick, watching)
    held.go()
    running.join()
    watching.join()
    assert {"a.txt": ("group:staff",), "in/b.txt": ()} == {
        path: row.readers for path, row in quick.api.documents.items() if not path.endswith(RULES)
    }


def test_a_move_goes_where_its_file_is(quick: Ingest, sentry: Sentry) -> None:
    """The file is renamed again while its document is being moved: nothing answers under a name that is gone."""
    write(quick, a="text")
    quick()
    (quick.share / "a.txt").rename(quick.share / "b.txt")
    held = Held(quick, "move", "b.txt")
    running = in_thread(quick)
    assert held.reached.wait(SECONDS)
    (quick.share / "b.txt").rename(quick.share / "c.txt")
    watching = in_thread(lambda: sentry.handle([Event("gone", "b.txt"), Event("written", "c.txt")]))
    until_it_waits(quick, watching)
    held.go()
    running.join()
    watching.join()
    assert {} == quick.api.answering()
    quick.over("b.txt", "c.txt")
    assert {"c.txt": ("text",)} == quick.api.answering()
    assert 1 == len(quick.worker.parsed)


def test_who_waits_to_be_alone_goes_first(quick: Ingest, sentry: Sentry) -> None:
    """During a run over many files the sentry gets its turn after the put at hand, not after all of them."""
    write(quick, **{f"f{i:03}": f"text {i}" for i in range(200)})
    held = Held(quick, "put", "f000.txt")
    running = in_thread(quick)
    assert held.reached.wait(SECONDS)
    (quick.share / "f199.txt").unlink()
    turned: list[int] = []

    def watch() -> None:
        with quick.job().place.turns.alone():
            turned.append(len(quick.api.puts))

    watching = in_thread(watch)
    until_it_waits(quick, watching)
    held.go()
    watching.join()
    running.join()
    assert 1 == turned[0]


def until_it_waits(quick: Ingest, thread: Thread) -> None:
    """Return when the thread waits to be alone, or has ended without waiting."""
    door = quick.share.parent / "turns" / "ingest.door"
    while thread.is_alive() and not is_locked(door):
        time.sleep(0)


def is_locked(file: Path) -> bool:
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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


def test_a_session_opens_one_run_for_all(quick: Ingest) -> None:
    """Whoever changes something first opens the run, the other goes on with it, and the next run is another."""
    job = quick.job()
    under: Session = session(job)
    first = under.open(quick.api)
    assert first == under.open(quick.api)
    write(quick, a="one")
    report = run(job, quick.api, under)
    report.rows.close()
    assert (first, 1) == (report.run, len(quick.api.finished))
    assert first != under.open(quick.api)
