"""Style sheets of a page, as far as they decide what is displayed: which declarations hold for an element.

Rules are taken from `<style>` elements and `style` attributes, for a screen 1280 pixels wide. Style sheets elsewhere
are never fetched. Cascade after CSS Cascading Level 4, without layers, scopes and animations; selectors as cssselect
reads them, without states (":hover") and ":nth-…", which match nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cssselect
import tinycss2
from cssselect import parser as selectors
from lxml import etree

from ingest.files import BadFile

SCREEN_PX = 1280
# What says something about whether text is seen. Everything else in a sheet is layout.
_PROPERTIES = frozenset({
    "display", "visibility", "opacity", "content-visibility", "position", "left", "top", "right", "bottom",
    "text-indent", "transform", "translate", "scale", "zoom", "clip", "clip-path", "width", "height", "max-width",
    "max-height", "overflow", "overflow-x", "overflow-y", "font", "font-size", "color", "background",
    "background-color", "background-image", "background-clip", "-webkit-background-clip", "-webkit-text-fill-color",
    "margin-left", "margin-top", "filter",
})  # fmt: skip
# A selector this long, or rules nested this deep, are made by nobody who wants to be read.
_SELECTOR_CHARACTERS = 1000
_NESTED = 4
_NESTED_SELECTORS = 200
# Trying a selector on an element takes about a microsecond.
_TRIALS = 5_000_000
_QUERY_WIDTH = re.compile(r"\(\s*(min|max)-width\s*:\s*([\d.]+)(px|r?em)\s*\)")
_NEVER = re.compile(
    r"\b(?:print|speech|aural|braille|embossed|handheld|projection|tty|tv)\b|not\s+(?:screen|all)"
    r"|prefers-color-scheme\s*:\s*dark|forced-colors\s*:\s*active|prefers-contrast"
)

# A declared value, and whether it is important.
_Declared = Mapping[str, tuple[str, bool]]
# Important or not, then where it stands, then how specific its selector is, then the order.
_Rank = tuple[bool, int, tuple[int, int, int], int]


@dataclass(frozen=True, slots=True)
class _Rule:
    tree: Any
    specificity: tuple[int, int, int]
    order: int
    declared: _Declared


class Styles:
    """The rules of one document."""

    def __init__(self, sheets: Iterable[str]) -> None:
        self._rules: dict[str, list[_Rule]] = defaultdict(list)
        self._trials = 0
        self._count = 0
        for sheet in sheets:
            content = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
            self._add(content, (), 0)

    def of(self, element: etree._Element) -> dict[str, str]:
        """Return the declarations that hold for an element, values in lower case. Raises BadFile when the sheets are
        made to take forever.
        """
        if not self._count and element.get("style") is None:
            return {}
        best: dict[str, tuple[_Rank, str]] = {}
        if self._count:
            for rule in self._candidates(element):
                if self._matches(rule.tree, element):
                    for name, (value, important) in rule.declared.items():
                        rank = (important, 0, rule.specificity, rule.order)
                        if name not in best or best[name][0] <= rank:
                            best[name] = (rank, value)
        inline = element.get("style")
        if inline:
            for name, (value, important) in _inline(inline).items():
                rank = (important, 1, (0, 0, 0), 0)
                if name not in best or best[name][0] <= rank:
                    best[name] = (rank, value)
        return {name: value for name, (_, value) in best.items()}

    def _add(self, content: Sequence[Any], parents: tuple[str, ...], depth: int) -> None:
        if depth > _NESTED or len(parents) > _NESTED_SELECTORS:
            return
        for node in content:
            if node.type == "qualified-rule":
                prelude = tinycss2.serialize(node.prelude)
                self._add_rule(_nested(prelude, parents), node.content, depth)
            elif node.type == "at-rule" and node.content is not None:
                name, prelude = node.lower_at_keyword, tinycss2.serialize(node.prelude)
                if (name == "media" and applies(prelude)) or name in ("supports", "layer", "container"):
                    if parents:
                        self._add_rule(list(parents), node.content, depth)
                    else:
                        inner = tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
                        self._add(inner, (), depth + 1)

    def _add_rule(self, selector_list: list[str], content: Sequence[Any], depth: int) -> None:
        inner = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
        declared = _declared(inner)
        for selector in selector_list if declared else ():
            self._add_selector(selector, declared)
        rules = [node for node in inner if node.type in ("qualified-rule", "at-rule")]
        self._add(rules, tuple(selector_list), depth + 1)

    def _add_selector(self, text: str, declared: _Declared) -> None:
        if len(text) > _SELECTOR_CHARACTERS:
            return
        try:
            parsed = cssselect.parse(text)
        except (cssselect.SelectorError, RecursionError):
            # As a browser does with a selector that it does not know.
            return
        for selector in parsed:
            if selector.pseudo_element is None:
                self._count += 1
                rule = _Rule(selector.parsed_tree, selector.specificity(), self._count, declared)
                self._rules[_key(selector.parsed_tree)].append(rule)

    def _candidates(self, element: etree._Element) -> Iterator[_Rule]:
        yield from self._rules.get("", ())
        yield from self._rules.get(str(element.tag), ())
        for name in (element.get("class") or "").split():
            yield from self._rules.get(f".{name}", ())
        identity = element.get("id")
        if identity:
            yield from self._rules.get(f"#{identity}", ())

    def _matches(self, tree: Any, element: etree._Element) -> bool:
        self._trials += 1
        if self._trials > _TRIALS:
            raise BadFile("too_large", "its style sheets take too long to apply", "Save the page as PDF.")
        match tree:
            case selectors.Element():
                return tree.element is None or tree.element.lower() == element.tag
            case selectors.CombinedSelector():
                return self._matches(tree.subselector, element) and self._combined(tree, element)
            case selectors.Negation():
                return self._matches(tree.selector, element) and not self._matches(tree.subselector, element)
            case selectors.Matching() | selectors.SpecificityAdjustment():
                return self._matches(tree.selector, element) and any(
                    self._matches(one, element) for one in tree.selector_list
                )
            case selectors.Hash():
                own = tree.id == element.get("id")
            case selectors.Class():
                own = tree.class_name in (element.get("class") or "").split()
            case selectors.Attrib():
                own = _attribute(tree, element)
            case selectors.Pseudo():
                own = _position(tree.ident.lower(), element)
            case _:
                return False
        return own and self._matches(tree.selector, element)

    def _combined(self, tree: Any, element: etree._Element) -> bool:
        """Tell whether what stands left of a combinator matches."""
        related: Iterable[etree._Element]
        match tree.combinator:
            case " ":
                related = element.iterancestors()
            case ">":
                parent = element.getparent()
                related = () if parent is None else (parent,)
            case "+":
                before = element.getprevious()
                related = () if before is None else (before,)
            case "~":
                related = element.itersiblings(preceding=True)
            case _:
                related = ()
        return any(self._matches(tree.selector, other) for other in related)


def applies(query: str) -> bool:
    """Tell whether a media query holds for a screen. What it asks beyond medium and width is taken to hold."""
    queries = [part.strip() for part in query.lower().split(",")]
    return any(_query_applies(part) for part in queries)


def _query_applies(query: str) -> bool:
    if _NEVER.search(query) and not query.startswith("not print"):
        return False
    for bound, number, unit in _QUERY_WIDTH.findall(query):
        width = _number(number) * (1 if unit == "px" else 16)
        if (bound == "min" and width > SCREEN_PX) or (bound == "max" and width < SCREEN_PX):
            return False
    return True


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


@lru_cache(maxsize=4096)
def _inline(style: str) -> _Declared:
    return _declared(tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True))


def _declared(content: Sequence[Any]) -> _Declared:
    found: dict[str, tuple[str, bool]] = {}
    for node in content:
        if node.type != "declaration":
            continue
        # Custom properties keep their case.
        name = node.name if node.name.startswith("--") else node.lower_name
        if name in _PROPERTIES or name.startswith("--"):
            if found.get(name, ("", False))[1] and not node.important:
                continue
            try:
                value = " ".join(tinycss2.serialize(_without_comments(node.value)).split())
            except RecursionError:
                # Hundreds of brackets in one another are no value that a browser takes.
                continue
            found[name] = (value if name.startswith("--") else value.lower(), node.important)
            if name in ("font", "background"):
                # A shorthand sets its parts anew.
                for part in [other for other in found if other.startswith(f"{name}-")]:
                    del found[part]
    return found


def _without_comments(tokens: Iterable[Any]) -> list[Any]:
    return [token for token in tokens if token.type != "comment"]


def _nested(prelude: str, parents: tuple[str, ...]) -> list[str]:
    """Return a nested rule's selectors with "&" as what it stands for."""
    if not parents:
        return [prelude]
    outer = f":is({', '.join(parents)})" if len(parents) > 1 or "," in parents[0] else parents[0]
    return [
        part.replace("&", outer) if "&" in part else f"{outer} {part}" for part in map(str.strip, prelude.split(","))
    ]


