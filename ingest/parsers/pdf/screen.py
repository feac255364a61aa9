"""Screening of a PDF page: which of its text a person would not see, and why.

Doubtful texts are judged by pixels. The page is rendered with and without them; a character is seen if taking its text
away changes pixels in its box, towards the text's own colour, on a background that differs from it. So white text on a
dark picture is seen, and black text under a white patch is not, however either was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pypdfium2 import raw

from appliance.types import FindingKind
from ingest.parsers.legible import TINY_POINTS
from ingest.parsers.pdf.objects import CLIP_ONLY, INVISIBLE, Drawn, Text, inky, words_of
from ingest.parsers.pdf.page import CONTRAST, Frame, Picture, Rect, address, area, char_box, intersection, render, union

# Taking a text away has to change a pixel by this (red, green or blue, 0 to 255): thin strokes are smoothed, so that it
# is less than CONTRAST, by which a plain colour has to differ from what it stands on.
_PAINTED = 10
# What is let through by a transparent text.
_FAINT = 18
# Pixels per em that show strokes of ordinary letters, and the limits of what is rendered.
_PIXELS_PER_EM = 16.0
_DPI = (100.0, 200.0)
_PIXELS = 16_000_000
# Letters of tiny text are at most this wide or high; fonts of pictures may have a nominal size of 1 and be large.
_TINY_LETTER_POINTS = 1.25 * TINY_POINTS
_DOT_LETTER_POINTS = 0.5 * TINY_POINTS
# So many letters of a text in a row have to be unseen for a part of it to be taken out: boxes of letters are not exact.
_UNSEEN_IN_A_ROW = 3
# So many at the end of a text that shows are cut off by accident: words that run out of a frame, or of the page.
_CUT_OFF = 12
# Doubtful texts that overlap are taken away one after the other, in so many rounds at most.
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Letter:
    """A character of a text object, and its place: among the object's characters, and on the page."""

    ordinal: int
    character: str
    box: Rect

    @property
    def word(self) -> bool:
        """Tell whether it is part of a word: signs may be so small that they show in no pixel."""
        return self.character.isalnum()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that is not seen: the object that it is of, why, and its characters without spaces."""

    text: Text
    kind: FindingKind
    characters: str


@dataclass(slots=True)
class Unseen:
    """What of a page is not seen: `pieces`; of them whole text objects, `whole`, and `parts`, as ordinals of characters
    by the object's address. `boxes` are the places of the characters of all doubtful objects, by address.
    """

    pieces: list[Piece] = field(default_factory=list)
    whole: list[Text] = field(default_factory=list)
    parts: dict[int, frozenset[int]] = field(default_factory=dict)
    boxes: dict[int, list[Rect]] = field(default_factory=dict)

    def add(self, text: Text, kind: FindingKind, letters: Sequence[Letter]) -> None:
        """Note these letters of a text."""
        if letters:
            self.pieces.append(Piece(text, kind, "".join(letter.character for letter in letters)))


def unseen(page: Any, text_page: Any, frame: Frame, found: Drawn) -> Unseen:
    """Return which text of a page is not seen. Nothing is rendered where nothing is doubtful."""
    result = Unseen()
    doubtful = [text for text in found.texts if text.doubtful]
    if not doubtful:
        return result
    doubtful = _without_repeated(text_page, doubtful, found, result)
    said = _Said(text_page, doubtful, found)
    to_judge = []
    for text in doubtful:
        own = said.letters(text)
        result.boxes[address(text.handle)] = [letter.box for letter in own]
        if kind := _evident(text, own, frame):
            result.whole.extend((text, *said.twins(text)))
            result.add(text, kind, own)
        elif own:
            to_judge.append(text)
    if to_judge:
        _judge(page, frame, to_judge, said, result)
    return result


def hide(texts: Iterable[Text]) -> None:
    """Take texts off their page: neither rendering nor its text has them any more."""
    for text in texts:
        raw.FPDFPageObj_SetIsActive(text.handle, 0)


def show(texts: Iterable[Text]) -> None:
    """Put texts back that `hide` took off."""
    for text in texts:
        raw.FPDFPageObj_SetIsActive(text.handle, 1)


def _without_repeated(text_page: Any, doubtful: Sequence[Text], found: Drawn, result: Unseen) -> list[Text]:
    """Take clipped texts off the list that stand in full view in the same place: programs that print in strips draw the
    line at the seam with each of them.
    """
    seen = {_place(text): text for text in found.texts if not text.doubtful}
    left = []
    for text in doubtful:
        other = seen.get(_place(text)) if text.clipped else None
        if other and words_of(text.handle, text_page) == words_of(other.handle, text_page):
            result.whole.append(text)
        else:
            left.append(text)
    return left


def _place(text: Text) -> tuple[int, ...]:
    # Shadows are moved by a point or so: where exactly a text starts tells less than how long and high it is.
    left, bottom, right, top = text.rect
    return (round(left / 8), round(bottom / 8), round(right - left), round(top - bottom))


class _Said:
    """What the page's text has of doubtful texts, by text object, and which texts it does not have.

    PDFium leaves out texts that repeat another one in its place, shadows for example. Such twins share the other's
    fate: what shows of a text may be divided between it and its twins, and a twin would take its place in the text.
    """

    def __init__(self, text_page: Any, doubtful: Sequence[Text], found: Drawn) -> None:
        self._letters: dict[int, list[Letter]] = {address(text.handle): [] for text in doubtful}
        spoken = self._collect(text_page)
        self._twins: dict[tuple[int, ...], list[Text]] = {}
        for text in found.texts:
            if address(text.handle) not in spoken:
                self._twins.setdefault(_place(text), []).append(text)

    def letters(self, text: Text) -> list[Letter]:
        """Return the visible characters of a doubtful text: no spaces."""
        return self._letters[address(text.handle)]

    def twins(self, text: Text) -> list[Text]:
        """Return the twins of a text."""
        return [twin for twin in self._twins.get(_place(text), ()) if twin is not text]

    def _collect(self, text_page: Any) -> set[int]:
        """Fill the letters, and return the addresses of all objects that the page's text has."""
        ordinals: dict[int, int] = {}
        for i in range(raw.FPDFText_CountChars(text_page)):
            own = address(raw.FPDFText_GetTextObject(text_page, i))
            ordinal = ordinals[own] = ordinals.get(own, -1) + 1
            letters = self._letters.get(own)
            if letters is None:
                continue
            code = raw.FPDFText_GetUnicode(text_page, i)
            character = chr(code) if code <= 0x10FFFF else "\0"
            if inky(character) and raw.FPDFText_IsGenerated(text_page, i) != 1:
                letters.append(Letter(ordinal, character, char_box(text_page, i) or (0.0, 0.0, 0.0, 0.0)))
        return set(ordinals)


