"""How Word text looks: properties of runs and paragraphs through styles (ECMA-376, part 1, 17.3, 17.7 and 17.15)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypedDict

from appliance.types import FindingKind
from ingest.parsers.legible import BLACK, RGB, TINY_POINTS, WHITE, read_colour
from ingest.parsers.ooxml.drawing import NOTHING, Fill, Scheme, fill, lightened, mixed, over, unreadable
from ingest.parsers.ooxml.package import Element, W, number, on

_FIT_TWIPS = 30
_TEXT_FILL, _TEXT_OUTLINE = "/word/2010/wordml}textFill", "/word/2010/wordml}textOutline"
# Word's themes know colours by these names (17.18.97); "text1" is what DrawingML calls tx1.
_THEME = {
    "dark1": "dk1", "light1": "lt1", "dark2": "dk2", "light2": "lt2", "text1": "tx1", "background1": "bg1",
    "text2": "tx2", "background2": "bg2", "hyperlink": "hlink", "followedHyperlink": "folHlink",
}  # fmt: skip
_HIGHLIGHTS: Mapping[str, RGB] = {
    "black": BLACK, "white": WHITE, "blue": (0, 0, 255), "cyan": (0, 255, 255), "green": (0, 255, 0),
    "magenta": (255, 0, 255), "red": (255, 0, 0), "yellow": (255, 255, 0), "darkBlue": (0, 0, 128),
    "darkCyan": (0, 128, 128), "darkGreen": (0, 128, 0), "darkMagenta": (128, 0, 128), "darkRed": (128, 0, 0),
    "darkYellow": (128, 128, 0), "darkGray": (128, 128, 128), "lightGray": (192, 192, 192),
}  # fmt: skip
_RELIEF = (f"{W}outline", f"{W}shadow", f"{W}emboss", f"{W}imprint")
_HEADING = re.compile(r"(?:heading|überschrift|berschrift|titre|título|ttulo|titolo|kop|rubrik|nagłówek) ?([1-9])")
_TITLES = frozenset({"title"})
_BODY_TEXT = 9


class RunLook(TypedDict, total=False):
    """Of a run: `colour` None is the automatic one; `ground` its own shading; `scale` the letters' width (1: as is)."""

    vanish: bool
    colour: Fill | None
    ground: Fill
    points: float
    scale: float
    relief: bool


class ParagraphLook(TypedDict, total=False):
    """Of a paragraph: `outline` its level from 0; `list` the numbering's id and level; lengths in points."""

    ground: Fill
    outline: int
    list: str
    list_level: int
    indent: float
    exact: float


def run_look(properties: Element | None, theme: Scheme) -> RunLook:
    """Return what a w:rPr says."""
    look = RunLook()
    for child in properties.iterchildren("*") if properties is not None else ():
        match child.tag.removeprefix(W):
            case "vanish" | "specVanish":
                # What specVanish is on is a paragraph's mark; on text it hides as vanish does.
                look["vanish"] = on(child)
            case "color":
                look["colour"] = _coloured(child, theme, "val", "theme")
            case "shd":
                look["ground"] = shading(child, theme)
            case "highlight":
                marked = _HIGHLIGHTS.get(child.get(f"{W}val", ""))
                if marked:
                    look["ground"] = Fill((marked,))
            case "sz":
                look["points"] = number(child.get(f"{W}val"), 24.0) / 2
            case "fitText":
                # As narrow as a point and a half whatever stands there.
                if number(child.get(f"{W}val"), 100.0) < _FIT_TWIPS:
                    look["scale"] = 0.0
            case "w":
                look["scale"] = number(child.get(f"{W}val"), 100.0) / 100
            case _ if child.tag in _RELIEF:
                look["relief"] = on(child)
            case _ if child.tag.endswith(_TEXT_FILL):
                painted = fill(child, theme)
                if painted:
                    look["colour"] = painted
            case _ if child.tag.endswith(_TEXT_OUTLINE):
                look["relief"] = (fill(child, theme) or NOTHING).alpha > 0
    return look


def paragraph_look(properties: Element | None, theme: Scheme) -> ParagraphLook:
    """Return what a w:pPr says."""
    look = ParagraphLook()
    for child in properties.iterchildren("*") if properties is not None else ():
        match child.tag.removeprefix(W):
            case "shd":
                look["ground"] = shading(child, theme)
            case "outlineLvl":
                look["outline"] = int(number(child.get(f"{W}val"), _BODY_TEXT))
            case "numPr":
                for part in child.iterchildren(f"{W}numId"):
                    look["list"] = part.get(f"{W}val", "")
                for part in child.iterchildren(f"{W}ilvl"):
                    look["list_level"] = int(number(part.get(f"{W}val")))
            case "ind":
                look["indent"] = number(child.get(f"{W}left") or child.get(f"{W}start")) / 20
            case "spacing" if child.get(f"{W}lineRule") == "exact":
                look["exact"] = number(child.get(f"{W}line"), 240.0) / 20
            case "spacing" if child.get(f"{W}line"):
                # Lines that grow with their letters: no style's exact height holds any more.
                look["exact"] = TINY_POINTS
    return look


def _coloured(element: Element, theme: Scheme, value: str, themed: str) -> Fill | None:
    """Return a colour that stands in attributes; None for the automatic one."""
    name = element.get(f"{W}{themed}Color" if themed == "theme" else f"{W}{themed}", "")
    base = theme.colour(_THEME.get(name, name)) if name and name != "none" else None
    if base is not None:
        return Fill((lightened(base, element.get(f"{W}{themed}Tint"), element.get(f"{W}{themed}Shade")),))
    plain = read_colour(element.get(f"{W}{value}", ""))
    return Fill((plain,)) if plain else None


