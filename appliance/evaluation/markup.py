"""HTML that nobody's text can break out of: a plain string is always escaped, only what `tag` made is not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_VOID = frozenset({"meta", "br", "line", "path", "rect", "circle", "polyline"})
# What HTML has no place for: control characters, lone surrogates of file names, non-characters.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Characters that turn around or hide the text beside them; quoted text may hold them, a page need not obey them.
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Return a text as what a reader sees of it, for an element's content and for a quoted attribute alike."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(_TURNING.sub("", _UNFIT.sub("\ufffd", text))))


def tag(name: str, /, *children: str, **attributes: str | float | None) -> Html:
    """Return an element. Strings among the children are escaped. `cls` is the class, `data_x` the attribute data-x;
    an attribute of None is left out, and an empty one stands alone.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{written}>" if name in ("meta", "br") else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Return parts one after the other, strings escaped."""
    return Html("".join(escaped(part) for part in parts))


def _attribute(key: str, value: str | float | None) -> str:
    name = "class" if key == "cls" else key.replace("_", "-")
    written = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{escaped(written)}"'
