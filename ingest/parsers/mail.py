"""Mail: the standard library takes it apart, unstructured reads bodies in HTML. Attachments are not read."""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import BinaryIO

from appliance.types import Section
from ingest import media
from ingest.parsers.elements import partition, sections
from ingest.parsers.text import decode, paragraphs

_HEADERS = ("From", "To", "Cc", "Date")
_HEADER_CHARACTERS = 300


class MailParser:
    """Reads EML files."""

    media_types = frozenset({media.MAIL})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield the subject as title, who wrote to whom and when as text and as heading, then the body."""
        message = BytesParser(EmailMessage, policy=policy.default).parse(file)
        subject = _header(message, "Subject")
        if subject:
            yield Section(subject, None, "heading", level=1)
        lines = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
        if lines:
            yield Section("\n".join(lines), None, "paragraph")
        context = ", ".join(part for part in (_header(message, "From"), _date(message)) if part)
        if context:
            yield Section(context, None, "heading", level=2)
        yield from _body(message)


def _body(message: EmailMessage) -> Iterator[Section]:
    """Yield what a reader sees of the message: the plain text where there is one, else the HTML."""
    part = message.get_body(("plain", "html"))
    if part is None:
        return
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    text = _decoded(data, str(part.get_content_charset() or ""))
    if part.get_content_type() == "text/html":
        yield from sections(partition("html", BytesIO(text.encode("utf-8", "replace")), encoding="utf-8"))
    else:
        yield from paragraphs(text)


def _decoded(data: bytes, charset: str) -> str:
    """Return the text; by its bytes alone where the charset is missing, unknown or wrong."""
    try:
        return data.decode(charset or "utf-8").replace("\r\n", "\n")
    except (LookupError, ValueError):
        return decode(data)


def _header(message: EmailMessage, name: str) -> str:
    # The header registry parses lazily, and raises whatever a malformed value makes it stumble over.
    try:
        value = str(message.get(name, ""))
    except (ValueError, LookupError, AttributeError, TypeError):
        return ""
    return " ".join(value.split())[:_HEADER_CHARACTERS]


def _date(message: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
