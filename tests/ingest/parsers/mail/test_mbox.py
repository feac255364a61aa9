from __future__ import annotations

import io
from pathlib import Path

import pytest

from ingest import media
from ingest.files import BadFile
from ingest.parsers.mail.mbox import MboxParser
from ingest.parsers.options import Options

OPTIONS = Options(1, (), Path())
FIRST = b"From ada@example.org Mon Feb  5 10:00:00 2024\nFrom: ada@example.org\nSubject: Caf=?utf-8?q?=C3=A9?= a/b\n\n"


def mails(data: bytes) -> list[tuple[str, bytes]]:
    return [(m.name, b"".join(m.content)) for m in MboxParser(OPTIONS).parse(io.BytesIO(data), media.MBOX)]


def test_every_mail_is_a_member_with_its_subject() -> None:
    """A mailbox has no text of its own: its mails are files, numbered, named by subject, without the "From " line."""
    second = b"From bob@example.org Tue Feb  6 10:00:00 2024\nTo: ada@example.org\n\nanswer\n"
    assert mails(FIRST + b"hello\n\n" + second) == [
        ("0001 Café a b.eml", FIRST.partition(b"\n")[2] + b"hello\n"),
        ("0002 no subject.eml", b"To: ada@example.org\n\nanswer\n"),
    ]


def test_a_line_of_text_that_begins_with_from_does_not_cut_a_mail() -> None:
    """ "From " begins a mail only after a blank line and in front of a header."""
    body = b"one\nFrom here on: two\n\nFrom my point of view\nall is well.\n"
    assert [content for _, content in mails(FIRST + body)] == [FIRST.partition(b"\n")[2] + body]


def test_quoted_lines_lose_one_sign() -> None:
    """Writers put a ">" in front of lines that begin with "From ", however many there are already (mboxrd)."""
    body = b">From here\n>>From there\n> From nowhere\n"
    assert mails(FIRST + body)[0][1].endswith(b"\n\nFrom here\n>From there\n> From nowhere\n")


def test_line_ends_of_windows_are_line_ends() -> None:
    """Mailboxes with CRLF are cut in the same places."""
    data = (FIRST + b"hello\n\n" + FIRST + b"again\n").replace(b"\n", b"\r\n")
    assert [name for name, _ in mails(data)] == ["0001 Café a b.eml", "0002 Café a b.eml"]


def test_what_is_not_read_is_passed_over() -> None:
    """Whoever leaves a mail unread still gets the next one."""
    data = FIRST + b"hello\n\n" + FIRST + b"again\n"
    assert len([m.name for m in MboxParser(OPTIONS).parse(io.BytesIO(data), media.MBOX)]) == 2


def test_a_line_without_an_end_is_read_in_pieces() -> None:
    """A mail of one endless line comes in blocks, and "From " in the middle of it begins nothing."""
    body = b"x" * 65_536 + b"From a@b 2024 " + b"y" * 200_000
    found = MboxParser(OPTIONS).parse(io.BytesIO(FIRST + body), media.MBOX)
    blocks = list(next(found).content)
    assert b"".join(blocks).endswith(body)
    assert max(map(len, blocks)) < 200_000


@pytest.mark.parametrize("data", [b"no mail\nat all\n", b"From nobody\nwithout headers\n", b"\n\n"])
def test_a_mailbox_without_mail_is_damaged(data: bytes) -> None:
    """A file that is called a mailbox and has no mail in it says so."""
    with pytest.raises(BadFile) as caught:
        mails(data)
    assert caught.value.status == "damaged"
