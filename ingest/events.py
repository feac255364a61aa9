"""What changes on a share, as the kernel tells it: inotify(7), on every folder.

Of its own: the libraries looked at follow links, leave permission changes out, trip over names that are no UTF-8, or do
not say when events were lost.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from appliance.errors import ShareError
from ingest.files import identity, open_folder, open_share
from ingest.walk import omitted

IN_ATTRIB, IN_CLOSE_WRITE = 0x4, 0x8
IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x40, 0x80, 0x100, 0x200
IN_DELETE_SELF, IN_MOVE_SELF = 0x400, 0x800
IN_UNMOUNT, IN_Q_OVERFLOW, IN_IGNORED = 0x2000, 0x4000, 0x8000
IN_ONLYDIR, IN_DONT_FOLLOW, IN_ISDIR = 0x1000000, 0x2000000, 0x40000000
_WANTED = (
    IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF
)
_HEAD = struct.Struct("iIII")  # watch, mask, cookie, length of the name
_READ_BYTES = 1 << 18
_AT_ONCE = 10_000
# statfs(2): file systems where others change files without this kernel's knowing.
_FAR = {
    0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "CIFS", 0xFE534D42: "SMB", 0x65735546: "FUSE", 0x01021997: "9P",
    0x00C36400: "Ceph", 0x5346414F: "AFS", 0x73757245: "Coda", 0x786F4256: "VirtualBox", 0x0BD00BD0: "Lustre",
}  # fmt: skip
_STATFS_BYTES = 512

# `written`: a file whose content is complete; `begun`: one that may still be written; `gone`: a file or folder that was
# there; `rights`: owner, mode or the like; `folder`: a new folder, with all that is in it; `lost`: events are missing,
# or the share itself has gone.
Kind = Literal["written", "begun", "gone", "rights", "folder", "lost"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a path of the share."""

    kind: Kind
    path: str = ""


