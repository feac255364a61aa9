"""Whether a PDF has layers that may be switched off."""

from __future__ import annotations

import re
import zlib
from typing import BinaryIO

_NAME = re.compile(rb"/([A-Za-z]*(?:#[0-9A-Fa-f]{2}[A-Za-z]*)+)")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"stream\r?\n")
_LAYERS = b"OCProperties"
_PACKED = b"/ObjStm"
_UNPACKED_BYTES = 20_000_000


def layered(file: BinaryIO) -> bool:
    """Tell whether a PDF may have layers (optional content, ISO 32000-1, 8.11): True where it cannot be ruled out.

    PDFium does not say. Without the word in the file or in its packed objects there are none; what is encrypted or
    packed in an unusual way is not looked into.
    """
    file.seek(0)
    data = file.read()
    if _LAYERS in data or b"/Encrypt" in data:
        return True
    for match in _NAME.finditer(data):
        name = _ESCAPE.sub(lambda code: bytes([int(code.group(1), 16)]), match.group(1))
        if name in (_LAYERS, _PACKED[1:], b"Encrypt"):
            return True
    left = _UNPACKED_BYTES
    start = data.find(_PACKED)
    while start >= 0:
        unpacked = _unpacked(data, start, left)
        if unpacked is None or _LAYERS in unpacked or b"OC#" in unpacked:
            return True
        left -= len(unpacked)
        start = data.find(_PACKED, start + 1)
    return False


def _unpacked(data: bytes, start: int, most: int) -> bytes | None:
    match = _STREAM.search(data, start, start + 2000)
    if match is None or most <= 0:
        return None
    try:
        return zlib.decompressobj().decompress(memoryview(data)[match.end() :], most)
    except zlib.error:
        return None
