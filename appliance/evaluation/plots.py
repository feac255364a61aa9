"""The report's plots, as SVG inside the page: no script, no fonts or images from anywhere; colours are the page's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from appliance.evaluation.markup import Html, escaped, tag
from appliance.evaluation.tradeoff import Bin

WIDTH, HEIGHT = 440, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 46
_ROW = 28
_LABEL = 190
_VALUE = 66
_COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart: a figure between 0 and 1 with its interval; a `strong` one has the accent colour."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, its points' coordinates between 0 and 1. `style` is a class: strong, plain or dashed."""

    label: str
    points: Sequence[tuple[float, float]]
    style: str = "strong"


def gauge(value: float | None, low: float | None, high: float | None) -> Html:
    """Return a bar of the size of a line of text with its whisker, for a table's cell."""
    if value is None:
        return tag("span")
    width, height = 96, 14
    parts = [
        tag("rect", cls="track", x=0, y=4, width=width, height=6, rx=3),
        tag("rect", cls="bar", x=0, y=4, width=_clipped(value) * width, height=6, rx=3),
        *_whisker(low, high, (0, width), 7, 4),
    ]
    return tag(
        "svg", *parts, cls="gauge", viewBox=f"0 0 {width} {height}", width=width, height=height, aria_hidden="true"
    )


def bars(title: str, rows: Sequence[Bar]) -> Html:
    """Return horizontal bars with whiskers for the 95 % intervals."""
    width, height = 2 * WIDTH, _ROW * len(rows) + 26
    start, end = _LABEL, width - _VALUE
    parts = [
        part for x in (0, 0.25, 0.5, 0.75, 1) for part in _gridline(start + x * (end - start), height - 22, f"{x:g}")
    ]
    for number, row in enumerate(rows):
        middle = _ROW * number + _ROW / 2 + 2
        parts.append(_text(_LABEL - 10, middle + 4, row.label, anchor="end"))
        parts.append(_text(width - _VALUE + 12, middle + 4, "–" if row.value is None else f"{row.value:.3f}", "number"))
        if row.value is not None:
            size = _clipped(row.value) * (end - start)
            style = "bar" if row.strong else "bar weak"
            parts.append(tag("rect", cls=style, x=start, y=middle - 7, width=size, height=14, rx=3))
            parts += _whisker(row.low, row.high, (start, end), middle, 5)
    return _figure(title, parts, width, height, "wide")


def chart(title: str, axes: tuple[str, str], lines: Sequence[Line], marks: Sequence[tuple[float, float]] = ()) -> Html:
    """Return lines over the unit square, `axes` naming x and y, with a dot at each of `marks`."""
    parts = _square(axes)
    for line in lines:
        points = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in line.points)
        parts.append(tag("polyline", cls=f"line {line.style}", points=points))
    parts += [tag("circle", cls="mark", cx=round(_x(x), 1), cy=round(_y(y), 1), r=5) for x, y in marks]
    return _figure(title, parts, WIDTH, HEIGHT, "", _legend(lines, bool(marks)))


def upright(at: float) -> Line:
    """Return the line of a threshold."""
    return Line("threshold in use", [(at, 0.0), (at, 1.0)], "guide")


def diagonal(label: str) -> Line:
    """Return what a plot's lines are compared with."""
    return Line(label, [(0.0, 0.0), (1.0, 1.0)], "guide")


def reliability(title: str, bins: Sequence[Bin]) -> Html:
    """Return confidence against the share that is right; on the diagonal confidence means what it says."""
    lines = [
        diagonal("perfectly calibrated"),
        Line("answers, ten bins of equal size", [(each.confidence, each.right) for each in bins]),
    ]
    parts = _square(("confidence", "share right"))
    parts.append(tag("polyline", cls="line guide", points=f"{_x(0)},{_y(0)} {_x(1)},{_y(1)}"))
    points = " ".join(f"{_x(each.confidence):.1f},{_y(each.right):.1f}" for each in bins)
    parts.append(tag("polyline", cls="line strong", points=points))
    for each in bins:
        dot = tag("title", f"{each.count} answers, confidence {each.confidence:.3f}, right {each.right:.3f}")
        place = {"cx": round(_x(each.confidence), 1), "cy": round(_y(each.right), 1)}
        parts.append(tag("g", dot, tag("circle", cls="dot", r=4, **place)))
    return _figure(title, parts, WIDTH, HEIGHT, "", _legend(lines, False))


