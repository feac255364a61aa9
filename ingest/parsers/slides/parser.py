"""Presentations (PPTX, ECMA-376, part 1, 19), read from their XML.

unstructured is not asked here. It yields the text of hidden slides, of shapes beside the slide and under pictures with
the rest, so the XML would have to be judged and rewritten first; done with that, the text is at hand. It also leaves
out charts and diagrams, and costs seconds and hundreds of megabytes to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers import zipped
from ingest.parsers.kept import Kept
from ingest.parsers.ooxml.drawing import Scheme, scheme
from ingest.parsers.ooxml.package import A, Element, P, Package, R, number
from ingest.parsers.options import Options
from ingest.parsers.slides.page import Resources, Slide
from ingest.parsers.slides.shapes import Area, Sheet
from ingest.parsers.slides.tables import table_styles

# A slide of 10 by 7.5 inches, what a deck has that does not say.
_WIDTH, _HEIGHT = 9_144_000.0, 6_858_000.0
_NAMES = (
    "bg1",
    "tx1",
    "bg2",
    "tx2",
    "accent1",
    "accent2",
    "accent3",
    "accent4",
    "accent5",
    "accent6",
    "hlink",
    "folHlink",
)


class SlidesParser:
    """Reads PPTX files, with macros or without, shows and templates."""

    media_types = frozenset({media.PPTX})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield slide by slide, as pages in the order of the show: title, text, tables, charts, diagrams, notes; then
        what was kept out, then embedded documents. Raises BadFile.
        """
        try:
            yield from _Deck(Package(file)).parse(self._options.pages)
        except RecursionError as error:
            raise zipped.damaged("its content is nested too deeply") from error


class _Deck:
    def __init__(self, package: Package) -> None:
        self._package = package
        main = package.main()
        root = package.tree(main)
        if root is None:
            raise zipped.damaged("its main part is empty")
        self._related = package.related(main)
        self._root = root
        size = root.find(f"{P}sldSz")
        width, height = (number(size.get(side)) if size is not None else 0.0 for side in ("cx", "cy"))
        styles = next((r.target for r in self._related.values() if r.kind == "tableStyles"), "")
        self._kept = Kept()
        self._resources = Resources(
            package,
            self._kept,
            Area(0.0, 0.0, width or _WIDTH, height or _HEIGHT),
            tuple(root.findall(f"{P}defaultTextStyle")),
            table_styles(package.tree(styles)),
        )
        self._sheets: dict[str, Sheet] = {}

    def parse(self, most: int) -> Iterator[Section | Finding | Member]:
        """Yield everything in the deck."""
        order = [self._related.get(slide.get(f"{R}id", "")) for slide in self._root.iterfind(f"{P}sldIdLst/{P}sldId")]
        parts = [relation.target for relation in order if relation]
        if len(parts) > most:
            raise BadFile("too_large", f"it has more than {most} slides", "Split it, or raise ingest.pages.")
        shown = []
        for place, part in enumerate(parts, 1):
            root = self._package.tree(part)
            if root is None:
                continue
            if root.get("show", "1") in ("0", "false"):
                text = " ".join(text.text or "" for text in root.iter(f"{A}t"))
                self._kept.out("hidden", f"slide {place}", text)
                continue
            shown.append(part)
            yield from Slide(self._resources, self._sheet(part, root), place).sections()
        yield from self._kept.findings()
        for part in shown:
            yield from self._package.members(part)

    def _sheet(self, part: str, root: Element) -> Sheet:
        """Return a slide with the layout and the master that it takes from."""
        related = self._package.related(part)
        layout = self._lower(next((r.target for r in related.values() if r.kind == "slideLayout"), ""))
        theme = _remapped(root, layout.theme if layout else Scheme())
        return Sheet(root, part, related, theme, layout)

    def _lower(self, part: str) -> Sheet | None:
        """Return a layout or a master."""
        if part in self._sheets:
            return self._sheets[part]
        root = self._package.tree(part)
        if root is None:
            return None
        related = self._package.related(part)
        # A master names its layouts as well; only a layout goes on to what is below it.
        master = next((r.target for r in related.values() if r.kind == "slideMaster"), "")
        below = self._lower(master) if master and root.tag == f"{P}sldLayout" else None
        if below:
            theme = _remapped(root, below.theme)
        else:
            names = root.find(f"{P}clrMap")
            theme_part = next((r.target for r in related.values() if r.kind == "theme"), "")
            theme = scheme(self._package.tree(theme_part), _mapped(names))
        self._sheets[part] = Sheet(root, part, related, theme, below)
        return self._sheets[part]


def _mapped(names: Element | None) -> dict[str, str]:
    usual = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}
    return usual | ({name: names.get(name) for name in _NAMES if names.get(name)} if names is not None else {})


def _remapped(root: Element, theme: Scheme) -> Scheme:
    names = root.find(f"{P}clrMapOvr/{A}overrideClrMapping")
    return theme if names is None else Scheme(theme.colours, _mapped(names), theme.fills, theme.backgrounds)
