from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from appliance.types import Box
from ingest.files import BadFile
from ingest.parsers.pdf.page import Frame
from tests.ingest.parsers.pdf.made import drawn, parsed, stream, words, written

Line = tuple[int, str]


def pdf(pages: Sequence[Sequence[Line]], password: str = "", owner: str | None = None) -> io.BytesIO:
    """Return a PDF with these lines, each at its height in points."""
    file = io.BytesIO()
    encryption = StandardEncryption(password, owner) if password or owner else None
    canvas = Canvas(file, encrypt=encryption)
    for lines in pages:
        for height, text in lines:
            canvas.drawString(72, height, text)
        canvas.showPage()
    canvas.save()
    file.seek(0)
    return file


def texts(file: io.BytesIO) -> list[tuple[int | None, str]]:
    return [(section.page, section.text) for section in parsed(file)[0]]


def test_pages_count_from_one_and_gaps_make_paragraphs() -> None:
    """Text is found page by page; lines close together are one paragraph, a wider gap begins the next."""
    first = [
        (700, "This is the first line of a paragraph that"),
        (686, "goes on in the second line and in a third"),
        (672, "one."),
        (630, "Another paragraph stands further below it."),
    ]
    assert texts(pdf([first, [], [(700, "Third page.")]])) == [
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
    assert texts(pdf([lines]))[0][1].split("\n")[:2] == ["Housing V25 21.40 EUR", "Housing V40 33.80 EUR"]


def test_the_cells_of_a_row_stay_together() -> None:
    """A row of cells is a line, however long its neighbours are; a paragraph's number is no cell."""

    def page(canvas: Canvas) -> None:
        for i, row in enumerate((("Item", "Price", "Stock"), ("Housing", "21.40", "7"), ("Motor", "300.00", "12"))):
            for j, cell in enumerate(row):
                canvas.drawString(40 + 150 * j, 400 - 14 * i, cell)
        canvas.drawString(40, 340, "(a)")
        canvas.drawString(80, 340, "The items above are delivered from stock wherever that is possible, and")
        canvas.drawString(80, 326, "else within two weeks.")

    assert [section.text for section in parsed(drawn(page))[0]] == [
        "Item Price Stock\nHousing 21.40 7\nMotor 300.00 12",
        "(a) The items above are delivered from stock wherever that is possible, and else within two weeks.",
    ]


def test_words_divided_at_the_end_of_a_line_are_put_together() -> None:
    """A hyphen goes when it only divides; it stays in compounds whose parts occur by themselves."""
    lines = [
        (700, "The party of the third part gets all the infor-"),
        (686, "mation, and so does every other third-"),
        (672, "party."),
    ]
    assert texts(pdf([lines])) == [
        (1, "The party of the third part gets all the information, and so does every other third-party.")
    ]


def test_a_number_that_nearly_touches_its_first_word_is_apart() -> None:
    """A narrow gap after a paragraph's number is a space; where there is none, as in 3D, none is put."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(40, 400, "3.1")
        canvas.drawString(40 + canvas.stringWidth("3.1") + 0.9, 400, "Delivery is due in spring.")
        canvas.drawString(40, 300, "3D models are not delivered.")

    assert words(parsed(drawn(page))[0]) == "3.1 Delivery is due in spring. 3D models are not delivered."


def at_lower_left(canvas: Canvas) -> None:
    canvas.drawString(100, 60, "Here")


@pytest.mark.parametrize(
    ("turn", "crop", "expected"),
    [
        (0, None, Box(100.9, 431.4, 125.9, 440.1)),
        (90, None, Box(60.0, 100.9, 68.7, 125.9)),
        (180, None, Box(374.1, 60.0, 399.1, 68.7)),
        (270, None, Box(431.4, 374.1, 440.1, 399.1)),
        (0, (50, 20, 450, 320), Box(50.9, 251.4, 75.9, 260.1)),
        (90, (50, 20, 450, 320), Box(40.0, 50.9, 48.7, 75.9)),
    ],
)
def test_boxes_are_where_the_page_shows_the_text(turn: int, crop: tuple[int, ...] | None, expected: Box) -> None:
    """Boxes count from the top left of the page as displayed: turned, and cut to its crop box."""

    def page(canvas: Canvas) -> None:
        canvas.setPageRotation(turn)
        if crop:
            canvas.setCropBox(crop)
        at_lower_left(canvas)

    (section,), _ = parsed(drawn(page))
    box = section.box
    assert box is not None
    found = (box.left, box.top, box.right, box.bottom)
    assert found == pytest.approx((expected.left, expected.top, expected.right, expected.bottom), abs=1.0)


def test_large_short_lines_are_headings() -> None:
    """Lines in clearly larger letters are headings, the largest highest; a large sentence is none."""

    def page(canvas: Canvas) -> None:
        for size, height, text in (
            (24, 450, "Travel Policy"),
            (16, 400, "Trains"),
            (16, 250, "Trains are preferred to planes."),
        ):
            canvas.setFont("Helvetica", size)
            canvas.drawString(40, height, text)
        canvas.setFont("Helvetica", 10)
        for i in range(5):
            canvas.drawString(
                40, 370 - 12 * i, "Employees travel by train wherever that takes less than five hours, and"
            )

    sections, _ = parsed(drawn(page))
    assert [(s.kind, s.level, s.text) for s in sections if s.kind == "heading"] == [
        ("heading", 1, "Travel Policy"),
        ("heading", 2, "Trains"),
    ]
    assert [s.kind for s in sections if s.text.startswith("Trains are")] == ["paragraph"]


def test_a_document_in_one_size_has_no_headings() -> None:
    """Without larger letters and without an outline nothing is taken for a heading."""
    lines = [
        (700, "TERMS"),
        (660, "All prices are net of tax. " * 3),
        (620, "2. DELIVERY"),
        (590, "Within a week. " * 4),
    ]
    assert {section.kind for section in parsed(pdf([lines]))[0]} == {"paragraph"}


def test_the_outline_names_headings() -> None:
    """Lines that the document's outline names are headings of its levels, also amid a paragraph; no word is lost."""

    def page(canvas: Canvas) -> None:
        for title, level in (("1 Scope", 0), ("1.1 Parties", 1), ("Not on the page", 0)):
            canvas.bookmarkPage(title)
            canvas.addOutlineEntry(title, title, level)
        for i, text in enumerate(("1 Scope", "This covers supply.", "1.1 Parties", "Both sign below.")):
            canvas.drawString(40, 400 - 14 * i, text)

    sections, _ = parsed(drawn(page))
    assert [(s.kind, s.level, s.text) for s in sections] == [
        ("heading", 1, "1 Scope"),
        ("paragraph", 0, "This covers supply."),
        ("heading", 2, "1.1 Parties"),
        ("paragraph", 0, "Both sign below."),
    ]


@pytest.mark.parametrize(
    ("file", "status"),
    [
        (pdf([[]]), "empty"),
        (pdf([[(700, "secret")]], password="key"), "encrypted"),
        (io.BytesIO(b"%PDF-1.7\nnothing behind it"), "damaged"),
        (pdf([[(700, "page")]] * 11), "too_large"),
    ],
    ids=["no text", "password", "broken", "too many pages"],
)
def test_what_cannot_be_read_says_why(file: io.BytesIO, status: str) -> None:
    """Blank, protected, broken and long files each have their status, a reason and a hint."""
    with pytest.raises(BadFile) as caught:
        parsed(file, pages=10)
    assert caught.value.status == status
    assert caught.value.reason
    assert caught.value.hint


def test_a_file_that_opens_without_a_password_is_read() -> None:
    """Encryption with an owner's password alone keeps nobody from reading."""
    assert texts(pdf([[(700, "For every reader.")]], owner="key")) == [(1, "For every reader.")]


@pytest.mark.parametrize(("kids", "text"), [("[3 0 R 9 0 R]", "Page one."), ("[9 0 R]", None)])
def test_a_page_that_cannot_be_loaded_is_skipped(kids: str, text: str | None) -> None:
    """A broken page costs its own text; a document of which no page can be loaded is damaged."""
    file = written(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Kids {kids} /Count {kids.count('R')} >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 500] /Contents 4 0 R "
            "/Resources << /Font << /F 5 0 R >> >> >>",
            stream("BT /F 12 Tf 40 450 Td (Page one.) Tj ET"),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )
    if text:
        assert words(parsed(file)[0]) == text
        return
    with pytest.raises(BadFile) as caught:
        parsed(file)
    assert caught.value.status == "damaged"


