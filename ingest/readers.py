"""Who may read what lies on a share: rule files, then owner, group and mode where that is switched on.

A rule file, `.readers.toml`, may stand in any folder and holds for everything in the folder and below:

    readers = ["group:finance", "user:ada"]     # one of them is enough; an empty list: nobody

    [files]                                     # by file name, here and below, whatever the case of its letters
    "salaries*.xlsx" = ["group:board"]

Of the rule files from a file's own folder upwards, the first that speaks of the file decides alone: a pattern of its
`[files]` that matches, otherwise its `readers`. Where several of its patterns match, only who is in all of their lists
may read. A rule file that cannot be read, that says nothing, or that is anything else than the above closes everything
in and below its folder, other rule files there included, until it is mended. What is inside an archive or a mail has
the readers of that file.

Where no rule file speaks, and `access.posix` is on, readers follow from owner, group, mode and access control list
(acl(5)) of the file and of every folder above it, the share's own included. What those say about users is put as
principals of whom any one is enough, so some rights cannot be said and are left out: never is anybody named who could
not open the file. Where it is off, they are `access.default_readers`.
"""

from __future__ import annotations

import errno
import fnmatch
import functools
import grp
import os
import pwd
import re
import stat
import struct
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from appliance.types import EVERYONE
from ingest.files import BadFile, unreadable

RULES = ".readers.toml"
RULES_BYTES = 65536
PRINCIPALS = 1000
PRINCIPAL = re.compile(r"(user|group):[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\s\x00-\x1f\x7f])?")

_HINT = 'Write readers = ["group:…"] and, under [files], "pattern" = ["user:…"]; until then nobody reads what is here.'
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ACL = "system.posix_acl_access"
# linux/posix_acl_xattr.h: a version, then entries of tag, permissions and id.
_ACL_VERSION = 2
_ACL_HEAD, _ACL_ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_READ, _ENTER = 4, 1

