"""A child process whose parser does what the file's first word says. Started by tests in place of `ingest.worker`.

What an attempt came to is the text that the file yields: the error's name, or what was got.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from appliance.types import Finding, Member, Section
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.worker import LENGTH, main

MEGABYTE = bytes(1_000_000)
PTRACE_ATTACH = 16


class Misbehaving:
    """Parses text files; some words make it fail as parsers of hostile files do, or try to get out."""

    media_types = frozenset({"text/plain"})

    def __init__(self, options: Options) -> None:
        self._scratch = options.scratch
        self._alive = options.alive

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        text = file.read().decode()
        word, _, rest = text.partition(" ")
        if word in FAILURES:
            FAILURES[word]()
        elif word in ATTEMPTS:
            text = attempt(lambda: ATTEMPTS[word](rest))
        elif word == "raw":
            forge(bytes.fromhex(rest))
        elif word == "lie":
            answer(json.loads(rest))
        elif word == "flood":
            while True:
                yield Section("word " * 10_000, None, "paragraph")
        elif word == "members":
            yield from members(json.loads(rest))
            text = "done"
        elif word == "findings":
            yield from (Finding("hidden", f"row {i}", 1) for i in range(int(rest)))
        elif word == "leave":
            leave(self._scratch)
        elif word == "slow":
            for _ in range(int(rest)):
                time.sleep(1.2)
                self._alive()
        elif word == "left":
            text = " ".join(["left:", *sorted(path.name for path in self._scratch.iterdir())])
        yield Section(text, None, "paragraph")


def attempt(step: Callable[[], object]) -> str:
    try:
        return f"got {step()}"
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return type(error).__name__


def reach(family: int, kind: int, address: tuple[str, int] | str) -> str:
    with socket.socket(family, kind) as line:
        line.connect(address)
        line.send(b"x")
        return "through"


def datagram(path: str) -> str:
    """Send to a socket by name, from one end of a pair, which needs no connection."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        return str(one.sendmsg([b"x"], [], 0, path))


def trace(pid: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(ctypes.c_long(PTRACE_ATTACH), ctypes.c_int(int(pid)), None, None) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return 0


def run_own(text: str) -> int:
    descriptor = os.open("program", os.O_CREAT | os.O_WRONLY, 0o700)
    os.write(descriptor, b"#!/bin/sh\nexit 0\n")
    os.close(descriptor)
    return subprocess.run(["./program"], check=True).returncode


def forks(most: str) -> int:
    """Return how many processes could be started at once."""
    children = []
    try:
        while len(children) < int(most):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except BlockingIOError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(children)


def fill(size: str) -> int:
    with Path("big").open("wb") as file:
        for _ in range(int(size) // len(MEGABYTE)):
            file.write(MEGABYTE)
        return file.tell()


def by_descriptor(change: Callable[[int], object]) -> str:
    """Change the file that is being parsed, whose descriptor is one of the first."""
    for descriptor in range(3, 20):
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                change(descriptor)
        except OSError as error:
            if isinstance(error, PermissionError):
                raise
    return "changed"


ATTEMPTS: dict[str, Callable[[str], object]] = {
    "read": lambda path: Path(path).read_text(),
    "list": lambda path: sorted(str(entry) for entry in Path(path).iterdir()),
    "write": lambda path: Path(path).write_text("x"),
    "delete": lambda path: Path(path).unlink(),
    "link": lambda path: Path("link").symlink_to(path),
    "chmod": lambda path: Path(path).chmod(0o777),
    "chmod-source": lambda text: by_descriptor(lambda descriptor: os.fchmod(descriptor, 0o777)),
    "touch-source": lambda text: by_descriptor(lambda descriptor: os.utime(descriptor, ns=(1, 1))),
    "reopen-source": lambda text: by_descriptor(
        lambda descriptor: os.close(os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR))
    ),
    "tcp": lambda port: reach(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int(port))),
    "udp": lambda port: reach(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", int(port))),
    "abstract": lambda name: reach(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{name}"),
    "named": lambda path: reach(socket.AF_UNIX, socket.SOCK_STREAM, path),
    "datagram": datagram,
    "signal": lambda pid: os.kill(int(pid), 0),
    "trace": trace,
    "memory": lambda pid: Path(f"/proc/{pid}/mem").open("rb").close(),
    "session": lambda text: os.setsid(),
    "namespace": lambda text: ctypes.CDLL(None).unshare(0x1000_0000),
    "run-own": run_own,
    "run": lambda line: subprocess.run(line.split(), check=True, capture_output=True, text=True).stdout,
    "spawn": lambda text: subprocess.Popen(["/bin/sleep", "3600"]).pid,
    "fork": forks,
    "fill": fill,
    "unlimit": lambda text: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, -1)),
    "environment": lambda text: " ".join(sorted(os.environ)),
}


def leave(scratch: Path) -> None:
    """Leave files and folders behind, deeper than a path may be long, one closed to everyone."""
    here = Path.cwd()
    (scratch / "file").write_text("x")
    (scratch / "closed").mkdir(mode=0)
    os.chdir(scratch)
    for _ in range(1500):
        Path("deeper").mkdir()
        os.chdir("deeper")
    os.chdir(here)


def members(given: list[list[str]]) -> Iterator[Member]:
    """Yield a member for each name and content; content "!status" raises, "*n" is n megabytes of zeros."""

    def content(text: str) -> Iterator[bytes]:
        if text.startswith("!"):
            yield b"half of it"
            raise BadFile("encrypted", "it has a password", "Remove it.")
        yield from itertools.repeat(MEGABYTE, int(text[1:])) if text.startswith("*") else (text.encode(),)

    for name, text in given:
        yield Member(name, content(text))


def answer(reply: object) -> None:
    """Answer in the worker's place, as a parser that has been taken over may."""
    body = json.dumps(reply).encode()
    forge(LENGTH.pack(len(body)) + body)


def forge(data: bytes) -> None:
    for descriptor in range(3, 20):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, data)
        except OSError:
            continue
    time.sleep(3600)


def babble() -> None:
    """Say for ever that it gets on."""
    body = json.dumps({"alive": True}).encode()
    while True:
        for descriptor in range(3, 20):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    os.write(descriptor, LENGTH.pack(len(body)) + body)
        time.sleep(0.05)


def hang() -> None:
    time.sleep(3600)


def spin() -> None:
    """Hang in C, where no signal handler of Python's runs."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sum(itertools.repeat(0, 10**15))


def unknown() -> None:
    raise LookupError("no such part")


FAILURES: dict[str, Callable[[], object]] = {
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
    "quiet": lambda: os._exit(0),
    "babble": babble,
    "hang": hang,
    "spin": spin,
    "eat": lambda: len(bytearray(4_000_000_000)),
    "raise": unknown,
}


if __name__ == "__main__":
    sys.exit(main(lambda media_type, options: Misbehaving(options)))
