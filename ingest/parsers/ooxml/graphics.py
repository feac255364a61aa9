"""Text in charts and diagrams (SmartArt) of Office files (ECMA-376, part 1, 21.2 and 21.4), as stored in them."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.types import Section
from ingest.parsers import tables
from ingest.parsers.ooxml.package import A, Element, Package, R

_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_D = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_DATA = ("node", "asst", "doc")
# A chart with more points than this is a picture of a data set, not a table to read.
_POINTS = 2000


def graphic_sections(drawing: Element, package: Package, part: str, page: int | None) -> Iterator[Section]:
    """Yield the text of the charts and diagrams that a drawing in `part` refers to."""
    charts, diagrams = list(drawing.iter(f"{_C}chart")), list(drawing.iter(f"{_D}relIds"))
    if not charts and not diagrams:
        return
    related = package.related(part)
    for element, attribute, read in [(c, "id", _chart) for c in charts] + [(d, "dm", _diagram) for d in diagrams]:
        relation = related.get(element.get(f"{R}{attribute}", ""))
        root = package.tree(relation.target) if relation else None
        for text, table in read(root) if root is not None else ():
            yield Section(text, page, "table" if table else "paragraph")


def _chart(root: Element) -> Iterator[tuple[str, bool]]:
    """Yield the titles of a chart and its values, a row for each category."""
    for title in root.iter(f"{_C}title"):
        text = _text(title) or " ".join(_cached(title).values())
        if text:
            yield text, False
    rows: dict[str, dict[int, str]] = {}
    names: list[str] = []
    for series in root.iter(f"{_C}ser"):
        place = len(names)
        names.append(" ".join(_cached(series.find(f"{_C}tx")).values()) or f"Series {place + 1}")
        labels = _cached(series.find(f"{_C}cat")) or _cached(series.find(f"{_C}xVal"))
        values = _cached(series.find(f"{_C}val")) or _cached(series.find(f"{_C}yVal"))
        for index, value in values.items():
            rows.setdefault(labels.get(index, str(index + 1)), {})[place] = value
    if rows and len(rows) * len(names) <= _POINTS:
        lines = [[label, *(values.get(i, "") for i in range(len(names)))] for label, values in rows.items()]
        yield tables.render([["", *names], *lines], header=True), True


def _cached(element: Element | None) -> dict[int, str]:
    """Return the values that a chart keeps of the cells it was drawn from, by their place."""
    found: dict[int, str] = {}
    if element is not None:
        for point in element.iter(f"{_C}pt"):
            value = point.find(f"{_C}v")
            if value is not None and value.text and point.get("idx", "").isdecimal():
                found[int(point.get("idx")[:9])] = value.text
        if not found:
            found = {i: value.text for i, value in enumerate(element.iter(f"{_C}v")) if value.text}
    return found


def _diagram(root: Element) -> Iterator[tuple[str, bool]]:
    for point in root.iter(f"{_D}pt"):
        if point.get("type", "node") in _DATA:
            text = "\n".join(filter(None, (_text(paragraph) for paragraph in point.iter(f"{A}p"))))
            # A placeholder that nobody has written in shows its prompt to the author alone.
            properties = point.find(f"{_D}prSet")
            if text and (properties is None or properties.get("phldr") not in ("1", "true")):
                yield text, False


def _text(element: Element) -> str:
    return " ".join("".join(text.text or "" for text in element.iter(f"{A}t")).split())
