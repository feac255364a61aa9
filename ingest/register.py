"""Tells the service what is so on the share, never what was so a moment ago.

Whatever names readers goes to the service under a lock that is shared with whoever takes readers away (`Turns`), and
under that lock the share is looked at again. See ingest/watch.py for why that is enough.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from appliance.errors import NotFound
from appliance.types import ModelRecord
from ingest.plan import Before
from ingest.push import PAGE_ROWS, Api, Known
from ingest.read import Outcome
from ingest.readers import Access, Readers, narrowed
from ingest.turns import Turns
from ingest.walk import Found, Looks


class Session:
    """The run that changes belong to, opened with the first of them. Safe for several threads."""

    def __init__(self, share: str, chunker: str, record: ModelRecord) -> None:
        self._share = share
        self._chunker = chunker
        self._record = record
        self._lock = threading.Lock()
        self._id = ""

    def open(self, api: Api) -> str:
        """Return the run's id. Raises IndexMismatch when the index was made by another embedder or chunker."""
        with self._lock:
            if not self._id:
                self._id = api.start(self._share, self._chunker, self._record)
            return self._id

    def forget(self) -> None:
        """Leave the run unfinished: the next change opens another."""
        with self._lock:
            self._id = ""

    def finish(self, finish: Callable[[str], None]) -> str:
        """Have `finish` close the run, if one was opened, and return its id; the next change opens another."""
        with self._lock:
            run, self._id = self._id, ""
        if run:
            finish(run)
        return run


@dataclass(frozen=True, slots=True)
class Place:
    """One share and the rules of who may read it; `turns` is what all who work on it take."""

    share: str
    access: Access
    turns: Turns


class Register:
    """What one thread, with its own Api, tells the service about one open share."""

    def __init__(self, place: Place, descriptor: int, api: Api, session: Session) -> None:
        self._place = place
        self._descriptor = descriptor
        self._api = api
        self._session = session
        # Files that were not what had been read: nothing more is said of what is in them.
        self._outdated: set[str] = set()
        # Documents without a file that were to be moved, and were not.
        self.unmoved: list[str] = []

    def _looks(self) -> Looks:
        return Looks(self._descriptor, self._place.access)

    def change(self, outcome: Outcome, vectors: NDArray[np.float32] | None) -> bool:
        """Make an outcome the document's state. False: the file is not what it was when it was read, or what was to
        be moved is gone; then nothing is said, now and about the rest of the file.
        """
        path = outcome.found.path
        if outcome.put is None and not outcome.stale and path not in self._outdated:
            return True
        with self._place.turns.shared():
            found = None if path in self._outdated else self._now(path)
            if found is not None and found.stamp == outcome.found.stamp and self._tell(outcome, found, vectors):
                return True
        self._outdated.add(path)
        if outcome.old:
            self.unmoved.append(outcome.old)
        return False

    def _tell(self, outcome: Outcome, found: Found, vectors: NDArray[np.float32] | None) -> bool:
        run, share, put = self._session.open(self._api), self._place.share, outcome.put
        self._remove(run, outcome.stale)
        if put is None:
            return True
        put = replace(put, readers=found.readers)
        if not outcome.old:
            self._api.put(run, share, put, vectors)
            return True
        try:
            self._api.move(run, share, outcome.old, put)
        except NotFound:  # another ingest of the same share was faster
            return False
        return True

    def _now(self, path: str) -> Found | None:
        with self._looks() as looks:
            try:
                found = looks.at(path)
            except OSError:
                return None
        return found if isinstance(found, Found) else None

    def readers(self, files: Iterable[Before]) -> None:
        """Give documents the readers that their files have now. Where a file is not what is known, none are added."""
        left = iter(files)
        while some := list(islice(left, PAGE_ROWS)):
            with self._place.turns.shared(), self._looks() as looks:
                changes = []
                for before in some:
                    found = _at(looks, before.rows[0].owner)
                    is_known = found and before.owner and found.stamp == before.owner.stamp
                    for row in before.rows:
                        now = found.readers if found else ()
                        now = now if is_known else narrowed(row.readers, now)
                        if now != row.readers:
                            changes.append((row.path, now))
                self._regrant(changes)

    def hide(self, files: Iterable[Before]) -> None:
        """Take all readers from documents, at once."""
        self._regrant([(row.path, ()) for before in files for row in before.rows if row.readers])

    def narrow(self, wanted: Mapping[str, Callable[[str], bool]]) -> None:
        """Take readers away that may not read any more: all of them where the file is gone. Adds none.

        The keys are paths as `Api.known` takes them; the values tell which files below count.
        """
        if not wanted:
            return
        with self._place.turns.alone(), self._looks() as looks:
            for under, counts in wanted.items():
                known = (row for row in self._api.known(self._place.share, under) if counts(row.owner))
                while some := list(islice(known, PAGE_ROWS)):
                    self._regrant(_losses(some, looks))

    def remove(self, paths: Sequence[str]) -> int:
        """Remove documents and return how many there were."""
        return self._remove(self._session.open(self._api), paths) if paths else 0

    def _remove(self, run: str, paths: Iterable[str]) -> int:
        count = 0
        for path in paths:
            try:
                self._api.remove(run, self._place.share, path)
                count += 1
            except NotFound:  # another ingest of the same share was faster
                continue
        return count

    def _regrant(self, changes: Sequence[tuple[str, Readers]]) -> None:
        if changes:
            self._api.regrant(self._session.open(self._api), self._place.share, changes)


def _losses(rows: Iterable[Known], looks: Looks) -> list[tuple[str, Readers]]:
    changes = []
    for row in rows:
        found = _at(looks, row.owner)
        now = narrowed(row.readers, found.readers if found else ())
        if now != row.readers:
            changes.append((row.path, now))
    return changes


def _at(looks: Looks, path: str) -> Found | None:
    """Return the file at a path, None where there is none or it may not be looked at: then nobody reads it.

    Raises OSError when the disk does not say.
    """
    try:
        found = looks.at(path)
    except PermissionError:
        return None
    return found if isinstance(found, Found) else None
