"""One slide as sections of what its audience sees, and the notes that its presenter sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from appliance.types import FindingKind, Section
from ingest.parsers import tables
from ingest.parsers.kept import Kept
from ingest.parsers.ooxml.drawing import NOTHING, PAPER, Fill, fill, over, referred
from ingest.parsers.ooxml.graphics import graphic_sections
from ingest.parsers.ooxml.package import A, Element, P, Package
from ingest.parsers.slides.shapes import Area, Shape, Sheet, Stack, placeholder, shapes
from ingest.parsers.slides.tables import Cell, rows
from ingest.parsers.slides.text import Line, Look, font_reference, lines, shrunk, style_name

_POINT = 12_700.0
# Shapes whose tops differ by less than this part of the slide's height stand side by side.
_BANDS = 20
_TITLES = ("title", "ctrTitle")
_FURNITURE = ("dt", "ftr", "hdr")


@dataclass(frozen=True, slots=True)
class Resources:
    """What the slides of one deck share: its package, what was kept out, the slides' size, the styles of text and of
    tables; and what was found out on the way: the shapes of layouts and masters, which of those were told, and which
    footers.
    """

    package: Package
    kept: Kept
    size: Area
    text_styles: tuple[Element, ...]
    table_styles: dict[str, Element]
    lower: dict[str, list[Shape]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    furniture: set[str] = field(default_factory=set)


class Slide:
    """One slide."""

    def __init__(self, resources: Resources, sheet: Sheet, page: int) -> None:
        self._resources, self._sheet, self._page = resources, sheet, page
        self._where = f"slide {page}"
        self._shapes = shapes(sheet, resources.package)
        master = sheet
        while master.below:
            master = master.below
        self._master = master.root
        self._stack = Stack(self._shapes, self._lower(), _background(sheet))

    def sections(self) -> Iterator[Section]:
        """Yield the title, then the rest from top to bottom, then the notes."""
        titles = [shape for shape in self._shapes if _type(shape) in _TITLES]
        lines = [line.text.replace("\n", " ") for shape in titles for line in self._lines(shape)]
        title = " ".join(filter(None, lines))
        rest = [section for shape in self._in_order() if shape not in titles for section in self._shape(shape)]
        rest += self._template()
        notes = list(self._notes())
        if title:
            yield Section(title, self._page, "heading", level=1 if self._page == 1 else 2)
        elif rest or notes:
            # Without a heading of its own it would stand under that of the slide before.
            yield Section(f"Slide {self._page}", self._page, "heading", level=2)
        yield from rest
        if notes:
            yield Section("Notes", self._page, "heading", level=3)
            yield from notes

    def _lower(self) -> list[Shape]:
        """Return what layout and master draw under the slide's own shapes."""
        found: list[Shape] = []
        sheet = self._sheet
        while sheet.below and sheet.root.get("showMasterSp", "1") not in ("0", "false"):
            sheet = sheet.below
            if sheet.part not in self._resources.lower:
                drawn = shapes(sheet, self._resources.package)
                self._resources.lower[sheet.part] = [s for s in drawn if placeholder(s.element) is None]
            found = [*self._resources.lower[sheet.part], *found]
        return found

    def _template(self) -> Iterator[Section]:
        """Yield the text of layout and master. It stands on every slide that takes from them, and is told once."""
        sheet = self._sheet
        while sheet.below and sheet.root.get("showMasterSp", "1") not in ("0", "false"):
            sheet = sheet.below
            if sheet.part not in self._resources.told:
                self._resources.told.add(sheet.part)
                for line in (line for shape in self._resources.lower[sheet.part] for line in self._lines(shape)):
                    if line.text:
                        yield Section(line.text, self._page, "paragraph")

    def _in_order(self) -> list[Shape]:
        """Return the shapes as a reader takes them: from top to bottom, then from left to right, groups together."""
        band = self._resources.size.bottom / _BANDS
        own = [(s.area.top // band, s.area.left) if s.area else (0.0, 0.0) for s in self._shapes]
        groups: dict[int, tuple[float, float]] = {}
        for shape, place in zip(self._shapes, own, strict=True):
            groups[shape.place] = min(groups.get(shape.place, place), place)
        keys = [(groups[shape.place], shape.place, place) for shape, place in zip(self._shapes, own, strict=True)]
        return [self._shapes[i] for i in sorted(range(len(keys)), key=keys.__getitem__)]

    def _shape(self, shape: Shape) -> Iterator[Section]:
        table = next(shape.element.iter(f"{A}tbl"), None)
        if table is not None:
            yield from self._table(table, shape)
        elif shape.element.tag == f"{P}graphicFrame":
            if self._gone(shape) is None:
                yield from graphic_sections(shape.element, self._resources.package, self._sheet.part, self._page)
        elif _type(shape) != "sldNum":
            for line in self._lines(shape):
                if _type(shape) in _FURNITURE:
                    # What stands on every slide is told once.
                    if line.text in self._resources.furniture:
                        continue
                    self._resources.furniture.add(line.text)
                if line.text and line.sign:
                    yield Section(f"{line.sign} {line.text}", self._page, "list_item")
                elif line.text:
                    yield Section(line.text, self._page, "paragraph")

    def _lines(self, shape: Shape) -> list[Line]:
        """Return the paragraphs of a shape that can be seen; what cannot is counted."""
        body = shape.element.find(f"{P}txBody")
        if body is None or next(body.iter(f"{A}t"), None) is None:
            return []
        gone = self._gone(shape)
        bodies = [body, *(found for other in shape.inherited if (found := other.find(f"{P}txBody")) is not None)]
        style = style_name(placeholder(shape.element))
        look = Look(
            tuple(lists for source in bodies if (lists := source.find(f"{A}lstStyle")) is not None),
            font_reference(shape.element.find(f"{P}style"), self._sheet.theme),
            (*self._master.iterfind(f"{P}txStyles/{P}{style}"), *self._resources.text_styles),
            self._sheet.theme,
            self._stack.grounds(shape),
            shrunk(bodies),
        )
        return self._seen(lines(body, look), gone)

    def _seen(self, found: Iterator[Line], gone: FindingKind | None) -> list[Line]:
        seen = []
        for line in found:
            for kind, text in line.kept_out:
                self._resources.kept.out(gone or kind, self._where, text)
            if gone:
                self._resources.kept.out(gone, self._where, line.text)
            else:
                seen.append(line)
        return seen

    def _gone(self, shape: Shape) -> FindingKind | None:
        """Return why nothing of a shape can be seen."""
        area, size = shape.area, self._resources.size
        if shape.hidden:
            return "hidden"
        if area is None:
            return None
        if area.right <= 0 or area.bottom <= 0 or area.left >= size.right or area.top >= size.bottom:
            return "off_page"
        flat = min(area.right - area.left, area.bottom - area.top) < _POINT
        if flat and shape.element.tag == f"{P}sp" and not _grows(shape):
            return "off_page"
        return "covered" if self._stack.covered(shape) else None

    def _table(self, table: Element, shape: Shape) -> Iterator[Section]:
        gone = self._gone(shape)
        under = self._stack.grounds(shape)
        above: dict[int, str] = {}
        texts: list[list[str]] = []
        for row in rows(table, self._resources.table_styles, self._sheet.theme):
            line: list[str] = []
            for cell in row:
                text = above.get(cell.column, "") if cell.continues else self._cell(cell, under, gone)
                above[cell.column] = text
                line += [""] * (cell.column - len(line))
                # A header over several columns is the header of each.
                line += [text, *([text if not texts else ""] * (cell.span - 1))]
            texts.append(line)
        properties = table.find(f"{A}tblPr")
        first = properties is not None and properties.get("firstRow", "0") in ("1", "true")
        # New tables have a first row that looks like a header, also those of names and values.
        text = tables.render(texts, True if first and texts and len(texts[0]) > 2 else None)
        if text:
            yield Section(text, self._page, "table")

    def _cell(self, cell: Cell, under: Sequence[Fill], gone: FindingKind | None) -> str:
        grounds = [over(cell.fill or NOTHING, ground) for ground in under]
        look = Look((), cell.ink, self._resources.text_styles, self._sheet.theme, grounds)
        return "\n".join(line.text for line in self._seen(lines(cell.element.find(f"{A}txBody"), look), gone))

    def _notes(self) -> Iterator[Section]:
        part = next((r.target for r in self._sheet.related.values() if r.kind == "notesSlide"), "")
        root = self._resources.package.tree(part)
        look = Look((), None, (), self._sheet.theme, [PAPER])
        for element in root.iter(f"{P}sp") if root is not None else ():
            mark = placeholder(element)
            if mark is None or mark.get("type", "") != "body":
                continue
            found = list(lines(element.find(f"{P}txBody"), look))
            for kind, text in (out for line in found for out in line.kept_out):
                self._resources.kept.out(kind, f"notes of {self._where}", text)
            for line in found:
                if line.text:
                    yield Section(line.text, self._page, "paragraph")


def _type(shape: Shape) -> str:
    mark = placeholder(shape.element)
    return str(mark.get("type", "obj")) if mark is not None else ""


def _grows(shape: Shape) -> bool:
    """Tell whether a shape without extent shows its text all the same."""
    properties = shape.element.find(f"{P}txBody/{A}bodyPr")
    return properties is not None and (
        properties.find(f"{A}spAutoFit") is not None or properties.get("wrap", "square") == "none"
    )


def _background(sheet: Sheet | None) -> Fill:
    """Return what a slide is painted with: by itself, its layout or its master."""
    while sheet:
        background = sheet.root.find(f"{P}cSld/{P}bg")
        if background is not None:
            own = fill(background.find(f"{P}bgPr"), sheet.theme)
            found = own or referred(background.find(f"{P}bgRef"), sheet.theme)
            return over(found, PAPER) if found else PAPER
        sheet = sheet.below
    return PAPER
