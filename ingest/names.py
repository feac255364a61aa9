"""Makes the names of files inside files fit to be part of a path: relative, bounded, readable and unlike each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

_PART_BYTES = 255
_NAME_BYTES = 4096
_SUFFIX_BYTES = 32
_UNNAMED = "unnamed"
_DRIVES = re.compile(r"^(?:\s*[A-Za-z]:)+")


def safe_name(name: str) -> str:
    """Return a name as a relative path: "/" between its parts, none of them empty, "." or "..", no drive letters,
    characters that cannot be seen written out as "[U+202E]", at most 255 bytes of UTF-8 a part and 4,096 in all.

    A name that is safe already comes back as it is.
    """
    parts = []
    for raw in name[-4 * _NAME_BYTES :].replace("\\", "/").split("/"):
        part = _short(_DRIVES.sub("", "".join(_readable(c) for c in raw)).strip())
        if part not in ("", ".", ".."):
            parts.append(part)
    while len(parts) > 1 and len("/".join(parts).encode()) > _NAME_BYTES:
        del parts[0]  # what a file is called says more than where it lay
    return "/".join(parts) or _UNNAMED


class Names:
    """The names within one file so far. None is given twice, and none is at the same time a folder of another: both
    would be one path once files inside files have names below theirs.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return a safe name; with " (2)" in that part of it which was taken already."""
        *folders, last = safe_name(name).split("/")
        above = ""
        for folder in folders:
            wanted = above + folder
            if wanted not in self._folders:
                self._folders[wanted] = self._free(wanted, (self._files,))
            above = self._folders[wanted] + "/"
            self._folders.setdefault(above[:-1], above[:-1])
        taken = self._free(above + last, (self._files, self._folders))
        self._files.add(taken)
        return taken

    def _free(self, path: str, taken: tuple[Container[str], ...]) -> str:
        number = self._numbers.get(path, 1)
        while any(_numbered(path, number) in each for each in taken):
            number += 1
        self._numbers[path] = number
        return _numbered(path, number)


def _numbered(path: str, number: int) -> str:
    """Return a path with a number in its last part, before the suffix by which text files are told apart."""
    if number == 1:
        return path
    above, slash, last = path.rpartition("/")
    stem, dot, suffix = last.rpartition(".")
    if not stem:
        stem, dot, suffix = last, "", ""
    return f"{above}{slash}{stem} ({number}){dot}{suffix}"


def _readable(character: str) -> str:
    """Write out what is not seen, or turns the direction of writing: only letters, signs and spaces stay."""
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return f"[U+{ord(character):04X}]"


def _short(part: str) -> str:
    """Cut a part that is too long; its suffix stays."""
    if len(part.encode()) <= _PART_BYTES:
        return part
    stem, dot, suffix = part.rpartition(".")
    if not stem or len(suffix.encode()) > _SUFFIX_BYTES:
        stem, dot, suffix = part, "", ""
    room = _PART_BYTES - len(f"{dot}{suffix}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip() + dot + suffix
