"""After crashes the log has every acknowledged entry; damage is never taken for a crash."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appliance.errors import LogError
from appliance.log import Limits
from appliance.segments import read_entries
from appliance.verify import verify_log
from tests.appliance.log_place import Place, crash, fill

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("torn", [b'{"body":{', b"\0" * 5000, b'{"whole":"but without its newline"}'])
def test_a_torn_end_is_cut_and_recorded(place: Place, torn: bytes) -> None:
    """Bytes after the last whole line belong to nobody's entry: they go, and an entry says so."""
    log = place.open()
    fill(log, 5)
    crash(log)
    segment = place.segment()
    with segment.open("ab") as file:
        file.write(torn)
    assert [] == place.findings()
    log = place.open()
    entries = list(log.entries())
    assert 6 == len(entries)
    assert "log.recovered" == entries[5].kind
    assert {"bytes_cut": len(torn), "rebuilt": False, "segment": segment.name} == entries[5].body
    log.close()
    assert [] == place.findings()


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_a_shortened_entry_that_was_durable_is_damage(place: Place, signed: bool) -> None:
    """An end that an acknowledged entry has lost is never taken for the trace of a crash."""
    log = place.open()
    fill(log, 5)
    if signed:
        log.close()
    else:
        crash(log)
    data = place.segment().read_bytes()
    place.segment().write_bytes(data[:-10])
    with pytest.raises(LogError, match=r"entry 4 ends early \(00000000000000000000\.jsonl, byte \d+\)") as caught:
        place.open()
    assert "appliance log verify" in caught.value.hint
    assert data[:-10] == place.segment().read_bytes()


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("left", [0, 3, 4])
def test_lost_last_lines_are_damage(place: Place, signed: bool, left: int) -> None:
    """Whole lines missing at the end are noticed when the log is opened."""
    log = place.open()
    fill(log, 5)
    if signed:
        log.close()
    else:
        crash(log)
    lines = place.segment().read_bytes().splitlines(keepends=True)
    place.segment().write_bytes(b"".join(lines[:left]))
    with pytest.raises(LogError, match=f"has {left} entries, it had 5|entry 4 is missing"):
        place.open()


@pytest.mark.parametrize("entry", [0, 5, 9])
def test_a_changed_entry_is_named_when_it_is_read(place: Place, entry: int) -> None:
    """Reading stops at an entry that is not what was written, with its place; so does opening where it looks."""
    log = place.open()
    fill(log, 10)
    crash(log)
    data = place.segment().read_bytes()
    place.segment().write_bytes(data.replace(b'"n":%d' % entry, b'"n":%d' % (entry ^ 1)))
    with pytest.raises(LogError, match=f"entry {entry} is not what was written"):
        list(read_entries(place.log))
    with pytest.raises(LogError, match=f"entry {entry} is not what was written"):
        place.open()


def test_lost_hashes_are_computed_again(place: Place) -> None:
    """Without tree and offsets the log opens, says so in an entry, and has the same tree."""
    log = place.open(Limits(segment_bytes=400))
    fill(log, 20)
    log.close()
    (place.log / "tree").unlink()
    (place.log / "offsets").write_bytes(b"")
    log = place.open()
    last = list(log.entries())[-1]
    assert ("log.recovered", True) == (last.kind, last.body["rebuilt"])
    log.close()
    assert [] == place.findings()


def test_hashes_that_never_reached_the_disk_are_computed_again(place: Place) -> None:
    """After a power cut the files behind the newest checkpoint may end early or hold zeros: neither is damage."""
    log = place.open()
    fill(log, 5)
    log.checkpoint()
    fill(log, 20)
    crash(log)
    tree = (place.log / "tree").read_bytes()
    (place.log / "tree").write_bytes(tree[:800] + bytes(len(tree) - 800))
    os.truncate(place.log / "offsets", 8 * 15)
    log = place.open()
    assert 25 == log.size()
    log.close()
    assert tree == (place.log / "tree").read_bytes()
    assert [] == place.findings()


def test_rewritten_entries_do_not_pass_for_lost_hashes(place: Place) -> None:
    """When the hashes are computed again, the newest checkpoint decides."""
    log = place.open()
    fill(log, 5)
    log.close()
    place.segment().write_bytes(place.segment().read_bytes().replace(b'"n":2', b'"n":7'))
    (place.log / "tree").unlink()
    with pytest.raises(LogError, match="not what the newest checkpoint signed"):
        place.open()


