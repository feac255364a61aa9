from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pptx
import pytest
from lxml import etree
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE
from pptx.enum.dml import MSO_THEME_COLOR
from pptx.enum.shapes import MSO_SHAPE
from pptx.util import Emu, Inches, Pt

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.slides.parser import SlidesParser

WHITE, NAVY = RGBColor(255, 255, 255), RGBColor(0x1F, 0x38, 0x64)
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
# A slide of the usual template: 10 by 7.5 inches.
BLANK, TITLE_ONLY, TITLE_AND_CONTENT = 6, 5, 1


def parsed(deck: Any, pages: int = 100) -> list[Any]:
    file = io.BytesIO()
    deck.save(file)
    file.seek(0)
    return list(
        SlidesParser(Options(pages=pages, ocr_languages=(), scratch=Path("/nonexistent"))).parse(file, media.PPTX)
    )


def sections(deck: Any) -> list[tuple[int | None, str, int, str]]:
    return [(s.page, s.kind, s.level, s.text) for s in parsed(deck) if isinstance(s, Section)]


def texts(deck: Any) -> list[str]:
    return [text for _, kind, _, text in sections(deck) if kind != "heading"]


def findings(deck: Any) -> list[Finding]:
    return [found for found in parsed(deck) if isinstance(found, Finding)]


def blank() -> tuple[Any, Any]:
    deck = pptx.Presentation()
    return deck, deck.slides.add_slide(deck.slide_layouts[BLANK])


def write(slide: Any, text: str, left: float = 1, top: float = 1) -> Any:
    """Add a text box of 3 by 1 inches and return it."""
    shape = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(1))
    shape.text_frame.text = text
    return shape


def font(shape: Any) -> Any:
    return shape.text_frame.paragraphs[0].runs[0].font


def paint(slide: Any, color: RGBColor, left: float = 0, top: float = 0, width: float = 10, height: float = 7.5) -> Any:
    places = (Inches(length) for length in (left, top, width, height))
    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *places)
    shape.fill.solid()
    shape.fill.fore_color.rgb = color
    return shape


def png(transparent: bool) -> io.BytesIO:
    """Return a picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 6 if transparent else 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + b"\x7f" * (4 if transparent else 3))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b""))


def test_slides_are_pages_and_begin_with_their_title() -> None:
    """Each slide's title comes first, whatever stands above it; the first one is the deck's. Notes come last."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[TITLE_AND_CONTENT])
    first.shapes.title.text = "Goals"
    first.placeholders[1].text = "Grow\nHire five people"
    second = deck.slides.add_slide(deck.slide_layouts[TITLE_ONLY])
    table = second.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(1)).table
    for row, values in enumerate([["Region", "Sales"], ["North", "12"]]):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    second.shapes.title.text = "Numbers"
    second.notes_slide.notes_text_frame.text = "Mention churn."
    assert sections(deck) == [
        (1, "heading", 1, "Goals"),
        (1, "list_item", 0, "- Grow"),
        (1, "list_item", 0, "- Hire five people"),
        (2, "heading", 2, "Numbers"),
        (2, "table", 0, "Region: North | Sales: 12"),
        (2, "heading", 3, "Notes"),
        (2, "paragraph", 0, "Mention churn."),
    ]


def test_pages_count_in_the_order_of_the_show() -> None:
    """What counts is the order of the presentation, not that of the files in it; a slide without title is numbered."""
    deck = pptx.Presentation()
    for text in ("first", "second"):
        write(deck.slides.add_slide(deck.slide_layouts[BLANK]), text)
    order = deck.slides._sldIdLst
    order.append(order[0])
    assert sections(deck) == [
        (1, "heading", 2, "Slide 1"),
        (1, "paragraph", 0, "second"),
        (2, "heading", 2, "Slide 2"),
        (2, "paragraph", 0, "first"),
    ]


def test_hidden_slides_are_kept_out_and_keep_their_number() -> None:
    """A slide that the show leaves out is a finding; the next one keeps the number that PowerPoint shows."""
    deck = pptx.Presentation()
    for text in ("obey me", "seen"):
        write(deck.slides.add_slide(deck.slide_layouts[BLANK]), text)
    deck.slides[0]._element.set("show", "0")
    assert [(page, text) for page, kind, _, text in sections(deck) if kind == "paragraph"] == [(2, "seen")]
    assert findings(deck) == [Finding("hidden", "slide 1", 6)]


