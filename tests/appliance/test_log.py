"""The log's promises on a real disk: restarts, keys, failing and full disks."""

from __future__ import annotations

import base64
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.errors import ApplianceError, HomeInUse, LogError, StorageFull
from appliance.log import FileLog, Limits
from appliance.merkle import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from appliance.segments import Hashes, entries_on_disk, read_entries
from tests.appliance.log_place import Place, fill

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


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


def test_an_unreadable_folder_is_explained(tmp_path: Path) -> None:
    """A log folder that is a file raises an error with a hint, not a stack."""
    (tmp_path / "log").write_bytes(b"")
    with pytest.raises(ApplianceError) as caught:
        FileLog(tmp_path / "log", tmp_path / "keys", "test")
    assert caught.value.hint


def test_the_verifier_key_is_as_others_expect_it(place: Place) -> None:
    """log.pub holds name, key id and the key's 33 bytes."""
    place.open().close()
    name, key_id, key = (place.keys / "log.pub").read_text().strip().split("+", 2)
    assert ("test", 8, 33) == (name, len(key_id), len(base64.b64decode(key)))
