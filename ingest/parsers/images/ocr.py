"""The only door to Tesseract: an image goes in, lines of text with their places come out.

The engine runs in this process and is handed pixels, never a file; its models come from the folder where the system's
packages put them, and are loaded with the first image.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import tesserocr
from PIL import Image, ImageFilter

from appliance.types import Box, Section
from ingest.files import BadFile
from ingest.parsers.images import skew
from ingest.parsers.legible import NEAR
from ingest.parsers.printed import WORD, around, hyphen, words_in

# Where Debian (by version), Fedora, Arch and a build by hand put the models.
_DEBIAN = Path("/usr/share/tesseract-ocr")
_MODELS = ("/usr/share/tesseract/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")
_ORIENTATION = "osd"

# Tesseract takes no side of 32768; a page of A0 at 150 dpi has 35 million pixels.
_MOST_SIDE = 30_000
_MOST_PIXELS = 40_000_000
_CREDIBLE_DPI = (70, 2400)

# What Tesseract makes of photos, logos and scripts that it has no model for is below this nearly always, paragraphs of
# print never are. Single lines of these may be.
_PRINT_CONFIDENCE = 0.6
# In a line of print, specks and rules become very short words; longer ones are words, however doubtful.
_SPECK_CONFIDENCE, _SPECK_CHARACTERS = 0.3, 2
# A page that lies on its side is read with a confidence of 0.4, an upright one, however noisy, above 0.7.
_UPRIGHT_CONFIDENCE = 0.7
_ORIENTATION_CONFIDENCE = 1.0
# In grey (of 255), as between colours: Tesseract reads what differs by 1, a person does not.
_CONTRAST = NEAR
# The share of a word's box that its strokes take at least; also how much of it may be specks.
_STROKES = 0.02

_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
_BROKEN = re.compile(r"(\w+)[-\u2010\u00ac\u00ad]$")
# A line that ends this far left of its paragraph's right edge was ended by its author.
_FULL_LINE = 0.75


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text that was read off an image. `confidence` is between 0 and 1; lines of one `paragraph` belong
    together.
    """

    text: str
    box: Box
    confidence: float
    paragraph: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off an image: its lines in reading order, and how many characters were left out because they have
    nearly the colour of what they stand on.
    """

    lines: tuple[Line, ...]
    faint_characters: int


@dataclass(frozen=True, slots=True)
class _Word:
    """A word, its box in pixels (left, top, right, bottom), and the numbers of its block, paragraph and line."""

    text: str
    box: tuple[int, int, int, int]
    confidence: float
    line: tuple[int, int, int]


def available() -> bool:
    """Tell whether at least one language of Tesseract is installed."""
    return bool(_installed()[1])


def read(image: Image.Image, languages: tuple[str, ...], points_per_pixel: float) -> list[Line]:
    """Return the lines of an image in reading order, their boxes in points from its top left corner.

    A page that lies on its side or its head is read upright; its boxes are where the text is on the image. Raises
    BadFile where none of the languages is installed.
    """
    return list(examine(image, languages, points_per_pixel).lines)


def examine(image: Image.Image, languages: tuple[str, ...], points_per_pixel: float) -> Reading:
    """Return what `read` returns, and how much text there is that a person would not see."""
    engine = _engine(_known(languages))
    grey = image.convert("L")
    factor = min(1.0, _MOST_SIDE / max(grey.size), (_MOST_PIXELS / (grey.width * grey.height)) ** 0.5)
    if factor < 1:
        grey = grey.resize((max(1, int(grey.width * factor)), max(1, int(grey.height * factor))), reducing_gap=2.0)
        points_per_pixel /= factor
    low, high = grey.getextrema()
    if low == high:
        return Reading((), 0)
    degrees = skew.slant(grey)
    level = skew.level(grey, degrees) if degrees else grey
    words = _upright(engine, level, round(72 / points_per_pixel))
    credible = list(_credible(words))
    seen = [word for word in credible if _contrast(level, word.box) >= _CONTRAST]
    faint = sum(len(word.text) for word in credible) - sum(len(word.text) for word in seen)

    def place(word: _Word) -> Box:
        edges = skew.before(word.box, degrees, grey.size) if degrees else word.box
        return Box(*(edge * points_per_pixel for edge in edges))

    return Reading(tuple(_lines(seen, place)), faint)


def sections(lines: Sequence[Line], page: int | None) -> Iterator[Section]:
    """Yield one section a paragraph, its lines unwrapped and words put together that the end of a line divided."""
    known = words_in(_BROKEN.sub("", line.text) for line in lines)
    for _, group in groupby(lines, key=lambda line: line.paragraph):
        paragraph = list(group)
        boxes = [line.box for line in paragraph]
        yield Section(_unwrapped(paragraph, known), page, "paragraph", box=around(boxes))


def _known(languages: tuple[str, ...]) -> str:
    """Return those of the languages that are installed, as Tesseract wants them. Raises BadFile without any."""
    found = [language for language in languages if language in _installed()[1]]
    if not found:
        wanted = ", ".join(languages)
        raise BadFile(
            "unsupported",
            f"its text is in images, and Tesseract's models for reading them ({wanted}) are not installed",
            f"Install tesseract-ocr and {' '.join(f'tesseract-ocr-{language}' for language in languages)}.",
        )
    return "+".join(found)


@cache
def _installed() -> tuple[str, frozenset[str]]:
    """Return the folder of Tesseract's models and the languages in it."""
    named = os.environ.get("TESSDATA_PREFIX")
    folders = [Path(named)] if named else [*sorted(_DEBIAN.glob("*/tessdata"), reverse=True), *map(Path, _MODELS)]
    for folder in folders:
        found = frozenset(file.stem for file in folder.glob("*.traineddata"))
        if found - {_ORIENTATION}:
            return str(folder), found
    return "", frozenset()


