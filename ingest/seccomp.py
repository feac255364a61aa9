"""A filter of system calls: what no parser needs, and what other layers do not cover or may not be there for.

The filter is a program in classic BPF that the kernel runs before every call (Documentation/userspace-api/
seccomp_filter.rst; struct seccomp_data and the actions in include/uapi/linux/seccomp.h; the instructions in
include/uapi/linux/bpf_common.h). Refused calls fail with EPERM. Numbers: arch/x86/entry/syscalls/syscall_64.tbl and
scripts/syscall.tbl of the Linux source.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Sequence

from ingest import kernel

_FILTER_MODE = 1
_THREAD_SYNC = 1
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ARCHITECTURE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
# Calls of the x32 interface come with this bit set; no program here uses it, and its numbers are others.
_X32 = 0x4000_0000

_ALLOW = 0x7FFF_0000
_KILL = 0x8000_0000
_REFUSE = 0x0005_0000 | errno.EPERM
# libc asks for clone3, whose flags lie in memory where no filter can look; told that there is none, it takes clone.
_UNKNOWN = 0x0005_0000 | errno.ENOSYS

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16

_AF_UNIX = 1
_SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_TYPE_BITS = 1, 5, 0xF
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_NEW_NAMESPACES = 0x7E02_0000
# Attributes of files (FS_IOC_SETFLAGS, its 32-bit twin, FS_IOC_FSSETXATTR), input to terminals (TIOCSTI, TIOCLINUX).
_IOCTLS = (0x4008_6602, 0x4004_6602, 0x401C_5820, 0x5412, 0x541C)

# Refused whatever the arguments; x86-64 and aarch64 (None: not on that processor).
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # To any socket that has an address, Unix sockets of other programs included.
    "connect": (42, 203),
    # Looking into, or reaching into, other processes.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # Leaving the process group, by which a parser is ended with everything that it started.
    "setsid": (112, 157), "setpgid": (109, 154),
    # Raising the limits that were set.
    "setrlimit": (160, 164),
    # Owner, mode, times and attributes of files, also of those that can only be read.
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "utimensat": (280, 88), "futimesat": (261, None), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "removexattrat": (466, 466), "file_setattr": (469, 469),
    # Other namespaces and other views of the file system.
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "umount2": (166, 39), "open_tree": (428, 428), "open_tree_attr": (467, 467), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # Wide doors into the kernel.
    "bpf": (321, 280), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "userfaultfd": (323, 282), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "execveat": (322, 281), "modify_ldt": (154, None), "uselib": (134, None),
    "lookup_dcookie": (212, 18), "personality": (135, 92),
    # Memory, queues and semaphores that other programs may share by name.
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    # The machine as a whole.
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162), "vhangup": (153, 58),
    "syslog": (103, 116), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
_SOCKET, _SOCKETPAIR, _CLONE, _CLONE3 = (41, 198), (53, 199), (56, 220), (435, 435)
_PRLIMIT, _SETPRIORITY, _IOCTL, _PRCTL = (302, 261), (141, 140), (16, 29), (157, 167)

Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def supported() -> bool:
    """Tell whether there is a filter for this processor."""
    return platform.machine() in _ARCHITECTURE


def restrict() -> None:
    """Put the filter over this process, all its threads and everything it starts. There is no way back.

    Needs no-new-privileges to be set. Raises OSError.
    """
    machine = platform.machine()
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program(machine))
    assembled = _Program(len(code) // 8, code)
    # With THREAD_SYNC a positive result is a thread that could not be brought along.
    if kernel.syscall(_SECCOMP[machine], _FILTER_MODE, _THREAD_SYNC, ctypes.byref(assembled)):
        raise OSError(errno.EBUSY, "a thread kept out of the filter")


def program(machine: str) -> list[Instruction]:
    """Return the filter for "x86_64" or "aarch64": (code, jump if true, jump if false, value) each."""
    column = 0 if machine == "x86_64" else 1
    refused = sorted(numbers[column] or 0 for numbers in _REFUSED.values() if numbers[column] is not None)
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, _ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _UNKNOWN)]
    for number in refused:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    code += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _UNKNOWN)]
    # A Unix socket between two, or to be listened on. Not datagrams: those may be addressed one by one, unconnected.
    kinds = (_SOCK_STREAM, _SOCK_SEQPACKET)
    for call in (_SOCKET, _SOCKETPAIR):
        code += _case(call[column], [*_unless(0, (_AF_UNIX,)), *_unless(1, kinds, _SOCK_TYPE_BITS)])
    code += _case(_CLONE[column], [_argument(0), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _REFUSE)])
    # Limits may be read, not set: the third argument, a pointer to new ones, has to be null in both its halves.
    code += _case(_PRLIMIT[column], [*_unless(2, (0,)), *_unless(2, (0,), high=True)])
    code += _case(_SETPRIORITY[column], _unless(1, (0,)))
    code += _case(_IOCTL[column], [_argument(1), *_refuse_equal(_IOCTLS)])
    code += _case(_PRCTL[column], [_argument(0), *_refuse_equal((kernel.PR_SET_PDEATHSIG, kernel.PR_SET_DUMPABLE))])
    return [*code, (_RETURN, 0, 0, _ALLOW)]


def _case(number: int, inside: Sequence[Instruction]) -> list[Instruction]:
    """Return code that runs `inside` for one call and allows what it does not refuse."""
    body = [*inside, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(body), number), *body]


def _unless(argument: int, values: Sequence[int], bits: int = 0, high: bool = False) -> list[Instruction]:
    """Return code that refuses unless an argument (some bits of it; its upper half) is one of `values`."""
    code = [_argument(argument, high)]
    if bits:
        code.append((_AND, 0, 0, bits))
    for i, value in enumerate(values):
        code.append((_EQUAL, len(values) - i, 0, value))
    return [*code, (_RETURN, 0, 0, _REFUSE)]


def _refuse_equal(values: Sequence[int]) -> list[Instruction]:
    """Return code that refuses when what is loaded is one of `values`."""
    return [step for value in values for step in ((_EQUAL, 0, 1, value), (_RETURN, 0, 0, _REFUSE))]


def _argument(index: int, high: bool = False) -> Instruction:
    """Return the instruction that loads half of an argument: both processors keep the lower one first."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index + (4 if high else 0))
