"""Where model files come from: a Hugging Face hub over HTTPS, and wheels through pip.

These two classes are the only code of the appliance that opens a connection outward, and only `models pull` uses them.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from appliance.errors import SourceError, StorageFull
from appliance.manifest import HubFile, WheelMember, WheelMembers
from appliance.partial import BLOCK_BYTES, Partial

if TYPE_CHECKING:
    import httpx

PUBLIC_HUB = "https://huggingface.co"
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
# How often a download that was cut is taken up again, as long as each time brings something.
RESUMES = 20
POLL_SECONDS = 0.2

# Called with the number of bytes of the file that are here, and with what is being done.
Report = Callable[[int, str], None]


class Hub:
    """Files of a Hugging Face hub, or of the mirror that HF_ENDPOINT names.

    Proxy and CA certificates come from the usual environment variables. No credential is ever sent.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._client: httpx.Client | None = None
        self._unreachable = ""

    def fetch(self, source: HubFile, partial: Partial, report: Report) -> None:
        """Append to `partial` what it lacks. Raises SourceError, HashMismatch when the hub's file is longer."""
        import httpx  # costs a tenth of a second that every other command would pay

        if self._unreachable:
            raise SourceError(self._unreachable)
        address = f"{self._endpoint}/{source.repository}/resolve/{source.revision}/{quote(source.file)}"
        for _ in range(RESUMES):
            before = partial.length
            if before == partial.size_bytes:
                return
            try:
                self._stream(address, partial, report)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
                self._unreachable = f"{self._endpoint} cannot be reached: {error}"
                raise SourceError(self._unreachable) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if partial.length <= before:
                    reason = f"{address}: {str(error) or type(error).__name__}"
                    if isinstance(error, httpx.TimeoutException):
                        self._unreachable = reason  # the next file would wait as long for nothing
                    raise SourceError(reason) from error
            else:
                return
        raise SourceError(f"{address}: cut off {RESUMES} times")

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _stream(self, address: str, partial: Partial, report: Report) -> None:
        """Ask once for what is missing. Raises what httpx raises when the answer breaks off."""
        import httpx

        at = partial.length
        # Compressed transfer would make ranges count other bytes than the file's.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={at}-"} if at else {})
        with self._open().stream("GET", address, headers=headers) as answer:
            if answer.status_code not in (200, 206):
                raise SourceError(f"{address}: HTTP status {answer.status_code}")
            if answer.status_code == 200:
                at = 0  # the whole file, whatever was asked for
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {at}-"):
                raise SourceError(f"{address}: answers with another range than it was asked for")
            longer = False
            with partial.writing(at) as file:
                # As they arrive: what waits in a buffer is lost when the connection or the process ends.
                for block in answer.iter_bytes():
                    file.write(block[: partial.size_bytes - at])
                    at += len(block)
                    longer = at > partial.size_bytes
                    if longer:
                        break
                    report(at, "from Hugging Face")
        if longer:
            raise partial.overlong(address)
        if at < partial.size_bytes and not {"content-length", "transfer-encoding"} & set(answer.headers):
            raise httpx.RemoteProtocolError(f"ended after {at} of {partial.size_bytes} bytes")

    def _open(self) -> httpx.Client:
        import httpx

        def refuse_downgrade(request: httpx.Request) -> None:
            if self._endpoint.startswith("https://") and request.url.scheme != "https":
                raise SourceError(f"{self._endpoint} redirects to {request.url.host} without encryption")

        if self._client is None:
            try:
                self._client = httpx.Client(
                    follow_redirects=True,
                    timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                    event_hooks={"request": [refuse_downgrade]},
                )
            except (ValueError, ImportError, OSError) as error:
                raise SourceError(f"the proxy or certificate settings cannot be used: {error}") from error
        return self._client


