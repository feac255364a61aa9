"""Which words of the documents support a sentence of an answer.

Citations are found, not generated. A sentence is supported when one to three stretches of the passages together have
nearly all of its weight in words, and every number and every name in it. Words the question brought along prove
nothing where they are found and count in full where they are not: "Eastern forces invaded in 2003" is an echo of the
question with a number from the document, and the document said "Western".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appliance.sentences import Span, marker_length, split
from appliance.types import Citation, Passage
from appliance.words import Word, same_number, same_word, starts, words

# Chosen on the shared question sets (tests/eval/answers.py prints the trade-off): the share of a sentence's weight
# that must stand in its quotes.
THRESHOLD = 0.6
# The share the best quote must have alone, headings aside: quotes may complete each other, not assemble a sentence
# from crumbs.
ALONE = 0.4
QUOTES = 3
# A further quote must bring this much of the sentence's weight.
GAIN = 0.12
# With this much a sentence needs no further quote.
ENOUGH = 0.8
# What a word is worth where it is found, if the question had it already.
ECHO = 0.7
# The share of the words taken over from the question that must stand in the quotes: below it, the answer is about
# something the question named and the documents did not.
ECHOED = 0.5
WINDOW = 3
WINDOW_CHARACTERS = 700
CLOSEST_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Grounded:
    """A sentence and what supports it. `score` is the share of its weight found, 0 to 1."""

    sentence: str
    supported: bool
    score: float
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence or line of a passage. A `row` of a table or list is not about what the row above is about."""

    span: Span
    keys: frozenset[str]
    numbers: tuple[Word, ...]
    row: bool


