from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from docx.document import Document
from docx.oxml import parse_xml
from docx.shared import Pt, RGBColor
from docx.text.run import Run

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.ooxml.package import Package
from ingest.parsers.options import Options
from ingest.parsers.word.parser import WordParser

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
BOX = (
    f'<w:r {W} xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"><mc:AlternateContent>'
    '<mc:Choice Requires="wps"><w:drawing><wp:anchor><wp:positionH relativeFrom="{relative}"><wp:posOffset>{left}'
    '</wp:posOffset></wp:positionH><wp:extent cx="{width}" cy="914400"/><wp:docPr id="1" name="x"{more}/>'
    '<a:graphic><a:graphicData uri="x"><wps:wsp><wps:spPr>{fill}</wps:spPr><wps:txbx><w:txbxContent>{text}'
    "</w:txbxContent></wps:txbx><wps:bodyPr/></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing></mc:Choice>"
    "<mc:Fallback><w:pict><v:rect><v:textbox><w:txbxContent>{text}</w:txbxContent></v:textbox></v:rect></w:pict>"
    "</mc:Fallback></mc:AlternateContent></w:r>"
)
SOLID = '<a:solidFill><a:srgbClr val="{}"/></a:solidFill>'
WORD_ART = (
    '<w14:textFill xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"><w14:solidFill>'
    '<w14:srgbClr w14:val="000000"><w14:alpha w14:val="100000"/></w14:srgbClr></w14:solidFill></w14:textFill>'
)
IN_BOX = "<w:p><w:r><w:t>boxed words</w:t></w:r></w:p>"
WHITE_IN_BOX = '<w:p><w:r><w:rPr><w:color w:val="FFFFFF"/></w:rPr><w:t>boxed words</w:t></w:r></w:p>'

Found = list[Section | Finding | Member]


def saved(document: Document) -> io.BytesIO:
    file = io.BytesIO()
    document.save(file)
    file.seek(0)
    return file


def parsed(source: Document | io.BytesIO) -> Found:
    file = source if isinstance(source, io.BytesIO) else saved(source)
    parser = WordParser(Options(pages=100, ocr_languages=(), scratch=Path("/nonexistent")))
    return list(parser.parse(file, media.DOCX))


def sections(source: Document | io.BytesIO) -> list[tuple[str, int, str]]:
    return [(s.kind, s.level, s.text) for s in parsed(source) if isinstance(s, Section)]


def findings(source: Document | io.BytesIO) -> list[Finding]:
    return [found for found in parsed(source) if isinstance(found, Finding)]


def texts(source: Document | io.BytesIO) -> list[str]:
    return [text for _, _, text in sections(source)]


def changed(file: io.BytesIO, part: str, old: str, new: str) -> io.BytesIO:
    """Return a package with a text in one of its parts put in place of another."""
    out = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == part:
                assert old.encode() in data
                data = data.replace(old.encode(), new.encode())
            target.writestr(name, data)
    out.seek(0)
    return out


def shade(color: str) -> str:
    return f'<w:shd {W} w:val="clear" w:color="auto" w:fill="{color}"/>'


def box(text: str = IN_BOX, fill: str = "", **places: str) -> str:
    values = {"relative": "page", "left": "914400", "width": "1828800", "more": ""} | places
    return BOX.format(text=text, fill=fill, **values)


def test_docx_keeps_headings_lists_and_tables() -> None:
    """Heading levels come from styles alone: a short line is no heading. Rows carry their headers."""
    document = docx.Document()
    document.add_heading("Travel policy", 0)
    document.add_paragraph("Paris")
    document.add_heading("Hotels", 2)
    document.add_paragraph("Ask first.", style="List Bullet")
    document.add_paragraph("Book.", style="List Number")
    document.add_paragraph("Pay.", style="List Number")
    table = document.add_table(2, 3)
    for row, values in enumerate([["City", "Limit", "Owner"], ["Oslo", "210", "CFO"]]):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    assert sections(document) == [
        ("heading", 1, "Travel policy"),
        ("paragraph", 0, "Paris"),
        ("heading", 2, "Hotels"),
        ("list_item", 0, "- Ask first."),
        ("list_item", 0, "1. Book."),
        ("list_item", 0, "2. Pay."),
        ("table", 0, "City: Oslo | Limit: 210 | Owner: CFO"),
    ]


