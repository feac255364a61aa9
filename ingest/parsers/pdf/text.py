"""The text of a PDF page: lines with their places, paragraphs by the distance between lines, headings, hyphens."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import median
from typing import Any

from pypdfium2 import raw

from appliance.types import Box, Section
from ingest.parsers.pdf.page import Frame, address, char_box, line_rects
from ingest.parsers.printed import around, hyphen, words_in
from ingest.parsers.text.plain import unwrap

# What PDFium puts where a hyphen ended a line: the word's two parts stand on both sides of it.
_BROKEN = re.compile(r"(\w+)\ufffe(\w+)")
_NOT_WORD = re.compile(r"\W+")
# 3.1Delivery: the number of a paragraph that touches its first word, and how wide a gap (in heights) divides them.
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)+[.)]?|\d+[.)])(?=[A-Z][A-Za-z])")
_NUMBER_GAP = 0.09
# Gaps between words as wide as this many letters are high stand between cells; those after a paragraph's mark do not.
_CELL_GAP = 1.5
_LIST_MARK = re.compile(r"\(?(?:[\d.]+|[A-Za-z]{1,4}|[^\w\s])[.):]?\s|(?:Section|Article|§)\s", re.IGNORECASE)
# Letters of 2 points are 0.9 points wide on average.
_SQUEEZED_POINTS, _SQUEEZED_CHARACTERS = 0.6, 8
_CUT = "\0"
# Lines shorter than this part of the page's long ones end where their author ended them: rows, addresses, items.
_FULL_LINE = 0.7
# A gap this much wider than the page's usual one starts a paragraph.
_WIDE_GAP = 1.3
# So does a letter size that differs by this factor.
_OTHER_SIZE = 1.18
# A heading by its letters is short, and this much larger than the document's usual text.
_LARGER, _LARGER_POINTS = 1.2, 1.5
_HEADING_LINES, _HEADING_CHARACTERS = 3, 150
_HEADING_LEVELS = 3
# Where this part of a document or more looks like headings, size means something else.
_HEADINGS_PART = 0.15


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its words, its place, where it stands (points from the top) and the height of its letters in points, 0
    where that is not known. `row`: it has cells, that is wide gaps between its words; `squeezed`: its letters are as
    narrow as those of tiny text, however high they are. A word divided by a hyphen joins two lines in one.
    """

    text: str
    box: Box | None
    baseline: float
    letters: float
    row: bool = False
    squeezed: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together. `full` is from how many characters on a line of this page counts as full; `level`
    that of a heading, else 0.
    """

    lines: tuple[Line, ...]
    page: int
    full: int
    level: int = 0

    @property
    def text(self) -> str:
        """Return the paragraph with the line breaks undone that only the margin made."""
        if self.level:
            return " ".join(line.text for line in self.lines)
        texts = []
        for row, lines in groupby(self.lines, key=lambda line: line.row):
            some = [line.text for line in lines]
            texts.append("\n".join(some) if row else unwrap(some, self.full))
        return "\n".join(texts)

    @property
    def box(self) -> Box | None:
        """Return the place of all of its lines, None where PDFium does not know it."""
        boxes = [line.box for line in self.lines if line.box]
        return around(boxes) if boxes else None

    def unsized(self) -> Paragraph:
        """Return the paragraph without the heights of its letters, which in text layers of scans are but guesses."""
        return replace(self, lines=tuple(replace(line, letters=0.0) for line in self.lines))


# One entry of a document's outline: the page (1-based), the level (1 the highest), the title.
Entry = tuple[int, int, str]


def paragraphs(text_page: Any, frame: Frame, page: int, parts: Mapping[int, frozenset[int]]) -> list[Paragraph]:
    """Return the paragraphs of a page. `parts` are characters to leave out: ordinals by the address of their object."""
    text = _text(text_page)
    if parts:
        text = _without(text, text_page, parts)
    lines = _lines(text_page, text, frame)
    lengths = sorted(len(line.text) for line in lines)
    full = int(_FULL_LINE * lengths[len(lengths) * 9 // 10]) if lengths else 0
    gaps = [below.baseline - above.baseline for above, below in pairwise(lines) if below.baseline > above.baseline]
    usual = median(gaps) if gaps else 0.0
    found: list[list[Line]] = []
    for i, line in enumerate(lines):
        gap = line.baseline - lines[i - 1].baseline if i else 0.0
        apart = usual and (gap > _WIDE_GAP * usual or gap < -usual)
        if not found or apart or _other_size(lines[i - 1], line):
            found.append([])
        found[-1].append(line)
    return [Paragraph(tuple(some), page, full) for some in found]


def squeezed(parts: Sequence[Paragraph]) -> tuple[list[Paragraph], str]:
    """Return the paragraphs without lines whose letters are squeezed together until nobody can read them, and these."""
    kept: list[Paragraph] = []
    out: list[str] = []
    for part in parts:
        lines = tuple(line for line in part.lines if not line.squeezed)
        if len(lines) == len(part.lines):
            kept.append(part)
            continue
        out.extend(line.text for line in part.lines if line.squeezed)
        if lines:
            kept.append(replace(part, lines=lines))
    return kept, "\n".join(out)


def sections(pages: Sequence[Sequence[Paragraph | Section]], outline: Sequence[Entry]) -> Iterator[Section]:
    """Yield the sections of a document: headings found, words put together again that the end of a line had divided.

    The rest of the document knows whether a hyphen belongs to the word: "third-party" stays when it, or both of its
    parts, occur elsewhere; "infor-mation" does not.
    """
    joined = _Hyphens(part.text for page in pages for part in page)
    for part in _with_headings(pages, outline):
        if isinstance(part, Section):
            yield part
            continue
        text = joined.mend(part.text)
        if text.strip():
            yield Section(text, part.page, "heading" if part.level else "paragraph", part.box, part.level)


class _Hyphens:
    """Knows the words of a document."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._words: set[str] = set()
        texts = list(texts)
        if any("\ufffe" in text for text in texts):
            self._words = words_in(_BROKEN.sub(" ", text) for text in texts)

    def mend(self, text: str) -> str:
        """Return a text with its divided words put together."""
        if "\ufffe" not in text:
            return text
        return _BROKEN.sub(self._joined, text).replace("\ufffe", "-")

    def _joined(self, match: re.Match[str]) -> str:
        left, right = match.group(1), match.group(2)
        return f"{left}{hyphen(left, right, self._words)}{right}"