@cache
def _engine(languages: str) -> Any:
    """Return Tesseract's LSTM engine with the models of these languages ("eng+deu") loaded. Raises BadFile."""
    try:
        engine = tesserocr.PyTessBaseAPI(
            path=_installed()[0], lang=languages, psm=tesserocr.PSM.AUTO, oem=tesserocr.OEM.LSTM_ONLY
        )
    except RuntimeError as error:
        reason = f"Tesseract's models ({languages}) cannot be loaded: {error}"
        raise BadFile("unsupported", reason, "Install the packages of Tesseract's languages again.") from error
    # It writes about every image to the standard error otherwise.
    engine.SetVariable("debug_file", "/dev/null")
    return engine


def _upright(engine: Any, grey: Image.Image, dpi: int) -> list[_Word]:
    """Return the words of a page, which may be turned by a right angle, or two, or three, and full of specks."""
    best: list[_Word] = []
    for words in _readings(engine, grey, dpi):
        if _confidence(words) > _confidence(best):
            best = words
        if _confidence(best) >= _UPRIGHT_CONFIDENCE:
            break
    return best


def _readings(engine: Any, grey: Image.Image, dpi: int) -> Iterator[list[_Word]]:
    """Yield what a page may say, the likeliest first: as it is, turned upright; the same with specks taken out."""
    for clean in (False, True):
        # Specks as a copier makes them hide whole pages from the search for lines; on clean pages, their removal costs
        # thin strokes.
        page = grey.filter(ImageFilter.MedianFilter(3)) if clean else grey
        words = _words(engine, page, dpi)
        yield words
        degrees = _turned_by(page, dpi) if words else 0
        if degrees in _TURNS:
            again = _words(engine, page.transpose(_TURNS[degrees]), dpi)
            yield [_turned_back(word, degrees, grey.size) for word in again]


def _turned_by(grey: Image.Image, dpi: int) -> int:
    """Return by how many degrees, counterclockwise, a page has to be turned to be upright: 0, 90, 180 or 270."""
    if _ORIENTATION not in _installed()[1]:
        return 0
    with tesserocr.PyTessBaseAPI(path=_installed()[0], lang=_ORIENTATION, psm=tesserocr.PSM.OSD_ONLY) as engine:
        engine.SetVariable("debug_file", "/dev/null")
        _show(engine, grey, dpi)
        found = engine.DetectOrientationScript()
    return found["orient_deg"] if found and found["orient_conf"] >= _ORIENTATION_CONFIDENCE else 0


