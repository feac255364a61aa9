"""Children that parse: hostile files get a status, the next file is parsed, and nothing stays behind."""

from __future__ import annotations

import bz2
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from appliance.types import Finding
from ingest.files import BadFile
from ingest.pool import Budget, Parsed, Source, Worker
from tests.ingest.conftest import LIMITS

MISBEHAVING = "tests.ingest.misbehaving"
BUDGET = Budget(files=100, size_bytes=50_000_000, depth=3, ratio=200)
Make = Callable[..., Worker]
TEXT = {"media_type": "text/plain", "pages": None, "title": "", "chunks": [], "findings": [], "members": []}
CHUNK = {"text": "x", "page": 1, "headings": [], "places": []}


@contextmanager
def opened(folder: Path, content: str) -> Iterator[Source]:
    file = folder / "file.txt"
    file.write_text(content)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        yield Source(descriptor, "a.txt")
    finally:
        os.close(descriptor)


def parse(child: Worker, folder: Path, content: str, budget: Budget = BUDGET) -> Parsed:
    with opened(folder, content) as source:
        return child.parse(source, budget)


def words(child: Worker, folder: Path, content: str) -> str:
    return " ".join(draft.text for draft in parse(child, folder, content).drafts)


def refused(child: Worker, folder: Path, content: str, budget: Budget = BUDGET) -> tuple[str, str]:
    with pytest.raises(BadFile) as caught:
        parse(child, folder, content, budget)
    return caught.value.status, caught.value.reason


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_parses_what_it_is_handed_without_knowing_the_share(worker: Make, tmp_path: Path) -> None:
    """A child parses an open file whose path exists nowhere; the document's name is beside the chunks."""
    with opened(tmp_path, "Call the desk.") as source:
        (tmp_path / "file.txt").unlink()
        parsed = worker().parse(replace(source, path="nowhere/desk-rules.txt"), BUDGET)
    assert ("text/plain", "desk rules", None) == (parsed.media_type, parsed.title, parsed.spool)
    assert ["Call the desk."] == [draft.text for draft in parsed.drafts]


def test_parses_a_stretch_of_a_file(worker: Make, tmp_path: Path) -> None:
    """A member is parsed where it lies in the spool, and nothing of its neighbours with it."""
    with opened(tmp_path, "before|the member|after") as source:
        parsed = worker().parse(replace(source, offset=7, size_bytes=10), BUDGET)
    assert ["the member"] == [draft.text for draft in parsed.drafts]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        ("crash", "damaged", "the parser crashed on it (SIGSEGV)"),
        ("exit", "damaged", "the parser crashed on it (status 3)"),
        ("quiet", "damaged", "the parser crashed on it (status 0)"),
        ("raise", "damaged", "it cannot be parsed (LookupError: no such part)"),
        ("eat", "too_large", "parsing it takes more memory than a parsing process may have"),
        ("flood", "too_large", "it holds more than 100000 characters"),
        ("hang", "timed_out", "parsing it took longer than 2 seconds without getting on"),
        ("spin", "timed_out", "parsing it took longer than 2 seconds without getting on"),
    ],
)
def test_a_hostile_file_gets_its_status_and_the_next_file_is_parsed(
    worker: Make, tmp_path: Path, content: str, status: str, reason: str
) -> None:
    """Whatever a file does to the child, it earns a status with the reason, and the next file is parsed as ever."""
    limits = replace(LIMITS, seconds=2 if status == "timed_out" else 60, text_characters=100_000)
    child = worker(limits, MISBEHAVING)
    assert "harmless" == words(child, tmp_path, "harmless")
    assert (status, reason) == refused(child, tmp_path, content)
    assert "harmless again" == words(child, tmp_path, "harmless again")


def test_a_file_that_gets_on_has_more_time_but_not_for_ever(worker: Make, tmp_path: Path) -> None:
    """A scan of many pages is parsed to its end; a child that only says so is ended."""
    assert "slow 3" == words(worker(replace(LIMITS, seconds=2), MISBEHAVING), tmp_path, "slow 3")
    status, _ = refused(worker(replace(LIMITS, seconds=0.2), MISBEHAVING), tmp_path, "babble")
    assert "timed_out" == status


