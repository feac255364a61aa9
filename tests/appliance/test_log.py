"""The log's promises on a real disk: restarts, crashes, full disks, foreign keys, damage."""

from __future__ import annotations

import base64
import errno
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.errors import ApplianceError, HomeInUse, LogError, StorageFull
from appliance.log import FileLog, Limits
from appliance.merkle import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from appliance.segments import Hashes, entries_on_disk, read_entries
from appliance.verify import verify_log

ROOT = Path(__file__).parents[2]
NO_SIGNATURES = Limits(checkpoint_entries=10**9, checkpoint_seconds=1e9)


class Place:
    """Where one test's log lives."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.keys = folder / "keys"

    def open(self, limits: Limits = NO_SIGNATURES, sync: Callable[[int], None] = os.fsync) -> FileLog:
        return FileLog(self.log, self.keys, "test", limits, sync)

    def segment(self) -> Path:
        return max((self.log / "segments").iterdir())

    def findings(self) -> list[str]:
        report = verify_log(self.log, (self.keys / "log.pub").read_text())
        return [f"{finding.place}: {finding.what}" for finding in report.findings]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def crash(log: FileLog) -> None:
    """Leave the files as a killed process does: the lock is gone, no last checkpoint is signed."""
    os.close(log._lock)


def fill(log: FileLog, count: int) -> None:
    for n in range(count):
        log.append("test.entry", {"n": n})


def test_a_line_is_canonical_json_with_all_fields(place: Place) -> None:
    """A line on disk is what the format says, byte for byte."""
    log = place.open()
    entry = log.append("answer.given", {"z": 1, "a": "ü"}, version=2)
    expected = f'{{"body":{{"a":"ü","z":1}},"index":0,"kind":"answer.given","time":"{entry.time}","version":2}}\n'
    assert expected.encode() == place.segment().read_bytes()
    assert "00000000000000000000.jsonl" == place.segment().name
    log.close()


def test_everything_is_there_after_a_restart(place: Place) -> None:
    """Entries and tree go on where they stopped."""
    heads = []
    for _ in range(4):
        log = place.open()
        fill(log, 7)
        heads.append(log.checkpoint())
        log.close()
    log = place.open()
    assert 28 == log.size()
    assert list(range(28)) == [entry.index for entry in log.entries()]
    assert [7, 14, 21, 28] == [head.size for head in heads]
    assert [] == place.findings()
    log.close()


def test_segments_begin_where_the_last_one_ended(place: Place) -> None:
    """A segment that has reached its size is followed by one named for its first entry."""
    limits = Limits(segment_bytes=500, checkpoint_entries=10)
    for _ in range(3):
        log = place.open(limits)
        fill(log, 20)
        log.close()
    names = sorted(file.name for file in (place.log / "segments").iterdir())
    assert len(names) > 5
    for name in names:
        first = (place.log / "segments" / name).read_text().split("\n")[0]
        assert int(name[:20]) == json.loads(first)["index"]
    assert list(range(13, 47)) == [entry.index for entry in read_entries(place.log, 13, 47)]
    assert [] == place.findings()


def test_checkpoints_come_at_their_interval(place: Place) -> None:
    """A checkpoint is signed for the empty log, every N entries, and at the end; the newest stands alone as well."""
    log = place.open(Limits(checkpoint_entries=10))
    fill(log, 25)
    log.close()
    notes = (place.log / "checkpoints").read_text().split("\n\n")
    assert ["0", "10", "20", "25"] == [note.split("\n")[1] for note in notes if note.startswith("test\n")]
    assert (place.log / "checkpoints").read_text().endswith((place.log / "checkpoint").read_text() + "\n")


def test_a_late_append_is_signed_at_once(place: Place) -> None:
    """When the newest checkpoint is older than the limit, the next append renews it."""
    log = place.open(Limits(checkpoint_seconds=0.0))
    log.append("a", {})
    assert "1" == (place.log / "checkpoint").read_text().split("\n")[1]
    log.close()


def test_proofs_come_from_the_files(place: Place) -> None:
    """What lies in the folder suffices for inclusion and consistency proofs that hold."""
    log = place.open()
    fill(log, 20)
    early = log.checkpoint()
    fill(log, 30)
    late = log.checkpoint()
    entry = list(log.entries())[17]
    with Hashes(place.log, writable=False) as hashes:
        inclusion = inclusion_proof(hashes.node, 17, 50)
        consistency = consistency_proof(hashes.node, 20, 50)
    roots = bytes.fromhex(early.root), bytes.fromhex(late.root)
    assert verify_inclusion(bytes.fromhex(entry.leaf), 17, 50, inclusion, roots[1])
    assert verify_consistency(20, 50, consistency, *roots)
    log.close()


def test_one_writer(place: Place) -> None:
    """A second opening raises HomeInUse while the first lasts, and readers need no lock."""
    log = place.open()
    fill(log, 3)
    with pytest.raises(HomeInUse) as caught:
        place.open()
    assert caught.value.hint
    assert 3 == entries_on_disk(place.log) == len(list(read_entries(place.log)))
    log.close()
    place.open().close()


def test_threads_share_a_sync(place: Place) -> None:
    """Sixteen waiting writers take fewer syncs than entries."""
    syncs = []

    def sync(descriptor: int) -> None:
        syncs.append(descriptor)
        os.fsync(descriptor)
        time.sleep(0.005)  # a disk slower than this machine's may be

    log = place.open(sync=sync)
    threads = [threading.Thread(target=fill, args=(log, 10)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 160 == log.size()
    assert len(syncs) < 80
    log.close()


# Keys


def test_no_new_key_for_an_old_log(place: Place) -> None:
    """A log whose key is gone is not signed by another."""
    log = place.open()
    fill(log, 2)
    log.close()
    (place.keys / "log.key").rename(place.keys / "away")
    with pytest.raises(LogError, match="missing") as caught:
        place.open()
    assert "Put the key back" in caught.value.hint
    (place.keys / "away").rename(place.keys / "log.key")
    assert 2 == place.open().size()


def test_no_new_log_for_an_old_key(place: Place) -> None:
    """A log that was taken away is not silently begun again."""
    log = place.open()
    fill(log, 2)
    log.close()
    shutil.rmtree(place.log)
    with pytest.raises(LogError, match="has none") as caught:
        place.open()
    assert "Restore" in caught.value.hint


def test_a_start_that_was_cut_short_is_finished(place: Place) -> None:
    """A crash between the making of the key and the first checkpoint leaves a log that opens."""
    place.open().close()
    (place.log / "checkpoint").unlink()
    (place.log / "checkpoints").unlink()
    log = place.open()
    fill(log, 1)
    log.close()
    assert [] == place.findings()


def test_another_name_is_refused(place: Place) -> None:
    """A renamed log is told its former name."""
    place.open().close()
    with pytest.raises(LogError, match="'test'"):
        FileLog(place.log, place.keys, "renamed")


# Failing disks


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let the system refuse to write any file beyond `size` bytes, after taking what fits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_refused_write_leaves_the_log_as_it_was(place: Place) -> None:
    """Half a line that the disk took is cut off again, and the log goes on."""
    log = place.open()
    fill(log, 3)
    before = place.segment().read_bytes()
    with file_size_limit(len(before) + 50), pytest.raises(LogError, match="cannot be written"):
        log.append("a", {"text": "x" * 200})
    assert before == place.segment().read_bytes()
    assert 3 == log.size()
    assert 3 == log.append("a", {}).index
    log.close()
    assert [] == place.findings()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_failed_sync_leaves_the_log_as_it_was(place: Place, code: int) -> None:
    """An entry whose sync failed is not in the log, and every one of its writers hears so."""
    failing = threading.Event()

    def sync(descriptor: int) -> None:
        if failing.is_set():
            failing.clear()
            raise OSError(code, os.strerror(code))
        os.fsync(descriptor)

    log = place.open(sync=sync)
    fill(log, 3)
    failing.set()
    with pytest.raises(StorageFull if code == errno.ENOSPC else LogError) as caught:
        log.append("a", {})
    assert isinstance(caught.value.__cause__, OSError)
    assert 3 == log.size() == len(list(log.entries()))
    assert 3 == log.append("a", {}).index
    log.close()
    assert [] == place.findings()


def test_a_log_that_cannot_be_put_back_refuses_everything(place: Place) -> None:
    """When even the cutting back fails, nothing more is taken until the next start, which recovers."""
    broken = threading.Event()

    def sync(descriptor: int) -> None:
        if broken.is_set():
            raise OSError(errno.EIO, "broken")
        os.fsync(descriptor)

    log = place.open(sync=sync)
    fill(log, 3)
    broken.set()
    with pytest.raises(LogError):
        log.append("a", {})
    broken.clear()
    for use in (lambda: log.append("a", {}), log.checkpoint, lambda: list(log.entries())):
        with pytest.raises(LogError, match="could not be put back"):
            use()
    log.close()
    log = place.open()
    assert 3 == log.append("a", {}).index
    log.close()
    assert [] == place.findings()


def test_a_checkpoint_that_fails_takes_no_entry_back(place: Place) -> None:
    """An entry that is on disk is acknowledged even if the checkpoint after it could not be signed."""
    calls = []

    def sync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the first is the entry's own
            raise OSError(errno.ENOSPC, "full")
        os.fsync(descriptor)

    log = place.open(Limits(checkpoint_entries=1), sync)
    assert 0 == log.append("a", {}).index
    assert "0" == (place.log / "checkpoint").read_text().split("\n")[1]
    assert 1 == log.append("a", {}).index
    assert "2" == (place.log / "checkpoint").read_text().split("\n")[1]
    log.close()


FULL_DISK = """
import sys
from pathlib import Path
from appliance.errors import StorageFull
from appliance.log import FileLog
from appliance.verify import verify_log
folder = Path(sys.argv[1])
log = FileLog(folder / "log", folder / "keys", "test")
try:
    while True:
        log.append("a", {"text": "x" * 3000})