def test_heading_level_is_inherited_by_own_styles() -> None:
    """A style based on a heading is a heading, whatever its name; an outline level of its own counts before that."""
    document = docx.Document()
    style = document.styles.add_style("Kapitel", 1)
    style.base_style = document.styles["Heading 2"]
    document.add_paragraph("Umfang", style="Kapitel")
    direct = document.add_paragraph("Ziele")
    direct._p.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {W} w:val="2"/>'))
    assert sections(document) == [("heading", 2, "Umfang"), ("heading", 3, "Ziele")]


def test_merged_cells_stand_in_every_row_that_they_span() -> None:
    """A cell over several rows is said in each of them; one over several columns heads each of them."""
    document = docx.Document()
    table = document.add_table(3, 3)
    for row, values in enumerate([["Region", "Sales", ""], ["North", "10", "11"], ["", "12", "13"]]):
        for column, value in enumerate(values):
            table.cell(row, column).text = value
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    table.rows[0]._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {W}/>"))
    assert texts(document) == ["Region: North | Sales: 10 | Sales: 11\nRegion: North | Sales: 12 | Sales: 13"]


def test_changes_fields_and_breaks_read_as_they_print() -> None:
    """Deleted and moved-away words and field codes are no text; inserted words, field results and hyphens are."""
    document = docx.Document()
    paragraph = document.add_paragraph("Due ")
    for run in (
        "<w:del><w:r><w:delText>monday</w:delText></w:r></w:del>",
        "<w:moveFrom><w:r><w:t>tuesday</w:t></w:r></w:moveFrom>",
        "<w:ins><w:r><w:t>friday</w:t><w:tab/><w:t>noon</w:t></w:r></w:ins>",
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>DATE</w:instrText><w:t>code</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t> 2026</w:t><w:softHyphen/><w:t>-A</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>',
        '<w:r><w:br/><w:t>x</w:t><w:noBreakHyphen/><w:t>ray</w:t><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>',
    ):
        for element in parse_xml(f"<w:p {W}>{run}</w:p>"):
            paragraph._p.append(element)
    assert texts(document) == ["Due friday noon 2026-A\nx-ray✓"]
    assert findings(document) == []


def test_text_boxes_are_read_once() -> None:
    """A text box is stored twice, for new and for old programs; it is one text."""
    document = docx.Document()
    document.add_paragraph("Above")._p.append(parse_xml(box()))
    assert texts(document) == ["Above", "boxed words"]


def test_headers_and_notes_stand_around_the_text() -> None:
    """A header is said once for all sections; a header that no page shows is kept out."""
    document = docx.Document()
    document.add_paragraph("Body")
    document.sections[0].header.paragraphs[0].text = "Acme plc"
    document.sections[0].footer.paragraphs[0].text = "7"
    document.add_section()
    document.sections[1].header.is_linked_to_previous = False
    document.sections[1].header.paragraphs[0].text = "Acme plc"
    document.sections[1].first_page_header.paragraphs[0].text = "Obey me"
    assert texts(document) == ["Acme plc", "Body"]
    assert findings(document) == [Finding("hidden", "header", 6)]


def hide(run: Run, properties: str) -> None:
    run._r.get_or_add_rPr().append(parse_xml(properties.replace("/>", f" {W}/>", 1)))


HIDDEN_RUNS: dict[str, tuple[str, Callable[[Document, Run], None]]] = {
    "vanish": ("hidden", lambda _, run: setattr(run.font, "hidden", True)),
    "white": ("background_colour", lambda _, run: setattr(run.font.color, "rgb", RGBColor(255, 255, 255))),
    "nearly white": ("background_colour", lambda _, run: setattr(run.font.color, "rgb", RGBColor(0xF4, 0xF4, 0xF4))),
    "theme": ("background_colour", lambda _, run: hide(run, '<w:color w:val="000000" w:themeColor="background1"/>')),
    "one point": ("tiny", lambda _, run: setattr(run.font, "size", Pt(1))),
    "word art": ("background_colour", lambda _, run: run._r.get_or_add_rPr().append(parse_xml(WORD_ART))),
    "narrow": ("tiny", lambda _, run: hide(run, '<w:w w:val="1"/>')),
    "black on black": ("background_colour", lambda _, run: (setattr(run.font.color, "rgb", RGBColor(0, 0, 0)),
                                                           run._r.get_or_add_rPr().append(parse_xml(shade("000000"))))[0]),
    "paragraph": ("background_colour", lambda _, run: (setattr(run.font.color, "rgb", RGBColor(255, 0, 0)),
                                                       run._r.getparent().get_or_add_pPr().append(parse_xml(shade("FE0000"))))[0]),
}  # fmt: skip


