"""Cuts a document's sections into chunks: along headings and paragraphs, never across pages, within a token budget.

`appliance.types.CHUNKER` names these rules: raise it with every change that makes other chunks of the same file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from appliance.types import Box, Place, Section

# Tokens of each text, without the tokens that mark begin and end.
Counter = Callable[[Sequence[str]], list[int]]

# Headings may take this part of a chunk at most.
_HEADINGS_PART = 3
# A chunk smaller than this part of the budget joins its neighbour when both have room in one.
_SMALL_PART = 3
# Vocabularies answer a word that is too long with a single "unknown". Text costs a token per ten characters at least,
# whatever they say, so that no chunk grows without bounds.
_CHARACTERS_PER_TOKEN = 10
_COUNTED_AT_ONCE = 1000
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]*\s+(?=[^a-z\s])|[。！？]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ufffe\uffff]")
_GENERIC_NAMES = frozenset({"index", "readme", "_index", "default", "main"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before its document has an id. `headings` is the path of titles above it, outermost first; `places` say
    where on the page its text stands, in order, none over another. Headings that became text have none.
    """

    text: str
    page: int | None
    headings: tuple[str, ...]
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """A document in chunks. `title` stands for the title that the document itself does not have, made from the file's
    name; it is in no chunk, so that a renamed file needs no new vectors.
    """

    title: str
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Text that is not divided, what stands between it and the piece before, and its cost in tokens.

    A `follows` piece goes on where the one before ended: in their section, too, the glue and nothing else is between.
    """

    text: str
    glue: str
    cost: int
    box: Box | None = None
    follows: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """Pieces of one page under one path of headings; `last_path` is that of the last pieces where parts were joined."""

    path: tuple[str, ...]
    page: int | None
    pieces: tuple[_Piece, ...]
    last_path: tuple[str, ...] = ()

    @property
    def cost(self) -> int:
        return sum(piece.cost for piece in self.pieces)


def token_counter(tokenizer: Path) -> Counter:
    """Return a counter by a `tokenizer.json`, without the truncation and padding that such files may ask for."""
    loaded = Tokenizer.from_file(str(tokenizer))
    loaded.no_truncation()
    loaded.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(encoding.ids) for encoding in loaded.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count


def embedding_text(headings: Sequence[str], text: str) -> str:
    """Return what the embedder sees of a chunk: its headings on the first line, then its text."""
    return f"{' > '.join(headings)}\n{text}" if headings else text


def title_of(path: str) -> str:
    """Return the words of a file's name; of its folder's where the name says nothing ("index.md")."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0] or name
    if stem.lower() in _GENERIC_NAMES and folders:
        stem = folders[-1]
    return _clean(re.sub(r"[\s_\-.+]+", " ", stem)).strip()


