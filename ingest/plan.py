"""Decides, from what a share holds and what is known of it, what there is to do.

Both come in the order of the bytes of their paths and are gone through side by side, so that only what changes is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

from appliance.errors import StoreError
from appliance.types import Finding, Status
from ingest.files import BadFile
from ingest.parsed import Budget
from ingest.push import Known, Put
from ingest.readers import Readers, narrowed
from ingest.walk import Found

# The file could not be judged: what its former version said goes on answering.
KEEPS_PASSAGES: frozenset[Status] = frozenset({"unreadable", "timed_out"})


@dataclass(frozen=True, slots=True)
class Options:
    """What a run goes by. `budget` is what one file may unpack to. `quarantine` keeps out what gives orders to the
    model; `rebuild` takes every file for new, `retry` those that failed before.
    """

    file_bytes: int
    budget: Budget
    quarantine: bool = False
    rebuild: bool = False
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The report's line on one file. `passages` are those that answer now."""

    path: str
    status: Status
    reason: str = ""
    hint: str = ""
    passages: int = 0
    pages: int | None = None
    findings: tuple[Finding, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the row as JSON."""
        found = [asdict(finding) for finding in self.findings]
        return {
            "path": self.path,
            "status": self.status,
            "reason": self.reason,
            "hint": self.hint,
            "passages": self.passages,
            "pages": self.pages,
            "findings": found,
        }


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of one file of the share and of what is in it. `owner` is None where a run ended between putting
    what is in a file, which comes first, and the file itself.
    """

    owner: Known | None = None
    members: tuple[Known, ...] = ()

    @property
    def rows(self) -> tuple[Known, ...]:
        return (self.owner, *self.members) if self.owner else self.members


@dataclass(frozen=True, slots=True)
class Task:
    """A file to be read."""

    found: Found
    before: Before


@dataclass(frozen=True, slots=True)
class Change:
    """A document whose state is new though its file is not read."""

    found: Found
    put: Put
    stale: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """What a run does: `changes` need no reading, `tasks` do; documents of the files in `readers` get the readers they
    have now, those of `narrow` lose the readers that may not read any more; those of `gone` have no file any more.
    `closed` are documents beneath folders that may not be entered. `files` counts what was found.
    """

    changes: list[Change] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    readers: list[Before] = field(default_factory=list)
    narrow: list[str] = field(default_factory=list)
    gone: list[Before] = field(default_factory=list)
    closed: list[Before] = field(default_factory=list)
    files: int = 0


# Takes the path of the file on the share, and a row.
Settled = Callable[[str, Row], None]


class Planner:
    """Plans one run. `settled` is called, in order, with the rows of files that nothing is left to do about; `suspect`
    are paths of files that are read even if size and time say that they are as they were.
    """

    def __init__(self, options: Options, settled: Settled, suspect: Collection[str] = ()) -> None:
        self.plan = Plan()
        self._options = options
        self._settled = settled
        self._suspect = suspect
        # Folders that cannot be read, with whether entering them is forbidden.
        self._hidden: dict[str, bool] = {}

    def add(self, files: Iterable[Found], known: Iterable[Known]) -> None:
        """Plan for a stretch of the share. What lies beneath a folder that cannot be read is not gone."""
        for found, before in joined(files, groups(known)):
            if found is None:
                self._missing(before)
            elif found.path.endswith("/"):
                problem = found.problem or BadFile("unreadable", "")
                self._hidden[found.path.removeprefix("/")] = problem.reason == "permission denied"
                self._settled(found.path, refused(found.path, problem, None))
                self._missing(before)
            else:
                self.plan.files += 1
                self._present(found, before)

    def _missing(self, before: Before) -> None:
        if not before.rows:
            return
        owner = before.rows[0].owner
        beneath = next((denied for folder, denied in self._hidden.items() if owner.startswith(folder)), None)
        if beneath is None:
            self.plan.gone.append(before)
        elif beneath and any(row.readers for row in before.rows):
            # Whether somebody may read it cannot be found out, so nobody does until it can.
            self.plan.closed.append(before)

    def _present(self, found: Found, before: Before) -> None:
        options, plan = self._options, self.plan
        problem = found.problem or by_size(found.stamp.size_bytes, options.file_bytes)
        if problem is not None:
            put = put_refused(found, problem, before.owner)
            stale = () if problem.status in KEEPS_PASSAGES else tuple(row.path for row in before.members)
            if before.owner is None or stale or differs(put, before.owner):
                plan.changes.append(Change(found, put, stale))
            if not stale and _loses(before.members, found.readers):
                plan.narrow.append(found.path)
            self._settled(found.path, refused(found.path, problem, before.owner))
        elif found.path not in self._suspect and is_settled(found, before, options):
            for row in before.rows:
                self._settled(found.path, as_before(row))
            if any(row.readers != found.readers for row in before.rows):
                plan.readers.append(before)
        else:
            plan.tasks.append(Task(found, before))
            if _loses(before.rows, found.readers):
                plan.narrow.append(found.path)


def _loses(rows: Iterable[Known], readers: Readers) -> bool:
    """Tell whether somebody may not read these any more."""
    return any(narrowed(row.readers, readers) != row.readers for row in rows)


def groups(known: Iterable[Known]) -> Iterator[tuple[str, Before]]:
    """Yield what is known of each file, by its path. Raises StoreError when it does not come in order."""
    former = b""
    for path, rows in groupby(known, key=lambda row: row.owner):
        key = order(path)
        if key < former:
            raise StoreError("the service lists documents out of order", "Restart it; it may be an older version.")
        former = key
        found = list(rows)
        owner = next((row for row in found if row.path == path), None)
        yield path, Before(owner, tuple(row for row in found if row is not owner))


def order(path: str) -> bytes:
    """Return what paths are ordered by."""
    return path.encode("utf-8", "surrogateescape")


def joined(files: Iterable[Found], known: Iterable[tuple[str, Before]]) -> Iterator[tuple[Found | None, Before]]:
    """Yield files beside what is known of them, both in order: None where there is no file any more."""
    left, right = iter(files), iter(known)
    found, had = next(left, None), next(right, None)
    while found is not None or had is not None:
        if found is not None and had is not None and found.path == had[0]:
            yield found, had[1]
            found, had = next(left, None), next(right, None)
        elif had is None or (found is not None and order(found.path) < order(had[0])):
            yield found, Before()
            found = next(left, None)
        else:
            yield None, had[1]
            had = next(right, None)


def by_size(size_bytes: int, most: int) -> BadFile | None:
    """Return what the size alone says against reading a file."""
    if size_bytes == 0:
        return BadFile("empty", "the file has no content")
    if size_bytes > most:
        return BadFile("too_large", f"{size_bytes} bytes are more than {most}", "Split it, or raise ingest.file_bytes.")
    return None


def is_settled(found: Found, before: Before, options: Options) -> bool:
    """Tell whether a file is as it was, so that reading it would bring nothing new."""
    owner = before.owner
    if owner is None or options.rebuild or found.stamp != owner.stamp or owner.status == "unreadable":
        return False
    return not any(is_due(row, options) for row in before.rows)


def is_due(row: Known, options: Options) -> bool:
    """Tell whether a document is to be read again though its content is the same."""
    if row.status == "indexed":
        return options.quarantine and addresses_model(row.findings)
    return options.retry or (row.status == "quarantined" and not options.quarantine)


def addresses_model(findings: Iterable[Finding]) -> bool:
    """Tell whether a text gives orders to the model."""
    return any(finding.kind == "addresses_model" for finding in findings)


def as_before(before: Known) -> Row:
    """Return the row of a file that has not changed: `unchanged`, or the status it failed with."""
    status: Status = "unchanged" if before.status == "indexed" else before.status
    return Row(before.path, status, before.reason, before.hint, before.passages, before.pages, before.findings)


def put_as_before(found: Found, before: Known, sha256: str) -> Put:
    """Return the state of a file whose content is known: its passages stay, what surrounds them is noted anew.

    If the content is that of the version that answers, a failure since then is past.
    """
    answers = bool(before.answers) and sha256 == before.answers and before.status != "indexed"
    return Put(
        path=before.path,
        owner=found.path,
        sha256=sha256,
        stamp=found.stamp,
        media_type=before.media_type,
        readers=found.readers,
        status="indexed" if answers else before.status,
        reason="" if answers else before.reason,
        hint="" if answers else before.hint,
        pages=before.pages,
        title=before.title,
        findings=before.findings,
    )


def refused(path: str, problem: BadFile, before: Known | None) -> Row:
    """Return the row of a file that yields no text."""
    kept = before.passages if before and problem.status in KEEPS_PASSAGES else 0
    return Row(path, problem.status, problem.reason, problem.hint, kept)


def put_refused(found: Found, problem: BadFile, before: Known | None, sha256: str = "", path: str = "") -> Put:
    """Return the state of a file that yields no text: its passages go, unless it could only not be judged.

    `sha256` is empty where the file was not read; `path` is that of a member, empty for the file itself.
    """
    had = before if problem.status in KEEPS_PASSAGES else None
    return Put(
        path=path or found.path,
        owner=found.path,
        sha256=sha256 or (had.sha256 if had else ""),
        stamp=found.stamp,
        media_type=problem.media_type or (had.media_type if had else ""),
        readers=found.readers,
        status=problem.status,
        reason=problem.reason,
        hint=problem.hint,
        pages=had.pages if had else None,
        title=had.title if had else "",
        findings=had.findings if had else (),
        drafts=None if problem.status in KEEPS_PASSAGES else (),
    )


def differs(put: Put, before: Known) -> bool:
    """Tell whether a state without new passages says anything that is not known, the readers included."""
    return not same_state(put, before) or put.readers != before.readers


def same_state(put: Put, before: Known) -> bool:
    """Tell whether a state without new passages says what is known, whoever the readers are."""
    now = (put.sha256, put.stamp, put.status, put.reason, put.hint, put.findings)
    was = (before.sha256, before.stamp, before.status, before.reason, before.hint, before.findings)
    return now == was and (put.drafts is None or before.passages == 0)
