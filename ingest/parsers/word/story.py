"""One story of a Word document, its body, a header or its notes: the blocks that can be seen, in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from appliance.types import FindingKind, Section
from ingest.parsers import tables
from ingest.parsers.kept import Kept
from ingest.parsers.legible import TINY_POINTS
from ingest.parsers.ooxml.drawing import Fill
from ingest.parsers.ooxml.formulas import M, formula
from ingest.parsers.ooxml.graphics import graphic_sections
from ingest.parsers.ooxml.package import Element, Package, W
from ingest.parsers.symbols import symbol
from ingest.parsers.word.boxes import Backdrop, Page, backdrops, frame_is_off, text_boxes
from ingest.parsers.word.lists import BULLET, Numbering
from ingest.parsers.word.styles import RunLook, Styles, unseen
from ingest.parsers.word.tables import WRAPPERS, Row, TableLook, matrix, rows

# A picture or coloured shape behind the text reaches at most this many paragraphs down from the one it hangs on.
_REACH = 40
_BREAKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


@dataclass(frozen=True, slots=True)
class Resources:
    """What the stories of one document share."""

    package: Package
    styles: Styles
    kept: Kept
    page: Page
    # Behind every page, from its header.
    behind: list[Backdrop] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where blocks stand: the name of the place ("": in the body), the grounds under them, the lowest first, how runs
    look by a table's style, and why none of it can be seen.
    """

    where: str
    grounds: tuple[Fill, ...]
    table: RunLook = field(default_factory=RunLook)
    unseen: FindingKind | None = None
    boxed: bool = False


@dataclass(slots=True)
class _Line:
    """A paragraph while it is read."""

    style: str
    setting: Setting
    text: list[str] = field(default_factory=list)
    drawings: list[Element] = field(default_factory=list)
    tables: list[Element] = field(default_factory=list)