def shading(element: Element, theme: Scheme) -> Fill:
    """Return what a w:shd paints: its fill, with so much of its colour in it as its pattern has."""
    pattern = element.get(f"{W}val", "clear")
    if pattern == "nil":
        return NOTHING
    ground = _coloured(element, theme, "fill", "themeFill")
    if pattern == "clear":
        return ground or NOTHING
    ink = _coloured(element, theme, "color", "theme") or Fill((BLACK,))
    part = 1.0 if pattern == "solid" else number(pattern.removeprefix("pct"), 50.0) / 100
    return Fill((mixed(ink.colours[0], (ground or Fill((WHITE,))).colours[0], min(part, 1.0)),))


def unseen(look: RunLook, grounds: Sequence[Fill]) -> FindingKind | None:
    """Return why a person does not see text that looks like this on these grounds, the lowest first."""
    if look.get("vanish"):
        return "hidden"
    points = look.get("points", 10.0)
    if points < TINY_POINTS or points * look.get("scale", 1.0) < TINY_POINTS / 2:
        return "tiny"
    colour = look.get("colour")
    if colour is None or look.get("relief"):
        return None
    ground = NOTHING
    for layer in (*grounds, look.get("ground", NOTHING)):
        ground = over(layer, ground)
    return "background_colour" if unreadable(colour, ground) else None


class Styles:
    """The styles of one document. Styles are told by their ids; a chain that bites its tail ends there."""

    def __init__(self, root: Element | None, theme: Scheme) -> None:
        self.theme = theme
        found = list(root.iterchildren(f"{W}style")) if root is not None else []
        self._styles = {style.get(f"{W}styleId", ""): style for style in found}
        self._default = {
            style.get(f"{W}type", ""): style.get(f"{W}styleId", "")
            for style in found
            if style.get(f"{W}default") and on(style, f"{W}default")
        }
        defaults = root.find(f"{W}docDefaults") if root is not None else None
        run = defaults.find(f"{W}rPrDefault/{W}rPr") if defaults is not None else None
        paragraph = defaults.find(f"{W}pPrDefault/{W}pPr") if defaults is not None else None
        self._run = run_look(run, theme)
        self._paragraph = paragraph_look(paragraph, theme)
        self._runs: dict[str, RunLook] = {}
        self._paragraphs: dict[str, ParagraphLook] = {}
        self._levels: dict[str, int] = {}

    def chain(self, style: str) -> list[Element]:
        """Return a style's elements, what it is based on first."""
        found: dict[str, Element] = {}
        while style in self._styles and style not in found:
            found[style] = self._styles[style]
            based = found[style].find(f"{W}basedOn")
            style = based.get(f"{W}val", "") if based is not None else ""
        return list(found.values())[::-1]

    def default(self, kind: str) -> str:
        """Return the id of the style that holds where none of this kind is named."""
        return str(self._default.get(kind, ""))

    def paragraph(self, style: str, direct: Element | None) -> ParagraphLook:
        """Return how a paragraph of this style looks."""
        if style not in self._paragraphs:
            merged = self._paragraph.copy()
            for element in self.chain(style):
                merged.update(paragraph_look(element.find(f"{W}pPr"), self.theme))
            self._paragraphs[style] = merged
        own = paragraph_look(direct, self.theme)
        return {**self._paragraphs[style], **own} if own else self._paragraphs[style]

    def of(self, style: str) -> RunLook:
        """Return what a style says about runs, document defaults left out."""
        if style not in self._runs:
            merged = RunLook()
            for element in self.chain(style):
                merged.update(run_look(element.find(f"{W}rPr"), self.theme))
            self._runs[style] = merged
        return self._runs[style]

    def run(self, paragraph: str, table: RunLook, direct: Element | None) -> RunLook:
        """Return how a run looks, inside a paragraph of this style in a table that looks so."""
        upper = self.of(paragraph)
        look: RunLook = {**self._run, **table, **upper}
        if direct is None or not len(direct):
            return look
        named = direct.find(f"{W}rStyle")
        if named is not None:
            inner = self.of(named.get(f"{W}val", ""))
            look.update(inner)
            # A switch that both the paragraph's and the run's style have on is off (17.7.3).
            once = upper.get("vanish", False) != inner.get("vanish", False)
            look["vanish"] = once or self._run.get("vanish", False)
        look.update(run_look(direct, self.theme))
        return look

    def level(self, style: str, look: ParagraphLook) -> int:
        """Return the level of a heading, from 1; 0 for what is none."""
        if "outline" in look:
            outline = look["outline"]
            if 0 <= outline < _BODY_TEXT:
                return outline + 1
        if style not in self._levels:
            self._levels[style] = self._named(style)
        return self._levels[style] if look.get("outline") != _BODY_TEXT else 0

    def _named(self, style: str) -> int:
        """Return a heading's level by its style's name, for styles that do not say it otherwise."""
        names = [style.lower()]
        for element in self.chain(style):
            name = element.find(f"{W}name")
            names.append(name.get(f"{W}val", "").lower() if name is not None else "")
        for name in reversed(names):
            match = _HEADING.fullmatch(name)
            if match:
                return int(match[1])
            if name in _TITLES:
                return 1
        return 0