WHOLE = pdf(
    [[(700, "This is the first line of a paragraph that"), (686, "goes on.")], [(700, "Second page.")]]
).getvalue()


@settings(max_examples=60)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8)), max_size=12),
    length=st.integers(0, len(WHOLE)),
)
def test_damaged_bytes_give_text_or_a_reason(changes: list[tuple[int, bytes]], length: int) -> None:
    """Whatever is wrong with the bytes, what comes is sections with text, or a BadFile that says why."""
    content = bytearray(WHOLE)
    for place, other in changes:
        content[place : place + len(other)] = other
    problem, sections = None, []
    try:
        sections, _ = parsed(io.BytesIO(bytes(content[-length:] if length % 2 else content)))
    except BadFile as raised:
        problem = raised
    assert problem is None or (problem.status in ("damaged", "empty", "encrypted") and problem.reason and problem.hint)
    assert [section for section in sections if not section.text.strip()] == []


@given(
    turns=st.integers(0, 3),
    corner=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    rect=st.tuples(st.floats(0, 90), st.floats(0, 190), st.floats(1, 9), st.floats(1, 9)),
)
def test_places_keep_their_size_when_a_page_is_turned(
    turns: int, corner: tuple[float, float], rect: tuple[float, float, float, float]
) -> None:
    """A rectangle inside of the crop box is inside of the page as displayed, whichever way it is turned."""
    x, y = corner
    left, bottom, width, height = rect
    frame = Frame((x, y, x + 100, y + 200), turns)
    shown = frame.displayed((x + left, y + bottom, x + left + width, y + bottom + height))
    sides = (shown[2] - shown[0], shown[3] - shown[1])
    assert (sides[::-1] if turns % 2 else sides) == pytest.approx((width, height), abs=1e-6)
    assert min(shown) >= -1e-6
    assert shown[2] <= frame.size[0] + 1e-6
    assert shown[3] <= frame.size[1] + 1e-6
