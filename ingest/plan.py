"""Decides, from what a share holds and what is known of it, what there is to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from appliance.types import Status
from ingest.files import BadFile
from ingest.push import Known, Put
from ingest.walk import Found

# The file could not be judged: what its former version said goes on answering.
KEEPS_PASSAGES: frozenset[Status] = frozenset({"unreadable", "timed_out"})


@dataclass(frozen=True, slots=True)
class Options:
    """What a run goes by. `rebuild` takes every file for new, `retry` those that failed before."""

    readers: tuple[str, ...]
    file_bytes: int
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


@dataclass(slots=True)
class Plan:
    """What a run does: `rows` are settled, `puts` change no passages or remove them, `reads` have to be read."""

    rows: list[Row] = field(default_factory=list)
    puts: list[Put] = field(default_factory=list)
    reads: list[Found] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def make_plan(files: Iterable[Found], known: Mapping[str, Known], options: Options) -> Plan:
    """Return what to do about each file, and which known ones are gone.

    What lies beneath a folder that cannot be read is not gone.
    """
    plan = Plan()
    seen: set[str] = set()
    hidden: list[str] = []
    for found in files:
        seen.add(found.path)
        if found.path.endswith("/"):
            hidden.append(found.path.removeprefix("/"))
            plan.rows.append(refused(found.path, found.problem or BadFile("unreadable", ""), None))
            continue
        before = known.get(found.path)
        problem = found.problem or by_size(found.stamp.size_bytes, options.file_bytes)
        if problem is not None:
            plan.rows.append(refused(found.path, problem, before))
            put = put_refused(found, problem, before, options)
            if before is None or differs(put, before):
                plan.puts.append(put)
        elif before is not None and is_settled(found, before, options):
            plan.rows.append(as_before(before))
            if before.readers != options.readers:
                plan.puts.append(put_as_before(found, before, before.sha256, options))
        else:
            plan.reads.append(found)
    plan.removed = sorted(path for path in known.keys() - seen if not path.startswith(tuple(hidden)))
    return plan


def by_size(size_bytes: int, most: int) -> BadFile | None:
    """Return what the size alone says against reading a file."""
    if size_bytes == 0:
        return BadFile("empty", "the file has no content")
    if size_bytes > most:
        return BadFile("too_large", f"{size_bytes} bytes are more than {most}", "Split it, or raise ingest.file_bytes.")
    return None


def is_settled(found: Found, before: Known, options: Options) -> bool:
    """Tell whether a file is as it was, so that reading it would bring nothing new."""
    if options.rebuild or found.stamp != before.stamp or before.status == "unreadable":
        return False
    return before.status == "indexed" or not options.retry


def as_before(before: Known) -> Row:
    """Return the row of a file that has not changed: `unchanged`, or the status it failed with."""
    status: Status = "unchanged" if before.status == "indexed" else before.status
    return Row(before.path, status, before.reason, before.hint, before.passages, before.pages)


def put_as_before(found: Found, before: Known, sha256: str, options: Options) -> Put:
    """Return the state of a file whose content is known: its passages stay, what surrounds them is noted anew.

    If the content is that of the version that answers, a failure since then is past.
    """
    answers = bool(before.answers) and sha256 == before.answers
    return Put(
        path=found.path,
        sha256=sha256,
        stamp=found.stamp,
        media_type=before.media_type,
        readers=options.readers,
        status="indexed" if answers else before.status,
        reason="" if answers else before.reason,
        hint="" if answers else before.hint,
        pages=before.pages,
    )


def refused(path: str, problem: BadFile, before: Known | None) -> Row:
    """Return the row of a file that yields no text."""
    kept = before.passages if before and problem.status in KEEPS_PASSAGES else 0
    return Row(path, problem.status, problem.reason, problem.hint, kept)


def put_refused(found: Found, problem: BadFile, before: Known | None, options: Options, sha256: str = "") -> Put:
    """Return the state of a file that yields no text: its passages go, unless it could only not be judged.

    `sha256` is empty where the file was not read.
    """
    keeps = problem.status in KEEPS_PASSAGES
    return Put(
        path=found.path,
        sha256=sha256 or (before.sha256 if before and keeps else ""),
        stamp=found.stamp,
        media_type=problem.media_type or (before.media_type if before and keeps else ""),
        readers=options.readers,
        status=problem.status,
        reason=problem.reason,
        hint=problem.hint,
        pages=before.pages if before and keeps else None,
        drafts=None if keeps else (),
    )


def differs(put: Put, before: Known) -> bool:
    """Tell whether a state without new passages says anything that is not known."""
    now = (put.sha256, put.stamp, put.readers, put.status, put.reason, put.hint)
    was = (before.sha256, before.stamp, before.readers, before.status, before.reason, before.hint)
    return now != was or (put.drafts is not None and before.passages > 0)
