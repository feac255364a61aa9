"""What parsers are told about the installation they work in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """`pages` is how many one file may have, `ocr_languages` those of Tesseract (none: no OCR), `scratch` the one
    folder that may be written to; what is left in it is removed after each file. `alive` is called after each page
    that took long, so that a scan of many pages is not taken for a file on which the parser hangs.
    """

    pages: int
    ocr_languages: tuple[str, ...]
    scratch: Path
    alive: Callable[[], None] = lambda: None
