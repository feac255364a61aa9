"""One parsing child from its start to its end: what it is given, how it is asked, and that nothing of it stays."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appliance.errors import Unavailable
from appliance.types import Json
from ingest import sandbox
from ingest.worker import LENGTH

# Questions come first: the kernel gives a parser what they leave.
_NICENESS = 10
_RECEIVE_BYTES = 1 << 20
_START_SECONDS = 60.0
# A child that says it gets on may take so many times the seconds it has.
PATIENCE = 20
_READY_BYTES = 10_000
# A child that crashed, or whose socket was closed, ends by itself, and then its own status is the true one.
_OWN_END_SECONDS = 0.2
_SWEEP_SECONDS = 5.0
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
_PRIVATE = {
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "SCARF_NO_ANALYTICS": "1",
    "UNSTRUCTURED_DISABLE_NOTICE": "1",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
# What a child may know of its parent's environment.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "TESSDATA_PREFIX")


class Gone(Exception):
    """The child ended before it had answered."""


class Oversized(Exception):
    """The child's answer is longer than any may be."""


class Process:
    """A running child. Not safe to share between threads, but for `kill`."""

    def __init__(self, module: str, options: Mapping[str, Json], scratch: Path) -> None:
        """Start `python -m MODULE` with these options, and a folder of its own in `scratch`. Raises Unavailable."""
        self._module = module
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with theirs, contextlib.ExitStack() as undo:
                self.scratch = Path(tempfile.mkdtemp(prefix=f"child-{os.getpid()}-", dir=scratch)).absolute()
                undo.callback(self.scratch.rmdir)
                self._process = _spawn(module, {**options, "scratch": str(self.scratch)}, self.scratch, theirs)
                undo.pop_all()
        except OSError as error:
            self._socket.close()
            raise _unavailable(module, str(error)) from error

    def greeting(self) -> Mapping[str, Any]:
        """Wait until the child is ready and return what it says then. Raises Unavailable; it has been ended by then."""
        try:
            # It has the niceness of whoever started it, which only root may make less.
            os.setpriority(os.PRIO_PROCESS, self.pid, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
            return self._answer(time.monotonic() + _START_SECONDS, _READY_BYTES)
        except (OSError, Gone, Oversized, ValueError) as error:
            raise _unavailable(self._module, f"it ended with status {self.stop()}") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Json, descriptors: Sequence[int], seconds: float, most: int) -> Mapping[str, Any]:
        """Send a request and return the answer of at most `most` bytes, an empty one if it is no JSON object.

        It has to come within `seconds`, or `seconds` after the child said that it gets on, but that `PATIENCE` times.
        Raises Gone, TimeoutError, Oversized, or ValueError for what is no JSON; the child is of no use then.
        """
        body = json.dumps(request).encode("ascii")
        deadline = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        try:
            socket.send_fds(self._socket, [LENGTH.pack(len(body))], descriptors)
            self._socket.sendall(body)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Gone from error
        last = deadline + (PATIENCE - 1) * seconds
        while (answer := self._answer(deadline, most)) == {"alive": True}:
            deadline = min(time.monotonic() + seconds, last)
        return answer

    def limit(self, file_bytes: int, seconds: float) -> None:
        """Set, from outside, how large a file it may write and how much more of the processor it may use.

        It cannot raise these limits itself: the hard ones are left as they are, and its filter refuses to set any.
        """
        # The clock of another process's CPU time (time.h of the kernel: MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED).
        with contextlib.suppress(OSError):  # it has ended, as `ask` will find out
            used = time.clock_gettime((~self.pid << 3) | 2)
            for which, wanted in ((resource.RLIMIT_FSIZE, file_bytes), (resource.RLIMIT_CPU, int(used + seconds) + 1)):
                _, hard = resource.prlimit(self.pid, which)
                soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
                resource.prlimit(self.pid, which, (soft, hard))

    def sweep(self) -> bool:
        """Remove what is in the child's folder; False where that cannot be done while the child lives."""
        try:
            _empty(self.scratch)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it and what it started, at once, from any thread: whoever waits in `ask` gets Gone."""
        # Not asked whether it ended: that would wait for it, and its group could no longer be told from another.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self, patience: float = _OWN_END_SECONDS) -> int:
        """End it, remove its folder and return its exit status (negative: the signal).

        It has `patience` seconds to end by itself. Everything it started ends with it.
        """
        self._socket.close()
        pid = self._process.pid
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                _await_end(pid, patience)
                # Before it is waited for: until then nobody else can get its number, and so its group's.
                os.killpg(pid, signal.SIGKILL)
        code = self._process.wait()
        if self.scratch.is_dir():
            with contextlib.suppress(OSError):  # a disk that fails; nobody looks into the folder any more
                _empty(self.scratch, alone=True)
                self.scratch.rmdir()
        return code

    def _answer(self, deadline: float, most: int) -> Mapping[str, Any]:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline))
        if length > most:
            raise Oversized
        try:
            answer = json.loads(self._read(length, deadline))
        except RecursionError as error:
            raise ValueError("nested too deep") from error
        return answer if isinstance(answer, dict) else {}

    def _read(self, length: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                part = self._socket.recv(min(_RECEIVE_BYTES, length - len(data)))
            except ConnectionResetError as error:
                raise Gone from error
            if not part:
                raise Gone
            data += part
        return bytes(data)


def clear_abandoned(scratch: Path) -> None:
    """Remove the folders in `scratch` of children whose parent was killed before it could do so."""
    for folder in scratch.glob("child-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdecimal() and not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):  # another one clears it at the same time
                _empty(folder, alone=True)
                folder.rmdir()


def _spawn(
    module: str, options: Mapping[str, Json], scratch: Path, connection: socket.socket
) -> subprocess.Popen[bytes]:
    """Start a child in a session and, with that, a process group of its own."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _ONE_THREAD | _PRIVATE
    environment |= {"HOME": str(scratch), "TMPDIR": str(scratch), "PYTHONPATH": _python_path()}
    return subprocess.Popen(
        # -P: no module is taken from the folder it is started in.
        [sys.executable, "-P", "-m", "appliance.child", module, json.dumps(options)],
        stdin=connection.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=scratch,
        env=environment,
        start_new_session=True,
    )


