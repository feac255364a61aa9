"""What has happened on a share and was not looked at yet: which paths, and when it is time to."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from ingest.events import Event
from ingest.files import Stamp
from ingest.readers import RULES

# A run begins when nothing has happened for this long, and this long after the first event in any case.
QUIET_SECONDS = 0.5
MOST_SECONDS = 2.0
# A long run makes room for changes that wait longer than this.
PATIENCE_SECONDS = 30.0
# So many paths of one folder are looked up one by one; for more, the folder is listed.
_ONE_BY_ONE = 50

Clock = Callable[[], float]


@dataclass(slots=True)
class Mark:
    """A path that something happened to. `begun`: the file may still be written; `look` is its stamp as last seen;
    `suspect`: its content may be new whatever its stamp says.
    """

    begun: bool
    suspect: bool
    look: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What a run is to look at: these paths, none within another, or everything."""

    paths: tuple[str, ...] = ()
    suspect: frozenset[str] = frozenset()
    whole: bool = False


class Dirty:
    """What has happened and was not looked at. Safe for several threads."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._marks: dict[str, Mark] = {}
        self._whole = False
        self._first = self._last = 0.0
        self._failure: BaseException | None = None

    def add(self, happened: Iterable[Event]) -> None:
        """Note what happened."""
        with self._changed:
            for event in happened:
                self._note(event)
            self._changed.notify_all()

    def _note(self, event: Event) -> None:
        now = self._clock()
        if not self._marks and not self._whole:
            self._first = now
        self._last = now
        if event.kind == "lost":
            self._whole = True
            return
        path, rules = event.path, event.path.rpartition("/")
        if rules[2] == RULES:
            path = rules[0]
        mark = self._marks.setdefault(path, Mark(event.kind == "begun", False))
        # Once its content is complete, or it is no such file, it is not waited for.
        mark.begun = mark.begun and event.kind in ("begun", "rights")
        mark.suspect = mark.suspect or event.kind in ("written", "begun")

    def fail(self, error: BaseException) -> None:
        """Have `wait` raise this."""
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def due(self) -> float | None:
        """Return the seconds until what there is should be looked at, None if there is nothing."""
        with self._changed:
            return self._due()

    def _due(self) -> float | None:
        if not self._marks and not self._whole:
            return None
        return max(0.0, min(self._last + QUIET_SECONDS, self._first + MOST_SECONDS) - self._clock())

    def waits(self) -> bool:
        """Tell whether something has waited too long."""
        with self._changed:
            is_old = self._clock() - self._first > PATIENCE_SECONDS
            return self._failure is not None or (is_old and (self._whole or bool(self._marks)))

    def wait(self, seconds: float) -> None:
        """Return when something is due, or after so many seconds. Raises what `fail` was given."""
        end = self._clock() + seconds
        with self._changed:
            while self._failure is None:
                due = self._due()
                left = min(end - self._clock(), seconds if due is None else due)
                if left <= 0 or due == 0:
                    break
                self._changed.wait(left)
            if self._failure is not None:
                raise self._failure

    def take(self, look: Callable[[str], Stamp | None]) -> Batch:
        """Return what there is to look at, and forget it. `look` returns the stamp of a file, None where there is none.

        A file that may still be written stays until it looks the same twice.
        """
        with self._changed:
            ready: dict[str, Mark] = {}
            for path, mark in list(self._marks.items()):
                now = look(path) if mark.begun else None
                if now is not None and now != mark.look:
                    mark.look = now
                else:
                    ready[path] = self._marks.pop(path)
            self._first = self._last = self._clock()
            whole, self._whole = self._whole, False
        suspect = frozenset(path for path, mark in ready.items() if mark.suspect)
        return Batch(topmost(ready), suspect, whole)


def topmost(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths that lie in no other of them, in order."""
    given = set(paths)
    if "" in given:
        return ("",)
    kept = (path for path in given if not any(str(above) in given for above in PurePosixPath(path).parents))
    return tuple(sorted(kept, key=os.fsencode))


def listings(paths: Collection[str]) -> Mapping[str, Callable[[str], bool]]:
    """Return what to ask the service for to learn all about some paths, and which files of that count."""
    folders: dict[str, set[str]] = {}
    for path in topmost(paths):
        folders.setdefault(path.rpartition("/")[0], set()).add(path)
    asked: dict[str, Callable[[str], bool]] = {}
    for folder, some in folders.items():
        if len(some) > _ONE_BY_ONE:
            asked[folder] = _within(some)
        else:
            asked |= dict.fromkeys(sorted(some), lambda owner: True)
    return asked


def _within(some: set[str]) -> Callable[[str], bool]:
    return lambda owner: owner in some or any(str(above) in some for above in PurePosixPath(owner).parents)