def test_a_missing_segment_is_damage(place: Place) -> None:
    """A segment that is gone, shortened or badly named stops the opening."""
    log = place.open(Limits(segment_bytes=400))
    fill(log, 30)
    log.close()
    segments = sorted((place.log / "segments").iterdir())
    content = segments[2].read_bytes()
    for spoil in (
        segments[2].unlink,
        lambda: segments[2].write_bytes(content[:-20]),
        lambda: segments[2].write_bytes(content[: content.index(b"\n") + 1]),
        lambda: segments[2].rename(segments[2].with_name("strange")),
    ):
        spoil()
        with pytest.raises(LogError):
            place.open()
        segments[2].with_name("strange").unlink(missing_ok=True)
        segments[2].write_bytes(content)
    place.open().close()


def test_a_crash_between_the_two_files_of_a_checkpoint(place: Place) -> None:
    """A record in `checkpoints` that `checkpoint` does not have yet counts; a torn one is cut and recorded."""
    log = place.open()
    fill(log, 5)
    older = (place.log / "checkpoint").read_bytes()
    newest = log.checkpoint()
    crash(log)
    (place.log / "checkpoint").write_bytes(older)
    log = place.open()
    assert newest.note == (place.log / "checkpoint").read_text()
    crash(log)
    with (place.log / "checkpoints").open("ab") as file:
        file.write(b"test\n6\nAAAA")
    log = place.open()
    assert {"bytes_cut": 11, "rebuilt": False, "segment": place.segment().name} == list(log.entries())[-1].body
    log.close()
    assert [] == place.findings()


def test_a_foreign_checkpoint_is_damage(place: Place) -> None:
    """A newest checkpoint that this key did not sign stops the opening."""
    place.open().close()
    note = (place.log / "checkpoint").read_text().replace("\n0\n", "\n1\n")
    (place.log / "checkpoint").write_text(note)
    with pytest.raises(LogError, match="newest checkpoint"):
        place.open()


def test_a_log_with_entries_and_without_checkpoint_is_damage(place: Place) -> None:
    """Removing the checkpoints does not make the log start over."""
    log = place.open()
    fill(log, 2)
    log.close()
    (place.log / "checkpoint").unlink()
    with pytest.raises(LogError, match="is missing"):
        place.open()


WRITER = """
import os, sys, threading
from pathlib import Path
from appliance.log import FileLog, Limits
folder = Path(sys.argv[1])
log = FileLog(folder / "log", folder / "keys", "test", Limits(segment_bytes=20_000, checkpoint_entries=7))
def write(writer):
    n = 0
    while True:
        entry = log.append("a", {"writer": writer, "n": n, "x": "y" * (n * 37 % 300)})
        os.write(1, f"{entry.index} {entry.leaf}\\n".encode())
        n += 1
for writer in range(4):
    threading.Thread(target=write, args=(writer,)).start()
"""


@pytest.mark.slow
def test_kills_lose_nothing_that_was_acknowledged(place: Place) -> None:
    """Twenty writers killed at random moments: every acknowledged entry stays, the log verifies before and after."""
    moments = random.Random(7)
    acknowledged: dict[int, str] = {}
    kept: list[bytes] = []
    for _ in range(20):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place.log.parent)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert child.stdout is not None
        lines = [child.stdout.readline()]
        timer = threading.Timer(moments.uniform(0, 0.3), child.send_signal, [signal.SIGKILL])
        timer.start()
        lines += child.stdout.readlines()
        child.wait()
        child.stdout.close()
        assert -signal.SIGKILL == child.returncode
        whole = [line.decode().split() for line in lines if line.endswith(b"\n")]
        acknowledged |= {int(index): leaf for index, leaf in whole}
        report = verify_log(place.log, (place.keys / "log.pub").read_text(), kept)
        assert [] == report.findings
        found = {entry.index: entry.leaf for entry in read_entries(place.log)}
        assert acknowledged == {index: found.get(index) for index in acknowledged}
        kept.append((place.log / "checkpoint").read_bytes())
    log = place.open()
    assert acknowledged.items() <= {entry.index: entry.leaf for entry in log.entries()}.items()
    log.close()
    assert [] == verify_log(place.log, (place.keys / "log.pub").read_text(), kept).findings
