from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.files import BadFile
from ingest.pool import Worker
from tests.ingest.conftest import LIMITS

MISBEHAVING = "tests.ingest.misbehaving"
Make = Callable[..., Worker]


@contextmanager
def opened(folder: Path, content: str) -> Iterator[int]:
    file = folder / "file.txt"
    file.write_text(content)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_parses_what_it_is_handed_without_knowing_the_share(worker: Make, tmp_path: Path) -> None:
    """A child parses an open file whose path exists nowhere."""
    with opened(tmp_path, "Call the desk.") as descriptor:
        (tmp_path / "file.txt").unlink()
        parsed = worker().parse(descriptor, "nowhere/desk-rules.txt")
    assert parsed.media_type == "text/plain"
    assert [(draft.headings, draft.text) for draft in parsed.drafts] == [(("desk rules",), "Call the desk.")]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        ("crash", "damaged", "the parser crashed on it (SIGSEGV)"),
        ("exit", "damaged", "the parser crashed on it (status 3)"),
        ("raise", "damaged", "it cannot be parsed (LookupError: no such part)"),
        ("eat", "too_large", "parsing it takes more memory than a parsing process may have"),
        ("flood", "too_large", "it holds more than 100000 characters"),
        ("hang", "timed_out", "parsing took longer than 2 seconds"),
    ],
)
def test_a_hostile_file_gets_its_status_and_the_next_file_is_parsed(
    worker: Make, tmp_path: Path, content: str, status: str, reason: str
) -> None:
    """Whatever a file does to the child, it earns a status with the reason, and the next file is parsed as ever."""
    limits = replace(LIMITS, seconds=2 if content == "hang" else 60, text_characters=100_000)
    child = worker(limits, MISBEHAVING)
    with opened(tmp_path, "harmless") as descriptor:
        assert [draft.text for draft in child.parse(descriptor, "a.txt").drafts] == ["harmless"]
    with opened(tmp_path, content) as descriptor, pytest.raises(BadFile) as caught:
        child.parse(descriptor, "bad.txt")
    assert (caught.value.status, caught.value.reason) == (status, reason)
    with opened(tmp_path, "harmless again") as descriptor:
        assert [draft.text for draft in child.parse(descriptor, "b.txt").drafts] == ["harmless again"]


def test_a_file_that_crashes_the_first_child_does_not_stop_the_run(worker: Make, tmp_path: Path) -> None:
    """A crash on the very first file is that file's fault, as on any other."""
    with opened(tmp_path, "exit") as descriptor, pytest.raises(BadFile) as caught:
        worker(module=MISBEHAVING).parse(descriptor, "a.txt")
    assert caught.value.status == "damaged"


def test_a_killed_child_is_told_by_its_signal(worker: Make, tmp_path: Path) -> None:
    """`kill` from outside ends the child, and the next file gets a new one."""
    child = worker()
    with opened(tmp_path, "one") as descriptor:
        child.parse(descriptor, "a.txt")
    child.kill()
    with opened(tmp_path, "two") as descriptor, pytest.raises(BadFile) as caught:
        child.parse(descriptor, "b.txt")
    assert signal.SIGKILL.name in caught.value.reason


def test_a_child_leaves_no_process_behind(worker: Make, tmp_path: Path) -> None:
    """After `close`, the child has ended and has been waited for."""
    child = worker()
    with opened(tmp_path, "one") as descriptor:
        child.parse(descriptor, "a.txt")
    pid = child.pid
    child.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


SAMPLE = Path(__file__).parents[2] / "compose" / "sample"


@pytest.mark.parametrize(
    ("name", "length", "status"),
    [
        ("minutes/2026-03-management-meeting.docx", 0.5, "damaged"),
        ("slides/strategy-2026.pptx", 0.9, "damaged"),
        ("sales/price-list-2026.xlsx", 0.5, "damaged"),
        ("contracts/supply-agreement-northfield.pdf", 0.02, "damaged"),
    ],
)
def test_files_that_were_cut_off_are_damaged(
    worker: Make, tmp_path: Path, name: str, length: float, status: str
) -> None:
    """An Office or PDF file whose end is missing is damaged, with the reason and what to do."""
    whole = (SAMPLE / name).read_bytes()
    file = tmp_path / "file"
    file.write_bytes(whole[: int(len(whole) * length)])
    with file.open("rb") as opened_file, pytest.raises(BadFile) as caught:
        worker().parse(opened_file.fileno(), name)
    assert caught.value.status == status
    assert caught.value.reason
    assert caught.value.hint
