"""OpenDocument files: texts, presentations and spreadsheets.

Read from the XML itself: unstructured turns a text into DOCX by another program first, knows neither presentations nor
spreadsheets, and nothing of what is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.kept import Kept
from ingest.parsers.odf.sheets import sheet_sections
from ingest.parsers.odf.slides import Slides
from ingest.parsers.odf.styles import Ink, Styles
from ingest.parsers.odf.text import Reader
from ingest.parsers.options import Options
from ingest.parsers.trees import attribute, local
from ingest.parsers.zipped import Package, damaged

_BODIES = frozenset({"text", "presentation", "spreadsheet", "drawing"})
_MARGINS = ("header", "header-first", "footer", "footer-first")


class OdfParser:
    """Reads ODT, ODP and ODS files."""

    media_types = frozenset({media.ODT, media.ODP, media.ODS})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield a text's headings, paragraphs, lists and tables; slides as pages; sheets under their names. Then what
        was kept out: hidden text, slides, sheets, rows and columns, and text that cannot be seen.

        Raises BadFile where the file is broken, encrypted, or has more slides than the installation takes.
        """
        try:
            yield from self._parse(file, media_type)
        except RecursionError as error:
            raise damaged("its content is nested too deeply") from error

    def _parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        package = Package(file)
        _refuse_encrypted(package)
        if "content.xml" not in package:
            raise damaged("it has no content inside")
        master = package.tree("styles.xml")
        if media_type == media.ODS:
            yield from sheet_sections(package, Styles(master))
            return
        content = package.tree("content.xml")
        styles = Styles(master, content)
        body = next((part for part in content.iter() if local(part) in _BODIES and _is_body(part)), None)
        if body is None:
            raise damaged("it has no text inside")
        if local(body) in ("presentation", "drawing"):
            yield from Slides(styles, master, self._options.pages).sections(body)
        else:
            yield from _text(body, master, styles)


def _is_body(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and local(parent) == "body"


def _refuse_encrypted(package: Package) -> None:
    manifest = package.tree("META-INF/manifest.xml")
    for _ in () if manifest is None else manifest.iter("{*}encryption-data"):
        raise BadFile("encrypted", "the file is protected by a password", "Save it without a password.")


def _text(body: Any, master: Any, styles: Styles) -> Iterator[Section | Finding]:
    unseen = Kept()
    ink = styles.default("paragraph")
    yield from Reader(styles, unseen, "text").blocks(body, ink)
    yield from unseen.findings()
    reader = Reader(styles, unseen, "header or footer")
    said: set[str] = set()
    for part in _margins(master):
        for section in reader.blocks(part, Ink(ink.font, ink.ground)):
            # Every kind of page repeats them.
            if section.text not in said:
                said.add(section.text)
                yield section
    yield from unseen.findings()


def _margins(master: Any) -> Iterable[Any]:
    pages = () if master is None else master.iter("{*}master-page")
    return [
        part for page in pages for part in page if local(part) in _MARGINS and attribute(part, "display") != "false"
    ]
