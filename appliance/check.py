"""What has to be true of a machine before the appliance starts, each with what to do when it is not."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.config import Settings

GIB = 1024**3
# Measured with the default models after the handbook was ingested (README, figures): the whole stack stays below.
MEMORY_BYTES = 4 * GIB
DISK_BYTES = 2 * GIB


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. Only an `error` stops the start."""

    level: Literal["ok", "warning", "error"]
    what: str
    hint: str = ""


def machine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found about processor, memory, disk and the home."""
    yield Finding("ok", f"Python {platform.python_version()} on {platform.system()} {platform.release()}")
    yield from _processor()
    yield from _memory()
    yield from _home(settings.home)
    yield from _disk(settings)


def port(number: int, setting: str) -> Iterator[Finding]:
    """Yield whether a TCP port of 127.0.0.1 is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            reason = error.strerror or str(error)
            yield Finding("error", f"port {number} on 127.0.0.1 cannot be used: {reason}", f"Choose another {setting}.")
        else:
            yield Finding("ok", f"port {number} on 127.0.0.1 is free")


def share(folder: Path) -> Iterator[Finding]:
    """Yield whether a share can be read."""
    if not folder.is_dir():
        yield Finding("error", f"share {folder} is not a folder", "Name a folder that exists.")
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield Finding("error", f"share {folder} cannot be read", "Give this account the right to read it.")
    else:
        yield Finding("ok", f"share {folder} can be read")


def _processor() -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding("error", f"this is {sys.platform}", "Use Linux.")
        return
    cores = len(os.sched_getaffinity(0))
    flags = _cpu_flags()
    known = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if name in flags]
    summary = f"{cores} cores, {platform.machine()}{': ' + ', '.join(known) if known else ''}"
    if platform.machine() == "x86_64" and "avx2" not in flags:
        yield Finding("warning", f"{summary}: no AVX2", "Answers will be slow; use a processor from after 2014.")
    elif cores < 2:
        yield Finding("warning", f"{summary}: one core", "Give the machine two cores or more.")
    else:
        yield Finding("ok", summary)


def _cpu_flags() -> frozenset[str]:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _memory() -> Iterator[Finding]:
    for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
            what = f"{available / GIB:.1f} GiB of memory available"
            if available < MEMORY_BYTES:
                yield Finding(
                    "warning", what, f"Free memory up to {MEMORY_BYTES // GIB} GiB, or set a smaller generator."
                )
            else:
                yield Finding("ok", what)


def _home(home: Path) -> Iterator[Finding]:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = home / ".probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        yield Finding(
            "error", f"home {home} cannot be written: {reason}", "Choose another --home, or change its owner."
        )
    else:
        yield Finding("ok", f"home {home}")


def _disk(settings: Settings) -> Iterator[Finding]:
    if not settings.home.is_dir():
        return
    free = shutil.disk_usage(settings.home).free
    what = f"{free / GIB:.1f} GiB of disk free"
    if free < DISK_BYTES:
        yield Finding("warning", what, f"Free {DISK_BYTES // GIB} GiB where {settings.home} lies.")
    else:
        yield Finding("ok", what)