def test_text_reads_from_top_to_bottom_and_groups_stay_together() -> None:
    """The order is that of the eye, not that in which the author added things."""
    deck, slide = blank()
    write(slide, "low", top=5)
    group = slide.shapes.add_group_shape()
    for text, left in (("right", 5), ("left", 1)):
        write(group, text, left=left, top=3)
    write(slide, "high", top=1)
    assert texts(deck) == ["high", "left", "right", "low"]


def test_charts_give_their_values_by_category() -> None:
    """A chart's numbers can be asked for, each with its category and series."""
    deck, slide = blank()
    data = CategoryChartData()
    data.categories = ["Bern", "Oslo"]
    data.add_series("2025", (4, 7))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(5), Inches(4), data)
    assert "Bern | 2025: 4\nOslo | 2025: 7" in texts(deck)


def fill_alpha(shape: Any, alpha: int) -> None:
    color = font(shape)._element.find(f".//{{{A}}}srgbClr")
    etree.SubElement(color, f"{{{A}}}alpha").set("val", str(alpha))


def colour(shape: Any, value: RGBColor) -> None:
    font(shape).color.rgb = value


def transparent(_: Any, shape: Any) -> None:
    colour(shape, NAVY)
    fill_alpha(shape, 0)


def shrunk(_: Any, shape: Any) -> None:
    font(shape).size = Pt(6)
    body = shape.text_frame._txBody.bodyPr
    for child in list(body):
        body.remove(child)
    etree.SubElement(body, f"{{{A}}}normAutofit").set("fontScale", "25000")


def on_same(_: Any, shape: Any) -> None:
    shape.fill.solid()
    shape.fill.fore_color.rgb = NAVY
    colour(shape, NAVY)


def over_white(slide: Any, shape: Any) -> None:
    # Drawn before the text: moved to the bottom of the stack.
    panel = paint(slide, WHITE)
    slide.shapes._spTree.insert(2, panel._element)
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = NAVY
    colour(shape, WHITE)


def picture_over(slide: Any, _: Any) -> None:
    slide.shapes.add_picture(png(transparent=False), 0, 0, Inches(10), Inches(7.5))


def theme_white(_: Any, shape: Any) -> None:
    font(shape).color.theme_color = MSO_THEME_COLOR.BACKGROUND_1


UNSEEN: dict[str, tuple[str, Callable[[Any, Any], object]]] = {
    "white": ("background_colour", lambda _, shape: colour(shape, WHITE)),
    "nearly white": ("background_colour", lambda _, shape: colour(shape, RGBColor(0xF0, 0xF0, 0xF0))),
    "theme": ("background_colour", theme_white),
    "transparent": ("background_colour", transparent),
    "own fill": ("background_colour", on_same),
    "white panel on a dark slide": ("background_colour", over_white),
    "one point": ("tiny", lambda _, shape: setattr(font(shape), "size", Pt(1))),
    "shrunk": ("tiny", shrunk),
    "left of the slide": ("off_page", lambda _, shape: setattr(shape, "left", Inches(-4))),
    "below the slide": ("off_page", lambda _, shape: setattr(shape, "top", Inches(8))),
    "hidden": ("hidden", lambda _, shape: shape._element.nvSpPr.cNvPr.set("hidden", "1")),
    "under a panel": ("covered", lambda slide, _: paint(slide, NAVY)),
    "under a picture": ("covered", picture_over),
}


@pytest.mark.parametrize("way", UNSEEN)
def test_unseen_text_is_kept_out(way: str) -> None:
    """Text that the audience does not see is no text, and a finding says on which slide and how much, not what."""
    kind, change = UNSEEN[way]
    deck, slide = blank()
    shape = write(slide, "obey me", left=4)
    change(slide, shape)
    assert texts(deck) == []
    assert findings(deck) == [Finding(kind, "slide 1", 6)]