def _key(tree: Any) -> str:
    """Return what an element must have for a selector to match: "#id", ".class", a tag, or "" for anything."""
    if isinstance(tree, selectors.CombinedSelector):
        tree = tree.subselector
    while not isinstance(tree, selectors.Element):
        if isinstance(tree, selectors.Hash):
            return f"#{tree.id}"
        if isinstance(tree, selectors.Class):
            return f".{tree.class_name}"
        if not hasattr(tree, "selector"):
            return ""
        tree = tree.selector
    return (tree.element or "").lower()


def _attribute(tree: Any, element: etree._Element) -> bool:
    actual = element.get(tree.attrib.lower())
    if actual is None:
        return False
    wanted = tree.value.value if tree.value is not None else ""
    match tree.operator:
        case "exists":
            return True
        case "=":
            return bool(actual == wanted)
        case "!=":
            return bool(actual != wanted)
        case "~=":
            return wanted in actual.split()
        case "|=":
            return bool(actual == wanted or actual.startswith(f"{wanted}-"))
        case "^=":
            return bool(wanted) and actual.startswith(wanted)
        case "$=":
            return bool(wanted) and actual.endswith(wanted)
        case "*=":
            return bool(wanted) and wanted in actual
        case _:
            return False


def _position(name: str, element: etree._Element) -> bool:
    match name:
        case "root":
            return element.getparent() is None
        case "first-child":
            return element.getprevious() is None
        case "last-child":
            return element.getnext() is None
        case "only-child":
            return element.getprevious() is None and element.getnext() is None
        case "empty":
            return len(element) == 0 and not element.text
        case "link" | "any-link":
            return element.tag == "a" and element.get("href") is not None
        case "enabled":
            return True
        case _:
            return False