class Chunker:
    """Makes chunks of at most `budget` tokens, headings included."""

    def __init__(self, count: Counter, budget: int) -> None:
        self._count = count
        self._budget = budget
        self._costs: dict[str, int] = {}

    def chunk(self, sections: Iterable[Section], path: str) -> Cut:
        """Return a document in chunks, in reading order. `path` names it where it has no title of its own.

        Every word of the sections is in the chunks, in order: words of headings in `headings`, or in the text where
        small neighbours were put together or nothing stands below the heading.
        """
        self._costs.clear()
        title, rest = self._title(list(sections))
        parts = [chunk for part in self._parts(title, rest) for chunk in self._pack(part)]
        drafts = tuple(draft for part in self._merge(parts) for draft in self._fit(part))
        return Cut("" if title else title_of(path), drafts)

    def _parts(self, title: Section | None, rest: Sequence[Section]) -> list[_Part]:
        """Return the sections grouped by headings and page, headings without anything below them as text."""
        above = (title.text,) if title else ()
        open_headings: list[_Heading] = []
        groups: list[tuple[tuple[str, ...], int | None, list[_Piece]]] = []

        def close(level: int) -> None:
            while open_headings and open_headings[-1].level >= level:
                last = open_headings.pop()
                if not last.used:
                    add(last.text, last.page)

        def add(text: str, page: int | None, box: Box | None = None) -> None:
            path = self._trim((*above, *(heading.text for heading in open_headings)))
            for heading in open_headings:
                heading.used = True
            pieces = self._pieces(text, self._room(path))
            if box:
                pieces = tuple(_placed(pieces, text, box))
            if not groups or groups[-1][:2] != (path, page):
                groups.append((path, page, []))
            groups[-1][2].extend(pieces)

        for section in rest:
            if not section.text.strip():
                continue
            if section.kind == "heading" and self._cost(section.text) <= self._budget // _HEADINGS_PART:
                close(section.level)
                open_headings.append(_Heading(section.text, section.level, section.page))
            else:
                add(section.text, section.page, section.box)
        close(0)
        if title and not groups:
            # A title and nothing else.
            groups.append(((), title.page, [_Piece(title.text, "", self._cost(title.text), title.box)]))
        return [_Part(path, page, tuple(pieces)) for path, page, pieces in groups]

    def _title(self, sections: Sequence[Section]) -> tuple[Section | None, list[Section]]:
        """Return the document's own title, its first heading if of the highest level, and the sections without it."""
        sections = [Section(_clean(s.text), s.page, s.kind, s.box, s.level) for s in sections]
        self._measure([section.text for section in sections])
        for i, section in enumerate(sections):
            if section.kind == "heading" and section.text.strip():
                if section.level == 1 and self._cost(section.text) <= self._budget // _HEADINGS_PART:
                    return section, [*sections[:i], *sections[i + 1 :]]
                break
        return None, sections

    def _trim(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """Leave headings out, outermost first, until the rest fits its part of the budget."""
        path = tuple(heading for heading in path if heading)
        while path and self._path_cost(path) > self._budget // _HEADINGS_PART:
            path = path[1:]
        return path

    def _pieces(self, text: str, room: int) -> tuple[_Piece, ...]:
        """Divide a section's text only as far as needed: lines, cells, sentences, words, letters."""
        if self._cost(text) <= room:
            return (_Piece(text, "\n", self._cost(text)),)
        return tuple(self._divide(text, "\n", _DIVISIONS, room))

    def _divide(self, text: str, glue: str, divisions: Sequence[_Division], room: int) -> list[_Piece]:
        if self._cost(text) <= room:
            return [_Piece(text, glue, self._cost(text))]
        if not divisions:
            half = max(1, len(text) // 2)
            return [*self._divide(text[:half], glue, (), room), *self._divide(text[half:], "", (), room)]
        (split, between), *finer = divisions
        inner = [part for part in split(text) if part.strip()]
        self._measure(inner)
        pieces: list[_Piece] = []
        for i, part in enumerate(inner):
            pieces.extend(self._divide(part, between if i else glue, finer, room))
        return pieces

    def _pack(self, part: _Part) -> list[_Part]:
        """Fill chunks evenly: as many as the text needs, none much shorter than the others."""
        room = self._room(part.path)
        wanted = part.cost / math.ceil(part.cost / room)
        packed: list[_Part] = []
        current: list[_Piece] = []
        cost = 0
        for piece in part.pieces:
            if current and (cost + piece.cost > room or cost >= wanted):
                packed.append(_Part(part.path, part.page, tuple(current)))
                current, cost = [], 0
            current.append(piece)
            cost += piece.cost
        return [*packed, _Part(part.path, part.page, tuple(current))]

    def _merge(self, parts: Sequence[_Part]) -> list[_Part]:
        """Put small chunks together with the one before, if they share a page and have room in one."""
        merged: list[_Part] = []
        for part in parts:
            last = merged[-1] if merged else None
            if last and last.page == part.page and min(last.cost, part.cost) * _SMALL_PART < self._budget:
                both = self._join(last, part)
                if both.cost <= self._room(both.path):
                    merged[-1] = both
                    continue
            merged.append(part)
        return merged

    def _join(self, first: _Part, second: _Part) -> _Part:
        """Return both as one under the headings they share; the other headings become text where they begin."""
        path = _common(first.path, second.path)
        above = first.last_path or first.path
        pieces = (
            *self._headings_as_text(first.path[len(path) :]),
            *first.pieces,
            *self._headings_as_text(second.path[len(_common(above, second.path)) :]),
            *second.pieces,
        )
        return _Part(path, first.page, pieces, second.path)

    def _headings_as_text(self, headings: Sequence[str]) -> list[_Piece]:
        return [_Piece(heading, "\n", self._cost(heading)) for heading in headings]

    def _fit(self, part: _Part) -> list[Draft]:
        """Return a part as a draft; as two where the whole takes more tokens than its pieces did."""
        text, places = _written(part.pieces)
        if len(part.pieces) > 1 and self._count([embedding_text(part.path, text)])[0] > self._budget:
            half = len(part.pieces) // 2
            halves = (part.pieces[:half], part.pieces[half:])
            return [draft for pieces in halves for draft in self._fit(_Part(part.path, part.page, pieces))]
        return [Draft(text, part.page, part.path, places)]

    def _room(self, path: tuple[str, ...]) -> int:
        return self._budget - self._path_cost(path)

    def _path_cost(self, path: tuple[str, ...]) -> int:
        # One more for each sign between headings.
        return sum(self._cost(heading) + 1 for heading in path)

    def _cost(self, text: str) -> int:
        if text not in self._costs:
            self._measure([text])
        return self._costs[text]

    def _measure(self, texts: Sequence[str]) -> None:
        counted = []
        for text in texts:
            least = max(1, math.ceil(len(text) / _CHARACTERS_PER_TOKEN))
            # Whatever the count, this one will be divided: spare the tokenizer, which takes much memory for it.
            if least > self._budget:
                self._costs[text] = least
            elif text not in self._costs:
                self._costs[text] = 0
                counted.append(text)
        for start in range(0, len(counted), _COUNTED_AT_ONCE):
            some = counted[start : start + _COUNTED_AT_ONCE]
            for text, tokens in zip(some, self._count(some), strict=True):
                self._costs[text] = max(tokens, math.ceil(len(text) / _CHARACTERS_PER_TOKEN), 1)


@dataclass(slots=True)
class _Heading:
    text: str
    level: int
    page: int | None
    used: bool = False


def _clean(text: str) -> str:
    """Drop what no text holds: control characters, and halves of characters that UTF-8 cannot say."""
    return _UNSEEN.sub("", text).encode("utf-8", "replace").decode()


def _placed(pieces: Iterable[_Piece], text: str, box: Box) -> Iterator[_Piece]:
    """Yield the pieces that a section's text was divided into, with its box."""
    end = 0
    for i, piece in enumerate(pieces):
        follows = i > 0 and text.startswith(piece.glue + piece.text, end)
        end = text.index(piece.text, end) + len(piece.text)
        yield replace(piece, box=box, follows=follows)


def _written(pieces: Sequence[_Piece]) -> tuple[str, tuple[Place, ...]]:
    """Return the pieces as one text, and the places of those that have a box; one place where they follow on."""
    texts: list[str] = []
    places: list[Place] = []
    end = 0
    for i, piece in enumerate(pieces):
        glue = piece.glue if i else ""
        start = end + len(glue)
        texts += [glue, piece.text]
        if piece.box and piece.follows and places and places[-1].end == end:
            places[-1] = replace(places[-1], end=start + len(piece.text))
        elif piece.box:
            places.append(Place(start, start + len(piece.text), piece.box))
        end = start + len(piece.text)
    return "".join(texts), tuple(places)


def _common(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    return first[:same]


def _sentences(text: str) -> list[str]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return [text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]


_Division = tuple[Callable[[str], list[str]], str]
_DIVISIONS: tuple[_Division, ...] = (
    (lambda text: text.split("\n"), "\n"),
    (lambda text: text.split(" | "), " | "),
    (_sentences, " "),
    (lambda text: text.split(), " "),
)