Readers = tuple[str, ...]
Acl = Sequence[tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule file. `patterns` are matched against the lower-case name; `readers` None: it does not say."""

    readers: Readers | None
    patterns: tuple[tuple[re.Pattern[str], Readers], ...]

    def of(self, name: str) -> Readers | None:
        """Return the readers of a file of this name, None where nothing is said of it."""
        matching = [set(readers) for pattern, readers in self.patterns if pattern.match(name.lower())]
        if matching:
            return tuple(sorted(set.intersection(*matching)))
        return self.readers


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds in one folder: its rule files, nearest first, and who gets into it by the rights of all folders.

    `problem` is what is wrong with its own rule file; `closed`: nobody reads anything here. `settled` are the readers
    of every file alike, None where they depend on the file.
    """

    rules: tuple[Rules, ...]
    passes: frozenset[str]
    closed: bool
    problem: BadFile | None
    settled: Readers | None


@dataclass(frozen=True, slots=True)
class Names:
    """What the machine calls a user and a group by number; None for one it does not know."""

    user: Callable[[int], str | None] = field(default=lambda uid: _user(uid))
    group: Callable[[int], str | None] = field(default=lambda gid: _group(gid))


class Access:
    """The rules of one installation."""

    def __init__(self, default: Iterable[str], posix: bool = False, names: Names | None = None) -> None:
        self.default = tuple(sorted(set(default)))
        self.posix = posix
        names = names or Names()
        # A directory service may take its time to answer.
        self._names = Names(functools.cache(names.user), functools.cache(names.group))

    def top(self, share: int) -> Scope:
        """Return what holds in the share's top folder, given open. Raises OSError."""
        return self.inside(Scope((), frozenset({EVERYONE}), False, None, None), share)

    def inside(self, above: Scope, folder: int) -> Scope:
        """Return what holds in a folder, given open, whose parent's scope is `above`. Raises OSError."""
        passes = above.passes
        if self.posix:
            passes = both(passes, self._granted(os.fstat(folder), folder, _ENTER))
        try:
            own = _rules(folder)
        except BadFile as problem:
            return Scope((), passes, True, problem, ())
        rules = above.rules if own is None else (own, *above.rules)
        return Scope(rules, passes, above.closed, None, () if above.closed else self._settled(rules))

    def _settled(self, rules: tuple[Rules, ...]) -> Readers | None:
        if any(each.patterns for each in rules):
            return None
        spoken = next((each.readers for each in rules if each.readers is not None), None)
        return spoken if spoken is not None or self.posix else self.default

    def readers(self, scope: Scope, folder: int, name: str, info: os.stat_result) -> Readers:
        """Return who may read the file `name` in an open folder."""
        if scope.settled is not None:
            return scope.settled
        spoken = next((said for said in (rules.of(name) for rules in scope.rules) if said is not None), None)
        if spoken is not None:
            return spoken
        if not self.posix:
            return self.default
        # The name is the path's last part, so that a link in its place is not followed.
        granted = self._granted(info, f"/proc/self/fd/{folder}/{name}", _READ)
        return tuple(sorted(both(scope.passes, granted)))

    def _granted(self, info: os.stat_result, place: int | str, wanted: int) -> frozenset[str]:
        try:
            acl = access_list(place)
        except OSError:
            return frozenset()
        return granted(info, acl, wanted, self._names)


def both(first: frozenset[str], second: frozenset[str]) -> frozenset[str]:
    """Return principals of whom every one is admitted by both."""
    if EVERYONE in first:
        return second
    return first if EVERYONE in second else first & second


def narrowed(readers: Readers, now: Readers) -> Readers:
    """Return who is left of `readers` when `now` may read."""
    return tuple(sorted(both(frozenset(readers), frozenset(now))))


def granted(info: os.stat_result, acl: Acl | None, wanted: int, names: Names) -> frozenset[str]:
    """Return principals of whom every one has the right `wanted` (4 to read, 1 to enter), by acl(5).

    The rights of a class are not those of whoever is in an earlier one: the owner may be in the group and be denied.
    So a class is named only if everybody of an earlier class has the right too.
    """
    entries = list(acl) if acl else _as_entries(info.st_mode)
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), 7)
    rights = {(tag, ident): bits if tag in (_USER_OBJ, _OTHER) else bits & mask for tag, bits, ident in entries}

    def right(tag: int) -> dict[int, bool]:
        return {ident: bool(bits & wanted) for (own, ident), bits in rights.items() if own == tag}

    owner, others = any(right(_USER_OBJ).values()), any(right(_OTHER).values())
    users = right(_USER)
    groups = right(_GROUP)
    for allowed in right(_GROUP_OBJ).values():
        # An entry for the owning group by its number counts as well: one of them is enough.
        groups[info.st_gid] = groups.get(info.st_gid, False) or allowed
    found = set[str | None]()
    if owner:
        found.add(_principal("user", names.user(info.st_uid)))
    # An entry that names the owner says nothing: the owner's own comes first.
    found |= {_principal("user", names.user(uid)) for uid, may in users.items() if may and uid != info.st_uid}
    if owner and all(users.values()):
        found |= {_principal("group", names.group(gid)) for gid, may in groups.items() if may}
        if others and all(groups.values()):
            return frozenset({EVERYONE})
    return frozenset(name for name in found if name is not None)


def access_list(place: int | str) -> Acl | None:
    """Return the access control list of an open folder or a path, None where there is none but owner, group and mode.

    Raises OSError where it cannot be read or is none.
    """
    try:
        raw = os.getxattr(place, _ACL, follow_symlinks=True) if isinstance(place, int) else _of_link(place)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise
    if len(raw) < _ACL_HEAD.size or (len(raw) - _ACL_HEAD.size) % _ACL_ENTRY.size:
        raise OSError(errno.EINVAL, "no access control list")
    (version,) = _ACL_HEAD.unpack_from(raw)
    entries = list(_ACL_ENTRY.iter_unpack(raw[_ACL_HEAD.size :]))
    tags = {tag for tag, _, _ in entries}
    if version != _ACL_VERSION or not tags >= {_USER_OBJ, _GROUP_OBJ, _OTHER} or tags - _TAGS:
        raise OSError(errno.EINVAL, "no access control list")
    return entries


