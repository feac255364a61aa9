"""How the text of an element looks, from the declarations that hold for it: enough to say whether a person sees it.

Images behind text are not looked at: text over one counts as seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lxml import etree

from appliance.types import FindingKind
from ingest.parsers.legible import TINY_POINTS
from ingest.parsers.web.colours import BLACK, WHITE, Colour, colour, colours, near, over
from ingest.parsers.web.lengths import FUNCTION, font_size_px, numbers_in, px

# Less a hair: what is exactly 2 points may be read.
_TINY_PX = TINY_POINTS * 4 / 3 - 0.005
_FAR_PX = 500.0
# To the right and below one may scroll; nobody scrolls this far.
_FAR_AHEAD_PX = 5000.0
_OPAQUE = 0.05
_VARIABLE = re.compile(r"var\(\s*(--[\w-]+)\s*(?:,\s*([^()]*))?\)", re.IGNORECASE)
_VARIABLE_ROUNDS = 5
_VALUE_CHARACTERS = 2000
_GLOBAL = frozenset({"inherit", "initial", "unset", "revert", "revert-layer"})
# What a browser's own sheet says about colours.
_OWN_COLOURS: Mapping[str, Mapping[str, str]] = {
    "a": {"color": "#0000ee"},
    "mark": {"color": "#000", "background-color": "#ff0"},
    "button": {"color": "#000", "background-color": "#efefef"},
    "textarea": {"color": "#000", "background-color": "#fff"},
    "select": {"color": "#000", "background-color": "#efefef"},
}


@dataclass(frozen=True, slots=True)
class Look:
    """How the text directly inside an element is drawn.

    `gone` is why nothing inside the element is displayed, whatever stands there; `label`, that it is clipped in the way
    of labels for screen readers. `backgrounds` are the colours behind the text, empty where an image is.
    """

    gone: FindingKind | None = None
    label: bool = False
    visible: bool = True
    font_px: float = 16.0
    scale: float = 1.0
    opacity: float = 1.0
    indent_px: float = 0.0
    ink: Colour = BLACK
    backgrounds: tuple[Colour, ...] = (WHITE,)
    painted: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def unseen(self) -> FindingKind | None:
        """Return why a person does not see this text, None where they do."""
        if self.gone or not self.visible:
            return self.gone or "hidden"
        if abs(self.indent_px) >= _FAR_PX:
            return "off_page"
        if self.font_px * self.scale < _TINY_PX:
            return "tiny"
        if self.backgrounds and not self.painted:
            behind = self.backgrounds
            if all(near(over(self.ink, background), background) for background in behind):
                return "background_colour"
        return None


def look(parent: Look, element: etree._Element, declared: Mapping[str, str]) -> Look:
    """Return how an element inside of `parent` looks, by what is declared for it and by its own attributes."""
    if not declared and not element.attrib and element.tag != "dialog" and element.tag not in _OWN_COLOURS:
        # Nearly all elements of nearly all pages.
        return replace(parent, painted=False) if parent.painted else parent
    values = {**_OWN_COLOURS.get(element.tag, {}), **_attributes(element), **declared}
    if not values:
        # A property that is not inherited ends here.
        return replace(parent, painted=False) if parent.painted else parent
    variables = parent.variables
    own = {name: value for name, value in values.items() if name.startswith("--")}
    if own:
        variables = {**variables, **own}
    values = {name: _resolve(value, variables) for name, value in values.items() if not name.startswith("--")}
    font_px = font_size_px(values, parent.font_px)
    now = replace(
        parent,
        variables=variables,
        font_px=font_px,
        scale=parent.scale * _scale(values),
        opacity=parent.opacity * _opacity(values),
        visible=_visible(values.get("visibility", ""), parent.visible),
        indent_px=px(values.get("text-indent", ""), font_px, parent.indent_px),
        painted=_painted(values),
        ink=_text_colour(values, parent.ink),
        backgrounds=_backgrounds(values, parent),
    )
    if now.gone is None:
        clipped = _clipped(values, font_px)
        if _not_displayed(values) or now.opacity < _OPAQUE or now.scale == 0:
            now = replace(now, gone="hidden")
        elif clipped or _off_page(values, font_px):
            now = replace(now, gone="off_page", label=clipped)
    return now


def _attributes(element: etree._Element) -> dict[str, str]:
    """Return what an element's own attributes say in the words of CSS."""
    found: dict[str, str] = {}
    attributes = element.attrib
    if "hidden" in attributes or (element.tag == "dialog" and "open" not in attributes):
        found["display"] = "none"
    for name, tags, meaning in (
        ("bgcolor", (), "background-color"),
        ("text", ("body",), "color"),
        ("color", ("font", "basefont"), "color"),
    ):
        value = attributes.get(name, "").strip().lower()
        if value and (not tags or element.tag in tags):
            # Old pages leave the "#" out.
            found[meaning] = f"#{value}" if re.fullmatch(r"[0-9a-f]{6}", value) else value
    return found


def _resolve(value: str, variables: Mapping[str, str]) -> str:
    """Return a value with its variables filled in, as far as it stays a short text."""
    for _ in range(_VARIABLE_ROUNDS):
        if "var(" not in value or len(value) > _VALUE_CHARACTERS:
            break
        value = _VARIABLE.sub(lambda match: variables.get(match[1], match[2] or "")[:_VALUE_CHARACTERS], value)
    return value[:_VALUE_CHARACTERS].lower().strip()