@pytest.mark.parametrize(
    "lie",
    [
        {},
        [],
        {"media_type": "text/plain", "status": "indexed", "reason": "", "hint": ""},
        {"media_type": "text/plain", "status": ["damaged"], "reason": "", "hint": ""},
        {"media_type": "text/plain", "status": "damaged", "reason": 1, "hint": ""},
        TEXT | {"media_type": "<script>"},
        TEXT | {"pages": "many"},
        TEXT | {"pages": float("inf")},
        TEXT | {"pages": -1},
        TEXT | {"title": None},
        TEXT | {"chunks": {}},
        TEXT | {"chunks": [CHUNK | {"text": "\ud800"}]},
        TEXT | {"chunks": [CHUNK | {"text": "x" * 100_000}]},
        TEXT | {"chunks": [CHUNK | {"page": True}]},
        TEXT | {"chunks": [CHUNK | {"headings": "x"}]},
        TEXT | {"chunks": [CHUNK | {"places": [[0, 1, 0, 0, float("nan"), 1]]}]},
        TEXT | {"chunks": [CHUNK | {"places": [[0, 1, 0, 0, 1]]}]},
        TEXT | {"chunks": [CHUNK | {"places": [[0, 2, 0, 0, 1, 1]]}]},
        TEXT | {"chunks": [CHUNK | {"places": [[0, 0, 0, 0, 1, 1]]}]},
        TEXT | {"chunks": [CHUNK | {"places": [[0, True, 0, 0, 1, 1]]}]},
        TEXT | {"chunks": [CHUNK | {"text": "xy", "places": [[0, 2, 0, 0, 1, 1], [1, 2, 0, 0, 1, 1]]}]},
        TEXT | {"findings": [{"kind": "other", "where": "", "characters": 1}]},
        TEXT | {"findings": [{"kind": "tiny", "where": "", "characters": 1}] * 101},
        TEXT | {"members": [{"name": "a", "offset": 0, "size": 1}]},
        TEXT | {"members": [{"name": "a", "offset": 1, "size": 0}]},
        TEXT | {"members": [{"name": "a", "offset": -1, "size": 0}]},
        TEXT | {"members": [{"name": "a", "offset": 0, "size": 0}] * 101},
        TEXT | {"members": [{"name": None, "offset": 0, "size": 0}]},
    ],
    ids=lambda lie: json.dumps(lie)[-60:],
)
def test_nonsense_is_seen_through_and_ends_the_child(worker: Make, tmp_path: Path, lie: object) -> None:
    """Answers that no honest child gives are the file's fault, whatever stands in them."""
    child = worker(LIMITS, MISBEHAVING)
    assert ("damaged", "the parser answered nonsense about it") == refused(child, tmp_path, f"lie {json.dumps(lie)}")
    assert child.pid is None


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"\x7f\x7f\x7f\x7f", "too_large"), (b"\0\0\0\4nope", "damaged"), (b"\0\1\x11\x70" + b"[" * 70_000, "damaged")],
    ids=["huge length", "no JSON", "nested"],
)
def test_answers_that_are_no_json_are_the_files_fault(worker: Make, tmp_path: Path, raw: bytes, status: str) -> None:
    """A length beyond all bounds is not waited for; neither is what nests too deep to be read."""
    child = worker(LIMITS, MISBEHAVING)
    assert status == refused(child, tmp_path, f"raw {raw.hex()}")[0]
    assert child.pid is None


def test_a_member_name_that_lies_is_made_safe_again(worker: Make, tmp_path: Path) -> None:
    """The parent does not rely on the child to have looked at the names."""
    lie = TEXT | {"members": [{"name": "../../etc/passwd", "offset": 0, "size": 0}] * 2}
    parsed = parse(worker(LIMITS, MISBEHAVING), tmp_path, f"lie {json.dumps(lie)}")
    assert ["etc/passwd", "etc/passwd (2)"] == [member.name for member in parsed.members]
    os.close(parsed.spool or -1)


def test_members_lie_in_the_spool(worker: Make, tmp_path: Path) -> None:
    """Files inside a file are handed over by descriptor, those that could not be got out with what is wrong."""
    given = [["a.txt", "first"], ["../a.txt", "second"], ["c", "!status"], ["d", ""]]
    parsed = parse(worker(LIMITS, MISBEHAVING), tmp_path, f"members {json.dumps(given)}")
    assert parsed.spool is not None
    with os.fdopen(parsed.spool, "rb") as spool:
        found = [(m.name, os.pread(spool.fileno(), m.size_bytes, m.offset)) for m in parsed.members]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.pwrite(spool.fileno(), b"x", 0)
    assert [("a.txt", b"first"), ("a (2).txt", b"second"), ("c", b""), ("d", b"")] == found
    assert [None, None, "encrypted", None] == [m.problem and m.problem.status for m in parsed.members]