def _turned_back(word: _Word, degrees: int, size: tuple[int, int]) -> _Word:
    """Return a word of a page turned by `degrees` counterclockwise with its place on the page of `size` before."""
    width, height = size
    left, top, right, bottom = word.box
    match degrees:
        case 90:
            box = (width - bottom, left, width - top, right)
        case 180:
            box = (width - right, height - bottom, width - left, height - top)
        case _:
            box = (top, height - right, bottom, height - left)
    return _Word(word.text, box, word.confidence, word.line)


def _show(engine: Any, grey: Image.Image, dpi: int) -> None:
    engine.SetImageBytes(grey.tobytes(), grey.width, grey.height, 1, grey.width)
    least, most = _CREDIBLE_DPI
    engine.SetSourceResolution(min(most, max(least, dpi)))


def _words(engine: Any, grey: Image.Image, dpi: int) -> list[_Word]:
    """Return the words that Tesseract finds, in reading order (the columns of its TSV are in tesseract(1))."""
    _show(engine, grey, dpi)
    try:
        rows = [row.split("\t") for row in engine.GetTSVText(0).splitlines()]
    finally:
        engine.Clear()
    words = []
    for level, _, block, paragraph, line, _, left, top, width, height, confidence, text in rows:
        if level == "5" and text.strip():
            x, y = int(left), int(top)
            box = (x, y, x + int(width), y + int(height))
            number = (int(block), int(paragraph), int(line))
            words.append(_Word(text.strip(), box, float(confidence) / 100, number))
    return words


def _confidence(words: Iterable[_Word]) -> float:
    """Return the mean confidence of the characters, 0 without any."""
    weighted = [(len(word.text), word.confidence) for word in words]
    return sum(n * confidence for n, confidence in weighted) / max(1, sum(n for n, _ in weighted))


def _credible(words: Sequence[_Word]) -> Iterator[_Word]:
    """Yield the words of paragraphs that are text, specks left out."""
    for _, group in groupby(words, key=lambda word: word.line[:2]):
        paragraph = list(group)
        if _confidence(paragraph) >= _PRINT_CONFIDENCE:
            for word in paragraph:
                if word.confidence >= _SPECK_CONFIDENCE or len(word.text) > _SPECK_CHARACTERS:
                    yield word


def _contrast(grey: Image.Image, box: tuple[int, int, int, int]) -> int:
    """Return how far a word's strokes and what they stand on are apart, 0 to 255."""
    histogram = grey.crop(box).histogram()
    specks = _STROKES * sum(histogram)

    def first(values: Iterable[int]) -> int:
        seen = 0
        for value in values:
            seen += histogram[value]
            if seen > specks:
                return value
        return 0

    return first(range(255, -1, -1)) - first(range(256))


def _lines(words: Sequence[_Word], place: Callable[[_Word], Box]) -> Iterator[Line]:
    """Yield the lines with a letter or digit in them, where `place` says. Their paragraphs are numbered from 0."""
    paragraphs: dict[tuple[int, int], int] = {}
    for number, group in groupby(words, key=lambda word: word.line):
        line = list(group)
        text = " ".join(word.text for word in line)
        if any(character.isalnum() for character in text):
            paragraph = paragraphs.setdefault(number[:2], len(paragraphs))
            yield Line(text, around([place(word) for word in line]), min(1.0, _confidence(line)), paragraph)


def _unwrapped(lines: Sequence[Line], known: set[str]) -> str:
    """Join a paragraph's lines. Those that end far from its right edge (rows, addresses, items) stay lines."""
    left, right = min(line.box.left for line in lines), max(line.box.right for line in lines)
    text = lines[0].text
    for before, line in pairwise(lines):
        if before.box.right < left + _FULL_LINE * (right - left):
            text += "\n" + line.text
        elif broken := _BROKEN.search(text):
            after = WORD.match(line.text)
            text = text[: broken.end(1)] + hyphen(broken.group(1), after.group() if after else "", known) + line.text
        else:
            text += " " + line.text
    return text