def _scale(values: Mapping[str, str]) -> float:
    scale = 1.0
    for name in ("zoom", "scale"):
        for number in numbers_in(values.get(name, ""))[:1]:
            scale *= abs(number)
    for name, arguments in FUNCTION.findall(values.get("transform", "")):
        numbers = numbers_in(arguments)
        if name in ("scale", "scale3d") and numbers:
            scale *= min(abs(number) for number in numbers[:2])
        elif name in ("scalex", "scaley") and numbers:
            scale *= abs(numbers[0])
        elif name == "matrix" and len(numbers) == 6:
            scale *= abs(numbers[0] * numbers[3] - numbers[1] * numbers[2]) ** 0.5
    return scale


def _opacity(values: Mapping[str, str]) -> float:
    opacity = 1.0
    for text in (values.get("opacity", ""), *re.findall(r"opacity\(([^()]*)\)", values.get("filter", ""))):
        for number in numbers_in(text)[:1]:
            opacity *= max(0.0, min(1.0, number))
    return opacity


def _visible(value: str, parent: bool) -> bool:
    if value in ("hidden", "collapse"):
        return False
    return True if value in ("visible", "initial") else parent


def _not_displayed(values: Mapping[str, str]) -> bool:
    return values.get("display") == "none" or values.get("content-visibility") == "hidden"


def _off_page(values: Mapping[str, str], font_px: float) -> bool:
    for name in ("margin-left", "margin-top"):
        # A percentage here is the way of old layouts in columns.
        if px(values.get(name, ""), font_px, 0.0, 0.0) <= -_FAR_PX:
            return True
    if values.get("position") in ("absolute", "fixed", "relative", "sticky"):
        for name in ("left", "top", "right", "bottom"):
            length = px(values.get(name, ""), font_px, 0.0)
            if length <= -_FAR_PX or length >= _FAR_AHEAD_PX:
                return True
    moved = [*re.split(r"[\s,]+", values.get("translate", ""))]
    for name, arguments in FUNCTION.findall(values.get("transform", "")):
        if name.startswith("translate"):
            moved += re.split(r"[\s,]+", arguments.strip())
    return any(abs(px(part, font_px, 0.0)) >= _FAR_PX for part in moved) and not any(
        px(values.get(name, ""), font_px, 0.0) >= _FAR_PX for name in ("left", "top")
    )


def _clipped(values: Mapping[str, str], font_px: float) -> bool:
    """Tell whether an element is cut down to nothing."""
    clip = re.fullmatch(r"rect\(([^()]*)\)", values.get("clip", ""))
    if clip and values.get("position") in ("absolute", "fixed"):
        top, right, bottom, left = ([*map(str.strip, re.split(r"[\s,]+", clip[1].strip())), "", "", "", ""])[:4]
        if "auto" not in (top, right, bottom, left):
            lengths = [px(side, font_px, 0.0) for side in (top, right, bottom, left)]
            if lengths[2] - lengths[0] <= 1 or lengths[1] - lengths[3] <= 1:
                return True
    if _clip_path(values.get("clip-path", ""), font_px):
        return True
    if not any(
        values.get(name, "").split()[:1] in (["hidden"], ["clip"], ["scroll"], ["auto"])
        for name in ("overflow", "overflow-x", "overflow-y")
    ):
        return False
    sizes = (values.get(name, "") for name in ("width", "height", "max-width", "max-height"))
    return any(size and px(size, font_px, _FAR_PX) <= 1 for size in sizes)


def _clip_path(value: str, font_px: float) -> bool:
    match = FUNCTION.match(value)
    if match is None:
        return False
    shape, arguments = match.groups()
    if shape == "inset":
        sides = [px(part, font_px, 0.0, 9.0) for part in arguments.partition("round")[0].split()] or [0.0]
        top, right, bottom, left = (sides * 4)[:4] if len(sides) in (1, 2, 4) else (*sides[:3], sides[1])
        return top + bottom >= 800 or right + left >= 900
    if shape in ("circle", "ellipse"):
        radii = arguments.partition("at")[0].split()
        return any(px(radius, font_px, _FAR_PX) <= 1 for radius in radii)
    return shape == "polygon" and not any(numbers_in(arguments))


def _painted(values: Mapping[str, str]) -> bool:
    """Tell whether letters are filled with the background, as in headings with a gradient."""
    clips = (values.get("background-clip", ""), values.get("-webkit-background-clip", ""))
    return "text" in clips


def _text_colour(values: Mapping[str, str], parent: Colour) -> Colour:
    for name in ("-webkit-text-fill-color", "color"):
        value = values.get(name, "")
        if value == "initial":
            return BLACK
        own = colour(value) if value and value not in _GLOBAL else None
        if own is not None:
            return own
    return parent


def _backgrounds(values: Mapping[str, str], parent: Look) -> tuple[Colour, ...]:
    """Return the colours behind an element's text: its own over its parent's, or several where a gradient is."""
    text = " ".join(values.get(name, "") for name in ("background", "background-color", "background-image")).strip()
    if not text or text in _GLOBAL:
        return parent.backgrounds
    if "url(" in text or "image(" in text:
        return ()
    layers = colours(text)
    if not layers:
        return parent.backgrounds
    if "gradient(" in text:
        return tuple(over(layer, WHITE) for layer in layers[:20])
    behind = parent.backgrounds or ((WHITE,) if layers[-1][3] == 1 else ())
    return tuple(over(layers[-1], background) for background in behind)
