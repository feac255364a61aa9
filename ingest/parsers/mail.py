"""Mail: headers by the standard library, the body by unstructured. Attachments are not read."""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from appliance.types import Section
from ingest import media
from ingest.parsers.elements import partition, sections

_HEADERS = ("From", "To", "Cc", "Date")
_HEADER_CHARACTERS = 300


class MailParser:
    """Reads EML files."""

    media_types = frozenset({media.MAIL})

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section]:
        """Yield the subject as title, who wrote to whom and when as text and as heading, then the body."""
        message = BytesParser(EmailMessage, policy=policy.default).parse(file, headersonly=True)
        file.seek(0)
        subject = _header(message, "Subject")
        if subject:
            yield Section(subject, None, "heading", level=1)
        lines = [f"{name}: {value}" for name in _HEADERS if (value := _header(message, name))]
        if lines:
            yield Section("\n".join(lines), None, "paragraph")
        context = ", ".join(part for part in (_header(message, "From"), _date(message)) if part)
        if context:
            yield Section(context, None, "heading", level=2)
        yield from sections(partition("email", file, process_attachments=False))


def _header(message: EmailMessage, name: str) -> str:
    # The header registry parses lazily, and raises whatever a malformed value makes it stumble over.
    try:
        value = str(message.get(name, ""))
    except (ValueError, IndexError, AttributeError, TypeError, KeyError, LookupError):
        return ""
    return " ".join(value.split())[:_HEADER_CHARACTERS]


def _date(message: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""