def histogram(title: str, values: Sequence[float], unit: str) -> Html:
    """Return how often values occur, with the median and the 95th percentile marked."""
    top = max(values) or 1.0
    counts, _ = np.histogram(values, bins=_COLUMNS, range=(0.0, top))
    most, step = int(counts.max()), (WIDTH - LEFT - RIGHT) / _COLUMNS
    parts = [tag("line", cls="axis", x1=LEFT, y1=_y(0), x2=WIDTH - RIGHT, y2=_y(0))]
    for number, count in enumerate(counts):
        if count:
            size = count / most * (HEIGHT - TOP - BOTTOM - 18)
            place = {"x": round(LEFT + number * step + 1, 1), "y": round(_y(0) - size, 1)}
            parts.append(tag("rect", cls="bar", width=round(step - 2, 1), height=round(size, 1), rx=1, **place))
    for share, name in ((50, "p50"), (95, "p95")):
        at = _x(float(np.percentile(values, share)) / top)
        parts.append(tag("line", cls="line guide", x1=at, y1=TOP + 14, x2=at, y2=_y(0)))
        parts.append(_text(at, TOP + 8, name, "small", "end" if share == 95 else "middle"))
    parts += [_text(_x(x), _y(0) + 18, f"{x * top:,.0f}", "small", "middle") for x in (0.0, 0.25, 0.5, 0.75)]
    parts.append(_text(_x(1), _y(0) + 18, f"{top:,.0f}", "small", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, unit, "small", "middle"))
    parts.append(_text(LEFT - 8, TOP + 22, f"{most}", "small", "end"))
    parts.append(_text(LEFT - 8, _y(0) + 4, "0", "small", "end"))
    return _figure(title, parts, WIDTH, HEIGHT, "")


def _figure(title: str, parts: Sequence[Html], width: int, height: int, cls: str, legend: Html | None = None) -> Html:
    named = tag("title", title)
    svg = tag("svg", named, *parts, role="img", viewBox=f"0 0 {width} {height}", aria_label=title)
    return tag("figure", tag("figcaption", title), svg, legend or escaped(""), cls=f"plot {cls}".strip())


def _legend(lines: Sequence[Line], marked: bool) -> Html:
    entries = [_entry(tag("line", cls=f"line {line.style}", x1=1, y1=6, x2=25, y2=6), line.label) for line in lines]
    if marked:
        entries.append(_entry(tag("circle", cls="mark", cx=13, cy=6, r=4), "at the threshold in use"))
    return tag("p", *entries, cls="legend")


def _entry(sample: Html, label: str) -> Html:
    drawn = tag("svg", sample, viewBox="0 0 26 12", width=26, height=12, aria_hidden="true")
    return tag("span", drawn, label)


def _square(axes: tuple[str, str]) -> list[Html]:
    across, up = axes
    parts = []
    for at in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(tag("line", cls="grid", x1=_x(at), y1=_y(0), x2=_x(at), y2=_y(1)))
        parts.append(tag("line", cls="grid", x1=_x(0), y1=_y(at), x2=_x(1), y2=_y(at)))
        parts.append(_text(_x(at), _y(0) + 18, f"{at:g}", "small", "middle"))
        parts.append(_text(LEFT - 8, _y(at) + 4, f"{at:g}", "small", "end"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across, "small", "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    turned = f"rotate(-90 13 {middle:g})"
    parts.append(tag("text", up, cls="small", x=13, y=middle, text_anchor="middle", transform=turned))
    return parts


def _gridline(x: float, bottom: float, label: str) -> list[Html]:
    return [
        tag("line", cls="grid", x1=x, y1=0, x2=x, y2=bottom),
        _text(x, bottom + 16, label, "small", "middle"),
    ]


def _whisker(low: float | None, high: float | None, ends: tuple[float, float], y: float, half: float) -> list[Html]:
    if low is None or high is None:
        return []
    start, end = ends
    a, b = (start + _clipped(value) * (end - start) for value in (low, high))
    path = f"M{a:.1f} {y - half:g}V{y + half:g}M{a:.1f} {y:g}H{b:.1f}M{b:.1f} {y - half:g}V{y + half:g}"
    return [tag("path", cls="whisker", d=path)]


def _text(x: float, y: float, text: str, cls: str | None = None, anchor: str | None = None) -> Html:
    return tag("text", text, cls=cls, x=round(x, 1), y=round(y, 1), text_anchor=anchor)


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))
