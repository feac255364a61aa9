"""Calls to the kernel that Python's library does not offer, by libc through ctypes."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWIPC = 0x0800_0000
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000

# mount_setattr(2) has one number on every processor.
_MOUNT_SETATTR = 442
_MS_BIND = 0x1000
_MS_PRIVATE = 1 << 18
_MOUNT_ATTR_RDONLY = 1
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000

_CAPABILITY_VERSION_3 = 0x2008_0522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by its number: integers, byte strings, ctypes structures or None. Raises OSError."""
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *given))
    return _checked(result)


def prctl(option: int, argument: int = 0, other: int = 0) -> None:
    """Call prctl(2). Raises OSError."""
    rest = [ctypes.c_ulong(each) for each in (argument, other, 0, 0)]
    _checked(int(_libc.prctl(ctypes.c_int(option), *rest)))


def isolate() -> None:
    """Move this process, which must have one thread, into a user, a network and an IPC namespace of its own.

    The network namespace has nothing but a loopback interface that is down. User and group keep their numbers where
    the system lets a process say so; every other one is nobody. Raises OSError where the system does not allow it, as
    in many containers; the process is where it was then.
    """
    user, group = os.getuid(), os.getgid()
    _checked(int(_libc.unshare(ctypes.c_int(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC))))
    with contextlib.suppress(OSError):
        # user_namespaces(7): without a privilege outside, a group may be mapped only once setgroups is given up.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def make_read_only(scratch: Path, also_at: Path) -> None:
    """Make every file system read-only for this process but `scratch`, which appears at `also_at` as well unless it
    lies there. Raises OSError where it may not, as without a user namespace of its own.
    """
    # Its own view of what is mounted, and nothing of what follows reaches anyone else's.
    _checked(int(_libc.unshare(ctypes.c_int(_CLONE_NEWNS))))
    _set_mount(Path("/"), _AT_RECURSIVE, _MountAttributes(propagation=_MS_PRIVATE))
    places = [scratch]
    if also_at.is_dir() and not scratch.is_relative_to(also_at):
        places.append(also_at)
    for place in places:
        _mount(scratch, place)
    _set_mount(Path("/"), _AT_RECURSIVE, _MountAttributes(attr_set=_MOUNT_ATTR_RDONLY))
    for place in places:
        _set_mount(place, 0, _MountAttributes(attr_clr=_MOUNT_ATTR_RDONLY))


def _mount(source: Path, target: Path) -> None:
    """Let a folder appear at a second place."""
    flags = ctypes.c_ulong(_MS_BIND)
    _checked(int(_libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None)))


def _set_mount(path: Path, flags: int, attributes: _MountAttributes) -> None:
    size = ctypes.sizeof(attributes)
    syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, ctypes.byref(attributes), size)


def drop_capabilities() -> None:
    """Give up every capability for good, root's as well, and those that a user namespace brought. Raises OSError."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # one past the last that this kernel knows, or not ours to drop, and then it is not held either
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    _checked(int(_libc.capset(ctypes.byref(header), bytes(24))))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
