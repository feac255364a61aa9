"""From hits with two scores to passages with one.

The two scores are joined as they are, not as ranks, which forget by how much one hit is better than the next (Bruch,
Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023). Cosines lie on one scale for all
questions; BM25 does not, so it is taken in parts of the best score. README has the figures.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from appliance.sparse import terms
from appliance.types import Hit, Passage

# What the best score by words is worth beside a cosine of 1, and what it is worth when all of the question's words
# stand beside each other as they do in the question.
WORDS = 0.3
PAIRS = 0.2
# What a passage loses for each better one of its document: another document's that is nearly as good goes before it.
CROWD = 0.05

_WORD = re.compile(r"[^\W_]+")


def fuse(question: str, hits: Sequence[Hit]) -> list[Passage]:
    """Return the hits as passages, best first, equal ones by id. Scores lie between -1 and 1 + WORDS + PAIRS."""
    most = max((hit.words for hit in hits), default=0.0) or 1.0
    beside = adjacency(question, [hit.chunk.text for hit in hits])
    passages = [
        Passage(hit.chunk, hit.cosine + WORDS * hit.words / most + PAIRS * share, hit.cosine, hit.words)
        for hit, share in zip(hits, beside, strict=True)
    ]
    return sorted(passages, key=_order)


def adjacency(question: str, texts: Sequence[str]) -> list[float]:
    """Return, for each text, how many of the question's pairs of adjacent words stand beside each other there, 0 to 1.

    A pair counts the more, the rarer its words are among `texts`.
    """
    asked = _WORD.findall(terms(question))
    pairs = {pair for pair in pairwise(asked) if pair[0] != pair[1]}
    if not pairs:
        return [0.0] * len(texts)
    written = [_WORD.findall(terms(text)) for text in texts]
    wanted = set(asked)
    frequency = Counter(word for words in written for word in wanted & set(words))
    rarity = {n: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for n in {0, *frequency.values()}}
    weights = {pair: rarity[frequency[pair[0]]] + rarity[frequency[pair[1]]] for pair in sorted(pairs)}
    total = math.fsum(weights.values())
    return [math.fsum(weights[pair] for pair in pairs & set(pairwise(words))) / total for words in written]


def reordered(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages in the order they have, with their scores handed out anew so that they fall."""
    scores = sorted((passage.score for passage in passages), reverse=True)
    return [replace(passage, score=score) for passage, score in zip(passages, scores, strict=True)]


def spread(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages, best first, each with CROWD less for every better one of its document."""
    better: Counter[str] = Counter()
    spaced = []
    for passage in passages:
        document = passage.chunk.document.id
        spaced.append(replace(passage, score=passage.score - CROWD * better[document]))
        better[document] += 1
    return sorted(spaced, key=_order)


def in_reading_order(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages with adjacent ones of a document beside each other, in the document's order, where the best
    of them stood.
    """
    at = {(passage.chunk.document.id, passage.chunk.ordinal): passage for passage in passages}
    ordered: dict[str, Passage] = {}
    for passage in passages:
        document, first = passage.chunk.document.id, passage.chunk.ordinal
        if passage.chunk.id in ordered:
            continue
        while (document, first - 1) in at:
            first -= 1
        while (document, first) in at:
            ordered[at[document, first].chunk.id] = at[document, first]
            first += 1
    return list(ordered.values())


def _order(passage: Passage) -> tuple[float, str]:
    return -passage.score, passage.chunk.id
