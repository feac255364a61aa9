from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import media
from ingest.files import BadFile
from ingest.parsers.archive import ArchiveParser
from ingest.parsers.options import Options

OPTIONS = Options(1, (), Path())
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    media.GZIP: gzip.compress,
    media.BZIP2: partial(bz2.compress, compresslevel=1),
    media.XZ: partial(lzma.compress, preset=0),
}


def members(data: bytes, media_type: str) -> list[tuple[str, bytes | str]]:
    """Return the members with their content, or with the status that reading them earned."""
    found: list[tuple[str, bytes | str]] = []
    for member in ArchiveParser(OPTIONS).parse(io.BytesIO(data), media_type):
        try:
            found.append((member.name, b"".join(member.content)))
        except BadFile as problem:
            found.append((member.name, problem.status))
    return found


def refused(data: bytes, media_type: str) -> str:
    with pytest.raises(BadFile) as caught:
        members(data, media_type)
    assert caught.value.hint
    return caught.value.status


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def tarred(*entries: tuple[str, bytes], kinds: Sequence[bytes] = (), variant: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=variant) as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for kind in kinds:
            info = tarfile.TarInfo(f"special-{kind!r}")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return file.getvalue()


def locked(data: bytes, name: bytes) -> bytes:
    """Mark a member as encrypted, in the list of files and in front of its bytes."""
    marked = bytearray(data)
    for header, flags, length, start in ((b"PK\x03\x04", 6, 26, 30), (b"PK\x01\x02", 8, 28, 46)):
        at = marked.find(header)
        while at >= 0:
            size = int.from_bytes(marked[at + length : at + length + 2], "little")
            if marked[at + start : at + start + size] == name:
                marked[at + flags] |= 1
            at = marked.find(header, at + 4)
    return bytes(marked)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_file_of_a_zip_is_a_member(method: int) -> None:
    """Members come in the archive's order with their names as they stand; folders are none, equal names are two."""
    data = zipped(("b/ä.txt", b"one"), ("b/", b""), ("../../x", b"two"), ("b/ä.txt", b"three"), method=method)
    assert members(data, media.ZIP) == [("b/ä.txt", b"one"), ("../../x", b"two"), ("b/ä.txt", b"three")]


def test_names_in_utf8_that_do_not_say_so_are_read_as_utf8() -> None:
    """Many archivers write UTF-8 without its flag; what is no UTF-8 is in the encoding of the first PCs."""
    data = zipped(("##.txt", b""), ("@.txt", b"")).replace(b"##", "ä".encode()).replace(b"@", b"\x84")
    assert [name for name, _ in members(data, media.ZIP)] == ["ä.txt", "ä.txt"]


