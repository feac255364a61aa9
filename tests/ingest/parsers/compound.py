"""Writes small OLE compound files ([MS-CFB], version 3), for nothing installed does."""

from __future__ import annotations

import struct
from collections.abc import Mapping

Tree = Mapping[str, "bytes | Tree"]

_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR, _MINI = 512, 64


def compound(tree: Tree) -> bytes:
    """Return a file with these streams and storages, all of them together less than 50 KB."""
    entries: list[list[object]] = [["Root Entry", 5, _FREE, _FREE, 0, 0]]
    streams, chain = bytearray(), list[int]()
    _add(tree, entries, 0, streams, chain)
    entries[0][4], entries[0][5] = 0, len(streams)
    directory = b"".join(_entry(*entry) for entry in entries)
    parts = [_padded(directory), _padded(struct.pack(f"<{len(chain)}I", *chain), b"\xff"), _padded(bytes(streams))]
    fat, starts = [_FAT], []
    for part in parts:
        count = len(part) // _SECTOR
        starts.append(len(fat) if count else _END)
        fat += [*range(len(fat) + 1, len(fat) + count), _END] if count else []
    entries[0][4] = starts[2]
    parts[0] = _padded(b"".join(_entry(*entry) for entry in entries))
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, starts[0], 0, 4096, starts[1],
        len(parts[1]) // _SECTOR, _END, 0, 0,
    )  # fmt: skip
    table = struct.pack(f"<{len(fat)}I", *fat).ljust(_SECTOR, b"\xff")
    return header.ljust(_SECTOR, b"\xff") + table + b"".join(parts)


def _add(tree: Tree, entries: list[list[object]], parent: int, streams: bytearray, chain: list[int]) -> None:
    before = -1
    for name in sorted(tree, key=lambda each: (len(each), each.upper())):
        number, content = len(entries), tree[name]
        if before < 0:
            entries[parent][3] = number
        else:
            entries[before][2] = number  # the next one to the right: a tree of one branch
        before = number
        if isinstance(content, bytes):
            assert len(content) < 4096
            count = -(-len(content) // _MINI)
            start = len(chain) if count else _END
            chain += [*range(len(chain) + 1, len(chain) + count), _END] if count else []
            streams += content.ljust(count * _MINI, b"\0")
            entries.append([name, 2, _FREE, _FREE, start, len(content)])
        else:
            entries.append([name, 1, _FREE, _FREE, 0, 0])
            _add(content, entries, number, streams, chain)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBIII16x4x8x8xIQ", raw, len(raw), kind, 1, _FREE, right, child, start, size)


def _padded(data: bytes, filler: bytes = b"\0") -> bytes:
    return data.ljust(-(-len(data) // _SECTOR) * _SECTOR, filler)
