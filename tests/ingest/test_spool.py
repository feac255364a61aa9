"""Bytes by descriptor, and the names of files inside files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.types import Member
from ingest.files import BadFile
from ingest.names import Names, safe_name
from ingest.spool import Spool, open_spool, read_only, window

BUDGET = {"files": 3, "size_bytes": 20_000_000, "depth": 1, "ratio": 200}


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = open_spool(tmp_path)
    yield opened
    os.close(opened)


def member(name: str, *blocks: bytes) -> Member:
    return Member(name, blocks)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("inner/file.docx", "inner/file.docx"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a//./b/../c", "a/b/c"),
        ("C:\\Windows\\system.ini", "Windows/system.ini"),
        ("C:..\\x", "x"),
        ("a\0b", "a[U+0000]b"),
        ("invoice\u202efdp.exe", "invoice[U+202E]fdp.exe"),
        ("line\nbreak", "line[U+000A]break"),
        ("\ud800", "[U+D800]"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("é" * 200 + ".docx", "é" * 125 + ".docx"),
    ],
)
def test_a_members_name_stays_below_its_container(name: str, safe: str) -> None:
    """Whatever an archive calls a file, the name is relative, readable and leads nowhere else."""
    assert safe == safe_name(name)


@given(st.text(st.characters(), max_size=400) | st.text("./\\:aC \0", max_size=40))
def test_safe_names_are_safe(name: str) -> None:
    """Every part has at most 255 bytes and is neither empty nor a step; a safe name comes back as it is."""
    safe = safe_name(name)
    assert safe == safe_name(safe)
    assert all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in safe.split("/"))
    assert [] == [c for c in safe if not c.isprintable() and not c.isspace()]
    assert len(safe.encode()) <= 4096


@given(st.lists(st.text("ab/. (2)", max_size=8), max_size=30))
def test_no_name_is_given_twice_or_used_as_a_folder(wanted: list[str]) -> None:
    """Two files inside one never get one path, nor a path below the other's, where members of members will be."""
    names = Names()
    taken = [names.take(name) for name in wanted]
    assert len(set(taken)) == len(taken)
    assert [] == [(a, b) for a in taken for b in taken if b.startswith(f"{a}/")]


def test_equal_names_are_numbered_before_the_suffix() -> None:
    """Text files are told apart by their suffix, so it stays where it is."""
    names = Names()
    given_names = ["a.md", "a.md", "a.zip", "a.zip/b", "a.zip/c", "README", "README"]
    expected = ["a.md", "a (2).md", "a.zip", "a (2).zip/b", "a (2).zip/c", "README", "README (2)"]
    assert expected == [names.take(name) for name in given_names]


def test_ten_thousand_equal_names_take_no_time_to_speak_of() -> None:
    """The numbers are not searched from the start for each."""
    names = Names()
    assert "a (10000)" == [names.take("a") for _ in range(10_000)][-1]


def test_members_stand_one_after_the_other(descriptor: int) -> None:
    """Offsets and sizes lead to each member's bytes; one that fails midway leaves nothing."""

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise BadFile("encrypted", "it has a password", "Remove it.")

    spool = Spool(descriptor, BUDGET, 100)
    for each in (member("a", b"one", b"two"), Member("b", broken()), member("c", b"three")):
        spool.take(each)
    assert [("a", 0, 6), ("b", 6, 0), ("c", 6, 5)] == [(m["name"], m["offset"], m["size"]) for m in spool.members]
    assert ("encrypted", "it has a password") == (spool.members[1]["status"], spool.members[1]["reason"])
    assert b"onetwothree" == os.pread(descriptor, 100, 0)


@pytest.mark.parametrize(
    ("budget", "blocks", "setting"),
    [
        ({"depth": 0}, [b"x"], "ingest.archive_depth"),
        ({"files": 0}, [b"x"], "ingest.archive_files"),
        ({"size_bytes": 5}, [b"123", b"456"], "ingest.archive_bytes"),
        ({"ratio": 2}, [bytes(1_000_000)] * 11, "ingest.archive_ratio"),
    ],
)
def test_the_budget_ends_the_container(
    descriptor: int, budget: dict[str, int], blocks: list[bytes], setting: str
) -> None:
    """What unpacks to too much, too many or too deep is too large, and the hint names the setting that decides."""
    with pytest.raises(BadFile) as caught:
        Spool(descriptor, BUDGET | budget, 1000).take(member("a", *blocks))
    assert "too_large" == caught.value.status
    assert setting in caught.value.hint


def test_small_files_may_unpack_to_a_few_megabytes(descriptor: int) -> None:
    """A ratio says nothing about a file of a few hundred bytes."""
    spool = Spool(descriptor, BUDGET, 100)
    spool.take(member("zeros", bytes(9_000_000)))
    assert 9_000_000 == spool.members[0]["size"]


def test_a_window_reads_by_position(descriptor: int) -> None:
    """A stretch of a file is a file of its own, wherever the shared offset of the descriptor is moved meanwhile."""
    os.pwrite(descriptor, b"before" + b"inside" + b"after", 0)
    file = window(descriptor, 6, 6)
    assert b"in" == file.read(2)
    os.lseek(descriptor, 0, os.SEEK_SET)
    assert (b"side", b"") == (file.read(), file.read())
    assert (5, b"e") == (file.seek(-1, os.SEEK_END), file.read(10))
    with pytest.raises(OSError, match="fileno"):
        file.fileno()


def test_libraries_can_read_a_window(descriptor: int) -> None:
    """zipfile, which seeks from the end, finds an archive in the middle of a spool."""
    with os.fdopen(os.dup(descriptor), "r+b") as whole:
        whole.write(b"x" * 1000)
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr("a.txt", "text")
        end = whole.tell()
    os.pwrite(descriptor, b"y" * 1000, end)
    assert b"text" == zipfile.ZipFile(window(descriptor, 1000, end - 1000)).read("a.txt")


def test_a_spool_is_handed_on_without_the_right_to_write(descriptor: int) -> None:
    """Whoever parses a member cannot change its neighbours."""
    os.pwrite(descriptor, b"text", 0)
    again = read_only(descriptor)
    try:
        assert b"text" == os.pread(again, 10, 0)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.pwrite(again, b"x", 0)
    finally:
        os.close(again)


def test_a_spool_has_no_name(tmp_path: Path, descriptor: int) -> None:
    """Nothing is left of it when everyone has closed it."""
    assert [] == list(tmp_path.iterdir())