def _evident(text: Text, letters: Sequence[Letter], frame: Frame) -> FindingKind | None:
    """Return why a text is not seen where that needs no look at pixels."""
    if text.mode == INVISIBLE:
        return "hidden"
    if text.outside and area(intersection(text.rect, frame.rect)) <= 0:
        return "off_page"
    if text.flat and letters:
        return "tiny"
    if text.small:
        sides = [max(x.box[2] - x.box[0], x.box[3] - x.box[1]) for x in letters if x.word]
        sides = [side for side in sides if side > 0]
        most = _TINY_LETTER_POINTS if text.size < TINY_POINTS else _DOT_LETTER_POINTS
        if sides and median(sides) < most:
            return "tiny"
    if text.blank and letters and all(area(letter.box) <= 0 for letter in letters):
        return "hidden"
    return None


def _judge(page: Any, frame: Frame, texts: Sequence[Text], said: _Said, result: Unseen) -> None:
    """Render the page with and without these texts, and add to `result` what does not show."""
    sizes = [text.size for text in texts if text.size >= TINY_POINTS]
    limits = (min(max(_PIXELS_PER_EM * 72 / min(sizes, default=12.0), _DPI[0]), _DPI[1]), _PIXELS)
    part = union(intersection(text.rect, frame.rect) for text in texts)
    # What was found out already is no part of what the others are compared with.
    evident = list(result.whole)
    hide(evident)
    whole = render(page, frame, limits, part)
    for some in _rounds(texts):
        with_twins = [twin for text in some for twin in (text, *said.twins(text))]
        hide(with_twins)
        without = render(page, frame, limits, part)
        show(with_twins)
        for text in some:
            if _conclude(text, said.letters(text), _Look.at(whole, without, text), result):
                result.whole.extend(said.twins(text))
    show(evident)


def _conclude(text: Text, own: Sequence[Letter], look: _Look, result: Unseen) -> bool:
    """Note what of a text does not show, and tell whether that is all of it."""
    shown = [look.shows(letter.box) for letter in own]
    runs = list(_runs(own, shown))
    hidden = [i for run in runs for i in run]
    kind = _why(text, look) if hidden else None
    if kind is None or (kind == "off_page" and len(hidden) <= _CUT_OFF and len(own) - len(hidden) >= _UNSEEN_IN_A_ROW):
        return False
    for run in runs:
        result.add(text, kind, own[run.start : run.stop])
    if len(hidden) == len(own):
        result.whole.append(text)
    else:
        result.parts[address(text.handle)] = frozenset(own[i].ordinal for i in hidden)
    return len(hidden) == len(own)