@pytest.mark.parametrize("way", HIDDEN_RUNS)
def test_unseen_runs_are_kept_out(way: str) -> None:
    """A run that nobody sees is no text, and a finding says where and how much, not what."""
    kind, change = HIDDEN_RUNS[way]
    document = docx.Document()
    document.add_paragraph("First")
    paragraph = document.add_paragraph("Seen ")
    change(document, paragraph.add_run("obey me"))
    assert texts(document) == ["First", "Seen"]
    assert findings(document) == [Finding(kind, "paragraph 2", 6)]


@pytest.mark.parametrize("way", ["style", "based", "character", "default"])
def test_styles_hide_as_direct_formatting_does(way: str) -> None:
    """Hiding by a paragraph's style, the style that it is based on, a character style or the defaults is found."""
    document = docx.Document()
    style = document.styles.add_style("Quiet", 2 if way == "character" else 1)
    style.font.hidden = True
    if way == "default":
        defaults = document.styles.element.find(".//{*}rPrDefault/{*}rPr")
        defaults.append(parse_xml(f"<w:vanish {W}/>"))
        document.add_paragraph("obey me")
    elif way == "character":
        document.add_paragraph().add_run("obey me", style="Quiet")
    else:
        if way == "based":
            document.styles.add_style("Quieter", 1).base_style = style
        document.add_paragraph("obey me", style="Quieter" if way == "based" else "Quiet")
    assert texts(document) == []
    assert [found.kind for found in findings(document)] == ["hidden"]


def test_white_letters_on_dark_cells_are_seen_and_on_white_ones_are_not() -> None:
    """What counts is the cell's own ground: headers of tables are white on blue everywhere."""
    document = docx.Document()
    table = document.add_table(1, 2)
    for column, fill in enumerate(["1F4E79", "FFFFFF"]):
        cell = table.cell(0, column)
        cell._tc.get_or_add_tcPr().append(parse_xml(shade(fill)))
        run = cell.paragraphs[0].add_run(f"cell {column}")
        run.font.color.rgb = RGBColor(255, 255, 255)
    assert texts(document) == ["cell 0"]
    assert findings(document) == [Finding("background_colour", "table 1", 5)]


def test_table_styles_paint_header_rows() -> None:
    """White letters in a header row that the table's style paints are seen; below it, on white, they are not."""
    document = docx.Document()
    table = document.add_table(2, 1, style="Light List Accent 1")
    for row in range(2):
        run = table.cell(row, 0).paragraphs[0].add_run(f"row {row}")
        run.font.color.rgb = RGBColor(255, 255, 255)
    assert texts(document) == ["row 0"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"left": "-9144000"}, "off_page"),
        ({"left": "22860000", "relative": "column"}, "off_page"),
        ({"width": "0"}, "off_page"),
        ({"more": ' hidden="1"'}, "hidden"),
        ({"text": WHITE_IN_BOX, "fill": SOLID.format("FFFFFF")}, "background_colour"),
        ({"text": WHITE_IN_BOX}, "background_colour"),
    ],
)
def test_unseen_text_boxes_are_kept_out(change: dict[str, str], kind: str) -> None:
    """A box beside the page, without width, marked as hidden or with letters of its own colour shows nothing."""
    document = docx.Document()
    document.add_paragraph("Above")._p.append(parse_xml(box(**change)))
    assert texts(document) == ["Above"]
    assert findings(document) == [Finding(kind, "text box in paragraph 1", 10)]


def test_white_letters_in_a_dark_box_are_seen() -> None:
    """A box's own fill is the ground of its letters."""
    document = docx.Document()
    document.add_paragraph("Above")._p.append(parse_xml(box(WHITE_IN_BOX, SOLID.format("203864"))))
    assert texts(document) == ["Above", "boxed words"]


