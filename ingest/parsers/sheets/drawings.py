"""Text in the drawings of a sheet: text boxes, shapes, diagrams, and the titles of charts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from appliance.types import FindingKind, Section
from ingest.parsers.kept import Kept
from ingest.parsers.legible import BLACK, RGB, WHITE, Font, read_colour
from ingest.parsers.ooxml.package import Package
from ingest.parsers.sheets.styles import Styles
from ingest.parsers.trees import attribute, local

_SHAPES = frozenset({"sp", "cxnSp"})
_MORE = frozenset({"chart", "chartEx", "diagramData"})


def drawing_sections(package: Package, part: str, styles: Styles, unseen: Kept, where: str) -> Iterator[Section]:
    """Yield the texts of a drawing's shapes that are shown; count the others."""
    root = package.tree(part)
    if root is None:
        return
    for shape in root.iter():
        if local(shape) in _SHAPES:
            yield from _shape(shape, styles, unseen, where)
    for relation in package.related(part).values():
        if relation.kind in _MORE:
            yield from _paragraphs(package.tree(relation.target), styles, None, (unseen, where, None))


def _shape(shape: Any, styles: Styles, unseen: Kept, where: str) -> Iterator[Section]:
    hidden: FindingKind | None = None
    ground: RGB | None = WHITE
    for part in shape.iter():
        name = local(part)
        if name == "cNvPr" and attribute(part, "hidden") in ("1", "true"):
            hidden = "hidden"
        elif name == "spPr":
            ground = _fill(part, styles, WHITE)
    styled = any(local(part) == "fillRef" and attribute(part, "idx") != "0" for part in shape.iter())
    if styled and ground == WHITE:
        ground = None
    for part in shape:
        if local(part) == "txBody":
            yield from _paragraphs(part, styles, ground, (unseen, where, hidden))


def _paragraphs(
    root: Any, styles: Styles, ground: RGB | None, place: tuple[Kept, str, FindingKind | None]
) -> Iterator[Section]:
    unseen, where, hidden = place
    lines = []
    for paragraph in () if root is None else root.iter():
        if local(paragraph) != "p":
            continue
        text = ""
        for run in paragraph:
            words = "".join(part.text or "" for part in run if local(part) == "t")
            why = hidden or _font(run, styles).unseen(ground)
            if why:
                unseen.out(why, where, words)
            else:
                text += "\n" if local(run) == "br" else words
        if text.strip():
            lines.append(" ".join(text.split()))
    if lines:
        yield Section("\n".join(lines), None, "paragraph")


def _font(run: Any, styles: Styles) -> Font:
    for part in run:
        if local(part) == "rPr":
            size = attribute(part, "sz")
            points = int(size) / 100 if size.isdecimal() else 11.0
            return Font(_fill(part, styles, BLACK), points)
    return Font()


def _fill(element: Any, styles: Styles, otherwise: RGB) -> RGB | None:
    """Return the colour that an element is filled with; None where it is not one colour."""
    for part in element:
        match local(part):
            case "solidFill":
                return _solid(part, styles)
            case "gradFill" | "blipFill" | "pattFill" | "grpFill":
                return None
    return otherwise


def _solid(fill: Any, styles: Styles) -> RGB | None:
    for colour in fill:
        if len(colour):
            # Made lighter, darker or transparent: not worth a wrong finding.
            return None
        if local(colour) == "srgbClr":
            return read_colour(attribute(colour, "val"))
        if local(colour) == "schemeClr":
            return styles.named(attribute(colour, "val"))
        return read_colour(attribute(colour, "lastClr"))
    return None
