from __future__ import annotations

import datetime
import io

import docx
import openpyxl
import pptx
from pptx.util import Inches

from appliance.types import Section
from ingest import media
from ingest.parsers.office import OfficeParser


def parsed(file: io.BytesIO, media_type: str) -> list[Section]:
    file.seek(0)
    return list(OfficeParser().parse(file, media_type))


def test_docx_keeps_headings_lists_and_tables() -> None:
    """Heading levels come from styles alone: a short line is no heading. Rows carry their headers."""
    document = docx.Document()
    document.add_heading("Travel policy", 0)
    document.add_paragraph("Paris")
    document.add_heading("Hotels", 2)
    document.add_paragraph("Ask first.", style="List Bullet")
    table = document.add_table(2, 3)
    for row, values in enumerate([["City", "Limit", "Owner"], ["Oslo", "210", "CFO"]]):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    file = io.BytesIO()
    document.save(file)
    found = [(s.kind, s.level, s.text) for s in parsed(file, media.DOCX)]
    assert found == [
        ("heading", 1, "Travel policy"),
        ("paragraph", 0, "Paris"),
        ("heading", 2, "Hotels"),
        ("list_item", 0, "- Ask first."),
        ("table", 0, "City: Oslo | Limit: 210 | Owner: CFO"),
    ]


def test_slides_are_pages_and_begin_with_their_title() -> None:
    """Each slide's title comes first, whatever stands above it; the first one is the deck's."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Goals"
    first.placeholders[1].text = "Grow\nHire five people"
    second = deck.slides.add_slide(deck.slide_layouts[5])
    table = second.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(1)).table
    for row, values in enumerate([["Region", "Sales"], ["North", "12"]]):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    second.shapes.title.text = "Numbers"
    second.notes_slide.notes_text_frame.text = "Mention churn."
    file = io.BytesIO()
    deck.save(file)
    found = [(s.page, s.kind, s.level, s.text) for s in parsed(file, media.PPTX)]
    assert found[:4] == [
        (1, "heading", 1, "Goals"),
        (1, "list_item", 0, "Grow"),
        (1, "list_item", 0, "Hire five people"),
        (2, "heading", 2, "Numbers"),
    ]
    assert {s[3] for s in found[4:]} == {"Region: North | Sales: 12", "Mention churn."}


def test_sheets_are_headings_above_their_rows() -> None:
    """Every row of a sheet says what its cells are, and dates have no time of day."""
    book = openpyxl.Workbook()
    book.active.title = "Prices"
    for row in [["Article", "Price", "Since"], ["Pump", 12, datetime.date(2024, 1, 5)], ["Valve", 13.5, None]]:
        book.active.append(row)
    book.create_sheet("Notes").append(["Valid this year"])
    file = io.BytesIO()
    book.save(file)
    found = [(s.kind, s.level, s.text) for s in parsed(file, media.XLSX)]
    assert found == [
        ("heading", 2, "Prices"),
        ("table", 0, "Article: Pump | Price: 12 | Since: 2024-01-05\nArticle: Valve | Price: 13.5"),
        ("heading", 2, "Notes"),
        ("paragraph", 0, "Valid this year"),
    ]


def test_web_pages_give_what_a_reader_sees() -> None:
    """Headings, lists and tables are kept; scripts and styles are not text."""
    page = b"""<!doctype html><html><head><title>x</title><style>p{}</style></head><body><h1>VPN</h1>
    <p>Use <b>it</b>.</p><h2>Steps</h2><ul><li>Install</li></ul>
    <table><tr><th>Site</th><th>Gateway</th></tr><tr><td>Bern</td><td>ten</td></tr></table>
    <script>alert(1)</script></body></html>"""
    found = [(s.kind, s.level, s.text) for s in parsed(io.BytesIO(page), media.HTML)]
    assert found == [
        ("heading", 1, "VPN"),
        ("paragraph", 0, "Use it."),
        ("heading", 2, "Steps"),
        ("list_item", 0, "- Install"),
        ("table", 0, "Site: Bern | Gateway: ten"),
    ]