def _with_headings(
    pages: Sequence[Sequence[Paragraph | Section]], outline: Sequence[Entry]
) -> list[Paragraph | Section]:
    """Return all parts in order, headings marked: by the outline where it names lines of the pages, else by size."""
    parts = [part for page in pages for part in page]
    by_outline = _by_outline(parts, outline)
    return _by_size(parts) if by_outline is None else by_outline


def _by_outline(parts: Sequence[Paragraph | Section], outline: Sequence[Entry]) -> list[Paragraph | Section] | None:
    levels: dict[tuple[int, str], int] = {}
    for page, level, title in outline:
        if words := plain(title):
            levels.setdefault((page, words), level)
    marked: list[Paragraph | Section] = []
    for part in parts:
        marked.extend([part] if isinstance(part, Section) else _split(part, levels))
    return marked if any(isinstance(part, Paragraph) and part.level for part in marked) else None


def _split(paragraph: Paragraph, levels: dict[tuple[int, str], int]) -> Iterator[Paragraph]:
    """Yield a paragraph in pieces: lines that an entry of the outline names, and what stands between. Each entry is
    found once.
    """
    lines = paragraph.lines
    start = i = 0
    while i < len(lines) and levels:
        for count in range(1, min(_HEADING_LINES, len(lines) - i) + 1):
            key = (paragraph.page, plain("".join(line.text for line in lines[i : i + count])))
            if key in levels:
                if i > start:
                    yield replace(paragraph, lines=lines[start:i])
                yield replace(paragraph, lines=lines[i : i + count], level=max(1, levels.pop(key)))
                start, i = i + count, i + count - 1
                break
        i += 1
    if start < len(lines):
        yield replace(paragraph, lines=lines[start:])


def _by_size(parts: Sequence[Paragraph | Section]) -> list[Paragraph | Section]:
    sizes: Counter[float] = Counter()
    for part in parts:
        for line in part.lines if isinstance(part, Paragraph) else ():
            sizes[round(line.letters, 1)] += len(line.text)
    usual = _weighted_median(sizes)
    large = [part for part in parts if isinstance(part, Paragraph) and _looks_like_heading(part, usual)]
    characters = sum(len(line.text) for part in large for line in part.lines)
    if not large or characters > _HEADINGS_PART * sizes.total():
        return list(parts)
    levels: dict[float, int] = {}
    last = 0.0
    for size in sorted({_size(part) for part in large}, reverse=True):
        if not levels or last - size > _LARGER_POINTS / 2:
            last = size
            levels[size] = min(max(levels.values(), default=0) + 1, _HEADING_LEVELS)
        else:
            levels[size] = max(levels.values())
    headings = {id(part) for part in large}
    return [
        replace(part, level=levels[_size(part)]) if isinstance(part, Paragraph) and id(part) in headings else part
        for part in parts
    ]


def _looks_like_heading(paragraph: Paragraph, usual: float) -> bool:
    size = _size(paragraph)
    if size < _LARGER * usual or size < usual + _LARGER_POINTS or len(paragraph.lines) > _HEADING_LINES:
        return False
    text = paragraph.text
    letters = sum(character.isalpha() for character in text)
    return len(text) <= _HEADING_CHARACTERS and 3 <= letters >= len(text) / 2 and text[-1] not in ".,;:"