@dataclass(frozen=True, slots=True)
class _Text:
    """A passage, cut; `label` are the words of its path and headings, which say what it is about."""

    passage: Passage
    pieces: tuple[_Piece, ...]
    label: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a sentence claims: for each word its keys in the passages, its weight found and missing."""

    terms: tuple[Word, ...]
    forms: tuple[frozenset[str], ...]
    found: tuple[float, ...]
    missing: tuple[float, ...]
    required: int
    numbers: int
    echo: int

    def score(self, mask: int) -> float:
        found = sum(w for i, w in enumerate(self.found) if mask >> i & 1)
        missing = sum(w for i, w in enumerate(self.missing) if not mask >> i & 1)
        return found / (found + missing) if found else 0.0

    def echoed(self, mask: int) -> float:
        """Return the share of what the question brought along that stands in the quotes; 1 if it brought nothing."""
        brought = [(weight, mask >> i & 1) for i, weight in enumerate(self.missing) if self.echo >> i & 1]
        whole = sum(weight for weight, _ in brought)
        return sum(weight * stands for weight, stands in brought) / whole if whole else 1.0


@dataclass(frozen=True, slots=True)
class _Window:
    """Adjacent pieces of one passage as a quote.

    `masks` has for each piece a bit for each term of the claim that stands in it, `mask` all of them and the label's.
    """

    text: _Text
    first: int
    masks: tuple[int, ...]
    mask: int
    rank: float

    @property
    def own(self) -> int:
        mask = 0
        for piece in self.masks:
            mask |= piece
        return mask

    @property
    def pieces(self) -> tuple[_Piece, ...]:
        return self.text.pieces[self.first : self.first + len(self.masks)]


class Evidence:
    """The passages an answer was written from, prepared once for all of its sentences."""

    def __init__(self, passages: Sequence[Passage], question: str, threshold: float = THRESHOLD) -> None:
        self._texts = [_prepare(passage) for passage in passages]
        self._question = frozenset(word.key for word in words(question))
        self._threshold = threshold
        pieces = [piece for text in self._texts for piece in text.pieces]
        counts: dict[str, int] = {}
        for piece in pieces:
            for key in piece.keys:
                counts[key] = counts.get(key, 0) + 1
        self._counts = counts
        self._size = len(pieces)
        labels = frozenset(key for text in self._texts for key in text.label)
        self._starts = starts(counts.keys() | labels)
        self._question_starts = starts(self._question)

    def ground(self, sentence: str) -> Grounded:
        """Find what supports `sentence`. Quotes are verbatim stretches of the passages' texts.

        A list marker is no claim; a sentence that only leads up to a list is held to the same rule as any other.
        """
        claimed = sentence[marker_length(sentence) :].strip()
        claim = self._claim(claimed)
        if not claim.terms:
            return Grounded(claimed, False, 0.0)
        chosen, mask = self._cover(claim)
        score = claim.score(mask)
        supported = (
            bool(chosen)
            and score >= self._threshold
            and claim.required & ~mask == 0
            and claim.score(chosen[0].own) >= ALONE
            and claim.echoed(mask) >= ECHOED
            and _numbers_belong(claim, chosen)
        )
        citations = tuple(_citation(claimed, window) for window in chosen) if supported else ()
        return Grounded(claimed, supported, score, citations)

    def closest(self, text: str, count: int) -> dict[str, float]:
        """Return the sentences of the passages that have words of `text`, with the share of its weight they have.

        At most `count`, the greatest share first; equal ones in the order of the passages.
        """
        claim = self._claim(text)
        whole = sum(claim.missing) or 1.0
        shares: dict[str, float] = {}
        for passage in self._texts:
            for piece in passage.pieces:
                if mask := _mask(claim, piece.keys, piece.numbers):
                    share = sum(weight for i, weight in enumerate(claim.missing) if mask >> i & 1) / whole
                    shares.setdefault(_cut(passage.passage.chunk.text, piece.span), share)
        return dict(sorted(shares.items(), key=lambda item: -item[1])[:count])

    def _claim(self, sentence: str) -> _Claim:
        terms = _distinct(words(sentence))
        forms, found, missing, required, numbers, echoes = [], [], [], 0, 0, 0
        for i, term in enumerate(terms):
            same = frozenset({term.key}) if term.readings else _same(term.key, self._starts)
            weight = self._weight(term, same)
            echo = bool(_same(term.key, self._question_starts))
            forms.append(same)
            missing.append(weight)
            found.append(weight * ECHO if echo else weight)
            echoes |= echo << i
            numbers |= bool(term.readings) << i
            required |= (bool(term.readings) or _is_name(term, i, terms)) << i
        return _Claim(tuple(terms), tuple(forms), tuple(found), tuple(missing), required, numbers, echoes)

    def _weight(self, term: Word, forms: frozenset[str]) -> float:
        """Return what a word says: rare in the passages and long is much, frequent and short is little."""
        if term.readings:
            return math.log(self._size + 1.0)
        count = max((self._counts.get(form, 0) for form in forms), default=0)
        return math.log((self._size + 1.5) / (count + 0.5)) * min(1.0, len(term.key) / 6)

    def _cover(self, claim: _Claim) -> tuple[list[_Window], int]:
        """Return up to QUOTES windows that together have most of the claim, best first, and what they have."""
        windows = list(self._windows(claim))
        chosen: list[_Window] = []
        mask = 0
        while windows and len(chosen) < QUOTES:
            wanted = claim.required & ~mask
            if chosen and not wanted and claim.score(mask) >= ENOUGH:
                break
            best = max(windows, key=lambda window: _gain(claim, mask, window) + window.rank)
            gained = best.mask & ~mask
            if not gained or (chosen and not gained & wanted and _gain(claim, mask, best) < GAIN):
                break
            chosen.append(best)
            mask |= best.mask
        return chosen, mask

    def _windows(self, claim: _Claim) -> Iterator[_Window]:
        asked = self._question - {key for forms in claim.forms for key in forms}
        for order, text in enumerate(self._texts):
            label = _mask(claim, text.label, ())
            masks = [_mask(claim, piece.keys, piece.numbers) for piece in text.pieces]
            for first in range(len(masks)):
                mask, keys = 0, 0
                for last in range(first, min(first + WINDOW, len(masks))):
                    mask |= masks[last]
                    keys += len(asked & text.pieces[last].keys)
                    length = text.pieces[last].span.end - text.pieces[first].span.start
                    if last > first and (length > WINDOW_CHARACTERS or mask == masks[first]):
                        break
                    if mask:
                        # Of two quotes with the same words: what else the question asked for, then the shorter, then
                        # the passage that search put first.
                        asked_share = keys / len(asked) if asked else 0.0
                        rank = 0.1 * asked_share - 0.03 * (last - first) - 0.005 * order
                        yield _Window(text, first, tuple(masks[first : last + 1]), mask | label, rank)


def _prepare(passage: Passage) -> _Text:
    chunk = passage.chunk
    pieces = []
    for span in split(chunk.text, wrapped=True):
        line = chunk.text[span.start : span.end]
        found = words(line)
        keys = frozenset(word.key for word in found if not word.readings)
        row = marker_length(line) > 0 or "|" in line or "\t" in line
        pieces.append(_Piece(span, keys, tuple(word for word in found if word.readings), row))
    label = words(" ".join((chunk.document.path, *chunk.headings)).replace("_", " "))
    return _Text(passage, tuple(pieces), frozenset(word.key for word in label if not word.readings))


def _distinct(found: list[Word]) -> list[Word]:
    seen: set[tuple[str, str]] = set()
    kept = []
    for word in found:
        if (word.key, word.measure) not in seen:
            seen.add((word.key, word.measure))
            kept.append(word)
    return kept


def _same(key: str, table: dict[str, list[str]]) -> frozenset[str]:
    return frozenset(other for other in table.get(key[:3], ()) if same_word(key, other))


def _is_name(term: Word, position: int, terms: Sequence[Word]) -> bool:
    """Return whether a word is a name. The first word is one only if more than its first letter says so."""
    if not term.name or len(term.key) < 2:
        return False
    return position > 0 or (len(terms) > 1 and terms[1].name)


def _mask(claim: _Claim, keys: frozenset[str], numbers: Sequence[Word]) -> int:
    mask = 0
    for i, (term, forms) in enumerate(zip(claim.terms, claim.forms, strict=True)):
        if any(same_number(term, number) for number in numbers) if term.readings else not forms.isdisjoint(keys):
            mask |= 1 << i
    return mask


def _gain(claim: _Claim, mask: int, window: _Window) -> float:
    """Return what a window adds: share of the weight, and first of all of the numbers and names."""
    together = mask | window.mask
    required = (claim.required & together).bit_count() - (claim.required & mask).bit_count()
    return claim.score(together) - claim.score(mask) + 0.3 * required / max(1, claim.required.bit_count())


def _cut(text: str, span: Span) -> str:
    return " ".join(text[span.start : min(span.end, span.start + CLOSEST_CHARACTERS)].split())


def _numbers_belong(claim: _Claim, chosen: Sequence[_Window]) -> bool:
    """Return whether each number stands with a word of the claim, not merely near one.

    A price from one row and a name from the next make no price of that name. In prose of a single quote they may
    stand in neighbouring sentences.
    """
    named = ~claim.numbers & sum(1 << i for i in range(len(claim.terms)))
    if not any(window.mask & named for window in chosen):
        return True
    stand = 0
    for window in chosen:
        for piece, mask in zip(window.pieces, window.masks, strict=True):
            if mask & named or (len(chosen) == 1 and not piece.row):
                stand |= mask
    return claim.numbers & ~stand == 0


def _citation(sentence: str, window: _Window) -> Citation:
    chunk, pieces = window.text.passage.chunk, window.pieces
    quote = chunk.text[pieces[0].span.start : pieces[-1].span.end]
    return Citation(sentence, window.text.passage, quote, chunk.page)
