"""What parsers are told about the installation they work in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`pages` is how many one file may have, `ocr_languages` those of Tesseract (none: no OCR), `scratch` the one
    folder that may be written to; what is left in it is removed after each file.
    """

    pages: int
    ocr_languages: tuple[str, ...]
    scratch: Path
