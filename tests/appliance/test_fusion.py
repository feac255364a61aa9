"""From two scores to one order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.fusion import CROWD, PAIRS, WORDS, adjacency, fuse, in_reading_order, reordered, spread
from appliance.types import Chunk, Document, Hit, Passage


def chunk(name: str, document: str = "d", ordinal: int = 0, text: str = "") -> Chunk:
    of = Document(document, f"{document}.md", "0" * 64, "text/plain", frozenset())
    return Chunk(name, of, ordinal, text, None)


def hit(name: str, cosine: float, words: float, text: str = "") -> Hit:
    return Hit(chunk(name, text=text), cosine, words)


def passage(name: str, score: float, document: str = "d", ordinal: int = 0) -> Passage:
    return Passage(chunk(name, document, ordinal), score)


def names(passages: list[Passage]) -> list[str]:
    return [each.chunk.id for each in passages]


def test_both_searches_count() -> None:
    """A score is the cosine, the words' part of the best, and the pairs; the two that went in are kept."""
    found = fuse("annual leave", [hit("a", 0.5, 4.0), hit("b", 0.4, 8.0), hit("c", 0.6, 0.0, "the annual leave")])
    assert ["c", "b", "a"] == names(found)
    expected = [0.6 + PAIRS, 0.4 + WORDS, 0.5 + WORDS / 2]
    assert pytest.approx(expected) == [each.score for each in found]
    assert [(0.6, 0.0), (0.4, 8.0), (0.5, 4.0)] == [(each.cosine, each.words) for each in found]


def test_without_a_common_word_meaning_decides() -> None:
    """No words anywhere: the order is that of the cosines."""
    assert ["b", "a"] == names(fuse("?", [hit("a", 0.1, 0.0), hit("b", 0.2, 0.0)]))
    assert [] == fuse("anything", [])


def test_words_side_by_side_count_the_more_the_rarer_they_are() -> None:
    """The share is that of the pairs weighed by rarity, whatever form the words have."""
    texts = ["sick leave, the form", "leave of the sick", "the leave", "leave the form", "of the form"]
    shares = adjacency("the sick leave", texts)
    assert shares[0] > shares[1] > 0
    assert [0.0, 0.0, 0.0] == shares[2:]
    assert [1.0] == adjacency("Kündigungsfristen gelten", ["die Kündigungsfrist gelten"])
    assert [0.0, 0.0] == adjacency("leave", ["leave", "desk"])


HITS = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(0, 50), st.lists(st.sampled_from("abc"), max_size=4)), max_size=12
)


@given(found=HITS, seed=st.integers(0, 9))
def test_the_order_does_not_depend_on_that_of_the_hits(found: list[tuple[float, float, list[str]]], seed: int) -> None:
    """Every hit comes once, scores fall, equal ones come by id, and nothing else has a part in it."""
    hits = [hit(f"{i:02}", cosine, words, " ".join(text)) for i, (cosine, words, text) in enumerate(found)]
    ranked = fuse("a b c", hits)
    assert {each.chunk.id for each in hits} == set(names(ranked))
    assert sorted(ranked, key=lambda each: (-each.score, each.chunk.id)) == ranked
    random.Random(seed).shuffle(hits)
    assert ranked == fuse("a b c", hits)
    assert all(-1 <= each.score <= 1 + WORDS + PAIRS + 1e-9 for each in ranked)


def test_a_document_does_not_crowd_out_others() -> None:
    """The next passage of a document steps behind one of another document that is nearly as good, not behind worse."""
    near = [passage("a", 0.9, "x"), passage("b", 0.8, "x"), passage("c", 0.8 - CROWD / 2, "y"), passage("d", 0.1, "z")]
    assert ["a", "c", "b", "d"] == names(spread(near))
    assert [passage("a", 0.9, "x"), passage("b", 0.8, "y")] == spread([passage("a", 0.9, "x"), passage("b", 0.8, "y")])


def test_neighbours_stand_together_in_the_order_of_the_document() -> None:
    """Where the best of them stood; passages with a gap between them are no neighbours."""
    found = [passage("b", 0.9, "x", 4), passage("y", 0.8, "y"), passage("a", 0.7, "x", 3), passage("f", 0.6, "x", 6)]
    assert ["a", "b", "y", "f"] == names(in_reading_order(found))


@given(places=st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 6)), unique=True))
def test_reading_order_loses_nothing(places: list[tuple[str, int]]) -> None:
    """Every passage comes once, and the documents come first in the order they came in."""
    found = [passage(f"{document}{ordinal}", 0.5, document, ordinal) for document, ordinal in places]
    ordered = in_reading_order(found)
    assert sorted(names(found)) == sorted(names(ordered))
    firsts = [list(dict.fromkeys(each.chunk.document.id for each in order)) for order in (found, ordered)]
    assert firsts[0] == firsts[1]


def test_another_order_has_falling_scores() -> None:
    """The scores are handed out anew, best first; an order that stays has its own."""
    turned = reordered([passage("b", 0.2), passage("a", 0.9)])
    assert [("b", 0.9), ("a", 0.2)] == [(each.chunk.id, each.score) for each in turned]
