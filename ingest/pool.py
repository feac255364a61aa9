"""Child processes that parse: long-lived, limited, replaced when they crash, hang or grow too large."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.errors import Unavailable
from appliance.types import Finding
from ingest.chunk import Draft
from ingest.files import BadFile
from ingest.worker import LENGTH

# Questions come first: the kernel gives a parser what they leave.
_NICENESS = 10
# JSON writes a character in up to 12 bytes, and headings are repeated with every chunk.
_ANSWER_BYTES_PER_CHARACTER = 24
_ANSWER_BYTES_AT_LEAST = 1_000_000
_RECEIVE_BYTES = 1 << 20
_FILES_PER_WORKER = 2000
_START_SECONDS = 60.0
# What a file can earn by being parsed, and how long the words about it may be.
_STATUSES = frozenset({"empty", "unsupported", "encrypted", "damaged", "too_large"})
_TEXT_CHARACTERS = 500
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
_PRIVATE = {
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "HF_HUB_OFFLINE": "1",
}
# What a child may know of its parent's environment.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing one file may take: seconds, memory, characters of text, and what the parsers are told of (pages,
    languages of OCR). `files` is how many one child parses before it is replaced.
    """

    seconds: float
    memory_bytes: int
    text_characters: int
    files: int = 500
    pages: int = 5000
    ocr_languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What one file of the share may still unpack to: so many files and bytes, at this depth of archives in archives,
    and at most `ratio` times its own size (small files have a few megabytes in any case).
    """

    files: int
    size_bytes: int
    depth: int
    ratio: int


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of one file: all of an open file, or `size_bytes` of a spool from `offset` on. `path` names it to the
    chunker and, for text, to `sniff`.
    """

    descriptor: int
    path: str
    offset: int = 0
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file that another one held: where its bytes are in the spool, or why they could not be got out.

    `name` is relative, "/"-separated, without ".", ".." or empty parts, and unlike every other name in the same file.
    """

    name: str
    offset: int
    size_bytes: int
    problem: BadFile | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file yielded. `pages` is None where the format has none; `title` as in `chunk.Cut`.

    `spool` is an open, unnamed file with the bytes of `members`, None without any; whoever called closes it.
    """

    media_type: str
    pages: int | None
    title: str
    drafts: tuple[Draft, ...]
    findings: tuple[Finding, ...] = ()
    members: tuple[Extracted, ...] = ()
    spool: int | None = None


class Worker:
    """One child process at a time, started with the first file. Not safe to share between threads."""

    def __init__(
        self, tokenizer: Callable[[], Path], chunk_tokens: int, limits: Limits, module: str = "ingest.worker"
    ) -> None:
        self._tokenizer = tokenizer
        self._options = {
            "chunk_tokens": chunk_tokens,
            "memory_bytes": limits.memory_bytes,
            "text_characters": limits.text_characters,
        }
        self._limits = limits
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._files = 0

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._process.pid if self._process else None

    def parse(self, descriptor: int, path: str) -> Parsed:
        """Parse and cut an open file.

        Raises BadFile with the status the file earned; a child that crashed, hung or would not stop writing has been
        ended by then. Raises Unavailable when no child can be started.
        """
        connection = self._socket or self._start()
        body = json.dumps({"path": path}).encode("ascii")
        try:
            socket.send_fds(connection, [LENGTH.pack(len(body)) + body], [descriptor])
            answer = self._answer(connection, self._limits.seconds)
        except (BrokenPipeError, ConnectionResetError, EOFError) as error:
            code = self._stop()
            cause = f"status {code}" if code >= 0 else signal.Signals(-code).name
            hint = "Open it in its own program and save it again."
            raise BadFile("damaged", f"the parser crashed on it ({cause})", hint) from error
        except TimeoutError as error:
            self._stop()
            reason = f"parsing took longer than {self._limits.seconds:g} seconds"
            hint = "Split the file, or raise ingest.file_seconds and run with --retry."
            raise BadFile("timed_out", reason, hint) from error
        except (BadFile, ValueError) as error:
            self._stop()
            raise (error if isinstance(error, BadFile) else _nonsense()) from error
        self._files += 1
        if answer.get("last") or self._files >= _FILES_PER_WORKER:
            self._stop()
        return _parsed(answer)

    def close(self) -> None:
        """End the child. Calling it twice is harmless."""
        self._stop()

    def kill(self) -> None:
        """End the child at once, from another thread: the one that waits in `parse` is told that it crashed."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()

    def _start(self) -> socket.socket:
        """Start a child and return the socket to it once it is ready. Raises Unavailable."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        options = json.dumps(self._options | {"tokenizer": str(self._tokenizer())})
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _ONE_THREAD | _PRIVATE
        # The child finds this package where we found it, also where it is not installed.
        environment["PYTHONPATH"] = os.pathsep.join(part for part in sys.path if part)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "appliance.child", self._module, options],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    start_new_session=True,
                )
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)
            self._socket, self._files = ours, 0
            self._answer(ours, _START_SECONDS)
        except (OSError, EOFError) as error:
            ours.close()
            code = self._stop()
            raise Unavailable(
                f"no parsing process can be started: {error or f'it ended with status {code}'}",
                f"Free memory and processes; 'python -m {self._module}' by hand shows what is missing.",
            ) from error
        return ours

    def _answer(self, connection: socket.socket, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        most = max(_ANSWER_BYTES_AT_LEAST, _ANSWER_BYTES_PER_CHARACTER * self._limits.text_characters)
        (length,) = LENGTH.unpack(_read(connection, LENGTH.size, deadline))
        if length > most:
            raise BadFile("too_large", f"its text takes more than {most} bytes", "Split the file.")
        answer = json.loads(_read(connection, length, deadline))
        return answer if isinstance(answer, dict) else {}

    def _stop(self) -> int:
        """End the child and everything it started, and return its exit status (negative: the signal)."""
        process, self._process = self._process, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if process is None:
            return 0
        try:
            # A child whose socket closed, or that crashed, ends by itself, and then its own status is the true one.
            code = process.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
        return code


def _read(connection: socket.socket, length: int, deadline: float) -> bytes:
    """Return the next `length` bytes. Raises EOFError when the child has gone, TimeoutError at the deadline."""
    data = bytearray()
    while len(data) < length:
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(min(_RECEIVE_BYTES, length - len(data)))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _parsed(answer: Mapping[str, Any]) -> Parsed:
    """Return what a child answered. It may have been taken over by a file: what it says is checked, not trusted."""
    try:
        if "status" in answer:
            texts = (str(answer[name])[:_TEXT_CHARACTERS] for name in ("reason", "hint", "media_type"))
            problem = BadFile(answer["status"], *texts) if answer["status"] in _STATUSES else _nonsense()
        else:
            drafts = tuple(_draft(chunk) for chunk in answer["chunks"])
            pages = None if answer["pages"] is None else int(answer["pages"])
            return Parsed(str(answer["media_type"])[:_TEXT_CHARACTERS], pages, drafts)
    except (KeyError, TypeError, ValueError) as error:
        raise _nonsense() from error
    raise problem


def _nonsense() -> BadFile:
    return BadFile("damaged", "the parser answered nonsense about it", "Look at where the file comes from.")


def _draft(chunk: Mapping[str, Any]) -> Draft:
    page = None if chunk["page"] is None else int(chunk["page"])
    return Draft(str(chunk["text"]), page, tuple(str(heading) for heading in chunk["headings"]))
