"""What has to be true of a machine before the appliance starts, each with what to do when it is not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.config import Settings

GIB = 1024**3
# Measured with the default models after the handbook was ingested (README, figures): the whole stack stays below.
MEMORY_BYTES = 4 * GIB
DISK_BYTES = 2 * GIB
_PROBE_SECONDS = 60
_NEWER = "Use a kernel of Linux 5.13 or later with Landlock, and a container that allows user namespaces."
# What a parsing process tries when it is probed, by what protects from it.
ATTEMPTS = {
    "files": ("read a file outside", "list a folder outside", "write outside", "change a file's mode"),
    "network": ("connect by TCP", "send by UDP"),
    "processes": (
        "reach an abstract socket",
        "reach another program's socket",
        "signal another process",
        "leave its process group",
    ),
    "programs": ("run what it has written",),
}


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


def sandbox(languages: Sequence[str], module: str = "ingest.sandbox") -> Iterator[Finding]:
    """Yield what holds a parsing process back when it tries, and which programs its parsers have.

    `languages` are those that Tesseract should know. `module` is started as a process and tries everything out.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, "--probe"], capture_output=True, timeout=_PROBE_SECONDS, check=True
        )
        probed = json.loads(done.stdout)
        yield from _attempts(probed["refused"])
        yield from _limits(probed["protections"])
        yield from _programs(probed, languages)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        hint = f"Run 'python -m {module} --probe' by hand, and read what it says."
        yield Finding("warning", f"sandbox of the parsers: it cannot be tried out ({type(error).__name__})", hint)


def _attempts(refused: Mapping[str, str | None]) -> Iterator[Finding]:
    for what, attempts in ATTEMPTS.items():
        succeeded = [attempt for attempt in attempts if refused[attempt] is None]
        if succeeded:
            yield Finding("warning", f"sandbox, {what}: a parser can {', '.join(succeeded)}", _NEWER)
        else:
            yield Finding("ok", f"sandbox, {what}: refused when tried to {', '.join(attempts)}")


def _limits(protections: Mapping[str, Any]) -> Iterator[Finding]:
    layers = [f"Landlock {protections['landlock_abi']}"] if protections["landlock_abi"] else []
    named = {
        "network_namespace": "a network namespace",
        "read_only": "read-only file systems",
        "seccomp": "a filter of system calls",
        "capabilities_dropped": "no capabilities",
        "limits": "limits of memory, time and file size",
    }
    layers += [words for name, words in named.items() if protections[name]]
    yield Finding("ok", f"sandbox, layers: {', '.join(layers)}")
    if protections["process_limit"]:
        yield Finding("ok", "sandbox, number of processes: limited")
    else:
        hint = "Run it as a user other than root, and where user namespaces are allowed; or limit its container."
        yield Finding("warning", "sandbox, number of processes: not limited", hint)


def _programs(probed: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Finding]:
    known = probed["tesseract"]
    missing = [language for language in languages if language not in (known or ())]
    if not languages:
        yield Finding("ok", "Tesseract: not asked for (ingest.ocr_languages is empty)")
    elif known is None:
        yield Finding("warning", "Tesseract: not found, so scans yield no text", "Install tesseract-ocr.")
    elif missing:
        hint = f"Install tesseract-ocr-{missing[0]}, or change ingest.ocr_languages."
        yield Finding("warning", f"Tesseract: {', '.join(known)}, but not {', '.join(missing)}", hint)
    else:
        yield Finding("ok", f"Tesseract: {', '.join(known)}")
    if probed["libreoffice"]:
        yield Finding("ok", f"LibreOffice: {probed['libreoffice']}")
    else:
        hint = "Install libreoffice-writer and libreoffice-impress, or save such files in a newer format."
        yield Finding("warning", "LibreOffice: not found, so DOC and PPT files are not read", hint)


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
