"""Reads one file of a share and what is in it: compares content with what is known, has a child parse what is new."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace

from appliance.types import Status
from ingest.files import BadFile, Stamp, open_file, stamp, unreadable
from ingest.moves import Vanished, put_moved
from ingest.parsed import Budget, Parsed, Source
from ingest.plan import (
    KEEPS_PASSAGES,
    Before,
    Options,
    Row,
    Task,
    addresses_model,
    as_before,
    by_size,
    differs,
    is_due,
    put_as_before,
    put_refused,
    refused,
)
from ingest.pool import Worker
from ingest.push import Known, Put
from ingest.walk import Found

_BLOCK_BYTES = 1 << 20
# A file that changed less than this before it was looked at, and has changed since, is being written.
_WRITING_NS = 2_000_000_000
_AGAIN = "It is tried again with the next run."
_ORDERS_HINT = "Look at it; switch ingest.quarantine off to index it with its finding."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document: its row and its new state, None where it is as it was. Drafts have yet to be embedded.

    `found` is the file of the share that it is, or is in, as it was read; `old` the path of the document that it goes
    on from; `stale` are documents that go first. The documents in a file come before the file itself, whose state says
    that all of them are there.
    """

    found: Found
    row: Row
    put: Put | None
    old: str = ""
    stale: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """What a thread that reads works with: an open share, its own child, and documents whose file is gone."""

    share: int
    worker: Worker
    options: Options
    vanished: Vanished


def read_file(desk: Desk, task: Task) -> Generator[Outcome, None, None]:
    """Yield what became of a file and of what is in it. A file that cannot be read or parsed is an outcome as well."""
    found, before, sha256 = task.found, task.before, ""
    try:
        descriptor = open_file(desk.share, found.path)
        try:
            found = replace(found, stamp=stamp(os.fstat(descriptor)))
            _refuse_unfinished(task.found.stamp, found.stamp)
            if problem := by_size(found.stamp.size_bytes, desk.options.file_bytes):
                raise problem
            sha256 = _digest(descriptor, 0, None, desk.options.file_bytes)
            yield from _File(desk, found, before).outcomes(descriptor, sha256)
        finally:
            os.close(descriptor)
    except BadFile as problem:
        keeps = problem.status in KEEPS_PASSAGES
        if keeps:
            yield from (_kept(found, row) for row in before.members)
        stale = () if keeps else tuple(row.path for row in before.members)
        put = put_refused(found, problem, before.owner, sha256)
        yield Outcome(found, refused(found.path, problem, before.owner), put, stale=stale)


def _refuse_unfinished(first: Stamp, second: Stamp) -> None:
    """Raise BadFile for a file that changes under our eyes."""
    if first != second and time.time_ns() - second.modified_ns < _WRITING_NS:
        raise BadFile("unreadable", "it is being written", _AGAIN)


