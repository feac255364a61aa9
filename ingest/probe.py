"""Enters the sandbox and tries what it forbids: evidence, where `sandbox.Protections` is a statement.

Beside the sandbox stands what it must not reach: a file with a secret, sockets that answer. They are made here first,
so an attempt that fails has failed because it was refused.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.types import Json
from ingest import sandbox

_MEMORY_BYTES = 1_000_000_000
_TOOL_SECONDS = 20
_LOOPBACK = "127.0.0.1"


def main() -> int:
    """Print what is active, what was refused when tried, and which programs parsers can use, as JSON."""
    if sys.argv[1:] != ["--probe"]:
        sys.stderr.write("usage: python -m ingest.sandbox --probe\n")
        return 2
    with _outside() as outside:
        sys.stdout.write(json.dumps(_in_child(lambda: _inside(outside))) + "\n")
    return 0


@dataclass(frozen=True, slots=True)
class Outside:
    """What a sandboxed process must not reach, and the one folder that it may use."""

    secret: Path
    scratch: Path
    tcp: tuple[str, int]
    udp: tuple[str, int]
    abstract: str
    named: str


@contextmanager
def _outside() -> Iterator[Outside]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="probe-")))
        scratch = folder / "scratch"
        scratch.mkdir()
        secret = folder / "secret"
        secret.write_text("secret", encoding="ascii")
        tcp = stack.enter_context(socket.create_server((_LOOPBACK, 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind((_LOOPBACK, 0))
        addresses = (f"\0{folder.name}", str(folder / "socket"))
        for address in addresses:
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(address)
            server.listen()
        yield Outside(secret, scratch, tcp.getsockname(), udp.getsockname(), *addresses)


def _in_child(work: Callable[[], Mapping[str, Json]]) -> Json:
    """Return what `work` returns in a process of its own, which is not the one that stays outside."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w", encoding="ascii") as answer:
            json.dump(work(), answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="ascii") as answer:
        found: Json = json.load(answer)
    os.waitpid(child, 0)
    return found


def _inside(outside: Outside) -> Mapping[str, Json]:
    os.environ.update(HOME=str(outside.scratch), TMPDIR=str(outside.scratch), OMP_THREAD_LIMIT="1")
    os.chdir(outside.scratch)
    sandbox.limit(_MEMORY_BYTES)
    protections = sandbox.enter([], outside.scratch)
    return {
        "protections": asdict(protections),
        "described": protections.described(),
        "refused": {name: _refused(attempt) for name, attempt in _attempts(outside).items()},
        "works": {"write in its own folder": _refused(lambda: Path("file").write_text("x")) is None},
        "tesseract": _languages(),
        "libreoffice": shutil.which("soffice") or shutil.which("libreoffice"),
    }


def _attempts(outside: Outside) -> Mapping[str, Callable[[], object]]:
    """Return what must not succeed, in the words of the report."""
    return {
        "read a file outside": outside.secret.read_text,
        "list a folder outside": lambda: list(outside.secret.parent.iterdir()),
        "write outside": lambda: (outside.secret.parent / "new").write_text("x"),
        "change a file's mode": lambda: outside.secret.chmod(0o777),
        "connect by TCP": lambda: _reach(socket.AF_INET, socket.SOCK_STREAM, outside.tcp),
        "send by UDP": lambda: _reach(socket.AF_INET, socket.SOCK_DGRAM, outside.udp),
        "reach an abstract socket": lambda: _reach(socket.AF_UNIX, socket.SOCK_STREAM, outside.abstract),
        "reach another program's socket": lambda: _reach(socket.AF_UNIX, socket.SOCK_STREAM, outside.named),
        "signal another process": lambda: os.kill(os.getppid(), 0),
        "run what it has written": lambda: _run_own(outside.scratch),
        "leave its process group": os.setsid,
    }


def _refused(attempt: Callable[[], object]) -> str | None:
    """Return the error an attempt ended with, None when it succeeded."""
    try:
        attempt()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _reach(family: int, kind: int, address: tuple[str, int] | str) -> None:
    with socket.socket(family, kind) as line:
        line.settimeout(1)
        line.connect(address)
        line.send(b"x")


def _run_own(scratch: Path) -> None:
    program = scratch / "program"
    descriptor = os.open(program, os.O_CREAT | os.O_WRONLY, 0o700)
    os.write(descriptor, b"#!/bin/sh\nexit 0\n")
    os.close(descriptor)
    subprocess.run([program], check=True, timeout=_TOOL_SECONDS)


def _languages() -> list[str] | None:
    """Return the languages of Tesseract, run inside the sandbox; None where it is not there or does not run."""
    program = shutil.which("tesseract")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "--list-langs"], capture_output=True, text=True, timeout=_TOOL_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return sorted(line for line in done.stdout.splitlines()[1:] if line and line != "osd")
