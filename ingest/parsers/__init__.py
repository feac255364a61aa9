"""The parsers: one per family of formats, each behind the `Parser` port."""

from __future__ import annotations

from appliance.ports import Parser
from ingest import media
from ingest.files import BadFile


def parser_for(media_type: str) -> Parser:
    """Return the parser of a media type. Raises BadFile for one that nobody reads.

    Imports happen here, one family at a time: unstructured takes seconds to import, and most shares hold files that
    do without it.
    """
    match media_type:
        case media.MARKDOWN:
            from ingest.parsers.markdown import MarkdownParser

            return MarkdownParser()
        case media.TEXT:
            from ingest.parsers.text import TextParser

            return TextParser()
        case media.PDF:
            from ingest.parsers.pdf import PdfParser

            return PdfParser()
        case media.CSV:
            from ingest.parsers.delimited import CsvParser

            return CsvParser()
        case media.DOCX | media.PPTX | media.XLSX | media.HTML:
            from ingest.parsers.office import OfficeParser

            return OfficeParser()
        case media.MAIL:
            from ingest.parsers.mail import MailParser

            return MailParser()
        case _:
            raise BadFile("unsupported", f"files of type {media_type} are not read", "Save it as PDF or plain text.")
