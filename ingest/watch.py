"""Follows a share: what changes there changes here, by itself.

Two threads work side by side. The *sentry* waits for events; what disappeared, or may be read by fewer than before,
loses its readers at once, however long an ingestion is under way. The *follower* brings everything else up to date in
runs like any other (ingest/run.py), over the paths that events named or over the whole share.

Why nothing answers that should not. Write L for the lock that both take, in this process and in every other one that
ingests for the same home (`Turns`): the sentry alone, the others together.

1. Nothing that names readers (a put, a move, new readers) goes to the service but under L, and there the share was
   looked at again first: the file is there, has the stamp it was read with, and these are its readers now
   (`Register.change`, `Register.readers`). Whatever takes readers away or removes a document may come at any time.
2. After every change of the share the sentry gets an event and then, alone under L, looks at the same path and takes
   away what is no longer so (`Register.narrow`). It never adds.
3. Take any change C that takes readers away, and the sentry's turn S after it. What was said before S is corrected in
   S: S asks the service what it holds and looks at the share after C. What is said after S was seen after S, hence
   after C. As L keeps looking and saying of one side together, nothing seen before S is said after it.
4. So from S on, as long as the share stays as it is, the service holds no reader that C took away. Between C and S lie
   the event, and the puts that hold L: one at most, since who waits to be alone goes first.

The sentry cannot undo what must stay: only the follower adds readers, from the same look at the share, and each event
has it look once more after the sentry has. Documents that a run found gone are hidden before they are moved or removed.

What events do not tell (a full queue, too many folders, file systems of other machines) full scans find.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from appliance.errors import ApplianceError, ConfigError, IndexMismatch, ModelError, ShareError, UsageError
from ingest.dirty import Batch, Dirty, listings
from ingest.events import Event, Events, opened
from ingest.files import Stamp, identity
from ingest.push import Api
from ingest.readers import RULES
from ingest.register import Place, Register, Session
from ingest.report import Report
from ingest.run import Job, Scope, run, session
from ingest.walk import Found, Looks

RETRY_SECONDS = 2.0
_OWED_SECONDS = 0.5
# What does not pass by waiting. The service restarts, the share or the disk's room comes back.
_LASTING = (UsageError, ConfigError, ModelError, IndexMismatch)

Connect = Callable[[], Api]
Said = Callable[[str], None]


class Sentry:
    """Takes readers away as soon as events say so. `handle` is its whole work on some events; `start` has a thread do
    it for all of a share.
    """

    def __init__(self, place: Place, events: Events, dirty: Dirty, under: Session, connect: Connect) -> None:
        self._place = place
        self._events = events
        self._dirty = dirty
        self._under = under
        self._connect = connect
        self._api: Api | None = None
        self._owed: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentry", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, within seconds."""
        self._stopped.set()
        self._events.wake()
        self._thread.join(RETRY_SECONDS)
        if not self._thread.is_alive():
            self._events.close()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                self.handle(self._events.read(_OWED_SECONDS if self._owed else None))
            self._disconnect()
        except BaseException as error:
            self._dirty.fail(error)

    def handle(self, happened: Collection[Event]) -> None:
        """Take away what these events, and those before that failed, say. Then the follower may know."""
        self._owed.update(_narrowing(happened, self._place.access.posix))
        try:
            if self._owed:
                self._narrow(self._owed)
            self._owed.clear()
        except (ApplianceError, OSError):
            # The service, or the disk, is away for a while: nothing answers, and we try until it is back.
            self._disconnect()
        finally:
            self._dirty.add(happened)

    def _narrow(self, paths: Collection[str]) -> None:
        with opened(self._place.share) as share:
            if identity(share) != self._events.identity:
                # Something else lies at its place, or nothing does: no file of the share was deleted.
                self._dirty.add([Event("lost")])
                return
            self._api = self._api or self._connect()
            Register(self._place, share, self._api, self._under).narrow(listings(paths))

    def _disconnect(self) -> None:
        if self._api is not None:
            self._api.close()
        self._api = None


def _narrowing(happened: Iterable[Event], posix: bool) -> Iterable[str]:
    """Return the paths of files and folders that fewer may read after these events."""
    for event in happened:
        folder, _, name = event.path.rpartition("/")
        if event.kind == "lost":
            yield ""
        elif name == RULES:
            yield folder
        elif event.kind == "gone" or (posix and event.kind in ("rights", "written", "folder")):
            yield event.path