class Wheels:
    """Members of wheels, fetched by this machine's own pip with its index, proxy and certificate configuration.

    `folder` holds wheels while they are needed; it has to be on the model folder's file system. `needed` says how many
    members each requirement will be asked for, so that a wheel that serves many files is fetched once.
    """

    def __init__(self, folder: Path, needed: Counter[str]) -> None:
        self._folder = folder
        self._needed = needed

    def fetch(self, source: WheelMembers, partial: Partial, report: Report) -> None:
        """Append to `partial` the members it lacks. Raises SourceError, HashMismatch when they are too long."""
        pieces = tuple(f"{member.requirement}:{member.member}" for member in source.members)
        done = partial.pieces()
        if done != pieces[: len(done)]:
            done = ()
        for number in range(len(done), len(pieces)):
            self._join(source.members[number], pieces[: number + 1], partial, report, len(pieces))

    def _join(self, member: WheelMember, pieces: tuple[str, ...], partial: Partial, report: Report, of: int) -> None:
        """Append one member, the last of `pieces`."""
        what = f"wheel {len(pieces)} of {of}, {member.requirement}"
        start = partial.joined_bytes() if len(pieces) > 1 else 0
        report(start, what)
        wheel = self._wheel(member, lambda seen: report(start + seen, what))
        # Only now, with something to put in its place, is a part given up that another source began.
        longer = _append(wheel, member.member, partial, start)
        self._release(member, wheel)
        if longer:
            raise partial.overlong(member.requirement)
        partial.joined(pieces)
        report(partial.length, what)

    def clear(self) -> None:
        """Remove all wheels."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wheel(self, member: WheelMember, seen: Callable[[int], None]) -> Path:
        """Return the wheel on disk, fetched if it is not there yet."""
        path = self._folder / f"{member.requirement}.whl"
        if path.is_file():
            return path
        if importlib.util.find_spec("pip") is None:
            raise SourceError(f"{member.requirement}: pip is not installed in {sys.prefix}")
        self._folder.mkdir(parents=True, exist_ok=True)
        for left_over in self._folder.glob("pip-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="pip-", dir=self._folder) as work:
            _pip_download(member.requirement, Path(work), seen)
            found = sorted((Path(work) / "wheels").glob("*.whl"))
            if len(found) != 1:
                raise SourceError(f"{member.requirement}: pip delivered {len(found)} wheels")
            found[0].replace(path)
        return path

    def _release(self, member: WheelMember, wheel: Path) -> None:
        self._needed[member.requirement] -= 1
        if self._needed[member.requirement] <= 0:
            wheel.unlink(missing_ok=True)


def _pip_download(requirement: str, work: Path, seen: Callable[[int], None]) -> None:
    """Run pip until the wheel lies in `work`/wheels. Its code is not run and what it depends on is not fetched."""
    # -P keeps the current folder out of the import path; without a cache no second gigabyte stays in the user's home.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "--dest", str(work / "wheels")]
    (work / "tmp").mkdir()
    try:
        child = subprocess.Popen(
            [*command, requirement],
            env={**os.environ, "TMPDIR": str(work / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise SourceError(f"{requirement}: pip cannot be started: {error}") from error
    said = None
    try:
        while said is None:
            with suppress(subprocess.TimeoutExpired):
                said = child.communicate(timeout=POLL_SECONDS)[0].decode(errors="replace")
            seen(_largest(work))
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if child.returncode:
        raise _pip_failed(requirement, work.parent, said)


def _pip_failed(requirement: str, folder: Path, said: str) -> SourceError | StorageFull:
    if os.strerror(errno.ENOSPC) in said:
        return StorageFull(
            f"the disk of {folder} is full: pip cannot store {requirement}",
            "Free space on it, or name a folder on a larger disk as models_dir.",
        )
    lines = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines() or ["it says nothing"]
    # pip reports an index that it cannot reach as a package that does not exist, and names the cause only in warnings.
    cause = " (the package index cannot be reached)" if "connection broken by" in said else ""
    return SourceError(f"{requirement}: pip failed: {lines[-1].removeprefix('ERROR: ')}{cause}")


def _largest(work: Path) -> int:
    """Return the size of the largest file under `work`: the wheel that pip is receiving."""
    sizes = [0]
    for folder, _, names in os.walk(work):
        for name in names:
            try:
                sizes.append((Path(folder) / name).stat().st_size)
            except FileNotFoundError:
                continue  # pip moved it meanwhile
    return max(sizes)


def _append(wheel: Path, member: str, partial: Partial, start: int) -> bool:
    """Write a member into `partial` from byte `start` on; return whether it is longer than there is room for."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as piece, partial.writing(start) as file:
            left = partial.size_bytes - start
            while left and (block := piece.read(min(BLOCK_BYTES, left))):
                file.write(block)
                left -= len(block)
            return bool(piece.read(1))
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        wheel.unlink(missing_ok=True)
        raise SourceError(f"{wheel.name}: {member} cannot be read: {error}") from error