def _runs(own: Sequence[Letter], shown: Sequence[bool]) -> Iterator[range]:
    """Yield the stretches of a text that do not show, the signs between their letters included."""
    words = [i for i, letter in enumerate(own) if letter.word] or list(range(len(own)))
    run: list[int] = []
    for i in [*words, -1]:
        if i >= 0 and not shown[i]:
            run.append(i)
            continue
        if len(run) >= min(_UNSEEN_IN_A_ROW, len(words)):
            yield range(0 if run[0] == words[0] else run[0], run[-1] + 1 if i >= 0 else len(own))
        run = []


def _why(text: Text, look: _Look) -> FindingKind | None:
    """Return what hides a text. None where nothing does: then PDFium could not draw it, for want of a font."""
    if text.clipped or text.outside:
        return "off_page"
    if look.same_as_background():
        return "background_colour"
    if text.covered:
        return "covered"
    return "hidden" if text.dimmed or text.mode == CLIP_ONLY else None


@dataclass(frozen=True, slots=True)
class _Look:
    """The place of one text: where its pixels show, and how far the text's colour is from what is behind it."""

    picture: Picture
    top: int
    left: int
    shown: NDArray[np.bool_]
    distance: NDArray[np.int16] | None

    @classmethod
    def at(cls, whole: Picture, without: Picture, text: Text) -> _Look:
        """Compare the page with and without a text."""
        rows, columns = whole.slices(text.rect)
        a, b = (picture.pixels[rows, columns].astype(np.int16) for picture in (whole, without))
        if text.mode == CLIP_ONLY:
            # Such text is the shape of what is drawn after it, and cannot be taken away: anything uneven is it.
            spread = np.abs(a - (a[:1, :1] if a.size else 0)).max(axis=2, initial=0) >= CONTRAST
            return cls(whole, rows.start, columns.start, spread, None)
        shown = np.abs(a - b).max(axis=2, initial=0) >= (_FAINT if text.dimmed else _PAINTED)
        if text.colour is None:
            return cls(whole, rows.start, columns.start, shown, None)
        own = np.array(text.colour[::-1], dtype=np.int16)
        distance = np.abs(b - own).max(axis=2, initial=0)
        shown &= np.abs(a - own).max(axis=2, initial=0) < distance
        if text.opaque:
            shown &= distance >= CONTRAST
        return cls(whole, rows.start, columns.start, shown, distance)

    def shows(self, box: Rect) -> bool:
        """Tell whether anything of the text shows in this box."""
        rows, columns = self.picture.slices(box)
        inner = self.shown[
            max(rows.start - self.top, 0) : max(rows.stop - self.top, 0),
            max(columns.start - self.left, 0) : max(columns.stop - self.left, 0),
        ]
        return bool(inner.any())

    def same_as_background(self) -> bool:
        """Tell whether most of what is behind the text has the text's colour."""
        return self.distance is not None and self.distance.size > 0 and float(np.median(self.distance)) < CONTRAST


def _rounds(texts: Sequence[Text]) -> list[list[Text]]:
    """Divide texts such that those of one round do not overlap, as far as so many rounds can do it.

    Else unseen text could hide behind the change that taking away its visible neighbour makes.
    """
    rounds: list[list[Text]] = [[] for _ in range(_ROUNDS)]
    taken: list[set[tuple[int, int]]] = [set() for _ in range(_ROUNDS)]
    for text in texts:
        cells = _core(text.rect)
        number = next((i for i in range(_ROUNDS) if not cells & taken[i]), _ROUNDS - 1)
        rounds[number].append(text)
        taken[number] |= cells
    return [some for some in rounds if some]


def _core(rect: Rect) -> frozenset[tuple[int, int]]:
    """Return the cells, 2 points high and 8 wide, of a text's middle: lines that stand close do not overlap there."""
    left, bottom, right, top = rect
    middle, half = (bottom + top) / 2, (top - bottom) / 8
    rows = range(int((middle - half) // 2), int((middle + half) // 2) + 1)
    columns = range(int((left + 1) // 8), max(int((left + 1) // 8), int((right - 1) // 8)) + 1)
    if len(rows) * len(columns) > 4000:
        # Text as large as a page; it is judged with the first that come.
        return frozenset()
    return frozenset((row, column) for row in rows for column in columns)
