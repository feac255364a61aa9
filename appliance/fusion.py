"""From hits with two scores to passages with one."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.types import Hit, Passage

# What the best score by words is worth beside a cosine of 1.
WORDS = 0.3


def fuse(question: str, hits: Sequence[Hit]) -> list[Passage]:
    """Return the hits as passages, best first, equal ones by id."""
    most = max((hit.words for hit in hits), default=0.0) or 1.0
    passages = [Passage(hit.chunk, hit.cosine + WORDS * hit.words / most, hit.cosine, hit.words) for hit in hits]
    return sorted(passages, key=lambda passage: (-passage.score, passage.chunk.id))
