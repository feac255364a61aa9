from __future__ import annotations

import io
from email.message import EmailMessage

import pytest

from appliance.types import Section
from ingest.parsers.mail import MailParser


def parsed(data: bytes) -> list[Section]:
    return list(MailParser().parse(io.BytesIO(data), "message/rfc822"))


def message(body: str, subtype: str = "plain") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Ada <ada@example.org>"
    mail["To"] = "Bob <bob@example.org>"
    mail["Subject"] = "Café contract"
    mail["Date"] = "Mon, 05 Feb 2024 10:00:00 +0100"
    mail.set_content(body, subtype=subtype)
    return mail


def test_headers_are_context_and_text() -> None:
    """The subject is the title, sender and day stand above the body, and all headers can be found as text."""
    found = [(s.kind, s.level, s.text) for s in parsed(message("Hi Bob,\n\nit ends on 3 März.\n").as_bytes())]
    assert found == [
        ("heading", 1, "Café contract"),
        (
            "paragraph",
            0,
            "From: Ada <ada@example.org>\nTo: Bob <bob@example.org>\nDate: Mon, 05 Feb 2024 10:00:00 +0100",
        ),
        ("heading", 2, "Ada <ada@example.org>, 2024-02-05"),
        ("paragraph", 0, "Hi Bob,"),
        ("paragraph", 0, "it ends on 3 März."),
    ]


def test_the_plain_version_comes_before_html_and_attachments_are_not_text() -> None:
    """Of two versions the plain one is read; what is attached is not part of the message."""
    mail = message("plain words")
    mail.add_alternative("<p>html words</p>", subtype="html")
    mail.add_attachment("attached words", filename="a.txt")
    assert [s.text for s in parsed(mail.as_bytes())][3:] == ["plain words"]


def test_a_message_in_html_alone_is_read() -> None:
    """Where there is no plain version, the HTML is read as a page."""
    assert [s.text for s in parsed(message("<p>html <b>words</b></p>", "html").as_bytes())][3:] == ["html words"]


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\nContent-Type: text/plain; charset=X-UNKNOWN\n\nwords\n",
        b"Subject: x\nContent-Type: text/plain; charset=utf-8\n\nwords \xe9\n",
        b"Subject: x\nDate: not a date\nFrom: <<>>\nContent-Transfer-Encoding: base64\n\nd29yZHM=\n",
    ],
)
def test_malformed_messages_still_give_their_words(data: bytes) -> None:
    """An unknown or wrong charset, a date that is none and a broken address are no reason to refuse a message."""
    assert "words" in parsed(data)[-1].text