class Follower:
    """Brings the index up to date with a share, for as long as it is asked to."""

    def __init__(self, job: Job, connect: Connect, scan_seconds: float, report: Callable[[Report], None]) -> None:
        self._job = job
        self._connect = connect
        self._scan_seconds = scan_seconds
        self._report = report
        self._under = session(job)
        self._api: Api | None = None
        # A scan is wanted, one was cut short, and one has ever been finished.
        self._whole, self._cut, self._ran = True, False, False
        self._scanned = time.monotonic()
        self._suspect: frozenset[str] = frozenset()
        self._said = ""
        self._identity: tuple[int, int] | None = None

    def follow(self, say: Said, ready: Callable[[], None]) -> None:
        """Follow the share until an exception ends it. `ready` is called before the first run.

        Raises ShareError when the share cannot be read at the first look, and whatever does not pass by itself.
        """
        first = True
        while True:
            try:
                events = Events(self._job.place.share)
            except ShareError as error:
                if first:
                    raise
                self._complain(error, say)
                time.sleep(RETRY_SECONDS)
                continue
            dirty = Dirty()
            sentry = Sentry(self._job.place, events, dirty, self._under, self._connect)
            sentry.start()
            if first:
                ready()
            first = False
            try:
                self._while_there(events, dirty, say)
            finally:
                sentry.stop()

    def _while_there(self, events: Events, dirty: Dirty, say: Said) -> None:
        """Follow the share until something else lies at its place."""
        self._whole, self._identity, noted = True, events.identity, ""
        while self._is_there(events):
            if events.note != noted:
                noted = events.note
                say(f"{noted}; the whole share is looked at every {self._scan_seconds:g} seconds")
            try:
                self.step(dirty)
                self._said = ""
            except ApplianceError as error:
                if isinstance(error, _LASTING):
                    raise
                self._complain(error, say)
                self._disconnect()
                dirty.wait(0)
                time.sleep(RETRY_SECONDS)

    def _is_there(self, events: Events) -> bool:
        try:
            with opened(self._job.place.share) as share:
                return identity(share) == events.identity
        except ShareError:
            return False

    def _complain(self, error: ApplianceError, say: Said) -> None:
        """Say what is wrong, once."""
        if str(error) != self._said:
            self._said = str(error)
            say(str(error))

    def _disconnect(self) -> None:
        if self._api is not None:
            self._api.close()
        # What a run had done counts; whether it is finished nobody can say any more, so another one begins.
        self._api, self._whole = None, True
        self._under.forget()

    def step(self, dirty: Dirty) -> None:
        """Wait for something to do, for some seconds at most, and do it."""
        scan = self._scanned + self._scan_seconds - time.monotonic()
        if not self._whole:
            dirty.wait(max(0.0, min(scan, RETRY_SECONDS)))
        batch = dirty.take(self._stamp) if dirty.due() == 0 else Batch()
        self._suspect |= batch.suspect
        self._whole = self._whole or batch.whole or scan <= 0
        self._api = self._api or self._connect()
        if batch.paths and (self._cut or not self._whole):
            self._run(Scope(batch.paths, self._suspect, dirty.waits, True, self._identity))
        if self._whole:
            self._whole, self._cut, self._scanned = False, False, time.monotonic()
            options = self._job.options
            # What takes files for new begins at the start again when it is cut short.
            enough = (lambda: False) if options.rebuild or options.retry else dirty.waits
            self._run(Scope(None, self._suspect, enough, self._ran, self._identity))
            self._scanned, self._ran = time.monotonic(), True
            if not self._whole:
                # What was asked for once is not asked for again with every change.
                self._job = replace(self._job, options=replace(options, rebuild=False, retry=False))

    def _run(self, scope: Scope) -> None:
        try:
            report = run(self._job, self._api or self._connect(), self._under, scope)
        except BaseException:
            self._whole = True
            raise
        with report.rows:
            self._suspect = frozenset()
            if not report.whole:
                self._whole = self._cut = True
            if report.run or not self._ran:
                self._report(report)

    def _stamp(self, path: str) -> Stamp | None:
        with opened(self._job.place.share) as share, Looks(share, self._job.place.access) as looks:
            try:
                found = looks.at(path)
            except OSError:
                return None
        return found.stamp if isinstance(found, Found) else None
