"""What every index promises, on each of them: the embedded engine, the server's client, and the fake."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from appliance.ports import Index
from appliance.sparse import AVERAGE_WORDS
from appliance.types import Box, Place
from tests.contracts.indexes import (
    DIMENSIONS,
    EVERYONE,
    OPENERS,
    by_words,
    chunks,
    document,
    everything,
    put,
    random_units,
    texts,
    unit,
)


@pytest.fixture(params=OPENERS)
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    with request.param() as opened:
        yield opened


def test_a_chunk_comes_back_as_it_was_put_in(index: Index) -> None:
    """A hit holds the very chunk that was indexed, document and all."""
    of = document(readers=frozenset({"group:everyone", "user:ada"}))
    made = chunks(of, "first", "second", headings=("Handbook", "Leave"))
    index.replace(of, made, random_units(2))
    assert made == sorted((p.chunk for p in everything(index)), key=lambda c: c.ordinal)


def test_an_empty_index_finds_nothing(index: Index) -> None:
    """Before the first document there is nothing to find, to count or to list."""
    assert [] == everything(index)
    assert 0 == index.count()
    assert {} == index.versions()


def test_the_nearest_comes_first(index: Index) -> None:
    """Cosines fall, and each is that of the chunk's vector and the question's, whichever search brought the chunk."""
    of, vectors = document(), np.stack([unit(1), unit(1, 1), unit(0, 1)])
    index.replace(of, chunks(of, "annual leave", "parental leave", "car park"), vectors)
    found = index.search("car park", unit(1), EVERYONE, 1)
    assert ["annual leave", "car park"] == texts(found)
    assert pytest.approx([1.0, 0.0], abs=1e-6) == [hit.cosine for hit in found]


def test_words_are_scored_by_bm25(index: Index) -> None:
    """The rare word counts more than the frequent one, a word counts more in a short text, and none is worth nothing.

    The figures are those of the formula by hand: weight of a term in a text times ln(1 + (N - n + 0.5) / (n + 0.5)).
    """
    of = document()
    made = chunks(of, "pump leave", "leave", "leave car car", "desk")
    index.replace(of, made, random_units(4))
    scores = {hit.chunk.text: hit.words for hit in index.search("pump leave", unit(1), EVERYONE, 10)}
    expected = {
        "pump leave": weight(1, 2) * (math.log(1 + 3.5 / 1.5) + math.log(1 + 1.5 / 3.5)),
        "leave": weight(1, 1) * math.log(1 + 1.5 / 3.5),
        "leave car car": weight(1, 3) * math.log(1 + 1.5 / 3.5),
        "desk": 0.0,
    }
    assert pytest.approx(expected, rel=1e-4) == scores


def weight(times: int, words: int) -> float:
    """Return what a term weighs that stands so often in a text of so many words."""
    return times * (1.2 + 1) / (times + 1.2 * (1 - 0.75 + 0.75 * words / AVERAGE_WORDS))


def test_a_rare_word_is_found_by_its_letters(index: Index) -> None:
    """An identifier is found although the vector points elsewhere."""
    of = document()
    made = [f"entry about topic {i}" for i in range(80)]
    made[70] = "fault INV-2024-0042 in the pump"
    vectors = random_units(80)
    put(index, of, *made)
    assert made[70] == by_words(index.search("what is INV-2024-0042?", -vectors[70], EVERYONE, 5))[0]


def test_a_meaning_is_found_without_shared_words(index: Index) -> None:
    """A near vector is enough."""
    of = document()
    vectors = random_units(80)
    made = put(index, of, *[f"entry {i}" for i in range(80)])
    assert [made[70].text] == texts(index.search("vacances", vectors[70], EVERYONE, 1))


def test_headings_are_searched_like_text(index: Index) -> None:
    """A word that stands only in the heading finds the chunk below it."""
    of, other = document(), document("b.md")
    index.replace(of, chunks(of, "twenty days", headings=("Sabbatical",)), np.stack([unit(0, 1)]))
    index.replace(other, chunks(other, "ten days", headings=("Parking",)), np.stack([unit(0, 1)]))
    assert ["twenty days"] == by_words(index.search("sabbatical", unit(1), EVERYONE, 10))


def test_each_search_brings_as_many_as_asked_for(index: Index) -> None:
    """Depth counts for each of the two: what both bring comes once. Nothing for a depth of nothing."""
    of = document()
    near, far = [unit(1, i / 100) for i in range(10)], [unit(-1, i / 100) for i in range(10)]
    made = chunks(of, *[f"desk {i}" for i in range(10)], *[f"leave {'of ' * i}" for i in range(10)])
    index.replace(of, made, np.stack([*near, *far]))
    found = [len(index.search("leave", unit(1), EVERYONE, depth)) for depth in (3, 1, 0, -1)]
    assert [6, 2, 0, 0] == found
    assert 3 == len(index.search("desk 0 1 2", unit(1), EVERYONE, 3))


def test_equal_cosines_come_in_the_order_of_ids(index: Index) -> None:
    """Chunks that nothing tells apart have one order, on every index."""
    for name in "abcdefgh":
        of = document(name)
        index.replace(of, chunks(of, "same words"), np.stack([unit(1)]))
    found = [hit.chunk.id for hit in index.search("same words", unit(1), EVERYONE, 8)]
    assert sorted(found) == found
    assert 8 == len(found)


def test_a_search_within_documents_finds_nothing_else(index: Index) -> None:
    """Only these documents, also if others come closer, with the scores they have anyway; an empty set is nothing."""
    for number, name in enumerate(("a.md", "b.md", "c.md")):
        of = document(name)
        index.replace(of, chunks(of, "leave and pay", f"desk {number}"), random_units(2, number))
    wide = {hit.chunk.id: hit for hit in index.search("leave", unit(1), EVERYONE, 10)}
    within = frozenset({document("b.md").id, document("c.md").id, "unknown"})
    found = index.search("leave", unit(1), EVERYONE, 10, within)
    assert {"b.md", "c.md"} == {hit.chunk.document.path for hit in found}
    assert 4 == len(found)
    assert [wide[hit.chunk.id] for hit in found] == found
    assert [] == index.search("leave", unit(1), EVERYONE, 10, frozenset())
    assert [] == index.search("leave", unit(1), EVERYONE, 10, frozenset({"unknown"}))


def test_replace_takes_the_old_version_out(index: Index) -> None:
    """After a replacement only the new version is found, counted and listed."""
    put(index, document(sha256="1"), "old one", "old two", "old three")
    put(index, document("b.md"), "beside")
    put(index, document(sha256="2"), "new one")
    assert {"new one", "beside"} == set(texts(everything(index)))
    assert 2 == index.count()
    assert {document().id: "2" * 64, document("b.md").id: "1" * 64} == index.versions()


def test_replace_with_the_same_version_changes_nothing(index: Index) -> None:
    """Putting the same chunks again neither doubles nor loses one."""
    for _ in range(2):
        put(index, document(), "one", "two")
    assert 2 == index.count()
    assert {"one", "two"} == set(texts(everything(index)))


def test_replace_with_fewer_chunks_of_the_same_version(index: Index) -> None:
    """Of the same version, chunks that are no longer there disappear as well."""
    put(index, document(), "one", "two", "three")
    put(index, document(), "one")
    assert ["one"] == texts(everything(index))
    assert {document().id: "1" * 64} == index.versions()


def test_a_document_of_many_chunks_is_whole(index: Index) -> None:
    """More chunks than fit one request are all there, and all go."""
    of = document()
    put(index, of, *[f"chunk {i}" for i in range(1100)])
    assert 1100 == index.count()
    put(index, document(sha256="2"), "short")
    assert 1 == index.count()


def test_replace_with_nothing_leaves_the_document_without_chunks(index: Index) -> None:
    """An empty document is not listed."""
    put(index, document(), "one")
    index.replace(document(sha256="2"), [], np.zeros((0, DIMENSIONS), dtype=np.float32))
    assert (0, {}) == (index.count(), index.versions())


def test_a_replacement_that_fails_leaves_the_old_version(index: Index) -> None:
    """With a vector missing, nothing is changed."""
    put(index, document(), "old")
    new = document(sha256="2")
    with pytest.raises(ValueError, match="vector"):
        index.replace(new, chunks(new, "one", "two"), random_units(1))
    assert ["old"] == texts(everything(index))


def test_remove_takes_only_that_document(index: Index) -> None:
    """The others stay."""
    put(index, document(), "one")
    put(index, document("b.md"), "two")
    index.remove(document().id)
    assert ["two"] == texts(everything(index))
    assert {document("b.md").id} == set(index.versions())


def test_unknown_documents_are_ignored(index: Index) -> None:
    """Updating or removing what is not there does nothing."""
    put(index, document(), "one")
    index.update([document("unknown.md")])
    index.remove(document("unknown.md").id)
    assert [document().id] == list(index.versions())


def test_neighbours_are_those_around_a_chunk(index: Index) -> None:
    """In order, within the bounds, of the same version, and without the chunk itself."""
    made = put(index, document(), *"abcdefg")
    put(index, document("b.md"), *"uvwxyz")
    assert [made[1], made[2], made[4]] == index.neighbours(made[3], 2, 1)
    assert [made[1]] == index.neighbours(made[0], 3, 1)
    assert [] == index.neighbours(made[3], 0, 0)
    other = chunks(document(sha256="2"), *"abcdefg")
    assert [] == index.neighbours(other[3], 2, 2)


def test_no_search_sees_two_versions(index: Index) -> None:
    """While a document is replaced again and again, each search finds one whole version."""
    rounds, seen, finished = 40, [], threading.Event()
    put(index, document(sha256="0"), *["leave"] * 3)

    def look() -> None:
        while not finished.is_set():
            seen.append([p.chunk.document.sha256 for p in index.search("leave", unit(1), EVERYONE, 10)])

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, rounds):
        put(index, document(sha256=str(number % 10)), *["leave"] * 3)
    finished.set()
    for thread in threads:
        thread.join()
    assert seen
    assert {(3, 1)} == {(len(versions), len(set(versions))) for versions in seen}


def test_closing_twice_is_harmless(index: Index) -> None:
    """The second time does nothing."""
    index.close()
    index.close()


def test_the_chunks_of_a_document_come_back_with_their_vectors(index: Index) -> None:
    """What `replace` took, `chunks` returns, in order, places and all; it can be put in again under another id."""
    of, other = document(), document("b.md")
    made = [
        replace(chunk, places=(Place(0, 5, Box(1.0, 2.5, 30.0, 44.5)),))
        for chunk in chunks(of, *[f"entry {i}" for i in range(30)])
    ]
    vectors = random_units(30)
    index.replace(of, made, vectors)
    put(index, other, "elsewhere")
    held, again = index.chunks(of.id)
    assert made == held
    np.testing.assert_allclose(vectors, again, atol=1e-6)
    assert ([], 0) == (index.chunks("unknown")[0], len(index.chunks("unknown")[1]))


def test_several_documents_get_their_readers_at_once(index: Index) -> None:
    """Each gets its own, and the others keep theirs."""
    first, second, third = document("a.md"), document("b.md"), document("c.md")
    for of in (first, second, third):
        put(index, of, of.path)
    index.update([replace(first, readers=frozenset()), replace(second, readers=frozenset({"user:ada"}))])
    assert ["c.md"] == texts(everything(index))
    found = index.search("b.md", unit(1), frozenset({"user:ada"}), 10)
    assert ["b.md"] == texts(found)
