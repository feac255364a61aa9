"""`models pull` from wheels, from several sources together, and onto a disk that fills up."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.errors import HashMismatch, SourceError
from appliance.manifest import WheelMember, WheelMembers
from tests.hub import (
    ADDRESS,
    COMPLETE,
    DATA,
    HUB,
    Hub,
    file,
    files_in,
    parts,
    pull,
    spec,
    unreachable,
    wheel,
)

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


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


def test_after_wrong_bytes_the_next_source_is_tried(hub: Hub, folder: Path, tmp_path: Path) -> None:
    """One bad source does not stop a pull that another can complete."""
    hub.files[ADDRESS] = bytes(len(DATA))
    pull(folder, spec(file(HUB, parts(tmp_path / "links", 1))))
    assert COMPLETE == files_in(folder)
    assert DATA == (folder / "tiny" / "weights.gguf").read_bytes()


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


FULL_DISK = """
import sys
from pathlib import Path
from appliance.errors import StorageFull
from appliance.manifest import Manifest
from appliance.models import ModelFolder
from tests.hub import HUB, WheelMember, WheelMembers, file, files_in, spec

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
