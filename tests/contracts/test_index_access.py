"""Who finds what: the same on every index, after any history, for any text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.ports import Index
from appliance.sparse import SparseEncoder
from appliance.types import Chunk, Document, chunk_id, document_id
from tests.contracts.indexes import (
    EVERYONE,
    OPENERS,
    Opener,
    chunks,
    document,
    every_index,
    everything,
    put,
    random_units,
    texts,
    unit,
)
from tests.fakes import bm25


@pytest.fixture(params=OPENERS)
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    with request.param() as opened:
        yield opened


def test_new_readers_count_at_once(index: Index) -> None:
    """After an update those who lost the document find nothing, those who gained it find it under its new path."""
    put(index, document(), "one", "two")
    changed = Document(document().id, "moved/a.md", "1" * 64, "text/markdown", frozenset({"user:ada"}))
    index.update([changed])
    assert [] == everything(index)
    found = everything(index, frozenset({"user:ada"}))
    assert [changed, changed] == [p.chunk.document for p in found]
    assert {document().id: "1" * 64} == index.versions()


def test_an_update_without_readers_hides_the_document(index: Index) -> None:
    """A document that nobody may read answers nobody."""
    put(index, document(), "one")
    index.update([document(readers=frozenset())])
    assert [] == everything(index)
    assert 1 == index.count()


def test_without_readers_nothing_is_found(index: Index) -> None:
    """Who is nobody sees nothing, not even what has no readers."""
    put(index, document(), "one")
    put(index, document("b.md", readers=frozenset()), "two")
    assert [] == everything(index, frozenset())


def test_a_reader_is_a_whole_name(index: Index) -> None:
    """Part of a name, another case or a pattern is another reader."""
    put(index, document(readers=frozenset({"group:board"})), "one")
    for other in ("group:boa", "group:board2", "GROUP:BOARD", "group", "board", "*", "group:*", ""):
        assert [] == everything(index, frozenset({other}))


def test_hidden_documents_do_not_change_the_scores(index: Index) -> None:
    """What a reader may not see has no part in how rare a word is for them, nor in what they find."""
    for name, vector in (("alpha", unit(1)), ("beta", unit(1, 1)), ("beta gamma", unit(1, 2))):
        of = document(name)
        index.replace(of, chunks(of, name), np.stack([vector]))
    before = index.search("alpha beta", unit(1), EVERYONE, 3)
    for i in range(30):
        put(index, document(f"hidden{i}", readers=frozenset({"group:board"})), "alpha")
    assert ["alpha", "beta", "beta gamma"] == texts(before)
    assert before == index.search("alpha beta", unit(1), EVERYONE, 3)


def test_a_document_by_id_is_still_a_matter_of_readers(index: Index) -> None:
    """Naming a document finds nothing in it for those who may not read it."""
    hidden = document("b.md", readers=frozenset({"group:board"}))
    put(index, hidden, "two")
    put(index, document(), "one")
    within = frozenset({hidden.id, document().id})
    assert ["one"] == texts(index.search("two", unit(1), EVERYONE, 10, within))


ODD = st.text(st.characters(exclude_categories=()), max_size=40)


@every_index
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(samples=st.lists(st.tuples(ODD, ODD, ODD, ODD), min_size=1, max_size=8))
def test_any_text_survives(opener: Opener, samples: list[tuple[str, str, str, str]]) -> None:
    """Paths, texts, headings and readers of any characters, lone surrogates and NUL included, come back unchanged."""
    with opener() as index:
        for number, (path, text, heading, reader) in enumerate(samples):
            readers = frozenset({reader, "group:everyone"})
            of = Document(document_id("s", str(number)), path, "1" * 64, "text/plain", readers)
            made = [Chunk(chunk_id(of, 0), of, 0, text, None, (heading,))]
            index.replace(of, made, random_units(1, number))
            assert made[0] in [p.chunk for p in everything(index, frozenset({reader}))]
            assert made[0] in [p.chunk for p in everything(index)]


@every_index
@pytest.mark.parametrize(
    "question",
    [
        "",
        " \n\t",
        "?!…",
        "\0",
        "\udcff\ud800",
        "東京都の休暇は何日ですか",
        "كم يوما",
        "a" * 100_000,
        "leave " * 20_000,
        "🙂",
    ],
    ids=["empty", "blank", "signs", "nul", "surrogates", "japanese", "arabic", "letters", "words", "emoji"],
)
def test_any_question_is_answered(opener: Opener, question: str) -> None:
    """Without a single usable word the vector alone decides."""
    with opener() as index:
        put(index, document(), "leave", "pay")
        assert {"leave", "pay"} == set(texts(index.search(question, unit(1), EVERYONE, 5)))


READERS = st.frozensets(st.sampled_from(["user:ada", "user:bo", "group:board", "group:everyone"]))
WORDS = ("leave", "pay", "pump", "INV-7")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "replace", "update", "remove"]),
        st.integers(0, 4),
        READERS,
        st.lists(st.sampled_from(WORDS), max_size=3),
    ),
    max_size=12,
)


@every_index
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, asking=st.lists(READERS, min_size=1, max_size=4), question=ODD)
def test_a_search_sees_all_of_what_it_may_and_nothing_else(
    opener: Opener, steps: list[tuple[str, int, frozenset[str], list[str]]], asking: list[frozenset[str]], question: str
) -> None:
    """After any history, every reader finds exactly the chunks that they may read now."""
    model: dict[str, list[Chunk]] = {}
    with opener() as index:
        for number, (step, name, readers, words) in enumerate(steps):
            of = document(f"{name}.md", sha256=str(number % 10), readers=readers)
            if step == "replace":
                model[of.id] = put(index, of, *words, seed=number)
            elif step == "update":
                held = model.get(of.id, [])
                index.update([of])
                model[of.id] = [
                    Chunk(
                        c.id,
                        Document(of.id, of.path, c.document.sha256, of.media_type, readers),
                        c.ordinal,
                        c.text,
                        c.page,
                    )
                    for c in held
                ]
            else:
                index.remove(of.id)
                model.pop(of.id, None)
        for readers in asking:
            expected = {c for held in model.values() for c in held if c.document.readers & readers}
            found = index.search(f"leave pump {question}", unit(1, 2), readers, 100)
            assert expected == {p.chunk for p in found}
            assert len(expected) == len(found)
        assert {k: v[0].document.sha256 for k, v in model.items() if v} == index.versions()


@every_index
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    held=st.lists(
        st.tuples(st.integers(0, 4), READERS, st.lists(st.sampled_from(WORDS), max_size=4)),
        max_size=12,
    ),
    readers=READERS,
    depth=st.integers(1, 6),
    within=st.none() | st.frozensets(st.integers(0, 6)),
)
def test_both_scores_are_exact(
    opener: Opener,
    held: list[tuple[int, frozenset[str], list[str]]],
    readers: frozenset[str],
    depth: int,
    within: frozenset[int] | None,
) -> None:
    """Every hit has the cosine of its vector and the BM25 score over what the reader may read, and none is missing
    that is better than one found.
    """
    stored: dict[str, tuple[Chunk, NDArray[np.float32]]] = {}
    wanted = None if within is None else frozenset(document(f"{name}.md").id for name in within)
    with opener() as index:
        for number, (name, allowed, words) in enumerate(held):
            of, vectors = document(f"{name}.md", str(number % 10), allowed), random_units(1, number)
            made = chunks(of, " ".join(words))
            index.replace(of, made, vectors)
            stored[of.id] = (made[0], vectors[0])
        found = index.search("leave pump", unit(1, 2), readers, depth, wanted)
    own = [(chunk, vector) for chunk, vector in stored.values() if chunk.document.readers & readers]
    scores = bm25(SparseEncoder(), "leave pump", [chunk for chunk, _ in own])
    expected = {
        chunk.id: (chunk, float(vector @ unit(1, 2)), words)
        for (chunk, vector), words in zip(own, scores, strict=True)
        if wanted is None or chunk.document.id in wanted
    }
    for hit in found:
        chunk, cosine, words = expected[hit.chunk.id]
        assert (chunk, pytest.approx(cosine, abs=1e-5), pytest.approx(words, abs=1e-4)) == (
            hit.chunk,
            hit.cosine,
            hit.words,
        )
    assert sorted(found, key=lambda hit: (-hit.cosine, hit.chunk.id)) == found
    assert len(found) == len({hit.chunk.id for hit in found})
    missing = [entry for name, entry in expected.items() if name not in {hit.chunk.id for hit in found}]
    for _, cosine, words in missing:
        assert depth <= sum(hit.cosine >= cosine - 1e-5 for hit in found)
        assert not words or depth <= sum(hit.words >= words - 1e-4 for hit in found)
