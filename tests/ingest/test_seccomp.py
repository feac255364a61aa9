"""The filter of system calls, run here step by step as the kernel does, for processors that this machine is not."""

from __future__ import annotations

import errno

import pytest

from ingest import seccomp

ALLOWED, REFUSED, UNKNOWN, KILLED = "allowed", "refused", "unknown", "killed"
OUTCOMES = {0x7FFF_0000: ALLOWED, 0x0005_0000 | errno.EPERM: REFUSED, 0x0005_0000 | errno.ENOSYS: UNKNOWN}
OUTCOMES |= {0x8000_0000: KILLED}
ARCHITECTURE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}


def judge(machine: str, number: int, *arguments: int, architecture: int | None = None) -> str:
    """Return what the filter says of one call: the instructions of classic BPF that it uses, on struct seccomp_data."""
    data = {0: number, 4: ARCHITECTURE[machine] if architecture is None else architecture}
    for i, argument in enumerate((*arguments, 0, 0, 0, 0, 0, 0)[:6]):
        data[16 + 8 * i], data[20 + 8 * i] = argument & 0xFFFF_FFFF, argument >> 32
    code = seccomp.program(machine)
    at = loaded = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        match operation:
            case 0x20:
                loaded = data[value]
            case 0x54:
                loaded &= value
            case 0x06:
                return OUTCOMES[value]
            case 0x15:
                at += if_true if loaded == value else if_false
            case 0x35:
                at += if_true if loaded >= value else if_false
            case 0x45:
                at += if_true if loaded & value else if_false
            case _:
                raise AssertionError(f"instruction {operation:#x}")


# By name: the numbers on x86-64 and aarch64, the arguments, and what becomes of it.
CALLS = [
    ("read", 0, 63, (), ALLOWED),
    ("openat", 257, 56, (), ALLOWED),
    ("execve", 59, 221, (), ALLOWED),
    ("seccomp", 317, 277, (), ALLOWED),
    ("connect", 42, 203, (), REFUSED),
    ("ptrace", 101, 117, (), REFUSED),
    ("setsid", 112, 157, (), REFUSED),
    ("fchmod", 91, 52, (), REFUSED),
    ("mount", 165, 40, (), REFUSED),
    ("unshare", 272, 97, (), REFUSED),
    ("bpf", 321, 280, (), REFUSED),
    ("io_uring_setup", 425, 425, (), REFUSED),
    ("socket AF_UNIX stream", 41, 198, (1, 1), ALLOWED),
    ("socket AF_UNIX stream, closed on exec", 41, 198, (1, 1 | 0o2000000), ALLOWED),
    ("socket AF_UNIX datagram", 41, 198, (1, 2), REFUSED),
    ("socket AF_INET", 41, 198, (2, 1), REFUSED),
    ("socket AF_NETLINK", 41, 198, (16, 3), REFUSED),
    ("socketpair", 53, 199, (1, 1), ALLOWED),
    ("socketpair datagram", 53, 199, (1, 2), REFUSED),
    ("clone of a process", 56, 220, (17,), ALLOWED),
    ("clone of a thread", 56, 220, (0x3D0F00,), ALLOWED),
    ("clone into a user namespace", 56, 220, (0x1000_0000 | 17,), REFUSED),
    ("clone into a network namespace", 56, 220, (0x4000_0000 | 17,), REFUSED),
    ("clone3", 435, 435, (), UNKNOWN),
    ("prlimit64 that reads", 302, 261, (0, 7, 0, 0x7FFF_0000_1000), ALLOWED),
    ("prlimit64 that sets", 302, 261, (0, 7, 0x7FFF_0000_1000), REFUSED),
    ("prlimit64 that sets, from a round address", 302, 261, (0, 7, 0x7FFF_0000_0000), REFUSED),
    ("ioctl TCGETS", 16, 29, (0, 0x5401), ALLOWED),
    ("ioctl TIOCSTI", 16, 29, (0, 0x5412), REFUSED),
    ("ioctl FS_IOC_SETFLAGS, upper half set", 16, 29, (0, 0xFFFF_FFFF_4008_6602), REFUSED),
    ("prctl PR_SET_NAME", 157, 167, (15,), ALLOWED),
    ("prctl PR_SET_PDEATHSIG", 157, 167, (1,), REFUSED),
]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0])
def test_calls_are_told_apart(machine: str, call: tuple[str, int, int, tuple[int, ...], str]) -> None:
    """What parsers and their programs need is allowed, on both processors, and what is a way out is not."""
    _, on_x86, on_arm, arguments, outcome = call
    assert outcome == judge(machine, on_x86 if machine == "x86_64" else on_arm, *arguments)


def test_calls_by_another_interface_end_the_process() -> None:
    """Calls of 32-bit programs bear other numbers, so none of them is let through; neither are those of x32."""
    assert KILLED == judge("x86_64", 11, architecture=0x4000_0003)
    assert UNKNOWN == judge("x86_64", 0x4000_0000 | 42)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_as_long_as_the_kernel_takes(machine: str) -> None:
    """BPF_MAXINSNS instructions, and jumps of a byte."""
    code = seccomp.program(machine)
    assert len(code) <= 4096
    assert all(0 <= jump < 256 for _, if_true, if_false, _ in code for jump in (if_true, if_false))