def _python_path() -> str:
    """Return where a child finds our own packages, also where they are not installed, and those that are."""
    return os.pathsep.join([str(Path(__file__).parents[1]), *sandbox.libraries()])


def _await_end(pid: int, seconds: float) -> None:
    if seconds <= 0:
        return
    process = os.pidfd_open(pid)
    try:
        select.select([process], [], [], seconds)
    finally:
        os.close(process)


def _empty(folder: Path, alone: bool = False) -> None:
    """Remove everything below a folder, however deep, without following links. Raises OSError.

    `alone`: nobody else changes anything in it, so that folders closed to everyone may be opened. Where the child is
    still there to move folders about, the way up is checked, or it might lead out of the folder.
    """
    here = os.open(folder, _FOLDER)
    above: list[tuple[str, tuple[int, int]]] = []
    deadline = time.monotonic() + _SWEEP_SECONDS
    try:
        while True:
            if not alone and time.monotonic() > deadline:
                raise TimeoutError
            inner = _unlink_files(here)
            if inner is not None:
                if alone:
                    os.chmod(inner, 0o700, dir_fd=here)
                above.append((inner, _identity(here)))
                here = _instead(here, os.open(inner, _FOLDER, dir_fd=here))
            elif above:
                here = _instead(here, os.open("..", _FOLDER, dir_fd=here))
                inner, expected = above.pop()
                if _identity(here) != expected:
                    raise OSError(errno.ESTALE, "a folder was moved while it was emptied")
                os.rmdir(inner, dir_fd=here)
            else:
                return
    finally:
        os.close(here)


def _unlink_files(folder: int) -> str | None:
    """Remove files up to the first folder and return its name, None where there is no folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                return entry.name
            os.unlink(entry.name, dir_fd=folder)
    return None


def _instead(former: int, descriptor: int) -> int:
    os.close(former)
    return descriptor


def _identity(descriptor: int) -> tuple[int, int]:
    info = os.fstat(descriptor)
    return info.st_dev, info.st_ino


def _unavailable(module: str, why: str) -> Unavailable:
    hint = f"Free memory and processes; 'python -m {module}' by hand shows what is missing."
    return Unavailable(f"no parsing process can be started: {why}", hint)