def test_groups_carry_their_shapes_off_the_slide() -> None:
    """What counts is where a shape is after its groups have moved it."""
    deck, slide = blank()
    group = slide.shapes.add_group_shape()
    write(group, "obey me")
    group.left = Emu(Inches(20))
    assert texts(deck) == []
    assert findings(deck) == [Finding("off_page", "slide 1", 6)]


def dark_slide(slide: Any, _: Any) -> None:
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = NAVY


def dark_layout(slide: Any, _: Any) -> None:
    slide.slide_layout.background.fill.solid()
    slide.slide_layout.background.fill.fore_color.rgb = NAVY


def dark_panel(slide: Any, _: Any) -> None:
    slide.shapes._spTree.insert(2, paint(slide, NAVY)._element)


def picture_behind(slide: Any, _: Any) -> None:
    picture = slide.shapes.add_picture(png(transparent=False), 0, 0, Inches(10), Inches(7.5))
    slide.shapes._spTree.insert(2, picture._element)


@pytest.mark.parametrize("darken", [dark_slide, dark_layout, dark_panel, picture_behind])
def test_white_letters_on_dark_grounds_are_seen(darken: Callable[[Any, Any], None]) -> None:
    """Dark slides, layouts, panels and pictures under white letters are ordinary."""
    deck, slide = blank()
    shape = write(slide, "seen")
    colour(shape, WHITE)
    darken(slide, shape)
    assert texts(deck) == ["seen"]
    assert findings(deck) == []


@pytest.mark.parametrize("cover", ["half", "transparent", "animated"])
def test_what_may_be_seen_is_kept(cover: str) -> None:
    """A cover over a part, one that shines through, or one that comes by animation leaves the text in."""
    deck, slide = blank()
    write(slide, "seen")
    if cover == "transparent":
        slide.shapes.add_picture(png(transparent=True), 0, 0, Inches(10), Inches(7.5))
    else:
        panel = paint(slide, NAVY, width=2 if cover == "half" else 10)
        if cover == "animated":
            target = (
                '<p:timing xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:spTgt spid="{}"/>'
            )
            slide._element.append(etree.fromstring(target.format(panel.shape_id) + "</p:timing>"))
    assert texts(deck) == ["seen"]
    assert findings(deck) == []


def test_header_rows_are_white_on_the_tables_own_colour() -> None:
    """A new table's header is white on the theme's colour; white letters below it stand on almost white."""
    deck, slide = blank()
    table = slide.shapes.add_table(3, 1, 0, 0, Inches(3), Inches(1)).table
    for row in range(3):
        table.cell(row, 0).text = f"row {row}"
    table.cell(2, 0).text_frame.paragraphs[0].runs[0].font.color.rgb = WHITE
    assert texts(deck) == ["row 0\nrow 1"]
    assert findings(deck) == [Finding("background_colour", "slide 1", 4)]


def test_decks_of_too_many_slides_are_refused() -> None:
    """The limit of pages counts slides."""
    deck = pptx.Presentation()
    for _ in range(3):
        deck.slides.add_slide(deck.slide_layouts[BLANK])
    with pytest.raises(BadFile) as caught:
        parsed(deck, pages=2)
    assert caught.value.status == "too_large"


def test_broken_decks_are_damaged() -> None:
    """A file cut short is a result in plain words."""
    file = io.BytesIO()
    pptx.Presentation().save(file)
    cut = io.BytesIO(file.getvalue()[:-500])
    parser = SlidesParser(Options(pages=100, ocr_languages=(), scratch=Path("/nonexistent")))
    with pytest.raises(BadFile) as caught:
        list(parser.parse(cut, media.PPTX))
    assert caught.value.status == "damaged"


def test_text_of_the_template_is_told_once() -> None:
    """What layout and master show on every slide is read with the first that shows it; their prompts are not text."""
    deck, first = blank()
    write(first, "First")
    group = deck.slide_layouts[BLANK].slide_master.shapes._spTree
    stamp = etree.SubElement(group, first.shapes[0]._element.tag)
    stamp.extend(etree.fromstring(etree.tostring(first.shapes[0]._element)))
    next(stamp.iter(f"{{{A}}}t")).text = "Internal use only"
    write(deck.slides.add_slide(deck.slide_layouts[BLANK]), "Second")
    assert ["First", "Internal use only", "Second"] == texts(deck)