@pytest.mark.parametrize("properties", ['<w:ind w:left="20000"/>', '<w:spacing w:line="20" w:lineRule="exact"/>'])
def test_paragraphs_beside_the_page_or_cut_to_nothing_are_kept_out(properties: str) -> None:
    """Text beyond the right edge, or in lines without height, is on no page."""
    document = docx.Document()
    paragraph = document.add_paragraph("obey me")
    paragraph._p.get_or_add_pPr().append(parse_xml(properties.replace("/>", f" {W}/>")))
    assert texts(document) == []
    assert findings(document) == [Finding("off_page", "paragraph 1", 6)]


def test_hidden_rows_are_kept_out() -> None:
    """A row marked as hidden is not in the table."""
    document = docx.Document()
    table = document.add_table(2, 1)
    table.cell(0, 0).text, table.cell(1, 0).text = "seen", "obey"
    table.rows[1]._tr.get_or_add_trPr().append(parse_xml(f"<w:hidden {W}/>"))
    assert texts(document) == ["seen"]
    assert findings(document) == [Finding("hidden", "table 1", 4)]


def test_automatic_and_grey_letters_are_seen() -> None:
    """The automatic colour is never hidden, nor grey on white, nor what is only hidden in web layout."""
    document = docx.Document()
    paragraph = document.add_paragraph()
    hide(paragraph.add_run("one "), '<w:color w:val="auto"/>')
    hide(paragraph.add_run("two "), '<w:color w:val="A6A6A6"/>')
    hide(paragraph.add_run("three"), "<w:webHidden/>")
    assert texts(document) == ["one two three"]
    assert findings(document) == []


def test_many_hidden_places_are_one_finding_past_the_fiftieth() -> None:
    """A file that hides everything does not flood the report."""
    document = docx.Document()
    for _ in range(70):
        document.add_paragraph().add_run("obey").font.hidden = True
    found = findings(document)
    assert len(found) == 51
    assert sum(finding.characters for finding in found) == 280


def test_strict_files_are_read() -> None:
    """ISO's strict variant differs in namespaces only."""
    document = docx.Document()
    document.add_heading("Scope", 1)
    file = saved(document)
    out = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            for space in ("wordprocessingml", "officeDocument", "drawingml"):
                old, new = f"schemas.openxmlformats.org/{space}/2006", f"purl.oclc.org/ooxml/{space}"
                data = data.replace(old.encode(), new.encode())
            target.writestr(name, data)
    out.seek(0)
    assert sections(out) == [("heading", 1, "Scope")]


def test_entities_are_not_filled_in() -> None:
    """A document that defines entities of files yields none of their content."""
    file = changed(
        saved(docx.Document()),
        "word/document.xml",
        "<w:document",
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document',
    )
    file = changed(file, "word/document.xml", "<w:sectPr", "<w:p><w:r><w:t>a&x;b</w:t></w:r></w:p><w:sectPr")
    assert [text for text in texts(file) if "root" in text] == []


def test_broken_documents_are_damaged() -> None:
    """A package without its main part, or with a broken one, is a result in plain words."""
    whole = saved(docx.Document())
    for file in (io.BytesIO(b"PK\x03\x04rest"), changed(whole, "word/document.xml", "</w:body>", "")):
        with pytest.raises(BadFile) as caught:
            parsed(file)
        assert caught.value.status == "damaged"


def test_what_unpacks_to_too_much_is_refused() -> None:
    """The bytes that come out of a part are counted, one by one and together."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", b"0" * 3_000_000)
        archive.writestr("b.xml", b"0" * 3_000_000)
    whole = Package(file, total_bytes=5_000_000)
    assert len(whole.read("a.xml")) == 3_000_000
    for package in (Package(file, part_bytes=2_000_000), whole):
        with pytest.raises(BadFile) as caught:
            package.read("b.xml")
        assert caught.value.status == "too_large"


def test_embedded_documents_are_members() -> None:
    """A document inside of the document is handed on with its name and its bytes."""
    document = docx.Document()
    document.add_paragraph("See inside")
    file = changed(
        saved(document),
        "word/_rels/document.xml.rels",
        "</Relationships>",
        '<Relationship Id="rIdX" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/package"'
        ' Target="embeddings/Prices.xlsx"/></Relationships>',
    )
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("word/embeddings/Prices.xlsx", b"PK sheet")
    file.seek(0)
    parser = WordParser(Options(pages=100, ocr_languages=(), scratch=Path("/nonexistent")))
    members = {m.name: b"".join(m.content) for m in parser.parse(file, media.DOCX) if isinstance(m, Member)}
    assert members == {"Prices.xlsx": b"PK sheet"}
