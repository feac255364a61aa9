"""Word documents (DOCX, ECMA-376, part 1, 17), read from their XML.

unstructured is not asked here. It yields the text of hidden runs with the rest, so the XML would have to be judged
and rewritten first; done with that, the text is at hand. It also leaves out text boxes, notes and equations, knows
nothing of numbering, and costs seconds and hundreds of megabytes to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Finding, Member, Section
from ingest import media
from ingest.parsers import zipped
from ingest.parsers.kept import Kept
from ingest.parsers.legible import read_colour
from ingest.parsers.ooxml.drawing import PAPER, Fill, scheme
from ingest.parsers.ooxml.package import Element, Package, R, W, number, on
from ingest.parsers.options import Options
from ingest.parsers.word.boxes import Page
from ingest.parsers.word.lists import Numbering
from ingest.parsers.word.story import Resources, Setting, Story
from ingest.parsers.word.styles import Styles

_NAMES = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}
_TWIPS_PER_POINT = 20
_LETTER = Page(612.0, 792.0, 72.0, 72.0)


class WordParser:
    """Reads DOCX files, with macros or without, and templates."""

    media_types = frozenset({media.DOCX})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield headers, the text, footers and notes, then what was kept out, then embedded documents.

        Pages are None: a Word document has none before it is laid out. Raises BadFile.
        """
        try:
            yield from _Document(Package(file)).parse()
        except RecursionError as error:
            raise zipped.damaged("its content is nested too deeply") from error


class _Document:
    def __init__(self, package: Package) -> None:
        self._package = package
        self._main = package.main()
        self._related = package.related(self._main)
        root = package.tree(self._main)
        if root is None:
            raise zipped.damaged("its main part is empty")
        body = root.find(f"{W}body")
        self._body = body if body is not None else root
        self._settings = package.tree(self._part("settings"))
        colours = scheme(package.tree(self._part("theme")), _NAMES)
        styles = Styles(package.tree(self._part("styles")), colours)
        self._kept = Kept()
        self._resources = Resources(package, styles, self._kept, self._page())
        self._numbering = Numbering(package.tree(self._part("numbering")))
        self._ground = self._background(root)

    def parse(self) -> Iterator[Section | Finding | Member]:
        """Yield everything in the document."""
        parts = [self._main]
        headers, footers, unused = self._furniture()
        furniture: dict[str, None] = {}
        yield from self._stories(headers, "header", furniture)
        body = Story(self._resources, self._main, self._numbering)
        heading = False
        for section in body.blocks(self._body, Setting("", (self._ground,))):
            heading = heading or section.kind == "heading"
            yield section
        yield from self._stories(footers, "footer", furniture)
        yield from self._notes("footnotes", body.footnotes, heading)
        yield from self._notes("endnotes", body.endnotes, heading)
        self._leave_out(unused, furniture)
        yield from self._kept.findings()
        for part in [*parts, *headers, *footers]:
            yield from self._package.members(part)

    def _part(self, kind: str) -> str:
        return next((relation.target for relation in self._related.values() if relation.kind == kind), "")

    def _page(self) -> Page:
        """Return the largest page of the document, so that nothing is called off the page that is on another one."""
        pages = [_LETTER]
        for size in self._body.iter(f"{W}pgSz"):
            margins = size.getparent().find(f"{W}pgMar")
            left, top = (
                abs(number(margins.get(f"{W}{side}"), 1440.0)) if margins is not None else 1440.0
                for side in ("left", "top")
            )
            lengths = (number(size.get(f"{W}w"), 12240.0), number(size.get(f"{W}h"), 15840.0), left, top)
            pages.append(Page(*(length / _TWIPS_PER_POINT for length in lengths)))
        return Page(*(max(lengths) for lengths in zip(*(page.lengths() for page in pages), strict=True)))

    def _background(self, root: Element) -> Fill:
        """Return the colour of the pages. Word shows another than white only where it is told to."""
        background = root.find(f"{W}background")
        shown = self._settings is not None and on(self._settings.find(f"{W}displayBackgroundShape"))
        if background is None or not shown:
            return PAPER
        colour = read_colour(background.get(f"{W}color", ""))
        return Fill((colour,)) if colour and not len(background) else Fill()

    def _furniture(self) -> tuple[list[str], list[str], list[str]]:
        """Return the parts that hold headers, those that hold footers, and those of either that are on no page."""
        even = self._settings is not None and on(self._settings.find(f"{W}evenAndOddHeaders"))
        shown = {"default": True, "even": even, "first": False}
        sections = [s for s in self._body.iter(f"{W}sectPr") if not s.getparent().tag.endswith("Change")]
        shown["first"] = any(on(section.find(f"{W}titlePg")) for section in sections)
        found: dict[str, dict[str, bool]] = {"header": {}, "footer": {}}
        for section in sections:
            for reference in section.iterchildren(f"{W}headerReference", f"{W}footerReference"):
                relation = self._related.get(reference.get(f"{R}id", ""))
                if relation and relation.kind in found:
                    parts = found[relation.kind]
                    visible = shown.get(reference.get(f"{W}type", "default"), True)
                    parts[relation.target] = parts.get(relation.target, False) or visible
        headers, footers = ([part for part, visible in found[kind].items() if visible] for kind in found)
        return headers, footers, [p for kind in found.values() for p, visible in kind.items() if not visible]

    def _stories(self, parts: list[str], name: str, seen: dict[str, None]) -> Iterator[Section]:
        """Yield the text of headers or footers, each text once; page numbers alone are none."""
        for part in parts:
            root = self._package.tree(part)
            if root is None:
                continue
            for section in Story(self._resources, part, self._numbering).blocks(root, Setting(name, (self._ground,))):
                if section.text not in seen and any(map(str.isalpha, section.text)):
                    seen[section.text] = None
                    kind = "table" if section.kind == "table" else "paragraph"
                    yield Section(section.text, None, "table" if kind == "table" else "paragraph")

    def _notes(self, name: str, order: list[str], heading: bool) -> Iterator[Section]:
        """Yield the notes that the text refers to, in that order; the others are on no page."""
        part = self._part(name)
        root = self._package.tree(part)
        notes = {
            note.get(f"{W}id", ""): note
            for note in (root.iterchildren("*") if root is not None else ())
            if note.get(f"{W}type", "normal") == "normal"
        }
        story = Story(self._resources, part, self._numbering)
        wanted = [notes.pop(note) for note in dict.fromkeys(order) if note in notes]
        sections = [s for note in wanted for s in story.blocks(note, Setting(name, (self._ground,)))]
        if sections:
            # Level 1 would make it the title of a document without headings.
            yield Section(name.capitalize(), None, "heading", level=1 if heading else 2)
        for section in sections:
            yield Section(section.text, None, "paragraph") if section.kind == "heading" else section
        for note in notes.values():
            self._kept.out("hidden", name, "".join(text.text or "" for text in note.iter(f"{W}t")))

    def _leave_out(self, parts: list[str], seen: dict[str, None]) -> None:
        """Count the text of headers and footers that no page shows, unless another one shows it."""
        for part in parts:
            root = self._package.tree(part)
            for paragraph in root.iter(f"{W}p") if root is not None else ():
                text = " ".join("".join(t.text or "" for t in paragraph.iter(f"{W}t")).split())
                if any(map(str.isalpha, text)) and text not in seen:
                    self._kept.out("hidden", "header", text)
