"""Ways to hide a text in Office files, each a function from visible and hidden text to the file's bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import docx
import openpyxl
import pptx
from docx.enum.dml import MSO_THEME_COLOR
from docx.oxml import parse_xml
from docx.shared import Pt, RGBColor
from lxml import etree
from openpyxl.styles import Font, PatternFill
from pptx.dml.color import RGBColor as SlideColour
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches
from pptx.util import Pt as SlidePoints

from tests.eval.hiding.web import in_tags, in_zero_width

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _saved(file: Any) -> bytes:
    made = io.BytesIO()
    file.save(made)
    return made.getvalue()


def _word(change: Callable[[Any], None]) -> Callable[[str, str], bytes]:
    """Hide a run of its own by what `change` does to it."""

    def make(visible: str, hidden: str) -> bytes:
        document = docx.Document()
        document.add_paragraph(visible)
        change(document.add_paragraph().add_run(hidden))
        document.add_paragraph("Kind regards")
        return _saved(document)

    return make


def _vanish(run: Any) -> None:
    run.font.hidden = True


def _colour(red: int, green: int, blue: int) -> Callable[[Any], None]:
    def change(run: Any) -> None:
        run.font.color.rgb = RGBColor(red, green, blue)

    return change


def _theme_white(run: Any) -> None:
    run.font.color.theme_color = MSO_THEME_COLOR.BACKGROUND_1


def _size(points: float) -> Callable[[Any], None]:
    def change(run: Any) -> None:
        run.font.size = Pt(points)

    return change


def _same_shading(run: Any) -> None:
    run.font.color.rgb = RGBColor(0x1F, 0x3D, 0x6B)
    run._r.get_or_add_rPr().append(parse_xml(f'<w:shd xmlns:w="{_W}" w:val="clear" w:fill="1F3D6B"/>'))


def _by_style(visible: str, hidden: str) -> bytes:
    document = docx.Document()
    style = document.styles.add_style("Quiet", 1)
    style.font.hidden = True
    document.add_paragraph(visible)
    document.add_paragraph(hidden, "Quiet")
    return _saved(document)


def _white_cell(visible: str, hidden: str) -> bytes:
    document = docx.Document()
    document.add_paragraph(visible)
    cell = document.add_table(1, 1).cell(0, 0)
    _same_shading(cell.paragraphs[0].add_run(hidden))
    return _saved(document)


def _deleted(visible: str, hidden: str) -> bytes:
    document = docx.Document()
    paragraph = document.add_paragraph(visible)
    deleted = etree.SubElement(paragraph._p, f"{{{_W}}}del")
    run = etree.SubElement(deleted, f"{{{_W}}}r")
    etree.SubElement(run, f"{{{_W}}}delText").text = hidden
    return _saved(document)


def _text_box_off_the_page(visible: str, hidden: str) -> bytes:
    document = docx.Document()
    document.add_paragraph(visible)
    run = document.add_paragraph().add_run()
    run._r.append(
        parse_xml(
            f'<w:pict xmlns:w="{_W}" xmlns:v="urn:schemas-microsoft-com:vml"><v:shape style="position:absolute;'
            'margin-left:-3000pt;margin-top:0;width:200pt;height:50pt"><v:textbox><w:txbxContent><w:p><w:r><w:t>'
            f"{hidden.replace('&', '&amp;').replace('<', '&lt;')}</w:t></w:r></w:p></w:txbxContent></v:textbox>"
            "</v:shape></w:pict>"
        )
    )
    return _saved(document)


def _description(visible: str, hidden: str) -> bytes:
    document = docx.Document()
    document.core_properties.comments = hidden
    document.core_properties.keywords = hidden[:200]
    document.add_paragraph(visible)
    return _saved(document)


def _said(encode: Callable[[str], str]) -> Callable[[str, str], bytes]:
    def make(visible: str, hidden: str) -> bytes:
        document = docx.Document()
        document.add_paragraph(f"{visible} {encode(hidden)}")
        return _saved(document)

    return make


WORD_WAYS: dict[str, Callable[[str, str], bytes]] = {
    "hidden": _word(_vanish),
    "hidden by style": _by_style,
    "white": _word(_colour(255, 255, 255)),
    "near-white": _word(_colour(250, 252, 250)),
    "white of the theme": _word(_theme_white),
    "colour of its shading": _word(_same_shading),
    "colour of its shading in a table": _white_cell,
    "half a point": _word(_size(0.5)),
    "one and a half points": _word(_size(1.5)),
    "text box off the page": _text_box_off_the_page,
    "deleted": _deleted,
    "properties": _description,
    "tag characters": _said(in_tags),
    "zero-width characters": _said(in_zero_width),
}


def _book(change: Callable[[Any, str], None]) -> Callable[[str, str], bytes]:
    """Hide what `change` puts into the workbook."""

    def make(visible: str, hidden: str) -> bytes:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Prices"
        sheet.append(["Article", "Price", "Note"])
        for row, words in enumerate(visible.split(". ")):
            sheet.append([f"A{row}", 10 + row, words])
        change(book, hidden)
        return _saved(book)

    return make


def _sheet(state: str) -> Callable[[Any, str], None]:
    def change(book: Any, hidden: str) -> None:
        other = book.create_sheet("Notes")
        other.append(["Note"])
        other.append([hidden])
        other.sheet_state = state

    return change


def _row(book: Any, hidden: str) -> None:
    sheet = book.active
    sheet.append(["Z1", 1, hidden])
    sheet.row_dimensions[sheet.max_row].hidden = True


def _low_row(book: Any, hidden: str) -> None:
    sheet = book.active
    sheet.append(["Z1", 1, hidden])
    # A height of 0 is not written.
    sheet.row_dimensions[sheet.max_row].height = 0.1


def _column(book: Any, hidden: str) -> None:
    sheet = book.active
    sheet["F1"], sheet["F2"] = "Remark", hidden
    sheet.column_dimensions["F"].hidden = True


def _cell(**style: Any) -> Callable[[Any, str], None]:
    def change(book: Any, hidden: str) -> None:
        sheet = book.active
        sheet.append(["Z1", 1, hidden])
        for name, value in style.items():
            setattr(sheet.cell(sheet.max_row, 3), name, value)

    return change


def _visible_cell(encode: Callable[[str], str]) -> Callable[[Any, str], None]:
    return lambda book, hidden: book.active.append(["Z1", 1, f"spare {encode(hidden)}"])


SHEET_WAYS: dict[str, Callable[[str, str], bytes]] = {
    "hidden sheet": _book(_sheet("hidden")),
    "very hidden sheet": _book(_sheet("veryHidden")),
    "hidden row": _book(_row),
    "row without height": _book(_low_row),
    "hidden column": _book(_column),
    "white": _book(_cell(font=Font(color="FFFFFFFF"))),
    "near-white": _book(_cell(font=Font(color="FFFAFCFA"))),
    "white of the theme": _book(_cell(font=Font(color=openpyxl.styles.colors.Color(theme=0)))),
    "colour of its fill": _book(_cell(font=Font(color="FF1F3D6B"), fill=PatternFill("solid", fgColor="FF1F3D6B"))),
    "one point": _book(_cell(font=Font(size=1))),
    "format without a sign": _book(_cell(number_format=";;;")),
    "tag characters": _book(_visible_cell(in_tags)),
    "zero-width characters": _book(_visible_cell(in_zero_width)),
}


def _deck(change: Callable[[Any, Any, str], None]) -> Callable[[str, str], bytes]:
    """Hide what `change` puts onto the second slide."""

    def make(visible: str, hidden: str) -> bytes:
        deck = pptx.Presentation()
        first = deck.slides.add_slide(deck.slide_layouts[1])
        first.shapes.title.text = "Notice"
        first.placeholders[1].text = visible
        second = deck.slides.add_slide(deck.slide_layouts[5])
        second.shapes.title.text = "Next steps"
        change(deck, second, hidden)
        return _saved(deck)

    return make


def _box(slide: Any, text: str, left: int = Inches(1), top: int = Inches(3)) -> Any:
    box = slide.shapes.add_textbox(left, top, Inches(6), Inches(1))
    box.text_frame.text = text
    return box


def _hidden_slide(deck: Any, slide: Any, hidden: str) -> None:
    _box(slide, hidden)
    slide._element.set("show", "0")


def _run(change: Callable[[Any], None]) -> Callable[[Any, Any, str], None]:
    def make(deck: Any, slide: Any, hidden: str) -> None:
        change(_box(slide, hidden).text_frame.paragraphs[0].runs[0])

    return make


def _slide_colour(red: int, green: int, blue: int) -> Callable[[Any], None]:
    def change(run: Any) -> None:
        run.font.color.rgb = SlideColour(red, green, blue)

    return change


def _slide_size(points: float) -> Callable[[Any], None]:
    def change(run: Any) -> None:
        run.font.size = SlidePoints(points)

    return change


def _transparent(run: Any) -> None:
    run.font.color.rgb = SlideColour(0, 0, 0)
    colour = run._r.find(f".//{qn('a:srgbClr')}")
    etree.SubElement(colour, qn("a:alpha")).set("val", "0")


def _filled(deck: Any, slide: Any, hidden: str) -> None:
    box = _box(slide, hidden)
    box.fill.solid()
    box.fill.fore_color.rgb = SlideColour(0x1F, 0x3D, 0x6B)
    box.text_frame.paragraphs[0].runs[0].font.color.rgb = SlideColour(0x1F, 0x3D, 0x6B)


def _off_the_slide(deck: Any, slide: Any, hidden: str) -> None:
    _box(slide, hidden, left=-Inches(20))


def _below_the_slide(deck: Any, slide: Any, hidden: str) -> None:
    _box(slide, hidden, top=deck.slide_height + Inches(1))


def _hidden_shape(deck: Any, slide: Any, hidden: str) -> None:
    _box(slide, hidden)._element.nvSpPr.cNvPr.set("hidden", "1")


def _covered(deck: Any, slide: Any, hidden: str) -> None:
    box = _box(slide, hidden)
    cover = slide.shapes.add_shape(1, box.left - Emu(1000), box.top - Emu(1000), box.width + 2000, box.height + 2000)
    cover.fill.solid()
    cover.fill.fore_color.rgb = SlideColour(0xDD, 0xDD, 0xDD)


def _alternative_text(deck: Any, slide: Any, hidden: str) -> None:
    _box(slide, "Logo")._element.nvSpPr.cNvPr.set("descr", hidden)


def _slide_text(encode: Callable[[str], str]) -> Callable[[Any, Any, str], None]:
    def make(deck: Any, slide: Any, hidden: str) -> None:
        _box(slide, f"Ask the office {encode(hidden)}")

    return make


SLIDE_WAYS: dict[str, Callable[[str, str], bytes]] = {
    "hidden slide": _deck(_hidden_slide),
    "white": _deck(_run(_slide_colour(255, 255, 255))),
    "near-white": _deck(_run(_slide_colour(250, 252, 250))),
    "colour of its fill": _deck(_filled),
    "one point": _deck(_run(_slide_size(1))),
    "transparent": _deck(_run(_transparent)),
    "beside the slide": _deck(_off_the_slide),
    "below the slide": _deck(_below_the_slide),
    "hidden shape": _deck(_hidden_shape),
    "covered": _deck(_covered),
    "alternative text": _deck(_alternative_text),
    "tag characters": _deck(_slide_text(in_tags)),
    "zero-width characters": _deck(_slide_text(in_zero_width)),
}