except StorageFull as error:
    print(error.message)
size = log.size()
(folder / "ballast").unlink()
assert log.append("a", {}).index == size
log.close()
assert verify_log(folder / "log", (folder / "keys" / "log.pub").read_text()).findings == []
"""


def test_a_full_disk(tmp_path: Path) -> None:
    """On a disk that is really full append raises StorageFull; with space again the log goes on, whole."""
    mount = f'mount -t tmpfs -o size=400k none "{tmp_path}" && head -c 100000 /dev/zero > "{tmp_path}/ballast"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*command, mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    script = f'{mount} && exec "$0" -c "$1" "{tmp_path}"'
    run = subprocess.run(
        [*command, script, sys.executable, FULL_DISK], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (0, "the entry cannot be written: the disk is full\n") == (run.returncode, run.stdout), run.stderr


# Crashes


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
        acknowledged |= dict((int(i), leaf) for i, leaf in (line.decode().split() for line in lines if line[-1:] == b"\n"))  # fmt: skip # noqa: E501
        report = verify_log(place.log, (place.keys / "log.pub").read_text(), kept)
        assert [] == report.findings
        found = {entry.index: entry.leaf for entry in read_entries(place.log)}
        assert acknowledged == {index: found.get(index) for index in acknowledged}
        kept.append((place.log / "checkpoint").read_bytes())
    log = place.open()
    assert acknowledged.items() <= {entry.index: entry.leaf for entry in log.entries()}.items()
    log.close()
    assert [] == verify_log(place.log, (place.keys / "log.pub").read_text(), kept).findings


def test_an_unreadable_folder_is_explained(tmp_path: Path) -> None:
    """A log folder that is a file raises an error with a hint, not a stack."""
    (tmp_path / "log").write_bytes(b"")
    with pytest.raises(ApplianceError) as caught:
        FileLog(tmp_path / "log", tmp_path / "keys", "test")
    assert caught.value.hint


def test_the_verifier_key_is_as_others_expect_it(place: Place) -> None:
    """log.pub holds name, key id and the key's 33 bytes."""
    place.open().close()
    name, key_id, key = (place.keys / "log.pub").read_text().strip().split("+")
    assert ("test", 8, 33) == (name, len(key_id), len(base64.b64decode(key)))
