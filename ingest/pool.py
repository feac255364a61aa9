"""Child processes that parse: long-lived, limited, replaced when they crash, hang or have parsed many files."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from appliance.errors import StorageFull, Unavailable
from appliance.types import Json
from ingest.files import BadFile
from ingest.parsed import Budget, Extracted, Limits, Parsed, Source
from ingest.process import PATIENCE, Gone, Oversized, Process, clear_abandoned
from ingest.reply import Bounds, Nonsense, read
from ingest.sandbox import UNPROTECTED, Protections
from ingest.spool import open_spool, read_only

__all__ = ["Budget", "Extracted", "Limits", "Parsed", "Source", "Worker"]

# JSON writes a character in up to 12 bytes, and headings are repeated with every chunk.
_ANSWER_BYTES_PER_CHARACTER = 24
_ANSWER_BYTES_PER_MEMBER = 8500
_ANSWER_BYTES_AT_LEAST = 1_000_000
# Programs that parsers start write their work into files.
_FILE_BYTES = 300_000_000
# The clock on the wall decides; this is for a child whose parent cannot watch.
_PROCESSOR_SECONDS_PER_SECOND = 2
_DISK_FULL_BYTES = 10_000_000
_SAVE_AGAIN = "Open it in its own program and save it again."


class Worker:
    """One child process at a time, started with the first file. Not safe to share between threads, but for `kill`."""

    def __init__(
        self,
        tokenizer: Callable[[], Path],
        chunk_tokens: int,
        limits: Limits,
        scratch: Path,
        module: str = "ingest.worker",
    ) -> None:
        """`scratch` is a folder of ours; each child has one of its own in it, emptied after each file."""
        self._tokenizer = tokenizer
        self._chunk_tokens = chunk_tokens
        self._limits = limits
        self._scratch = scratch
        self._module = module
        self._process: Process | None = None
        self._protections = UNPROTECTED
        self._files = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._process.pid if self._process else None

    def protections(self) -> Protections:
        """Return what the child gave up, as it said before its first file; starts one if needed. Raises Unavailable."""
        if self._process is None:
            self._start()
        return self._protections

    def parse(self, source: Source, budget: Budget) -> Parsed:
        """Parse and cut a file.

        Raises BadFile with the status the file earned; a child that crashed, hung or would not stop writing has been
        ended by then. Raises Unavailable when no child can be started, StorageFull when the files found inside do not
        fit on the disk.
        """
        process = self._process or self._start()
        spool = self._spool()
        try:
            answer = self._ask(process, source, budget, spool)
            if answer.get("full"):
                raise self._full()
            parsed = self._read(answer, budget, spool)
            return _with_spool(parsed, spool)
        finally:
            os.close(spool)

    def close(self) -> None:
        """End the child. Calling it twice is harmless."""
        self._stop()

    def kill(self) -> None:
        """End the child at once, from another thread: the one that waits in `parse` is told that it crashed."""
        process = self._process
        if process is not None:
            process.kill()

    def _ask(self, process: Process, source: Source, budget: Budget, spool: int) -> Mapping[str, Any]:
        """Return the child's answer; the child has been ended where it is of no use any more. Raises BadFile."""
        limits = self._limits
        request: Json = {
            "path": source.path,
            "offset": source.offset,
            "size": source.size_bytes,
            "budget": asdict(budget),
        }
        most = _ANSWER_BYTES_PER_CHARACTER * limits.text_characters + _ANSWER_BYTES_PER_MEMBER * budget.files
        processor_seconds = _PROCESSOR_SECONDS_PER_SECOND * PATIENCE * limits.seconds
        process.limit(max(_FILE_BYTES, budget.size_bytes), processor_seconds)
        try:
            descriptors = (source.descriptor, spool)
            answer = process.ask(request, descriptors, limits.seconds, max(_ANSWER_BYTES_AT_LEAST, most))
        except Gone as error:
            raise _crashed(self._stop()) from error
        except TimeoutError as error:
            self._stop(patience=0)
            raise _timed_out(limits.seconds) from error
        except Oversized as error:
            self._stop(patience=0)
            raise BadFile("too_large", f"its text takes more than {most} bytes", "Split the file.") from error
        except ValueError as error:
            self._stop(patience=0)
            raise _nonsense() from error
        self._files += 1
        if answer.get("last") or self._files >= limits.files or not process.sweep():
            self._stop()
        return answer

    def _read(self, answer: Mapping[str, Any], budget: Budget, spool: int) -> Parsed:
        size = os.fstat(spool).st_size
        try:
            return read(answer, Bounds(self._chunk_tokens, self._limits.text_characters, budget, size))
        except Nonsense as error:
            self._stop(patience=0)
            raise _nonsense() from error

    def _start(self) -> Process:
        """Start a child and return it once it is ready. Raises Unavailable."""
        options: dict[str, Json] = {
            "tokenizer": str(self._tokenizer().absolute()),
            "chunk_tokens": self._chunk_tokens,
            "memory_bytes": self._limits.memory_bytes,
            "text_characters": self._limits.text_characters,
            "pages": self._limits.pages,
            "ocr_languages": self._limits.ocr_languages,
        }
        try:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            clear_abandoned(self._scratch)
        except OSError as error:
            raise Unavailable(
                f"folder {self._scratch} cannot be made: {error.strerror}", "Look at its owner."
            ) from error
        self._process, self._files = Process(self._module, options, self._scratch), 0
        try:
            self._protections = Protections(**self._process.greeting()["protections"])
        except (Unavailable, KeyError, TypeError) as error:
            self._stop()
            if isinstance(error, Unavailable):
                raise
            raise Unavailable(
                "a parsing process did not say what protects it", "Install the appliance again."
            ) from error
        return self._process

    def _stop(self, patience: float = 0.2) -> int:
        process, self._process = self._process, None
        return process.stop(patience) if process else 0

    def _spool(self) -> int:
        try:
            return open_spool(self._scratch)
        except OSError as error:
            raise self._full() from error

    def _full(self) -> BadFile | StorageFull:
        """Return what to raise when a child says the disk is full: see for ourselves before the whole run is ended."""
        disk = os.statvfs(self._scratch)
        if disk.f_bavail * disk.f_frsize < _DISK_FULL_BYTES:
            return StorageFull(f"the disk with {self._scratch} is full", "Free space there.")
        reason = "what is in it does not fit on the disk"
        return BadFile("too_large", reason, f"Free space where {self._scratch} lies, and run with --retry.")


def _with_spool(parsed: Parsed, spool: int) -> Parsed:
    """Return what was parsed with a descriptor of the spool that cannot write, if there is anything in it."""
    return replace(parsed, spool=read_only(spool)) if parsed.members else parsed


def _crashed(code: int) -> BadFile:
    cause = f"status {code}" if code >= 0 else signal.Signals(-code).name
    return BadFile("damaged", f"the parser crashed on it ({cause})", _SAVE_AGAIN)


def _timed_out(seconds: float) -> BadFile:
    reason = f"parsing it took longer than {seconds:g} seconds without getting on"
    return BadFile("timed_out", reason, "Split the file, or raise ingest.file_seconds and run with --retry.")


def _nonsense() -> BadFile:
    return BadFile("damaged", "the parser answered nonsense about it", "Look at where the file comes from.")
