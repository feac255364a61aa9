"""Equations of Office files (ECMA-376, part 1, 22.1) as a line of text."""

from __future__ import annotations

from ingest.parsers.ooxml.package import A, Element, W

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_SIGNS = {f"{M}f": "/", f"{M}sSup": "^", f"{M}sSub": "_", f"{M}rad": "√"}


def formula(element: Element) -> str:
    """Return an equation in one line: what stands on a fraction, "/", what stands under it."""
    parts: list[str] = []
    for child in element.iterchildren("*"):
        if child.tag == f"{M}r":
            parts += [text.text or "" for text in child.iterchildren(f"{M}t", f"{W}t", f"{A}t")]
        elif child.tag in _SIGNS:
            inner = [formula(part) for part in child.iterchildren("*")]
            parts.append(_SIGNS[child.tag].join(part for part in inner if part))
        elif child.tag == f"{M}d":
            parts += [_sign(child, "begChr", "("), formula(child), _sign(child, "endChr", ")")]
        elif child.tag == f"{M}nary":
            parts += [_sign(child, "chr", "∫"), formula(child)]
        else:
            parts.append(formula(child))
    return "".join(parts)


def _sign(element: Element, name: str, default: str) -> str:
    """Return a sign that an equation's part is written with."""
    properties = next(element.iterchildren("{*}dPr", "{*}naryPr"), None)
    sign = properties.find(f"{M}{name}") if properties is not None else None
    return str(sign.get(f"{M}val", "")) if sign is not None else default
