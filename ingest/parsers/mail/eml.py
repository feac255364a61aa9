"""Mail: what a mail program shows of it, and its attachments as documents of their own."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.mail import mime
from ingest.parsers.mail.compared import difference
from ingest.parsers.options import Options
from ingest.parsers.text.plain import decode, paragraphs
from ingest.parsers.web.html import html_sections

_HEADERS = ("From", "To", "Cc", "Date")
_HEADER_CHARACTERS = 300
_NAME_CHARACTERS = 200
# A mail in two bytes a character begins like this; no header begins with a zero.
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# The subject and the line of sender and day stand above whatever headings a page has.
_HEADINGS_ABOVE = 2
# Shorter differences are signs of the program that wrote the plain version ("[image: logo]").
_SUBSTANTIAL_CHARACTERS = 20


class MailParser:
    """Reads EML files and web pages saved as one file (MHTML)."""

    media_types = frozenset({media.MAIL})

    def __init__(self, options: Options) -> None:
        del options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield the subject as title, who wrote to whom and when as text and as heading, the body, the attachments.

        Where a body exists in HTML and as plain text, programs show the HTML: so that is read, and plain text that says
        something else is a finding. Pictures inside a page are part of it and not attachments. Raises BadFile for a
        mail that is encrypted.
        """
        mail = mime.parse(_bytes(file))
        found = mime.contents(mail)
        if found.sealed and not found.shown:
            raise _sealed(found.sealed)
        yield from headers({name: mime.header(mail, name, _HEADER_CHARACTERS) for name in ("Subject", *_HEADERS)})
        pages: set[str] = set()
        displayed: list[str] = []
        for part in found.shown:
            words = mime.text(part)
            is_page = part.get_content_type() == "text/html"
            pages.update(mime.referenced(words) if is_page else ())
            for each in page(words) if is_page else paragraphs(words):
                displayed.append(each.text if isinstance(each, Section) else "")
                yield each
        yield from beyond("\n".join(map(mime.text, found.hidden)), "\n".join(displayed))
        for number, part in enumerate(found.attached, 1):
            is_image = part.get_content_maintype() == "image"
            if not (is_image and mime.content_id(part) in pages):
                yield Member(_name(part, number), _content(part))


def headers(values: dict[str, str]) -> Iterator[Section]:
    """Yield a mail's headers: the subject as title, all of them as text, sender and day as heading of the body."""
    if subject := values.get("Subject", ""):
        yield Section(subject, None, "heading", level=1)
    lines = [f"{name}: {value}" for name in _HEADERS if (value := values.get(name, ""))]
    if lines:
        yield Section("\n".join(lines), None, "paragraph")
    context = ", ".join(part for part in (values.get("From", ""), day(values.get("Date", ""))) if part)
    if context:
        yield Section(context, None, "heading", level=2)


def page(markup: str) -> Iterator[Section | Finding]:
    """Yield what is displayed of a body in HTML, its headings below those of the mail."""
    for each in html_sections(markup):
        if isinstance(each, Section) and each.kind == "heading":
            yield replace(each, level=each.level + _HEADINGS_ABOVE)
        else:
            yield each


def beyond(plain: str, displayed: str) -> Iterator[Finding]:
    """Yield a finding where the plain version of a body says substantially more than what is displayed."""
    characters = difference(plain, displayed) if plain.strip() else 0
    if characters >= _SUBSTANTIAL_CHARACTERS:
        yield Finding("hidden", "plain text version", characters)


def day(date: str) -> str:
    """Return the day of a mail's date (RFC 5322) as in ISO 8601, "" for what is no date."""
    try:
        return parsedate_to_datetime(date).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def _bytes(file: BinaryIO) -> bytes:
    data = file.read()
    if data.startswith(_WIDE) or b"\0" in data[:4]:
        return decode(data).encode("utf-8", "replace")
    # Marks and blank lines in front would end the headers before they began.
    return data.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")


def _sealed(how: str) -> BadFile:
    if how == "encrypted":
        return BadFile("encrypted", "the mail is encrypted", "Open it in your mail program and save it decrypted.")
    reason = "the text of this mail is packed inside its signature (S/MIME)"
    return BadFile("unsupported", reason, "Open it in your mail program and save it as PDF or text.")


def _name(part: mime.Part, number: int) -> str:
    """Return the name of an attachment; that of a mail by its subject, any other by its number where it has none."""
    if name := mime.file_name(part):
        return name
    inner = mime.children(part)
    if part.get_content_type() == "message/rfc822" and inner:
        subject = mime.header(inner[0], "Subject", _NAME_CHARACTERS) or f"attachment-{number}"
        return subject.replace("/", "-").replace("\\", "-") + ".eml"
    return f"attachment-{number}.{mime.suffix(part)}"


def _content(part: mime.Part) -> Iterator[bytes]:
    yield mime.payload(part)
