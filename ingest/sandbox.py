"""What a parsing child gives up before it sees its first file. `python -m ingest.sandbox --probe` tries it out.

Several layers, because each may be missing on some machine: Landlock for the file system, a network namespace, a
filter of system calls, no capabilities, limits. A file that takes the parser over finds itself inside all of them.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest import kernel, landlock, seccomp

# Libraries and programs (Tesseract, LibreOffice) of the system.
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
# What they read beside their own: no accounts, no keys, no names of hosts.
_SETTINGS = (
    "/etc/ld.so.cache", "/etc/fonts", "/etc/localtime", "/etc/mime.types", "/var/cache/fontconfig",
    "/etc/libreoffice", "/var/lib/libreoffice", "/var/spool/libreoffice",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu",
    "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
# Where LibreOffice puts its socket when /tmp cannot be written; the path of our own folder may be too long for one.
_SOCKETS = Path("/var/tmp")  # noqa: S108 - nothing is written there: the child's own folder is mounted over it
_OPEN_FILES = 256
# Threads count as well, and an office program has dozens.
_PROCESSES = 256


@dataclass(frozen=True, slots=True)
class Protections:
    """Which layers are active. `landlock_abi` is 0 where the kernel has no Landlock.

    `read_only` says that every file system is mounted so, but for the child's own folder.
    `process_limit` is false where the number of processes counts those of the same user elsewhere, or is not counted
    because the user is root.
    """

    landlock_abi: int
    network_namespace: bool
    read_only: bool
    seccomp: bool
    capabilities_dropped: bool
    process_limit: bool
    limits: bool = True

    @property
    def no_network(self) -> bool:
        """Whether nothing can be sent. Landlock alone refuses TCP only."""
        return self.network_namespace or self.seccomp

    def described(self) -> list[str]:
        """Return a sentence about each layer, whether it is there or not."""
        return [
            f"files: only libraries can be read and only its own folder written (Landlock {self.landlock_abi})"
            if self.landlock_abi
            else f"files: whatever this account can read{'' if self.read_only else ' and write'}, for want of Landlock",
            "network: none, not even to this machine"
            if self.no_network
            else "network: not guaranteed to be unreachable; neither namespaces nor a filter of system calls are there",
            "system calls: those that no parser needs are refused"
            if self.seccomp
            else "system calls: all that this account may use, because there is no filter for this processor or kernel",
            "other processes: neither signals nor abstract sockets reach them"
            if self.landlock_abi >= landlock.SCOPES_SINCE
            else "other processes: those of this account can be sent signals; Linux 6.12 prevents it",
            "privileges: none, and none can be gained"
            if self.capabilities_dropped
            else "privileges: those of this account",
            "limits: memory, time, size of files and number of processes"
            if self.process_limit
            else "limits: memory, time and size of files, but not the number of processes",
        ]


UNPROTECTED = Protections(0, False, False, False, False, False, limits=False)


def limit(memory_bytes: int) -> None:
    """Set the limits that hold for a child's whole life, in any system."""
    # RLIMIT_DATA counts what the process itself asks for; the address space also holds the libraries' files, which
    # differ by hundreds of megabytes from machine to machine.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = min(_OPEN_FILES, most) if most != resource.RLIM_INFINITY else _OPEN_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))


def enter(readable: Sequence[Path], scratch: Path) -> Protections:
    """Give up everything but reading libraries and `readable`, and writing below `scratch`; return what is active.

    A layer that this machine does not offer is left out. Raises RuntimeError when a second thread runs already,
    because it would stay outside.
    """
    if Path("/proc/self/task").is_dir() and len(list(Path("/proc/self/task").iterdir())) > 1:
        raise RuntimeError("a thread was started before the sandbox was entered")
    rules = [*_rules(), *(landlock.Rule(path, landlock.READ) for path in readable)]
    rules.append(landlock.Rule(scratch, landlock.WORK))
    parent = os.getppid()
    namespace = _done(kernel.isolate)
    read_only = namespace and _done(lambda: kernel.make_read_only(scratch, _SOCKETS))
    os.chdir(scratch)  # anew: the folder it stood in is that below the mount
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    capabilities = _done(kernel.drop_capabilities)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    # `appliance.child` asked for SIGTERM, which a hostile file could have ignored.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    abi = landlock.version()
    if not (abi and _done(lambda: landlock.restrict(rules, abi))):
        abi = 0
    if namespace:
        # In a namespace of its own, only its own processes count.
        _, most = resource.getrlimit(resource.RLIMIT_NPROC)
        processes = min(_PROCESSES, most) if most != resource.RLIM_INFINITY else _PROCESSES
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    filtered = seccomp.supported() and _done(seccomp.restrict)
    return Protections(abi, namespace, read_only, filtered, capabilities, namespace and os.getuid() != 0)


def _done(step: Callable[[], None]) -> bool:
    """Take a step that not every machine allows, and tell whether it did."""
    try:
        step()
    except OSError:
        return False
    return True


def _rules() -> Iterator[landlock.Rule]:
    """Yield what any parser may read: libraries of the system and of Python, a few settings, no one's data."""
    yield from (landlock.Rule(Path(path), landlock.RUN) for path in _SYSTEM)
    yield from (landlock.Rule(path, landlock.READ) for path in _python())
    yield from (landlock.Rule(Path(path), landlock.READ) for path in _SETTINGS)
    if "TESSDATA_PREFIX" in os.environ:
        yield landlock.Rule(Path(os.environ["TESSDATA_PREFIX"]), landlock.READ)
    yield landlock.Rule(Path("/dev/null"), landlock.READ_FILE | landlock.WRITE_FILE)


def libraries() -> list[str]:
    """Return the folders of installed packages that Python searches.

    By their name: what else it searches may be the folder that somebody happened to stand in, a share for instance.
    """
    return [path for path in sys.path if path.endswith(("/site-packages", "/dist-packages"))]


def _python() -> Iterator[Path]:
    """Yield the folders of Python's own library, of installed packages and of our two.

    The folder that our packages lie in is left out unless it is one of those: it may hold anything.
    """
    ours = Path(__file__).parents[1]
    yield from (ours / name for name in ("appliance", "ingest"))
    installed = {Path(path) for name, path in sysconfig.get_paths().items() if name.endswith(("lib", "stdlib"))}
    for prefix in (sys.prefix, sys.base_prefix):
        installed |= {Path(prefix) / name for name in ("lib", "lib64")}
    yield from sorted(installed)
    yield from (Path(path) for path in libraries())


if __name__ == "__main__":
    from ingest.probe import main

    sys.exit(main())
