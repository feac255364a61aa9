"""Text on slides: how it looks through shapes, layouts, masters and styles (ECMA-376, part 1, 21.1.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appliance.types import FindingKind
from ingest.parsers.legible import BLACK, TINY_POINTS
from ingest.parsers.ooxml.drawing import Fill, Scheme, colour, fill, unreadable
from ingest.parsers.ooxml.formulas import M, formula
from ingest.parsers.ooxml.package import A, Element, number

_USUAL = 18.0
_LEVELS = 9
_BULLETS = {f"{A}buChar": "-", f"{A}buBlip": "-", f"{A}buAutoNum": "1", f"{A}buNone": ""}


@dataclass(frozen=True, slots=True)
class Look:
    """What decides about the text of a shape: lists of styles by level, the nearest first, those of the shape and its
    placeholders (`near`) and those of the master and the deck (`far`); the colour that the shape's style gives letters,
    which counts between them; the theme; what the text may stand on; how far the letters are shrunk to fit.
    """

    near: tuple[Element, ...]
    ink: Fill | None
    far: tuple[Element, ...]
    theme: Scheme
    grounds: Sequence[Fill]
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph: what can be seen of it, the sign before it ("" for none), and what was kept out, with reasons."""

    text: str
    sign: str
    kept_out: tuple[tuple[FindingKind, str], ...]


def lines(body: Element | None, look: Look) -> Iterator[Line]:
    """Yield the paragraphs of a text body."""
    counts = [0] * _LEVELS
    for paragraph in body.iterchildren(f"{A}p") if body is not None else ():
        properties = paragraph.find(f"{A}pPr")
        level = int(number(properties.get("lvl"))) if properties is not None else 0
        level = min(max(level, 0), _LEVELS - 1)
        near, far = _at(look.near, level), _at(look.far, level)
        text, kept_out = _runs(paragraph, (near, far), look)
        sign = next((found for source in (properties, *near, *far) if (found := _bullet(source)) is not None), "")
        if text.strip():
            counts[level + 1 :] = [0] * (_LEVELS - level - 1)
            counts[level] = counts[level] + 1 if sign == "1" else 0
        yield Line(_tidy(text), f"{counts[level]}." if sign == "1" else sign, tuple(kept_out))


def _runs(
    paragraph: Element, levels: tuple[list[Element], list[Element]], look: Look
) -> tuple[str, list[tuple[FindingKind, str]]]:
    shown: list[str] = []
    kept_out: list[tuple[FindingKind, str]] = []
    for run in paragraph.iterchildren("*"):
        if run.tag == f"{A}br":
            shown.append("\n")
        elif run.tag in (f"{A}r", f"{A}fld"):
            text = "".join(part.text or "" for part in run.iterchildren(f"{A}t"))
            kind = _unseen(run.find(f"{A}rPr"), levels, look) if text.strip() else None
            if kind is None:
                shown.append(text)
            else:
                kept_out.append((kind, text))
        elif run.tag.endswith("}m"):
            shown += [formula(part) for part in run.iterchildren(f"{M}oMath", f"{M}oMathPara")]
    return "".join(shown).replace("\v", "\n"), kept_out


def _at(lists: Sequence[Element], level: int) -> list[Element]:
    """Return what lists of styles say about a level."""
    found = (styles.find(f"{A}lvl{level + 1}pPr") for styles in lists)
    return [properties for properties in found if properties is not None]


def _bullet(properties: Element | None) -> str | None:
    for child in properties.iterchildren("*") if properties is not None else ():
        if child.tag in _BULLETS:
            return _BULLETS[child.tag]
    return None


def _unseen(own: Element | None, levels: tuple[list[Element], list[Element]], look: Look) -> FindingKind | None:
    """Return why a person does not see a run of text."""
    near = [own, *(level.find(f"{A}defRPr") for level in levels[0])]
    far = [level.find(f"{A}defRPr") for level in levels[1]]
    sources = [source for source in (*near, *far) if source is not None]
    points = next((number(source.get("sz"), _USUAL * 100) / 100 for source in sources if source.get("sz")), _USUAL)
    if points * look.scale < TINY_POINTS:
        return "tiny"
    line = next((found for source in sources if (found := source.find(f"{A}ln")) is not None), None)
    outline = fill(line, look.theme)
    if outline and outline.alpha > 0:
        # The outline of letters is seen whatever they are filled with.
        return None
    paint = next((found for source in near if (found := fill(source, look.theme))), None) or look.ink
    paint = paint or next((found for source in far if (found := fill(source, look.theme))), None)
    paint = paint or Fill((look.theme.colour("tx1") or BLACK,))
    return "background_colour" if all(unreadable(paint, ground) for ground in look.grounds) else None


def font_reference(style: Element | None, theme: Scheme) -> Fill | None:
    """Return the colour that a shape's style gives its letters."""
    reference = style.find(f"{A}fontRef") if style is not None else None
    inner = [colour(child, theme) for child in reference.iterchildren("*")] if reference is not None else []
    return inner[0] if inner else None


def shrunk(bodies: Sequence[Element]) -> float:
    """Return how far letters are shrunk to fit their shape."""
    for body in bodies:
        fitting = body.find(f"{A}bodyPr/{A}normAutofit")
        if fitting is not None:
            value = number(fitting.get("fontScale"), 100_000)
            # A strict file writes "25%".
            return value / (100 if "%" in fitting.get("fontScale", "") else 100_000)
    return 1.0


def style_name(mark: Element | None) -> str:
    """Return which of the master's styles of text a placeholder has; that of other text for None."""
    kind = mark.get("type", "obj") if mark is not None else ""
    if kind in ("title", "ctrTitle"):
        return "titleStyle"
    return "otherStyle" if kind in ("", "dt", "ftr", "sldNum") else "bodyStyle"


def _tidy(text: str) -> str:
    found = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in found if line)