def test_litter_and_links_are_left_out() -> None:
    """What systems leave behind is as little a document inside an archive as beside it; links lead nowhere."""
    file = io.BytesIO(zipped(("__MACOSX/._a.txt", b"x"), ("a/.DS_Store", b"x"), ("Thumbs.db", b"x"), ("a.txt", b"y")))
    with zipfile.ZipFile(file, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert members(file.getvalue(), media.ZIP) == [("a.txt", b"y")]


def test_an_encrypted_member_fails_alone_and_all_of_them_together() -> None:
    """One locked file is its own result; an archive of nothing else is itself encrypted."""
    data = locked(zipped(("open.txt", b"open"), ("locked.txt", b"secret")), b"locked.txt")
    assert members(data, media.ZIP) == [("open.txt", b"open"), ("locked.txt", "encrypted")]
    assert refused(locked(zipped(("locked.txt", b"secret")), b"locked.txt"), media.ZIP) == "encrypted"


def test_a_broken_member_leaves_the_others_whole() -> None:
    """A wrong checksum and an unknown method are each member's own result."""
    data = zipped(("a.txt", b"AAAA"), ("b.txt", b"BBBB"), ("c.txt", b"CCCC"), method=zipfile.ZIP_STORED)
    unknown = bytearray(data.replace(b"BBBB", b"BXBB"))
    at = unknown.rfind(b"PK\x01\x02")
    unknown[at + 10] = 99
    assert members(bytes(unknown), media.ZIP) == [("a.txt", b"AAAA"), ("b.txt", "damaged"), ("c.txt", "unsupported")]


def test_members_that_share_their_bytes_are_refused() -> None:
    """Archives whose list names the same bytes many times are made to unpack to more than they hold."""
    data = bytearray(zipped(("a.txt", b"A" * 500), ("b.txt", b"B" * 500), method=zipfile.ZIP_STORED))
    second = data.rfind(b"PK\x01\x02")
    data[second + 42 : second + 46] = (10).to_bytes(4, "little")
    assert members(bytes(data), media.ZIP) == [("a.txt", b"A" * 500), ("b.txt", "damaged")]


def test_a_zip_without_its_list_is_damaged() -> None:
    """A ZIP archive that breaks off has lost its list of files, so nothing of it can be got out."""
    assert refused(zipped(("a.txt", b"x" * 999))[:-30], media.ZIP) == "damaged"


def test_an_archive_of_nothing_has_no_members() -> None:
    """Archives may be empty."""
    assert members(zipped(), media.ZIP) == []
    assert members(bytes(10_240), media.TAR) == []


@pytest.mark.parametrize("variant", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_only_regular_files_of_a_tar_are_members(variant: int) -> None:
    """Folders, links, devices and pipes of a TAR archive are passed over, in every variant of the format."""
    kinds = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
    name = "a/" * 30 + "name.txt"
    data = tarred((name, b"one"), ("b.txt", b"x" * 70_000), kinds=kinds, variant=variant)
    assert members(data, media.TAR) == [(name, b"one"), ("b.txt", b"x" * 70_000)]


@pytest.mark.parametrize("media_type", PACKERS)
def test_a_compressed_tar_is_read_as_a_tar(media_type: str) -> None:
    """In a compressed stream that holds a TAR archive, its files are the members."""
    data = PACKERS[media_type](tarred(("a.txt", b"one"), ("b.txt", b"two")))
    assert members(data, media_type) == [("a.txt", b"one"), ("b.txt", b"two")]


@pytest.mark.parametrize("media_type", PACKERS)
def test_anything_else_in_a_compressed_stream_is_one_member(media_type: str) -> None:
    """A single file is one member, also where two streams follow each other."""
    pack = PACKERS[media_type]
    assert members(pack(b"one ") + pack(b"two"), media_type) == [("", b"one two")]
    assert members(pack(b""), media_type) == []


def test_a_gzip_member_has_the_name_that_was_stored() -> None:
    """GZIP files may say what their content was called."""
    file = io.BytesIO()
    with gzip.GzipFile("prices.csv", "wb", fileobj=file) as stream:
        stream.write(b"a,b")
    assert members(file.getvalue(), media.GZIP) == [("prices.csv", b"a,b")]


def test_of_a_tar_that_breaks_off_the_whole_files_are_kept() -> None:
    """What is whole is read; the broken file, and the rest of the archive, say that they are damaged."""
    data = tarred(("a.txt", b"A" * 600), ("b.txt", b"B" * 6000))[:4000]
    assert members(data, media.TAR) == [("a.txt", b"A" * 600), ("b.txt", "damaged"), ("rest of the archive", "damaged")]


def test_a_broken_header_in_a_tar_is_told() -> None:
    """A header that does not add up is not taken for the end of the archive."""
    data = bytearray(tarred(("a.txt", b"A" * 100), ("b.txt", b"B" * 100), variant=tarfile.USTAR_FORMAT))
    data[1024 + 3] ^= 1
    assert members(bytes(data), media.TAR) == [("a.txt", b"A" * 100), ("rest of the archive", "damaged")]


@pytest.mark.parametrize("media_type", PACKERS)
def test_a_compressed_stream_that_breaks_off_is_damaged(media_type: str) -> None:
    """A cut stream is its member's result where it began, and the archive's where not even that is left."""
    noise = random.Random(7).randbytes(400_000)
    whole = PACKERS[media_type](noise)
    assert members(whole[:-100], media_type) == [("", "damaged")]
    assert refused(whole[:14], media_type) == "damaged"


def test_a_header_that_would_fill_the_memory_is_refused() -> None:
    """The attributes of a file in a TAR archive are a few kilobytes; megabytes of them are not read."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "x" * 3_000_000}
        archive.addfile(info)
    assert refused(file.getvalue(), media.GZIP) == "damaged"


def test_content_comes_in_blocks() -> None:
    """No member is ever whole in memory: whoever reads it can stop after the first block."""
    data = zipped(("a", bytes(5_000_000)))
    found = ArchiveParser(OPTIONS).parse(io.BytesIO(data), media.ZIP)
    assert max(len(block) for block in next(found).content) <= 65_536


@given(st.data())
def test_damage_anywhere_is_a_result(data: st.DataObject) -> None:
    """Whatever bytes of an archive are changed or cut off: members and BadFile come out, nothing else."""
    media_type, whole = data.draw(
        st.sampled_from(
            [
                (media.ZIP, zipped(("a.txt", b"one"), ("b.txt", b"two"))),
                (media.TAR, tarred(("a.txt", b"one"), ("b.txt", b"two"))),
                (media.GZIP, gzip.compress(tarred(("a.txt", b"one")))),
            ]
        )
    )
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        names = [name for name, _ in members(bytes(broken), media_type)]
    except BadFile:
        names = []
    assert len(names) <= 3
