"""Landlock: the kernel's rules by which a process gives up the file system for itself and everything it starts.

Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h of the Linux source. What it does not cover:
whether a path exists can be found out, and owner, mode and times of a file could be changed; `seccomp` refuses those.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ingest import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_DIR = 1 << 7
_MAKE_FILE = 1 << 8
_MAKE_SOCKET = 1 << 9
_REFER = 1 << 13
_TRUNCATE = 1 << 14
_IOCTL_DEVICE = 1 << 15

READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
# Neither links nor devices, and nothing that is written can be run.
WORK = READ | WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_FILE | _MAKE_SOCKET | _REFER | _TRUNCATE
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEVICE

# Rights by the first version of the interface that knows them: the thirteen of version 1, then one bit each.
_FIRST_RIGHTS = (1 << 13) - 1
_LATER_RIGHTS = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEVICE}
NETWORK_SINCE = 4
_TCP_BIND_AND_CONNECT = 0b11
SCOPES_SINCE = 6
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("filesystem", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done with a file, or with a folder and everything below it."""

    path: Path
    rights: int


def version() -> int:
    """Return the version of the kernel's Landlock interface, 0 where there is none."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict(rules: Iterable[Rule], abi: int) -> None:
    """Allow this process, which must have one thread, nothing in the file system but `rules`; paths that do not exist
    are passed over. From version 4 on no TCP either, from 6 on no signals and abstract sockets to the outside.

    Needs no-new-privileges to be set. Raises OSError.
    """
    handled = _FIRST_RIGHTS
    for since, right in _LATER_RIGHTS.items():
        handled |= right if abi >= since else 0
    network = _TCP_BIND_AND_CONNECT if abi >= NETWORK_SINCE else 0
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= SCOPES_SINCE else 0
    wanted = _Ruleset(handled, network, scoped)
    # An older kernel takes a longer structure if what it does not know is zero.
    ruleset = kernel.syscall(_CREATE_RULESET, ctypes.byref(wanted), ctypes.sizeof(wanted), 0)
    try:
        for rule in rules:
            _allow(ruleset, rule, handled)
        kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, rule: Rule, handled: int) -> None:
    try:
        path = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP):
            return
        raise
    try:
        rights = rule.rights & handled
        if not stat.S_ISDIR(os.fstat(path).st_mode):
            rights &= _OF_FILES
        beneath = _PathBeneath(rights, path)
        kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(beneath), 0)
    finally:
        os.close(path)
