"""From a question to the passages its reader may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from numpy import float32
from numpy.typing import NDArray

from appliance.fusion import fuse, in_reading_order, reordered, spread
from appliance.ports import Embedder, Index
from appliance.query import Query, boost, understand
from appliance.types import Document, Hit, Passage
from appliance.versions import collapse

# What all of a question's words are worth beside a cosine of 1, for a sentence: of ten handbook questions, this weight
# put a sentence with the answer first for seven.
WORDS = 0.3
# How many passages are compared with each other for each that is wanted, to begin with: comparing all takes long.
SPARE = 3

Rerank = Callable[[str, Sequence[Passage]], Sequence[Passage]]
Named = Callable[[Sequence[str], frozenset[str]], frozenset[str]]


def unchanged(question: str, passages: Sequence[Passage]) -> Sequence[Passage]:
    """Leave the passages in the order of the fusion: the reranker of who has none."""
    return passages


def none_counted(readers: frozenset[str]) -> int:
    """Know of no documents."""
    return 0


def nothing_named(names: Sequence[str], readers: frozenset[str]) -> frozenset[str]:
    """Know no documents by name."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search came to: `found` passages from the index, of which `withheld` did not pass the check."""

    passages: tuple[Passage, ...]
    found: int
    withheld: int


@dataclass(frozen=True, slots=True)
class Stages:
    """What a search can be given besides. `depth` is how many hits each of the index's two searches brings, `rerank`
    puts passages into a better order, and `named` returns the ids of the documents that may be meant by these names
    and that one of the readers may read. `documents` counts those that they may.
    """

    depth: int = 50
    rerank: Rerank = unchanged
    named: Named = nothing_named
    documents: Callable[[frozenset[str]], int] = none_counted


class Retrieval:
    """Searches the index and checks what comes back.

    `current` says what the catalogue knows now of the document version a passage comes from: the document with its
    present path and readers, or None if that version does not answer any more.
    """

    def __init__(
        self,
        embedder: Embedder,
        index: Index,
        current: Callable[[Document], Document | None],
        stages: Stages = Stages(),
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._current = current
        self._stages = stages

    def documents(self, readers: frozenset[str]) -> int:
        """Return how many documents with passages one of `readers` may read."""
        return self._stages.documents(readers)

    def search(self, question: str, readers: frozenset[str], limit: int) -> list[Passage]:
        """Return at most `limit` passages that one of `readers` may read now, as `find` orders them."""
        return list(self.find(question, readers, limit).passages)

    def find(self, question: str, readers: frozenset[str], limit: int) -> Hits:
        """Return at most `limit` passages that one of `readers` may read now, and count what was found and withheld.

        Best first, but adjacent passages of a document stand beside each other, as they do there. No text comes twice,
        and of two versions of a document the newer one (versions.collapse). The same question over the same documents
        has the same order always.

        The index has filtered by reader already; an index that is behind the catalogue, or wrong, shows nothing. When
        the check itself fails, so does the search.
        """
        query = understand(question)
        vector = self._embedder.embed([question])[0]
        found = self._candidates(query, vector, readers)
        allowed = [hit for each in found if (hit := self._checked(each, readers)) is not None]
        best = reordered(self._stages.rerank(question, boost(query, fuse(question, allowed))))
        passages = spread(_collapsed(query, best, limit))[: max(0, limit)]
        return Hits(tuple(in_reading_order(passages)), len(found), len(found) - len(allowed))

    def nearest(self, question: str, sentences: Mapping[str, float]) -> dict[str, float]:
        """Return the sentences with their cosines to the question, the nearest by meaning and by words first.

        `sentences` have the share of the question's words in them, 0 to 1.
        """
        if not sentences:
            return {}
        vectors = self._embedder.embed([question, *sentences])
        likeness = vectors[1:] @ vectors[0]
        cosines = dict(zip(sentences, map(float, likeness), strict=True))
        return dict(sorted(cosines.items(), key=lambda item: -item[1] - WORDS * sentences[item[0]]))

    def _candidates(self, query: Query, vector: NDArray[float32], readers: frozenset[str]) -> list[Hit]:
        """Return the hits in all documents and, where the question names some, those in these as well."""
        depth = self._stages.depth
        hits = {hit.chunk.id: hit for hit in self._index.search(query.text, vector, readers, depth)}
        within = self._stages.named(query.names, readers) if query.names else frozenset()
        if within:
            hits |= {hit.chunk.id: hit for hit in self._index.search(query.text, vector, readers, depth, within)}
        return list(hits.values())

    def _checked(self, hit: Hit, readers: frozenset[str]) -> Hit | None:
        known = hit.chunk.document
        now = self._current(known)
        if now is None or now.id != known.id or now.sha256 != known.sha256 or readers.isdisjoint(now.readers):
            return None
        return replace(hit, chunk=replace(hit.chunk, document=now))


def _collapsed(query: Query, passages: Sequence[Passage], limit: int) -> list[Passage]:
    """Return passages without copies and old versions: some more than `limit`, if there are."""
    wide = SPARE * max(1, limit)
    while True:
        kept = _distinct(collapse(query, passages[:wide]))
        if len(kept) >= limit or wide >= len(passages):
            return kept
        wide *= 2


def _distinct(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages without those that say what a better one says, white space and case aside, under the same
    headings.
    """
    seen: set[str] = set()
    kept = []
    for passage in passages:
        said = "\n".join(" ".join(part.split()).casefold() for part in (*passage.chunk.headings, passage.chunk.text))
        if said not in seen:
            seen.add(said)
            kept.append(passage)
    return kept
