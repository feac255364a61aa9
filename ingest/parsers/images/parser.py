"""Images of documents: scans, photos and screenshots, by Pillow and Tesseract."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.images import ocr
from ingest.parsers.options import Options

# Only these decoders see the file. MPO is how many cameras write JPEG.
_FORMATS = {
    media.PNG: ("PNG",),
    media.JPEG: ("JPEG", "MPO"),
    media.TIFF: ("TIFF",),
    media.BMP: ("BMP", "DIB"),
    media.GIF: ("GIF",),
    media.WEBP: ("WEBP",),
}
# What decoders raise for a file that is not what its format says.
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error)
_DAMAGED = "Open it in an image viewer and save it again, or restore it from a backup."
_EMPTY = "If it shows text, scan it again at 300 dpi, or name its language in ingest.ocr_languages."
# A scan has a few faint specks that Tesseract takes for letters; a message takes more.
_FAINT_AT_LEAST = 10
# A0 at 200 dpi has 62 million pixels. A pixel takes four bytes, and some conversions hold an image three times.
_MOST_PIXELS = 80_000_000
# TIFF 6.0, NewSubfileType: bit 0 marks a smaller version of another page.
_SUBFILE_TYPE = 254
_REDUCED = 1

# What Tesseract reads well: below, letters have too few pixels; above, they only take more time.
_LEAST_DPI, _GOOD_DPI, _MOST_DPI = 150, 200, 400
_LARGEST_FACTOR = 4.0
# Many programs write 72 or 96 whatever the image is. On a screen, it is true.
_SCREEN_DPI = 96
_SCREEN_PIXELS = 2600
_CLAIMED_DPI = (100, 1200)
_PAGE_INCHES = 11
# Lines of a fax are up to four times as far apart as its columns.
_SQUARE = 1.1
_FAX = 4.5


class ImageParser:
    """Reads the text in PNG, JPEG, TIFF, BMP, GIF and WEBP files."""

    media_types = frozenset(_FORMATS)

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding]:
        """Yield the paragraphs of each page. A TIFF has as many pages as images, every other format one.

        Raises BadFile where OCR is off or not installed, the image is broken or too large, or no text is in it.
        """
        if not self._options.ocr_languages:
            raise BadFile(
                "unsupported",
                "it is an image, and reading text off images (OCR) is switched off",
                'Name the languages of its text in ingest.ocr_languages, for example ["eng"].',
            )
        anything = False
        pages = _pages(file, media_type, self._options.pages)
        for number, (image, points_per_pixel) in enumerate(pages, 1):
            reading = ocr.examine(image, self._options.ocr_languages, points_per_pixel)
            if reading.faint_characters >= _FAINT_AT_LEAST:
                yield Finding("background_colour", f"page {number}", reading.faint_characters)
            yield from ocr.sections(reading.lines, number)
            self._options.alive()
            anything = anything or bool(reading.lines) or reading.faint_characters >= _FAINT_AT_LEAST
        if not anything:
            raise BadFile("empty", "no text was found in the image", _EMPTY)


def _pages(file: BinaryIO, media_type: str, most: int) -> Iterator[tuple[Image.Image, float]]:
    """Yield the pages of an image file as `_legible` returns them. Raises BadFile."""
    try:
        with warnings.catch_warnings():
            # Pillow's own limit is higher than ours, and an odd tag is no reason to speak of an image.
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_FORMATS[media_type]) as image:
                for number, frame in enumerate(_frames(image) if media_type == media.TIFF else (image,)):
                    if number == most:
                        raise BadFile("too_large", f"it has more than {most} pages", "Split it, or raise ingest.pages.")
                    if frame.width * frame.height > _MOST_PIXELS:
                        raise _too_many_pixels()
                    frame.load()
                    yield _legible(frame)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except _BROKEN as error:
        raise BadFile("damaged", f"it cannot be decoded: {error}", _DAMAGED) from error


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    """Yield an image at each of its pages in turn, those left out that only repeat another one smaller."""
    for index in count():
        try:
            image.seek(index)
        except EOFError:
            return
        tags: Any = getattr(image, "tag_v2", {})
        if index == 0 or not int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED:
            yield image


def _too_many_pixels() -> BadFile:
    reason = f"it has more than {_MOST_PIXELS // 1_000_000} million pixels"
    return BadFile("too_large", reason, "Save it at a lower resolution.")


def _legible(image: Image.Image) -> tuple[Image.Image, float]:
    """Return a page upright, in grey, on white, at a size that Tesseract reads well, and the points of its pixels."""
    across, down = _resolution(image)
    # Turns by what the camera noted; a turn by 90 degrees exchanges the axes.
    turned = ImageOps.exif_transpose(image)
    if turned.size != image.size:
        across, down = down, across
    grey = _grey(turned)
    dpi = max(across, down)
    target = dpi
    if dpi < _LEAST_DPI:
        target = min(_GOOD_DPI, _LARGEST_FACTOR * dpi)
    elif dpi > _MOST_DPI:
        target = _MOST_DPI
    size = (max(1, round(grey.width * target / across)), max(1, round(grey.height * target / down)))
    if size[0] * size[1] > max(_MOST_PIXELS, grey.width * grey.height):
        size, target = grey.size, dpi
    return grey if size == grey.size else grey.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), 72 / target


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Return the pixels per inch, across and down, as the file says where that can be true, and guessed elsewhere."""
    try:
        across, down = (float(value) for value in image.info.get("dpi", (0, 0)))
    except _BROKEN:
        across = down = 0.0
    least, most = _CLAIMED_DPI
    if all(least * 0.9 <= value <= most for value in (across, down)) and 1 / _FAX <= across / down <= _FAX:
        if max(across / down, down / across) < _SQUARE:
            across = down = max(across, down)
        return across, down
    side = max(image.size)
    guess = _SCREEN_DPI if side < _SCREEN_PIXELS else side / _PAGE_INCHES
    return guess, guess


def _grey(image: Image.Image) -> Image.Image:
    """Return any image in 256 shades of grey; what is transparent is white, as paper is."""
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, coloured).convert("L")
    if image.mode.startswith(("I", "F")):
        return _deep(image)
    if image.mode == "LAB":
        return image.getchannel(0)
    return image.convert("L") if image.mode in ("1", "L", "P", "RGB", "LA") else image.convert("RGB").convert("L")


def _deep(image: Image.Image) -> Image.Image:
    """Return an image of more than 8 bits a pixel in 8 bits, by the range that its values are from."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = float(values.max(initial=0))
    white = next((limit for limit in (1, 255, 65535) if top <= limit), top)
    return Image.fromarray((values.clip(0, white) * (255 / white)).astype(np.uint8))
