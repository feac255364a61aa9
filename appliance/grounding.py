"""Which words of the documents support a sentence of an answer.

Citations are found, not generated. A sentence is supported when a few sentences of the passages together have nearly
all of its weight in words, and every number, date and name in it, and none of them denies it. Words the question
brought along prove nothing where they are found and count in full where they are not: "Eastern forces invaded in 2003"
is an echo of the question with a number from the document, and the document said "Western".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from appliance.belonging import counts_differ, numbers_belong
from appliance.claims import Claim, Found, Text, lexis, prepare
from appliance.contradiction import denials
from appliance.figures import numbers_missing
from appliance.language import detect, folded, load_languages
from appliance.polarity import denies, opposed
from appliance.sentences import Span, marker_length
from appliance.types import Citation, Passage, places_of
from appliance.words import words

# Chosen on the even half of clapnq (tests/eval/quotes.py prints what it keeps): the share of a sentence's weight that
# must stand in its quotes.
THRESHOLD = 0.6
# The share the best quoted sentence must have alone, headings aside: quotes may complete each other, not assemble a
# sentence from crumbs.
ALONE = 0.4
PIECES = 4
# A further sentence must bring this much of the weight.
GAIN = 0.15
# And it must have this much of it by itself, in the passage that is quoted already, or in another one.
BESIDE = 0.1
ELSEWHERE = 0.35
# A row elsewhere that has a number of the claim together with its words needs less.
ROW = 0.2
# With this much a sentence needs no further quote.
ENOUGH = 0.85
# The share of the words taken over from the question that must stand in the quotes: below it, the answer is about
# something the question named and the documents did not.
ECHOED = 0.15
CLOSEST_CHARACTERS = 400

Why = Literal["", "words", "number", "name", "negation", "echo"]


@dataclass(frozen=True, slots=True)
class Grounded:
    """A sentence and what supports it. `score` is the share of its weight found, 0 to 1; `why` says what an
    unsupported sentence lacks, "" for a supported one. `echoed` is the share of the words taken over from the question
    that the quotes have.
    """

    sentence: str
    supported: bool
    score: float
    citations: tuple[Citation, ...] = ()
    why: Why = "words"
    echoed: float = 1.0


class Evidence:
    """The passages an answer was written from, prepared once for all of its sentences."""

    def __init__(self, passages: Sequence[Passage], question: str, threshold: float = THRESHOLD) -> None:
        language = detect(question, load_languages())
        self._texts = [prepare(passage, language) for passage in passages]
        told = [text.language for text in self._texts if text.language]
        self._lexis = lexis(self._texts, question, language or (told[0] if told else None))
        self._threshold = threshold

    def ground(self, sentence: str) -> Grounded:
        """Find what supports `sentence`. Quotes are verbatim stretches of the passages' texts.

        A list marker is no claim, nor is the "Yes," before one; a sentence that only leads up to a list is held to the
        same rule as any other.
        """
        claimed = sentence[marker_length(sentence) :].strip()
        claim = self._lexis.claim(_without_opening(claimed))
        if not claim.terms:
            return Grounded(claimed, False, 0.0)
        found = self._found(claim)
        chosen, mask = _cover(claim, found)
        why = self._why(claim, chosen, mask, found)
        if why == "negation":
            # Another passage may say it without denying it, and as fully.
            others = [each for each in found if not _denied(claim, [each])]
            again, other = _cover(claim, others)
            if again and claim.score(again[0].own) >= claim.score(chosen[0].own):
                chosen, mask, why = again, other, self._why(claim, again, other, others)
        citations = _citations(claimed, chosen) if not why else ()
        if not why and numbers_missing(claimed, [citation.quote for citation in citations]):
            why, citations = "number", ()
        return Grounded(claimed, not why, claim.score(mask), citations, why, claim.echoed(mask))

    def against(self, grounded: Grounded) -> tuple[Citation, ...]:
        """Return quotes that deny a supported sentence: the same said with another value, or the opposite of it."""
        if not grounded.supported:
            return ()
        claim = self._lexis.claim(_without_opening(grounded.sentence))
        found = denials(claim, self._texts, grounded.citations)
        return tuple(_citation(grounded.sentence, text, span) for text, span in found)

    def closest(self, text: str, count: int) -> dict[str, float]:
        """Return the sentences of the passages that have words of `text`, with the share of its weight they have.

        At most `count`, the greatest share first; equal ones in the order of the passages.
        """
        claim = self._lexis.claim(text)
        shares: dict[str, float] = {}
        for each in self._texts:
            for piece in each.pieces:
                if mask := claim.mask(piece.keys, piece.numbers):
                    shares.setdefault(_cut(each.passage.chunk.text, piece.span), claim.share(mask))
        return dict(sorted(shares.items(), key=lambda item: -item[1])[:count])

    def coverage(self, text: str) -> float:
        """Return the share of the weight of `text`, 0 to 1, that stands in the passage, with its headings, that has
        most of it. `closest` gives the share that a single sentence has.
        """
        claim = self._lexis.claim(text)
        shares = []
        for each in self._texts:
            mask = claim.mask(each.label, ())
            for piece in each.pieces:
                mask |= claim.mask(piece.keys, piece.numbers)
            shares.append(claim.share(mask))
        return max(shares, default=0.0)

    def share(self, text: str, grounded: Grounded) -> float:
        """Return the share of the weight of `text`, 0 to 1, that a sentence, its quotes and their headings have."""
        claim = self._lexis.claim(text)
        said = [grounded.sentence]
        for citation in grounded.citations:
            chunk = citation.passage.chunk
            said += [citation.quote, *chunk.headings, chunk.document.path]
        found = words(" ".join(said))
        keys = frozenset(word.key for word in found if not word.readings)
        return claim.share(claim.mask(keys, tuple(word for word in found if word.readings)))

    def _found(self, claim: Claim) -> list[Found]:
        asked = self._lexis.question - {key for forms in claim.forms for key in forms}
        found = []
        for order, text in enumerate(self._texts):
            label = claim.mask(text.label, ()) & ~claim.figured
            for number, piece in enumerate(text.pieces):
                if own := claim.mask(piece.keys, piece.numbers):
                    # Of two with the same words: what else the question asked for, then the passage that search put
                    # first.
                    rank = 0.1 * len(asked & piece.keys) / len(asked) if asked else 0.0
                    found.append(Found(text, number, own, own | label, rank - 0.005 * order))
        return found

    def _why(self, claim: Claim, chosen: Sequence[Found], mask: int, found: Sequence[Found]) -> Why:
        lacking = claim.required & ~mask
        if chosen and lacking:
            return "number" if lacking & (claim.numbers | claim.figured) else "name"
        if not chosen or claim.score(mask) < self._threshold or claim.score(chosen[0].own) < ALONE:
            return "words"
        if claim.echoed(mask) < ECHOED:
            return "echo"
        if not numbers_belong(claim, chosen, found) or counts_differ(claim, chosen):
            return "number"
        return "negation" if _denied(claim, chosen) else ""


def _denied(claim: Claim, chosen: Sequence[Found]) -> bool:
    """Return whether a claim is denied by pieces together: a negation on one side, or a word and its opposite."""
    said = [clause for each in chosen for clause in each.text.clauses(each.number)]
    if denies(claim.clauses(), said):
        return True
    keys = frozenset(word.key for each in chosen for word in each.piece.words)
    return opposed(frozenset(word.key for word in claim.spoken), keys, claim.languages) > 0


def _cover(claim: Claim, found: Sequence[Found]) -> tuple[list[Found], int]:
    """Return up to PIECES pieces that together have most of the claim, best first, and what they have."""
    chosen: list[Found] = []
    mask = 0
    while len(chosen) < PIECES:
        wanted = claim.required & ~mask
        if chosen and not wanted and claim.score(mask) >= ENOUGH:
            break
        able = [each for each in found if _goes_with(claim, each, chosen)]
        if not able:
            break
        best = max(able, key=lambda each: _gain(claim, mask, each) + each.rank + _nearness(each, chosen))
        gained = best.mask & ~mask
        if not gained or (chosen and not gained & wanted and _gain(claim, mask, best) < GAIN):
            break
        chosen.append(best)
        mask |= best.mask
    return chosen, mask


def _gain(claim: Claim, mask: int, found: Found) -> float:
    """Return what a piece adds: share of the weight, and first of all of the numbers and names."""
    together = mask | found.mask
    required = (claim.required & together).bit_count() - (claim.required & mask).bit_count()
    return claim.score(together) - claim.score(mask) + 0.3 * required / max(1, claim.required.bit_count())


def _goes_with(claim: Claim, found: Found, chosen: Sequence[Found]) -> bool:
    """Return whether a piece may complete others: one of another passage, or far away, must be about the claim itself,
    or any name and any word would be found somewhere.
    """
    if not chosen:
        return True
    if any(each.text is found.text for each in chosen):
        return claim.score(found.own) >= BESIDE
    row = found.piece.row and found.own & claim.numbers and found.own & ~claim.numbers
    return claim.score(found.own) >= (ROW if row else ELSEWHERE)


def _nearness(found: Found, chosen: Sequence[Found]) -> float:
    """Return the little that speaks for what stands beside a sentence that is quoted already."""
    return 0.03 * any(each.text is found.text and abs(each.number - found.number) == 1 for each in chosen)


def _without_opening(sentence: str) -> str:
    """Return a sentence without the "Yes," or "According to the documents," it begins with: neither claims anything."""
    match = re.match(r"\s*([^\W\d_]+)\s*(?:[,.:!;–—]|$)\s*", sentence)
    if match and any(folded(match[1]) in language.affirmations for language in load_languages()):
        sentence = sentence[match.end() :]
    said = sentence.lstrip()
    for preamble in (each for language in load_languages() for each in language.preambles):
        # Folding may change the length; what is as long as it was written can be cut off.
        if folded(said[: len(preamble)]) == preamble and said[len(preamble) : len(preamble) + 1] in (",", " "):
            return said[len(preamble) :].lstrip(", ")
    return sentence


def _cut(text: str, span: Span) -> str:
    return " ".join(text[span.start : min(span.end, span.start + CLOSEST_CHARACTERS)].split())


def _citations(sentence: str, chosen: Sequence[Found]) -> tuple[Citation, ...]:
    """Return the quotes: neighbours as one, that of the best piece first."""
    runs: list[list[Found]] = []
    for each in chosen:
        near = [run for run in runs if any(o.text is each.text and abs(o.number - each.number) == 1 for o in run)]
        runs = [run for run in runs if run not in near]
        merged = [*(other for run in near for other in run), each]
        runs.append(merged)
    runs.sort(key=lambda run: min(chosen.index(each) for each in run))
    spans = [
        (run[0].text, Span(min(e.piece.span.start for e in run), max(e.piece.span.end for e in run))) for run in runs
    ]
    return tuple(_citation(sentence, text, span) for text, span in spans)


def _citation(sentence: str, text: Text, span: Span) -> Citation:
    chunk = text.passage.chunk
    boxes = places_of(chunk, span.start, span.end)
    return Citation(sentence, text.passage, chunk.text[span.start : span.end], chunk.page, span.start, boxes)
