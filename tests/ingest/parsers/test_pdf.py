from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ingest.files import BadFile
from ingest.parsers.pdf import PdfParser

Line = tuple[int, str]


def pdf(pages: Sequence[Sequence[Line]], password: str = "") -> io.BytesIO:
    """Return a PDF with these lines, each at its height in points."""
    file = io.BytesIO()
    canvas = Canvas(file, encrypt=StandardEncryption(password) if password else None)
    for lines in pages:
        for height, text in lines:
            canvas.drawString(72, height, text)
        canvas.showPage()
    canvas.save()
    file.seek(0)
    return file


def parsed(file: io.BytesIO) -> list[tuple[int | None, str]]:
    return [(section.page, section.text) for section in PdfParser().parse(file, "application/pdf")]


def test_pages_count_from_one_and_gaps_make_paragraphs() -> None:
    """Text is found page by page; lines close together are one paragraph, a wider gap begins the next."""
    first = [
        (700, "This is the first line of a paragraph that"),
        (686, "goes on in the second line and in a third"),
        (672, "one."),
        (630, "Another paragraph stands further below it."),
    ]
    assert parsed(pdf([first, [], [(700, "Third page.")]])) == [
        (1, "This is the first line of a paragraph that goes on in the second line and in a third one."),
        (1, "Another paragraph stands further below it."),
        (3, "Third page."),
    ]


def test_rows_stay_on_lines_of_their_own() -> None:
    """Lines much shorter than the page's long ones end where they end."""
    lines = [
        (700, "Housing V25  21.40 EUR"),
        (686, "Housing V40  33.80 EUR"),
        (672, "The prices above hold for a year, " * 2),
    ]
    assert parsed(pdf([lines]))[0][1].split("\n")[:2] == ["Housing V25 21.40 EUR", "Housing V40 33.80 EUR"]


def test_words_divided_at_the_end_of_a_line_are_put_together() -> None:
    """A hyphen goes when it only divides; it stays in compounds whose parts occur by themselves."""
    lines = [
        (700, "The party of the third part gets all the infor-"),
        (686, "mation, and so does every other third-"),
        (672, "party."),
    ]
    assert parsed(pdf([lines])) == [
        (1, "The party of the third part gets all the information, and so does every other third-party.")
    ]


@pytest.mark.parametrize(
    ("file", "status"),
    [
        (pdf([[]]), "empty"),
        (pdf([[(700, "secret")]], password="key"), "encrypted"),
        (io.BytesIO(b"%PDF-1.7\nnothing behind it"), "damaged"),
    ],
    ids=["no text", "password", "broken"],
)
def test_what_cannot_be_read_says_why(file: io.BytesIO, status: str) -> None:
    """Scans, protected and broken files each have their status, a reason and a hint."""
    with pytest.raises(BadFile) as caught:
        parsed(file)
    assert caught.value.status == status
    assert caught.value.reason
    assert caught.value.hint