def _size(paragraph: Paragraph) -> float:
    return round(min(line.letters for line in paragraph.lines), 1)


def _weighted_median(sizes: Counter[float]) -> float:
    left = sizes.total() / 2
    for size in sorted(sizes):
        left -= sizes[size]
        if left <= 0:
            return size
    return 0.0


def _other_size(above: Line, below: Line) -> bool:
    sizes = sorted((above.letters, below.letters))
    long = min(len(above.text), len(below.text)) > 2
    return long and sizes[0] > 0 and sizes[1] > _OTHER_SIZE * sizes[0]


def plain(text: str) -> str:
    """Return the letters and digits of a text in one run, in lower case: what two texts are compared by."""
    return _NOT_WORD.sub("", text).casefold()


def _text(text_page: Any) -> str:
    count = raw.FPDFText_CountChars(text_page)
    if count <= 0:
        return ""
    # A character may take two units, and a zero ends them.
    units = (ctypes.c_ushort * (2 * count + 1))()
    size = raw.FPDFText_GetText(text_page, 0, count, units)
    return bytes(units)[: 2 * max(size - 1, 0)].decode("utf-16-le", "replace")


def _without(text: str, text_page: Any, parts: Mapping[int, frozenset[int]]) -> str:
    """Return the text with the characters of `parts` replaced by a sign that says so, at equal length."""
    units = bytearray(text.encode("utf-16-le", "surrogatepass"))
    seen = dict.fromkeys(parts, 0)
    for i in range(raw.FPDFText_CountChars(text_page)):
        own = address(raw.FPDFText_GetTextObject(text_page, i))
        if own in parts:
            at = 2 * raw.FPDFText_GetTextIndexFromCharIndex(text_page, i)
            if seen[own] in parts[own] and 0 <= at < len(units):
                units[at : at + 2] = b"\0\0"
            seen[own] += 1
    return units.decode("utf-16-le", "replace")


def _lines(text_page: Any, text: str, frame: Frame) -> list[Line]:
    lines = []
    x, y, loose = ctypes.c_double(), ctypes.c_double(), raw.FS_RECTF()
    offset = 0
    for line in text.split("\n"):
        # Soft hyphens inside a line are drawn as hyphens.
        words = " ".join(line.replace(_CUT, "").replace("\u00ad", "-").split())
        if words:
            start = offset + len(line) - len(line.lstrip())
            first = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start)
            last = raw.FPDFText_GetCharIndexFromTextIndex(text_page, start + _units(line.strip()) - 1)
            boxes: list[Box] = []
            baseline = letters = 0.0
            if first >= 0:
                boxes = [frame.box(rect) for rect in line_rects(text_page, first, max(1, last - first + 1))]
                if raw.FPDFText_GetCharOrigin(text_page, first, x, y):
                    baseline = frame.displayed((x.value, y.value, x.value, y.value))[1]
                if raw.FPDFText_GetLooseCharBox(text_page, (first + max(first, last)) // 2, loose):
                    _, top, _, bottom = frame.displayed((loose.left, loose.bottom, loose.right, loose.top))
                    letters = abs(bottom - top)
            numbered = _numbered(words, line, (text_page, start), letters)
            box = around(boxes) if boxes else None
            row = _has_cells(words, boxes, letters)
            lines.append(Line(numbered, box, baseline, letters, row, _squeezed(words, boxes)))
        offset += _units(line) + 1
    return lines


def _has_cells(words: str, boxes: Sequence[Box], letters: float) -> bool:
    """Tell whether a line is the row of a table: two wide gaps, or one that is not that after a paragraph's number."""
    if len(boxes) < 2 or "\ufffe" in words:
        return False
    ordered = sorted(boxes, key=lambda box: box.left)
    gaps = sum(right.left - left.right > _CELL_GAP * letters for left, right in pairwise(ordered))
    return gaps > 1 or (gaps == 1 and not _LIST_MARK.match(words))


def _squeezed(words: str, boxes: Sequence[Box]) -> bool:
    long = sum(max(box.right - box.left, box.bottom - box.top) for box in boxes)
    return len(words) >= _SQUEEZED_CHARACTERS and 0 < long < _SQUEEZED_POINTS * len(words)


def _numbered(words: str, line: str, place: tuple[Any, int], letters: float) -> str:
    """Put a space between a paragraph's number and its first word where PDFium does not see the narrow gap.

    `place` is the text page, and where the line starts in its text.
    """
    number = _NUMBER.match(words)
    if number is None or not line.lstrip().startswith(number.group()):
        return words
    text_page, start = place
    at = start + number.end() - 1
    last, first = (char_box(text_page, raw.FPDFText_GetCharIndexFromTextIndex(text_page, i)) for i in (at, at + 1))
    if last is None or first is None or first[0] - last[2] < _NUMBER_GAP * letters:
        return words
    return f"{number.group()} {words[number.end() :]}"


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
