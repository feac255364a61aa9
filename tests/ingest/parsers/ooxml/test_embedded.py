from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from ingest.parsers.ooxml.embedded import unwrapped
from tests.ingest.parsers.compound import compound


def native(name: bytes, content: bytes) -> bytes:
    path = b"C:\\temp\\x\0"
    body = struct.pack("<H", 2) + name + b"\0" + path + struct.pack("<HHI", 0, 3, len(path)) + path
    body += struct.pack("<I", len(content)) + content
    return struct.pack("<I", len(body)) + body


def test_a_dropped_file_comes_with_its_name() -> None:
    """What was dropped into a document is found under the name it had, without the folders before it."""
    data = compound({"\x01Ole10Native": native(b"C:\\Users\\ada\\prices.txt", b"Pump 12")})
    assert unwrapped(data, "oleObject1.bin") == ("prices.txt", b"Pump 12")


def test_a_pdf_of_acrobat_is_found() -> None:
    """Acrobat keeps the whole file in one stream."""
    data = compound({"CONTENTS": b"%PDF-1.7 rest"})
    assert unwrapped(data, "oleObject1.bin") == ("oleObject1.bin.pdf", b"%PDF-1.7 rest")


def test_objects_without_a_file_are_passed_over() -> None:
    """An equation, a broken object and a plain file hold no document."""
    for data in (compound({"Equation Native": b"x"}), b"plain", compound({"\x01Ole10Native": b"\x05"})):
        assert unwrapped(data, "oleObject1.bin") is None


@given(st.integers(0, 3000), st.binary(min_size=1, max_size=8))
def test_no_damage_makes_it_fail(place: int, rubbish: bytes) -> None:
    """An object that cannot be opened leaves the document around it as it is."""
    data = bytearray(compound({"\x01Ole10Native": native(b"a.txt", b"abc")}))
    data[place : place + len(rubbish)] = rubbish
    found = unwrapped(bytes(data), "a.bin")
    assert found is None or isinstance(found[1], bytes)