class _File:
    """One file of the share while it is read."""

    def __init__(self, desk: Desk, found: Found, before: Before) -> None:
        self._desk = desk
        self._found = found
        self._before = before
        self._known = {row.path: row for row in before.rows}
        self._seen = {found.path}
        budget = desk.options.budget
        self._files, self._bytes = budget.files, budget.size_bytes

    def outcomes(self, descriptor: int, sha256: str) -> Iterator[Outcome]:
        """Yield what became of the file, and of what is in it. Raises BadFile before the first outcome, if at all."""
        found, before = self._found, self._before
        if self._is_same(before.owner, before.rows, sha256):
            yield from self._as_before(before.owner, before.members, sha256)
            return
        # Where a run ended in the middle of an archive, its documents are put together one by one.
        unfinished = before.owner is None and before.members
        claimed = None if unfinished else self._desk.vanished.claim(sha256, found.path)
        if claimed is not None:
            yield from self._moved(claimed)
            return
        os.lseek(descriptor, 0, os.SEEK_SET)
        parsed = self._desk.worker.parse(Source(descriptor, found.path), self._budget(0))
        try:
            if stamp(os.fstat(descriptor)) != found.stamp:
                raise BadFile("unreadable", "it changed while it was read", _AGAIN)
            yield from self._members(parsed, found.path, 1)
        finally:
            _close(parsed)
        yield self._parsed(parsed, found, found.path, sha256, self._stale())

    def _budget(self, depth: int) -> Budget:
        whole = self._desk.options.budget
        return Budget(max(0, self._files), max(0, self._bytes), whole.depth - depth, whole.ratio)

    def _stale(self) -> tuple[str, ...]:
        return tuple(row.path for row in self._before.members if row.path not in self._seen)

    def _is_same(self, row: Known | None, rows: Iterable[Known], sha256: str) -> bool:
        """Tell whether a content is the one that is known, so that it and what is in it need not be parsed."""
        options = self._desk.options
        if row is None or options.rebuild or any(is_due(each, options) for each in rows):
            return False
        return sha256 == row.answers or (sha256 == row.sha256 and row.status != "unreadable")

    def _as_before(self, owner: Known | None, inner: Iterable[Known], sha256: str) -> Iterator[Outcome]:
        """Yield the outcomes of a file that says what it said, and of what is in it."""
        if owner is None:
            return
        for each in inner:
            self._seen.add(each.path)
            yield _kept(self._found, each)
        put = put_as_before(self._found, owner, sha256)
        if owner.path != self._found.path:
            put = replace(put, stamp=owner.stamp)
        row = as_before(replace(owner, status=put.status, reason=put.reason, hint=put.hint))
        yield Outcome(self._found, row, put if differs(put, owner) else None)

    def _moved(self, claimed: Before) -> Iterator[Outcome]:
        """Yield the outcomes of a file that goes on as a document whose file is gone."""
        found, owner = self._found, claimed.owner
        if owner is None:
            return
        for row in claimed.members:
            path = found.path + row.path[len(owner.path) :]
            self._seen.add(path)
            yield _moved(found, row, path)
        yield replace(_moved(found, owner, found.path), stale=self._stale())

    def _members(self, parsed: Parsed, parent: str, depth: int) -> Iterator[Outcome]:
        """Yield the outcomes of what was in a file, `depth` files deep."""
        if parsed.spool is None and not parsed.members:
            return
        self._files -= len(parsed.members)
        self._bytes -= sum(each.size_bytes for each in parsed.members)
        for each in parsed.members:
            path = self._free(f"{parent}/{each.name}")
            self._seen.add(path)
            inner = replace(self._found, stamp=Stamp(each.size_bytes, self._found.stamp.modified_ns))
            sha256 = ""
            try:
                if each.problem is not None or parsed.spool is None:
                    raise each.problem or BadFile("damaged", "its bytes could not be got out")
                if problem := by_size(each.size_bytes, self._desk.options.file_bytes):
                    raise problem
                sha256 = _digest(parsed.spool, each.offset, each.size_bytes, self._desk.options.file_bytes)
                source = Source(parsed.spool, path, each.offset, each.size_bytes)
                yield from self._member(source, inner, sha256, depth)
            except BadFile as problem:
                before = self._known.get(path)
                put = put_refused(inner, problem, before, sha256, path)
                yield Outcome(self._found, refused(path, problem, before), _unless_known(put, before))

    def _free(self, path: str) -> str:
        """Return a path that nothing else in the file has: an inner archive's names may meet those around it."""
        number, free = 1, path
        while free in self._seen:
            number += 1
            free = f"{path}~{number}"
        return free

    def _member(self, source: Source, inner: Found, sha256: str, depth: int) -> Iterator[Outcome]:
        path = source.path
        before = self._known.get(path)
        beneath = [row for row in self._before.members if row.path.startswith(path + "/")]
        if before is not None and self._is_same(before, (before, *beneath), sha256):
            yield from self._as_before(before, beneath, sha256)
            return
        claimed = None if beneath else self._desk.vanished.claim(sha256, path)
        if claimed is not None and claimed.owner is not None and not claimed.members:
            yield _moved(self._found, claimed.owner, path)
            return
        parsed = self._desk.worker.parse(source, self._budget(depth))
        try:
            yield from self._members(parsed, path, depth + 1)
        finally:
            _close(parsed)
        yield self._parsed(parsed, inner, path, sha256)

    def _parsed(self, parsed: Parsed, found: Found, path: str, sha256: str, stale: tuple[str, ...] = ()) -> Outcome:
        """Return the outcome of a document that was parsed, what is in it aside."""
        status, reason, hint = _verdict(parsed, self._desk.options.quarantine)
        drafts = parsed.drafts if status == "indexed" else ()
        put = Put(
            path=path,
            owner=found.path,
            sha256=sha256,
            stamp=found.stamp,
            media_type=parsed.media_type,
            readers=found.readers,
            status=status,
            reason=reason,
            hint=hint,
            pages=parsed.pages,
            title=parsed.title,
            findings=parsed.findings,
            drafts=drafts,
        )
        row = Row(path, put.status, put.reason, put.hint, len(drafts), put.pages, put.findings)
        return Outcome(self._found, row, put, stale=stale)


def _verdict(parsed: Parsed, quarantine: bool) -> tuple[Status, str, str]:
    """Return the status of a parsed document, the reason and the hint."""
    if quarantine and addresses_model(parsed.findings):
        where = next(finding.where for finding in parsed.findings if finding.kind == "addresses_model")
        reason = f"its text gives orders to the model{f' ({where})' if where else ''}"
        return "quarantined", reason, _ORDERS_HINT
    count = len(parsed.members)
    if parsed.drafts:
        return "indexed", "", ""
    if count:
        return "indexed", f"an archive of {count} file{'s' if count > 1 else ''}", ""
    return "empty", "it shows no text, and what it hides is kept out" if parsed.findings else "it holds no text", ""


def _kept(found: Found, row: Known) -> Outcome:
    """Return the outcome of a document that stays, in a file that may have other readers now."""
    put = replace(put_as_before(found, row, row.sha256), stamp=row.stamp)
    return Outcome(found, as_before(row), put if put.readers != row.readers else None)


def _moved(found: Found, row: Known, path: str) -> Outcome:
    put = put_moved(row, path, found)
    shown = as_before(replace(row, path=path, status=put.status, reason=put.reason, hint=put.hint))
    if shown.status == "unchanged":
        shown = replace(shown, reason=f"it was moved here from {row.path}")
    return Outcome(found, shown, put, old=row.path)


def _unless_known(put: Put, before: Known | None) -> Put | None:
    return None if before is not None and not differs(replace(put, stamp=before.stamp), before) else put


def _close(parsed: Parsed) -> None:
    if parsed.spool is not None:
        os.close(parsed.spool)


def _digest(descriptor: int, offset: int, size_bytes: int | None, most: int) -> str:
    """Return the sha256 of an open file, or of a stretch of it.

    Raises BadFile when it cannot be read or outgrows `most` bytes.
    """
    digest = hashlib.sha256()
    end = None if size_bytes is None else offset + size_bytes
    start = offset
    try:
        while block := os.pread(descriptor, _BLOCK_BYTES if end is None else min(_BLOCK_BYTES, end - offset), offset):
            offset += len(block)
            if problem := by_size(offset - start, most):
                raise problem
            digest.update(block)
    except OSError as error:
        raise unreadable(error) from error
    return digest.hexdigest()
