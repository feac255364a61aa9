"""A network namespace without a way out, and the kernel's own count of what tried to leave it.

`sealed()` starts `python -m tests.sealed HOSTS` inside fresh user, network and mount namespaces: it brings loopback up,
puts every local resolver out of reach, and holds the namespaces open until its standard input is closed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import pytest

ROOT = Path(__file__).parents[1]
# TEST-NET-1 (RFC 5737): nobody's address. What asks it for a name is counted like any other attempt.
NAMESERVER = "192.0.2.53"

SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
MS_BIND = 0x1000


@dataclass(frozen=True, slots=True)
class Sealed:
    """Namespaces held open by process `pid`, for commands to run in."""

    pid: int

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Start a command inside, in the repository's root. Its process id is that of the command itself."""
        enter = ["nsenter", f"--target={self.pid}", "--user", "--net", "--mount", "--preserve-credentials"]
        return subprocess.Popen(
            [*enter, "env", f"--chdir={ROOT}", *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )

    def attempts(self) -> int:
        """Return how often the kernel has found no route for a packet or a connection, IPv4 and IPv6 together.

        That is `OutNoRoutes` of RFC 4293: connect and send count there when they fail as "Network is unreachable".
        """
        net = Path(f"/proc/{self.pid}/net")
        names, values = [line.split() for line in (net / "snmp").read_text().splitlines() if line.startswith("Ip:")]
        version6 = dict(line.split() for line in (net / "snmp6").read_text().splitlines())
        return int(values[names.index("OutNoRoutes")]) + int(version6["Ip6OutNoRoutes"])

    def interfaces(self) -> list[str]:
        """Return the names of the network interfaces inside."""
        lines = Path(f"/proc/{self.pid}/net/dev").read_text().splitlines()[2:]
        return sorted(line.partition(":")[0].strip() for line in lines)


@contextmanager
def sealed() -> Iterator[Sealed]:
    """Yield fresh namespaces with nothing but loopback; skip the test where the machine does not allow them."""
    with TemporaryDirectory() as folder:
        resolver = Path(folder) / "resolv.conf"
        resolver.write_text(f"nameserver {NAMESERVER}\noptions attempts:1 timeout:1\n")
        command = [sys.executable, "-m", "tests.sealed", str(resolver)]
        with subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--net", "--mount", *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin
            assert holder.stdout
            assert holder.stderr
            try:
                if holder.stdout.readline() != "sealed\n":
                    pytest.skip(f"this machine allows no namespaces: {holder.stderr.read().strip()[-300:]}")
                yield Sealed(holder.pid)
            finally:
                holder.stdin.close()


def main(resolver: str) -> None:
    """Set the namespaces up and hold them until standard input ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
    # Resolvers of the machine that answer on Unix sockets live here: a name asked of them would leave uncounted.
    place = Path("/etc/resolv.conf").resolve()
    mount("tmpfs", "/run", "tmpfs", 0)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    mount(resolver, str(place), "", MS_BIND)
    sys.stdout.write("sealed\n")
    sys.stdout.flush()
    sys.stdin.read()


def mount(source: str, target: str, kind: str, flags: int) -> None:
    """Call mount(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{target} cannot be mounted: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1])