class Events:
    """Watches all folders of a share. `note` says why some changes will not be seen, empty if all will.

    The share is not kept open, so that it can be unmounted; `identity` tells whether it is still the same.
    """

    def __init__(self, share: str) -> None:
        self._share = share
        with opened(share) as descriptor:
            self.identity = identity(descriptor)
            kind = far(descriptor)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.note = ""
        if self._descriptor < 0:
            self.note = f"the kernel gives no events: {os.strerror(ctypes.get_errno())}"
        elif kind:
            self.note = f"{kind} tells nothing of changes made elsewhere"
        self._paths: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._watch("")

    def fileno(self) -> int:
        """Return the descriptor that becomes readable with events, negative without any."""
        return self._descriptor

    def wake(self) -> None:
        """Have a `read` in another thread return."""
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Let go of all watches. Calling it twice is harmless."""
        for descriptor in (self._descriptor, self._wake):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._wake = -1

    def folders(self) -> set[str]:
        """Return the paths of the folders that are watched."""
        return set(self._watches)

    def read(self, seconds: float | None) -> list[Event]:
        """Return what happened since the last call, waiting for it; nothing after so many seconds, or when woken."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if self._descriptor >= 0:
            poll.register(self._descriptor, select.POLLIN)
        poll.poll(None if seconds is None else max(0.0, seconds) * 1000)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake)
        happened: list[Event] = []
        # While much happens, what is known already must not wait for the rest.
        while len(happened) < _AT_ONCE and (data := self._data()):
            for watch, mask, name in _parse(data):
                happened.extend(self._event(watch, mask, name))
        return happened

    def _data(self) -> bytes:
        if self._descriptor < 0:
            return b""
        try:
            return os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return b""

    def _event(self, watch: int, mask: int, name: str) -> Iterator[Event]:
        if mask & IN_Q_OVERFLOW:
            # New folders may be among what was lost.
            self._watch("")
            yield Event("lost")
            return
        folder = self._paths.get(watch)
        if folder is None:
            return
        if mask & IN_IGNORED:
            self._forget(watch, folder)
        elif not name:
            # Of folders inside, the folder around them tells the same.
            if mask & IN_UNMOUNT or (folder == "" and mask & (IN_DELETE_SELF | IN_MOVE_SELF)):
                yield Event("lost", folder)
            elif folder == "" and mask & IN_ATTRIB:
                yield Event("rights", "")
        elif not omitted(name, folder=bool(mask & IN_ISDIR)):
            yield from self._named(f"{folder}/{name}" if folder else name, mask)

    def _named(self, path: str, mask: int) -> Iterator[Event]:
        is_folder = bool(mask & IN_ISDIR)
        if mask & (IN_DELETE | IN_MOVED_FROM):
            if is_folder:
                self._unwatch(path)
            yield Event("gone", path)
        elif mask & (IN_CREATE | IN_MOVED_TO) and is_folder:
            self._watch(path)
            yield Event("folder", path)
        elif mask & (IN_CLOSE_WRITE | IN_MOVED_TO):
            yield Event("written", path)
        elif mask & IN_CREATE:
            yield Event("begun", path)
        elif mask & IN_ATTRIB:
            yield Event("rights", path)

    def _watch(self, path: str) -> None:
        """Watch a folder and all in it. A folder is watched before it is listed, so that nothing slips through."""
        try:
            with opened(self._share) as share:
                if identity(share) == self.identity:
                    self._watch_all(share, path)
        except ShareError:  # it has gone, which whoever follows it finds out by itself
            return

    def _watch_all(self, share: int, path: str) -> None:
        pending = [path]
        while pending and self._descriptor >= 0:
            path = pending.pop()
            try:
                folder = open_folder(share, path)
            except OSError:  # gone again, or a link: whatever comes next is an event of the folder around it
                continue
            try:
                if not self._add(folder, path):
                    return
                inner = [entry.name for entry in _folders(folder)]
            except OSError:  # it may be entered but not listed; the walk reports it
                continue
            finally:
                os.close(folder)
            pending.extend(f"{path}/{name}" if path else name for name in inner)

    def _add(self, folder: int, path: str) -> bool:
        """Watch one open folder. False when the kernel allows no more."""
        # The path leads through the open folder, whatever stands at its place by now.
        place = b"/proc/self/fd/%d/." % folder
        flags = _WANTED | IN_ONLYDIR | IN_DONT_FOLLOW
        watch: int = self._libc.inotify_add_watch(self._descriptor, place, ctypes.c_uint32(flags))
        if watch < 0:
            code = ctypes.get_errno()
            if code in (errno.ENOSPC, errno.ENOMEM):
                self.note = f"only {len(self._watches)} folders can be watched; raise fs.inotify.max_user_watches"
                return False
            return True
        former = self._paths.get(watch)
        if former is not None:
            self._watches.pop(former, None)
        self._paths[watch] = path
        self._watches[path] = watch
        return True

    def _unwatch(self, path: str) -> None:
        """Stop watching what was a folder, and all that was in it."""
        inside = path + "/"
        for each in [each for each in self._watches if each == path or each.startswith(inside)]:
            watch = self._watches[each]
            self._forget(watch, each)
            # It fails where the folder was deleted: then it is forgotten already.
            self._libc.inotify_rm_watch(self._descriptor, watch)

    def _forget(self, watch: int, path: str) -> None:
        self._paths.pop(watch, None)
        if self._watches.get(path) == watch:
            del self._watches[path]


@contextlib.contextmanager
def opened(share: str) -> Iterator[int]:
    """Have a share open during the block. Raises ShareError."""
    descriptor = open_share(share)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def far(share: int) -> str:
    """Return the kind of an open folder's file system if it may change without an event, else an empty text."""
    buffer = ctypes.create_string_buffer(_STATFS_BYTES)
    if ctypes.CDLL(None, use_errno=True).fstatfs(share, buffer) != 0:
        return ""
    # The first field is the type, a machine word on the systems we run on.
    kind = struct.unpack_from("l", buffer)[0] & 0xFFFFFFFF
    return _FAR.get(kind, "")


def _parse(data: bytes) -> Iterator[tuple[int, int, str]]:
    place = 0
    while place < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        name = data[place : place + length].split(b"\0", 1)[0]
        place += length
        yield watch, mask, os.fsdecode(name)


def _folders(folder: int) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        for entry in listing:
            if entry.is_dir(follow_symlinks=False) and not omitted(entry.name, folder=True):
                yield entry
