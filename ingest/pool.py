"""Child processes that parse: long-lived, limited, replaced when they crash, hang or grow too large."""

from __future__ import annotations

import json
import os
import select
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
    """What parsing one file may take."""

    seconds: float
    memory_bytes: int
    text_characters: int


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file yielded. `pages` is None where the format has none."""

    media_type: str
    pages: int | None
    drafts: tuple[Draft, ...]


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

    def parse(self, descriptor: int, path: str) -> Parsed:
        """Parse and cut an open file.

        Raises BadFile with the status the file earned; a child that crashed, hung or would not stop writing has been
        replaced by then. Raises Unavailable when no child can be started.
        """
        connection = self._connection()
        body = json.dumps({"path": path}).encode("ascii")
        deadline = time.monotonic() + self._limits.seconds
        try:
            socket.send_fds(connection, [LENGTH.pack(len(body)) + body], [descriptor])
            answer = self._answer(connection, deadline)
        except (BrokenPipeError, ConnectionResetError, EOFError) as error:
            raise self._crashed() from error
        except BadFile:
            self._stop()
            raise
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

    def _connection(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        command = [
            sys.executable,
            "-m",
            "appliance.child",
            self._module,
            json.dumps(self._options | {"tokenizer": str(self._tokenizer())}),
        ]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _ONE_THREAD | _PRIVATE
        # The child finds this package where we found it, also where it is not installed.
        environment["PYTHONPATH"] = os.pathsep.join(part for part in sys.path if part)
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    start_new_session=True,
                )
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)
        except OSError as error:
            ours.close()
            raise Unavailable(
                f"no parsing process can be started: {error.strerror}", "Free memory and processes, and run it again."
            ) from error
        self._socket, self._files = ours, 0
        return ours

    def _answer(self, connection: socket.socket, deadline: float) -> dict[str, Any]:
        most = max(_ANSWER_BYTES_AT_LEAST, _ANSWER_BYTES_PER_CHARACTER * self._limits.text_characters)
        (length,) = LENGTH.unpack(self._read(connection, LENGTH.size, deadline))
        if length > most:
            raise BadFile("too_large", f"its text takes more than {most} bytes", "Split the file.")
        answer: dict[str, Any] = json.loads(self._read(connection, length, deadline))
        return answer

    def _read(self, connection: socket.socket, length: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            ready, _, _ = select.select([connection], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise BadFile(
                    "timed_out",
                    f"parsing took longer than {self._limits.seconds:g} seconds",
                    "Split the file, or raise ingest.file_seconds and run with --retry.",
                )
            part = connection.recv(min(_RECEIVE_BYTES, length - len(data)))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _crashed(self) -> BadFile:
        process, files = self._process, self._files
        code = self._stop()
        if process is not None and code > 0 and files == 0:
            # It never served a file: the cause is not the file.
            raise Unavailable(
                f"a parsing process ended with status {code} before its first file",
                "Run 'python -m ingest.worker' by hand to see why; the installation may be incomplete.",
            )
        cause = f"status {code}" if code >= 0 else signal.Signals(-code).name
        hint = "Open it in its own program and save it again."
        return BadFile("damaged", f"the parser crashed on it ({cause})", hint)

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


def _parsed(answer: Mapping[str, Any]) -> Parsed:
    if "status" in answer:
        raise BadFile(answer["status"], answer["reason"], answer["hint"], answer["media_type"])
    drafts = tuple(Draft(c["text"], c["page"], tuple(c["headings"])) for c in answer["chunks"])
    return Parsed(answer["media_type"], answer["pages"], drafts)
