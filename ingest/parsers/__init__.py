"""The parsers: a folder for each family of formats, each parser behind the `Parser` port.

Where a family has one parser, it is in the folder's `parser`. What families share lies beside the folders: `options`,
`legible` (when letters cannot be read), `kept` (counts what is kept out), `tables` and `grid` (tables as text, and
tables on sheets), `printed` (lines of pages), `symbols` (fonts of signs), `trees` (XML), `zips` and `zipped` (ZIP
files, and formats made of them). `archive` and `legacy` read files that hold others, or that another program turns
into others. Start with `text.plain`; then `web`, for how hidden text is found.
"""

from __future__ import annotations

import importlib

from appliance.ports import Parser
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options

# Imported with the first file of the family: some take seconds, and most shares hold a few families only.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "text.markdown.MarkdownParser": (media.MARKDOWN,),
    "text.plain.TextParser": (media.TEXT,),
    "text.outline.OutlineParser": (media.RST, media.ORG),
    "text.data.DataParser": (media.JSON, media.NDJSON, media.YAML, media.XML),
    "text.delimited.CsvParser": (media.CSV, media.TSV),
    "web.html.WebParser": (media.HTML,),
    "web.epub.EpubParser": (media.EPUB,),
    "pdf.parser.PdfParser": (media.PDF,),
    "images.parser.ImageParser": (media.PNG, media.JPEG, media.TIFF, media.BMP, media.GIF, media.WEBP),
    "word.parser.WordParser": (media.DOCX,),
    "slides.parser.SlidesParser": (media.PPTX,),
    "rtf.parser.RtfParser": (media.RTF,),
    "sheets.parser.SheetsParser": (media.XLSX, media.XLS),
    "odf.parser.OdfParser": (media.ODT, media.ODP, media.ODS),
    "legacy.LegacyParser": (media.DOC, media.PPT),
    "mail.eml.MailParser": (media.MAIL,),
    "mail.msg.OutlookParser": (media.MSG,),
    "mail.mbox.MboxParser": (media.MBOX,),
    "archive.ArchiveParser": (media.ZIP, media.TAR, media.GZIP, media.BZIP2, media.XZ),
}
_BY_TYPE = {media_type: family for family, types in _FAMILIES.items() for media_type in types}
MEDIA_TYPES = frozenset(_BY_TYPE)


def parser_for(media_type: str, options: Options) -> Parser:
    """Return the parser of a media type. Raises BadFile for one that nobody reads."""
    if media_type not in _BY_TYPE:
        raise BadFile("unsupported", f"files of type {media_type} are not read", "Save it as PDF or plain text.")
    module, _, name = _BY_TYPE[media_type].rpartition(".")
    parser: Parser = getattr(importlib.import_module(f"ingest.parsers.{module}"), name)(options)
    return parser
