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

from appliance.errors import Unavailable
from ingest.events import Event, Events
from ingest.readers import RULES, Access
from ingest.register import Session
from ingest.run import run, session
from ingest.watch import (
    Dirty,
    Sentry,
)
from tests.ingest.conftest import READERS, Ingest, zipped

SECONDS = 20.0


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
    assert sentry._dirty.take(lambda path: None).whole


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
