"""The parsers: one per family of formats, each behind the `Parser` port."""

from __future__ import annotations

import importlib

from appliance.ports import Parser
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options

# Imported with the first file of the family: some take seconds, and most shares hold a few families only.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "markdown.MarkdownParser": (media.MARKDOWN,),
    "text.TextParser": (media.TEXT,),
    "outline.OutlineParser": (media.RST, media.ORG),
    "data.DataParser": (media.JSON, media.NDJSON, media.YAML, media.XML),
    "delimited.CsvParser": (media.CSV, media.TSV),
    "web.WebParser": (media.HTML,),
    "epub.EpubParser": (media.EPUB,),
    "pdf.PdfParser": (media.PDF,),
    "image.ImageParser": (media.PNG, media.JPEG, media.TIFF, media.BMP, media.GIF, media.WEBP),
    "word.WordParser": (media.DOCX,),
    "slides.SlidesParser": (media.PPTX,),
    "rtf.RtfParser": (media.RTF,),
    "sheets.SheetsParser": (media.XLSX, media.XLS),
    "odf.OdfParser": (media.ODT, media.ODP, media.ODS),
    "legacy.LegacyParser": (media.DOC, media.PPT),
    "mail.MailParser": (media.MAIL,),
    "outlook.OutlookParser": (media.MSG,),
    "mbox.MboxParser": (media.MBOX,),
    "archive.ArchiveParser": (media.ZIP, media.TAR, media.GZIP, media.BZIP2, media.XZ),
}
_BY_TYPE = {media_type: family for family, types in _FAMILIES.items() for media_type in types}
MEDIA_TYPES = frozenset(_BY_TYPE)


def parser_for(media_type: str, options: Options) -> Parser:
    """Return the parser of a media type. Raises BadFile for one that nobody reads."""
    if media_type not in _BY_TYPE:
        raise BadFile("unsupported", f"files of type {media_type} are not read", "Save it as PDF or plain text.")
    module, _, name = _BY_TYPE[media_type].partition(".")
    parser: Parser = getattr(importlib.import_module(f"ingest.parsers.{module}"), name)(options)
    return parser