_TAGS = {_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER}


def _of_link(path: str) -> bytes:
    return os.getxattr(path, _ACL, follow_symlinks=False)


def _as_entries(mode: int) -> list[tuple[int, int, int]]:
    bits = stat.S_IMODE(mode)
    return [(_USER_OBJ, bits >> 6 & 7, 0), (_GROUP_OBJ, bits >> 3 & 7, 0), (_OTHER, bits & 7, 0)]


def _principal(kind: str, name: str | None) -> str | None:
    principal = f"{kind}:{name}"
    # A group of the machine that is called "everyone" is not everyone.
    return principal if name and PRINCIPAL.fullmatch(principal) and principal != EVERYONE else None


def _user(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _group(gid: int) -> str | None:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def _rules(folder: int) -> Rules | None:
    """Return the rule file of an open folder, None where there is none. Raises BadFile."""
    try:
        file = os.open(RULES, _FLAGS, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise BadFile("damaged", "this rule file is no regular file", _HINT) from error
        problem = unreadable(error)
        raise BadFile("unreadable", f"this rule file cannot be read: {problem.reason}", problem.hint) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise BadFile("damaged", "this rule file is no regular file", _HINT)
        return parse_rules(_content(file))
    except OSError as error:
        raise BadFile("unreadable", f"this rule file cannot be read: {error.strerror}", "Check the disk.") from error
    finally:
        os.close(file)


def _content(file: int) -> bytes:
    content = b""
    while len(content) <= RULES_BYTES and (part := os.read(file, RULES_BYTES + 1)):
        content += part
    return content


def parse_rules(content: bytes) -> Rules:
    """Return what a rule file says. Raises BadFile for one that is not as described above."""
    if len(content) > RULES_BYTES:
        raise BadFile("damaged", f"this rule file has more than {RULES_BYTES} bytes", _HINT)
    try:
        said: dict[str, Any] = tomllib.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadFile("damaged", f"this rule file is no TOML ({error})", _HINT) from error
    strangers = sorted(said.keys() - {"readers", "files"})
    if strangers:
        raise BadFile("damaged", f'this rule file holds "{strangers[0][:100]}", which means nothing', _HINT)
    files = said.get("files", {})
    if not isinstance(files, Mapping):
        raise BadFile("damaged", "files in this rule file is no table", _HINT)
    # A file cut short, or about to be written, must not hand things to whom the folder above names.
    if not files and "readers" not in said:
        raise BadFile("damaged", "this rule file names no readers", _HINT)
    patterns = tuple((_pattern(name), _list(readers, name)) for name, readers in files.items())
    return Rules(_list(said["readers"], "readers") if "readers" in said else None, patterns)


def _pattern(name: str) -> re.Pattern[str]:
    if not name or "/" in name or len(name) > 255:
        raise BadFile("damaged", f'"{name[:100]}" in this rule file is no pattern of file names', _HINT)
    return re.compile(fnmatch.translate(name.lower()))


def _list(value: object, name: str) -> Readers:
    if not isinstance(value, list) or len(value) > PRINCIPALS:
        raise BadFile("damaged", f'"{name[:100]}" in this rule file has no list of readers', _HINT)
    for one in value:
        if not isinstance(one, str) or not PRINCIPAL.fullmatch(one):
            raise BadFile("damaged", f'"{str(one)[:100]}" in this rule file is neither "user:…" nor "group:…"', _HINT)
    return tuple(sorted(set(value)))
