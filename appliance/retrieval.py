"""From a question to the passages its reader may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from appliance.fusion import fuse
from appliance.ports import Embedder, Index
from appliance.types import Document, Hit, Passage

# What all of a question's words are worth beside a cosine of 1. Meaning alone overlooks the rare word, words alone
# overlook the paraphrase: of ten handbook questions, this weight put a sentence with the answer first for seven.
WORDS = 0.3


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search came to: `found` passages from the index, of which `withheld` did not pass the check."""

    passages: tuple[Passage, ...]
    found: int
    withheld: int


class Retrieval:
    """Searches the index and checks what comes back.

    `current` says what the catalogue knows now of the document version a passage comes from: the document with its
    present path and readers, or None if that version does not answer any more.
    """

    def __init__(
        self, embedder: Embedder, index: Index, current: Callable[[Document], Document | None], depth: int = 50
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._current = current
        self._depth = depth

    def search(self, question: str, readers: frozenset[str], limit: int) -> list[Passage]:
        """Return at most `limit` passages that one of `readers` may read now, best first, no text twice."""
        return list(self.find(question, readers, limit).passages)

    def find(self, question: str, readers: frozenset[str], limit: int) -> Hits:
        """Do the same, and count what was found and what was withheld.

        The index has filtered by reader already; an index that is behind the catalogue, or wrong, shows nothing. When
        the check itself fails, so does the search.
        """
        vector = self._embedder.embed([question])[0]
        found = self._index.search(question, vector, readers, self._depth)
        allowed = [hit for each in found if (hit := self._checked(each, readers)) is not None]
        return Hits(tuple(_distinct(fuse(question, allowed))[:limit]), len(found), len(found) - len(allowed))

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

    def _checked(self, hit: Hit, readers: frozenset[str]) -> Hit | None:
        known = hit.chunk.document
        now = self._current(known)
        if now is None or now.id != known.id or now.sha256 != known.sha256 or readers.isdisjoint(now.readers):
            return None
        return replace(hit, chunk=replace(hit.chunk, document=now))


def _distinct(passages: list[Passage]) -> list[Passage]:
    """Return the passages without those that say what a better one says, white space and case aside."""
    seen: set[str] = set()
    kept = []
    for passage in passages:
        text = " ".join(passage.chunk.text.split()).casefold()
        if text not in seen:
            seen.add(text)
            kept.append(passage)
    return kept