class Story:
    """Reads one part. `footnotes` and `endnotes` are the ids that its visible text has referred to, in order."""

    def __init__(self, resources: Resources, part: str, numbering: Numbering) -> None:
        self._resources = resources
        self._part = part
        self._numbering = numbering
        self._paragraphs = self._tables = 0
        self._backdrops: list[tuple[int, Backdrop]] = []
        # For each open field, whether we are in its code, which nobody sees, or in its result.
        self._fields: list[bool] = []
        self._balanced = True
        self.footnotes: list[str] = []
        self.endnotes: list[str] = []

    def blocks(self, container: Element, setting: Setting) -> Iterator[Section]:
        """Yield the paragraphs and tables in a container."""
        if not self._paragraphs:
            kinds = [mark.get(f"{W}fldCharType") for mark in container.iter(f"{W}fldChar")]
            self._balanced = kinds.count("begin") == kinds.count("end")
        for child in container.iterchildren("*"):
            if child.tag == f"{W}p":
                yield from self._paragraph(child, setting)
            elif child.tag == f"{W}tbl":
                yield from self._table(child, setting)
            elif child.tag in WRAPPERS:
                yield from self.blocks(child, setting)

    def _paragraph(self, element: Element, setting: Setting) -> Iterator[Section]:
        styles = self._resources.styles
        self._paragraphs += 1
        properties = element.find(f"{W}pPr")
        named = properties.find(f"{W}pStyle") if properties is not None else None
        style = named.get(f"{W}val", "") if named is not None else styles.default("paragraph")
        look = styles.paragraph(style, properties)
        page = self._resources.page
        if not setting.where:
            setting = replace(setting, where=f"paragraph {self._paragraphs}")
        if "ground" in look:
            setting = replace(setting, grounds=(*setting.grounds, look["ground"]))
        if setting.unseen is None and (
            abs(look.get("indent", 0.0)) >= page.width
            or look.get("exact", TINY_POINTS) < TINY_POINTS
            or frame_is_off(properties, page)
        ):
            setting = replace(setting, unseen="off_page")
        line = _Line(style, setting)
        self._inline(element, line)
        text = _tidy("".join(line.text))
        level = styles.level(style, look)
        sign = ""
        if look.get("list", "0") != "0":
            # Empty items count as well.
            sign = self._numbering.sign(look["list"], look.get("list_level", 0))
        if text and level:
            number_sign = f"{sign} " if sign and sign != BULLET else ""
            yield Section(number_sign + text.replace("\n", " "), None, "heading", level=level)
        elif text and sign:
            yield Section(f"{sign} {text}", None, "list_item")
        elif text:
            yield Section(text, None, "paragraph")
        for table in line.tables:
            yield from self._table(table, setting)
        yield from self._drawings(line)

    def _inline(self, element: Element, line: _Line) -> None:
        for child in element.iterchildren("*"):
            if child.tag == f"{W}r":
                self._run(child, line)
            elif child.tag in WRAPPERS:
                self._inline(child, line)
            elif child.tag in (f"{M}oMath", f"{M}oMathPara"):
                self._keep(formula(child), RunLook(), line)
            elif child.tag in (f"{W}drawing", f"{W}pict", f"{W}object"):
                line.drawings.append(child)
            elif child.tag == f"{W}tbl":
                line.tables.append(child)

    def _run(self, run: Element, line: _Line) -> None:
        text: list[str] = []
        notes: list[Element] = []
        properties = None
        for child in run.iterchildren("*"):
            name = child.tag.removeprefix(W)
            if name == "t":
                if not (self._balanced and any(self._fields)):
                    text.append(child.text or "")
            elif name == "rPr":
                properties = child
            elif name in _BREAKS:
                text.append(_BREAKS[name])
            elif name == "sym":
                text.append(symbol(child.get(f"{W}char", ""), child.get(f"{W}font", "")))
            elif name == "fldChar":
                self._field(child.get(f"{W}fldCharType", ""))
            elif name in ("footnoteReference", "endnoteReference"):
                notes.append(child)
            elif name in ("drawing", "pict", "object"):
                line.drawings.append(child)
            elif name == "tbl":
                line.tables.append(child)
            elif name == "ruby":
                for base in child.iterchildren(f"{W}rubyBase"):
                    self._inline(base, line)
        if text or notes:
            look = self._resources.styles.run(line.style, line.setting.table, properties)
            if self._keep("".join(text), look, line):
                for note in notes:
                    order = self.footnotes if note.tag == f"{W}footnoteReference" else self.endnotes
                    order.append(note.get(f"{W}id", ""))

    def _keep(self, text: str, look: RunLook, line: _Line) -> bool:
        """Take up a run's text if it can be seen, and return whether it is displayed at all."""
        setting = line.setting
        kind = setting.unseen or unseen(look, setting.grounds)
        if kind == "background_colour" and text.strip():
            for backdrop in self._behind(setting.boxed):
                # What is painted over the page, a cell or a paragraph, is painted over what lies behind it as well.
                if unseen(look, (backdrop, *setting.grounds[1:])) is None:
                    kind = None
        if kind is None:
            line.text.append(text)
        elif text.strip():
            self._resources.kept.out(kind, setting.where, text)
        return kind != "hidden"

    def _behind(self, boxed: bool) -> Iterator[Fill]:
        for backdrop in self._resources.behind:
            yield backdrop.fill
        for place, backdrop in self._backdrops:
            if self._paragraphs - place <= _REACH and (backdrop.behind or boxed):
                yield backdrop.fill

    def _field(self, kind: str) -> None:
        if kind == "begin":
            self._fields.append(True)
        elif kind == "separate" and self._fields:
            self._fields[-1] = False
        elif kind == "end" and self._fields:
            self._fields.pop()

    def _drawings(self, line: _Line) -> Iterator[Section]:
        """Yield the text of what hangs on a paragraph: text boxes, charts, diagrams."""
        page, setting = self._resources.page, line.setting
        for drawing in line.drawings:
            for backdrop in backdrops(drawing, self._resources.styles.theme):
                self._backdrops.append((self._paragraphs, backdrop))
                if setting.where == "header" and backdrop.behind and backdrop.height >= page.height / 2:
                    self._resources.behind.append(backdrop)
        self._backdrops = [b for b in self._backdrops if self._paragraphs - b[0] <= _REACH]
        for drawing in line.drawings:
            for box in text_boxes(drawing, self._resources.styles.theme, page):
                grounds = (setting.grounds[0], *((box.fill,) if box.fill else ()))
                place = setting.where if not setting.where.startswith("paragraph") else f"text box in {setting.where}"
                inner = Setting(place, grounds, unseen=setting.unseen or box.unseen, boxed=True)
                if isinstance(box.content, str):
                    look = RunLook(colour=box.ink) if box.ink else RunLook()
                    shown = _Line("", inner)
                    self._keep(box.content, look, shown)
                    yield from (Section(_tidy(text), None, "paragraph") for text in shown.text if text.strip())
                else:
                    yield from self.blocks(box.content, inner)
            if setting.unseen is None:
                yield from graphic_sections(drawing, self._resources.package, self._part, None)

    def _table(self, element: Element, setting: Setting) -> Iterator[Section]:
        if not setting.where:
            self._tables += 1
            setting = replace(setting, where=f"table {self._tables}")
        look = TableLook(element, self._resources.styles)
        found = rows(element)
        last = max((cell.column + cell.span - 1 for row in found for cell in row.cells), default=0)
        texts: list[tuple[Row, list[str]]] = []
        inner: list[Section] = []
        for i, row in enumerate(found):
            reason: FindingKind | None = "hidden" if row.hidden else "off_page" if row.clipped else None
            words: list[str] = []
            for cell in row.cells:
                runs, grounds = look.cell(cell, i, len(found), last)
                place = replace(setting, table=runs, grounds=(*setting.grounds, *grounds))
                place = replace(place, unseen=setting.unseen or reason)
                sections = list(self.blocks(cell.element, place))
                if len(found) == 1 and len(row.cells) == 1:
                    # A frame around text, no table.
                    yield from sections
                    return
                words.append("\n".join(section.text for section in sections if section.kind != "table"))
                inner += [section for section in sections if section.kind == "table"]
            texts.append((row, words))
        titles, lines, header = matrix(texts)
        for title in titles:
            yield Section(title, None, "paragraph")
        text = tables.render(lines, header)
        if text:
            yield Section(text, None, "table")
        yield from inner


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
