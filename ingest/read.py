"""Reads one file of a share: opens it, compares its content with what is known, has a child parse it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace

from ingest.files import BadFile, open_file, stamp, unreadable
from ingest.plan import Options, Row, as_before, by_size, put_as_before, put_refused, refused
from ingest.pool import Worker
from ingest.push import Known, Put
from ingest.walk import Found

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its row, and its new state. Drafts in it have yet to be embedded."""

    row: Row
    put: Put


def read_file(share: int, found: Found, before: Known | None, worker: Worker, options: Options) -> Outcome:
    """Return what became of a file. A file that cannot be read or parsed is an outcome as well."""
    sha256 = ""
    try:
        descriptor = open_file(share, found.path)
        try:
            found = replace(found, stamp=stamp(os.fstat(descriptor)))
            problem = by_size(found.stamp.size_bytes, options.file_bytes)
            if problem is not None:
                raise problem
            sha256 = _digest(descriptor, options.file_bytes)
            known = None if before is None or options.rebuild else _same_content(found, before, sha256, options)
            return known or _parse(descriptor, found, sha256, worker, options)
        finally:
            os.close(descriptor)
    except BadFile as problem:
        return Outcome(refused(found.path, problem, before), put_refused(found, problem, before, options, sha256))


def _same_content(found: Found, before: Known, sha256: str, options: Options) -> Outcome | None:
    """Return the outcome of a file that was touched but says what it said, or None."""
    answers = bool(before.answers) and sha256 == before.answers
    failed_alike = sha256 == before.sha256 and before.status not in ("indexed", "unreadable") and not options.retry
    if not answers and not failed_alike:
        return None
    put = put_as_before(found, before, sha256, options)
    row = as_before(replace(before, status=put.status, reason=put.reason, hint=put.hint))
    return Outcome(row, put)


def _parse(descriptor: int, found: Found, sha256: str, worker: Worker, options: Options) -> Outcome:
    os.lseek(descriptor, 0, os.SEEK_SET)
    parsed = worker.parse(descriptor, found.path)
    if stamp(os.fstat(descriptor)) != found.stamp:
        raise BadFile("unreadable", "it changed while it was read", "It is tried again with the next run.")
    if not parsed.drafts:
        raise BadFile("empty", "it holds no text", media_type=parsed.media_type)
    put = Put(
        path=found.path,
        sha256=sha256,
        stamp=found.stamp,
        media_type=parsed.media_type,
        readers=options.readers,
        status="indexed",
        pages=parsed.pages,
        drafts=parsed.drafts,
    )
    return Outcome(Row(found.path, "indexed", passages=len(parsed.drafts), pages=parsed.pages), put)


def _digest(descriptor: int, most: int) -> str:
    """Return the sha256 of an open file. Raises BadFile when it cannot be read or outgrows `most` bytes."""
    digest = hashlib.sha256()
    size = 0
    try:
        while block := os.read(descriptor, _BLOCK_BYTES):
            size += len(block)
            if problem := by_size(size, most):
                raise problem
            digest.update(block)
    except OSError as error:
        raise unreadable(error) from error
    return digest.hexdigest()
