from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from appliance.errors import ShareError
from ingest.files import BadFile, open_file, open_share
from ingest.readers import Access
from ingest.walk import Found, walk


def walked(share: Path) -> dict[str, Found]:
    descriptor = open_share(str(share))
    try:
        return {found.path: found for found in walk(descriptor, Access(()))}
    finally:
        os.close(descriptor)


def test_files_come_in_order_with_size_and_time(share: Path) -> None:
    """Every file is found once, in the order of the bytes of whole paths, with its size and time."""
    (share / "b").mkdir()
    expected = ["a.md", "b-c.md", "b.md", "b/d.md", "b0.md", "Größe.md", os.fsdecode(b"\xff.md")]
    expected.sort(key=os.fsencode)
    for name in expected:
        (share / name).write_text("four")
        os.utime(share / name, ns=(5, 7))
    found = walked(share)
    assert list(found) == expected
    assert {(f.stamp.size_bytes, f.stamp.modified_ns, f.problem) for f in found.values()} == {(4, 7, None)}


def test_links_are_reported_and_never_followed(share: Path, tmp_path: Path) -> None:
    """A symbolic link, to a file or a folder, inside or outside of the share, is a row and nothing more."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "payroll.md").write_text("secret")
    (share / "real.md").write_text("text")
    (share / "inside.md").symlink_to(share / "real.md")
    (share / "outside.md").symlink_to(tmp_path / "secret" / "payroll.md")
    (share / "folder").symlink_to(tmp_path / "secret")
    (share / "dangling").symlink_to("nowhere")
    found = walked(share)
    refused = {path: f.problem.status for path, f in found.items() if f.problem}
    assert refused == dict.fromkeys(("inside.md", "outside.md", "folder", "dangling"), "unsupported")
    assert set(found) == {*refused, "real.md"}


def test_pipes_and_sockets_are_never_opened(share: Path) -> None:
    """A named pipe without a writer does not stop the walk, and is reported for what it is."""
    os.mkfifo(share / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(share, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        reasons = {path: f.problem.reason for path, f in walked(share).items() if f.problem}
    assert reasons == {"pipe": "a named pipe, which is never opened", "socket": "a socket, which is never opened"}


def test_any_file_name_is_fine(share: Path) -> None:
    """Names with line breaks and names that are no UTF-8 are found, and can be opened by what was found."""
    for name in (b"two\nlines.md", b"latin-\xe9.md", "Größe.md".encode()):
        (share / os.fsdecode(name)).write_text("text")
    found = walked(share)
    assert set(found) == {"two\nlines.md", "latin-\udce9.md", "Größe.md"}
    descriptor = open_share(str(share))
    for path in found:
        file = open_file(descriptor, path)
        assert os.read(file, 10) == b"text"
        os.close(file)
    os.close(descriptor)


def test_what_programs_leave_behind_is_left_out(share: Path) -> None:
    """Lock files, thumbnails and version control have no row; other hidden files have."""
    (share / ".git").mkdir()
    for name in (".git/config", "~$report.docx", ".DS_Store", "Thumbs.db", ".~lock.plan.odt#", ".notes.md"):
        (share / name).write_text("x")
    assert set(walked(share)) == {".notes.md"}


def test_a_folder_that_cannot_be_read_is_a_row(share: Path) -> None:
    """A folder that disappears while the share is walked is reported, and the walk goes on."""
    (share / "a").mkdir()
    (share / "b").mkdir()
    (share / "b" / "kept.md").write_text("x")
    (share / "0.md").write_text("x")
    descriptor = open_share(str(share))
    steps = walk(descriptor, Access(()))
    assert next(steps).path == "0.md"
    (share / "a").rmdir()
    rest = {found.path: found.problem.status if found.problem else "" for found in steps}
    os.close(descriptor)
    assert rest == {"a/": "unreadable", "b/kept.md": ""}


def test_a_link_that_takes_a_files_place_is_not_followed(share: Path, tmp_path: Path) -> None:
    """A file or folder swapped for a symbolic link after the walk leads nowhere."""
    (tmp_path / "secret.md").write_text("secret")
    (share / "folder").mkdir()
    (share / "folder" / "secret.md").write_text("harmless")
    (share / "file.md").write_text("harmless")
    descriptor = open_share(str(share))
    (share / "file.md").unlink()
    (share / "file.md").symlink_to(tmp_path / "secret.md")
    (share / "folder").rename(tmp_path / "moved")
    (share / "folder").symlink_to(tmp_path)
    reasons = []
    for path in ("file.md", "folder/secret.md"):
        with pytest.raises(BadFile) as caught:
            open_file(descriptor, path)
        reasons.append((caught.value.status, caught.value.reason))
    os.close(descriptor)
    assert reasons == [("unreadable", "a symbolic link took its place while the share was read")] * 2


def test_a_pipe_that_takes_a_files_place_does_not_block(share: Path) -> None:
    """Opening a path that has become a pipe returns at once, with the reason."""
    os.mkfifo(share / "file.md")
    descriptor = open_share(str(share))
    with pytest.raises(BadFile) as caught:
        open_file(descriptor, "file.md")
    os.close(descriptor)
    assert caught.value.status == "unreadable"


@pytest.mark.parametrize(("name", "said"), [("missing", "does not exist"), ("file", "is not a folder")])
def test_a_share_that_is_none_is_refused_with_a_hint(tmp_path: Path, name: str, said: str) -> None:
    """A share that does not exist, or is a file, is an error that names it and says what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ShareError) as caught:
        open_share(str(tmp_path / name))
    assert said in caught.value.message
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint


def test_a_share_without_the_right_to_read_is_refused_with_a_hint(share: Path) -> None:
    """Without the right to read it, the share is an error; a folder and a file inside are rows of their own."""
    (share / "closed").mkdir()
    (share / "closed.md").write_text("x")
    (share / "open.md").write_text("x")
    (share / "closed").chmod(0)
    (share / "closed.md").chmod(0)
    with as_nobody(share):
        descriptor = open_share(str(share))
        problems = {found.path: found.problem.reason if found.problem else "" for found in walk(descriptor, Access(()))}
        with pytest.raises(BadFile) as unreadable:
            open_file(descriptor, "closed.md")
        os.close(descriptor)
    share.chmod(0)
    with as_nobody(), pytest.raises(ShareError) as refused:
        open_share(str(share))
    share.chmod(0o755)
    assert problems == {"closed.md": "", "open.md": "", "closed/": "permission denied"}
    assert (unreadable.value.status, unreadable.value.reason) == ("unreadable", "permission denied")
    assert "permission denied" in refused.value.message
    assert refused.value.hint


class as_nobody:  # noqa: N801  # reads as a statement
    """Take root's rights away for a while. Others have none to take; `folders` are opened up for them."""

    def __init__(self, *folders: Path) -> None:
        for folder in folders:
            for parent in (folder, *folder.parents):
                if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
                    parent.chmod(parent.stat().st_mode | 0o055)

    def __enter__(self) -> None:
        self._user = os.geteuid()
        if self._user == 0:
            os.seteuid(65534)

    def __exit__(self, *error: object) -> None:
        os.seteuid(self._user)