@pytest.mark.parametrize(
    ("change", "given", "setting"),
    [
        ({"files": 1}, [["a", ""], ["b", ""]], "ingest.archive_files"),
        ({"depth": 0}, [["a", ""]], "ingest.archive_depth"),
        ({"size_bytes": 1_500_000}, [["a", "*2"]], "ingest.archive_bytes"),
        ({}, [["a", "*11"]], "ingest.archive_ratio"),
    ],
)
def test_a_bomb_is_too_large(
    worker: Make, tmp_path: Path, change: dict[str, int], given: list[list[str]], setting: str
) -> None:
    """What unpacks past its budget is refused as a whole; the hint names the setting, and the child lives on."""
    child = worker(LIMITS, MISBEHAVING)
    with pytest.raises(BadFile) as caught:
        parse(child, tmp_path, f"members {json.dumps(given)}", replace(BUDGET, **change))
    assert ("too_large", True) == (caught.value.status, setting in caught.value.hint)
    assert child.pid is not None


def test_findings_are_summed_up_by_kind_and_place(worker: Make, tmp_path: Path) -> None:
    """A file with a thousand hidden rows has at most a hundred findings, and no character is lost count of."""
    parsed = parse(worker(LIMITS, MISBEHAVING), tmp_path, "findings 1000")
    assert len(parsed.findings) <= 100
    assert 1000 == sum(finding.characters for finding in parsed.findings)
    assert Finding("hidden", "elsewhere", 910) == parsed.findings[-1]


def test_what_a_file_leaves_in_scratch_is_gone_for_the_next(worker: Make, tmp_path: Path) -> None:
    """No file learns from another's: whatever is left, however deep, or closed to everyone."""
    child = worker(LIMITS, MISBEHAVING)
    assert "leave" == words(child, tmp_path, "leave")
    assert "left:" == words(child, tmp_path, "left")
    child.close()
    assert [] == list((tmp_path / "scratch").iterdir())


def test_what_a_killed_run_left_is_removed(worker: Make, tmp_path: Path) -> None:
    """Folders of children whose parent is gone do not pile up; those of a living one stay."""
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    for pid in (ended.pid, os.getpid()):
        (tmp_path / "scratch" / f"child-{pid}-x" / "deeper").mkdir(parents=True)
    child = worker()
    words(child, tmp_path, "text")
    child.close()
    assert [f"child-{os.getpid()}-x"] == [path.name for path in (tmp_path / "scratch").iterdir()]


def test_a_child_takes_what_it_started_along(worker: Make, tmp_path: Path) -> None:
    """A process that a parser left running ends with its child, in whichever way that ends."""
    child = worker(LIMITS, MISBEHAVING)
    for end in (child.close, child.kill, lambda: refused(child, tmp_path, "exit")):
        started = int(words(child, tmp_path, "spawn").removeprefix("got "))
        assert alive(started)
        end()
        deadline = time.monotonic() + 10
        while alive(started) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not alive(started)
        child.close()


def test_a_child_is_replaced_after_so_many_files(worker: Make, tmp_path: Path) -> None:
    """It is used again while it behaves, and not for ever."""
    child = worker(replace(LIMITS, files=3))
    pids = []
    for i in range(5):
        words(child, tmp_path, f"text {i}")
        pids.append(child.pid)
    assert pids[0] == pids[1] is not None
    assert (None, pids[3]) == (pids[2], pids[4])


def test_a_file_that_crashes_the_first_child_does_not_stop_the_run(worker: Make, tmp_path: Path) -> None:
    """A crash on the very first file is that file's fault, as on any other."""
    assert "damaged" == refused(worker(module=MISBEHAVING), tmp_path, "exit")[0]


def test_a_killed_child_is_told_by_its_signal(worker: Make, tmp_path: Path) -> None:
    """`kill` from outside ends the child, and the file that it had is told."""
    child = worker()
    words(child, tmp_path, "one")
    child.kill()
    assert signal.SIGKILL.name in refused(child, tmp_path, "two")[1]


def test_a_child_leaves_no_process_behind(worker: Make, tmp_path: Path) -> None:
    """After `close`, the child has ended and has been waited for."""
    child = worker()
    words(child, tmp_path, "one")
    pid = child.pid
    child.close()
    child.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_budget_is_plain_data() -> None:
    """It travels to the child by its field names, which the child relies on."""
    assert {"files": 100, "size_bytes": 50_000_000, "depth": 3, "ratio": 200} == asdict(BUDGET)


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
        worker().parse(Source(opened_file.fileno(), name), BUDGET)
    assert caught.value.status == status
    assert caught.value.reason
    assert caught.value.hint


def test_a_compressed_file_without_a_name_is_called_like_its_archive(worker: Make, tmp_path: Path) -> None:
    """The suffix that tells CSV from text survives where the format keeps no name."""
    file = tmp_path / "prices.csv.bz2"
    file.write_bytes(bz2.compress(b"article;price\nV40;112\n"))
    with file.open("rb") as opened:
        parsed = worker().parse(Source(opened.fileno(), "share/prices.csv.bz2"), BUDGET)
    assert parsed.spool is not None
    os.close(parsed.spool)
    assert ["prices.csv"] == [member.name for member in parsed.members]
