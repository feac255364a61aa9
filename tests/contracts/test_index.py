"""What every index promises, on each of them: the embedded engine, the server's client, and the fake."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from appliance.identity import Identity
from appliance.index_edge import EdgeIndex
from appliance.index_server import MEMORY, ServerIndex
from appliance.ports import Index
from appliance.types import Chunk, Document, Passage, chunk_id, document_id
from tests.fakes import MemoryIndex

DIMENSIONS = 8
IDENTITY = Identity("hash", "ab" * 32, DIMENSIONS, "chunks-1")
EVERYONE = frozenset({"group:everyone"})
URL = os.environ.get("QDRANT_URL", "")

# Hundreds of indexes are made here: in memory, where syncing costs nothing, if there is room.
SHARED = Path("/dev/shm")  # noqa: S108  # the folders in it are made by tempfile
FAST = SHARED if SHARED.is_dir() and shutil.disk_usage(SHARED).free > 2_000_000_000 else None

Opener = Callable[[], "contextmanager[Index]"]


@contextmanager
def open_memory() -> Iterator[Index]:
    yield MemoryIndex()


@contextmanager
def open_edge() -> Iterator[Index]:
    with tempfile.TemporaryDirectory(dir=FAST) as folder:
        index = EdgeIndex(Path(folder), IDENTITY)
        try:
            yield index
        finally:
            index.close()


@contextmanager
def open_client() -> Iterator[Index]:
    index = ServerIndex(MEMORY, "library", IDENTITY)
    yield index
    index.close()


@contextmanager
def open_server() -> Iterator[Index]:
    name = f"test-{uuid.uuid4().hex}"
    index = ServerIndex(URL, name, IDENTITY, os.environ.get("QDRANT_API_KEY", ""))
    try:
        yield index
    finally:
        index.close()
        ServerIndex.destroy(URL, name, os.environ.get("QDRANT_API_KEY", ""))


OPENERS = [
    pytest.param(open_memory, id="memory"),
    pytest.param(open_edge, id="edge"),
    pytest.param(open_client, id="client"),
]
if URL:
    host = urlsplit(URL).hostname or URL
    OPENERS.append(pytest.param(open_server, id="server", marks=pytest.mark.allow_hosts([host])))

every_index = pytest.mark.parametrize("opener", OPENERS)


@pytest.fixture(params=OPENERS)
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    with request.param() as opened:
        yield opened


def document(name: str = "a.md", sha256: str = "1", readers: frozenset[str] = EVERYONE) -> Document:
    return Document(document_id("share", name), name, sha256 * 64, "text/markdown", readers)


def chunks(of: Document, *texts: str, headings: tuple[str, ...] = ()) -> list[Chunk]:
    return [Chunk(chunk_id(of, i), of, i, text, i + 1, headings) for i, text in enumerate(texts)]


def unit(*numbers: float) -> NDArray[np.float32]:
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.float32(np.linalg.norm(vector))


def random_units(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def put(index: Index, of: Document, *texts: str, seed: int = 0) -> list[Chunk]:
    made = chunks(of, *texts)
    index.replace(of, made, random_units(len(made), seed))
    return made


def texts(passages: list[Passage]) -> list[str]:
    return [passage.chunk.text for passage in passages]


def everything(index: Index, readers: frozenset[str] = EVERYONE) -> list[Passage]:
    return index.search("anything", unit(1), readers, 1000)


def test_a_chunk_comes_back_as_it_was_put_in(index: Index) -> None:
    """A passage holds the very chunk that was indexed, document and all."""
    of = document(readers=frozenset({"group:everyone", "user:ada"}))
    made = chunks(of, "first", "second", headings=("Handbook", "Leave"))
    index.replace(of, made, random_units(2))
    assert made == sorted((p.chunk for p in everything(index)), key=lambda c: c.ordinal)


def test_an_empty_index_finds_nothing(index: Index) -> None:
    """Before the first document there is nothing to find, to count or to list."""
    assert [] == everything(index)
    assert 0 == index.count()
    assert {} == index.versions()


def test_the_best_passage_comes_first(index: Index) -> None:
    """Scores fall, and a chunk that both searches put first is first."""
    of = document()
    index.replace(
        of, chunks(of, "annual leave", "parental leave", "car park"), np.stack([unit(1), unit(1, 1), unit(0, 1)])
    )
    found = index.search("annual leave", unit(1), EVERYONE, 10)
    assert "annual leave" == found[0].chunk.text
    assert sorted((p.score for p in found), reverse=True) == [p.score for p in found]


def test_a_rare_word_is_found_by_its_letters(index: Index) -> None:
    """An identifier is found although the vector points elsewhere."""
    of = document()
    made = [f"entry about topic {i}" for i in range(80)]
    made[70] = "fault INV-2024-0042 in the pump"
    vectors = random_units(80)
    put(index, of, *made)
    assert made[70] in texts(index.search("what is INV-2024-0042?", -vectors[70], EVERYONE, 5))


def test_a_meaning_is_found_without_shared_words(index: Index) -> None:
    """A near vector is enough."""
    of = document()
    vectors = random_units(80)
    made = put(index, of, *[f"entry {i}" for i in range(80)])
    assert made[70].text in texts(index.search("vacances", vectors[70], EVERYONE, 2))


def test_headings_are_searched_like_text(index: Index) -> None:
    """A word that stands only in the heading finds the chunk below it."""
    of, other = document(), document("b.md")
    index.replace(of, chunks(of, "twenty days", headings=("Sabbatical",)), np.stack([unit(0, 1)]))
    index.replace(other, chunks(other, "ten days", headings=("Parking",)), np.stack([unit(0, 1)]))
    found = index.search("sabbatical", unit(1), EVERYONE, 10)
    assert "twenty days" == found[0].chunk.text


def test_limit_is_kept(index: Index) -> None:
    """Never more passages than asked for, and none for a limit of nothing."""
    put(index, document(), *[f"leave {i}" for i in range(20)])
    assert [3, 0] == [len(index.search("leave", unit(1), EVERYONE, limit)) for limit in (3, 0)]


def test_equal_scores_have_one_order(index: Index) -> None:
    """Chunks that nothing tells apart come in the order of their ids."""
    for name in "abcdefgh":
        of = document(name)
        index.replace(of, chunks(of, "same words"), np.stack([unit(1)]))
    first = index.search("same words", unit(1), EVERYONE, 8)
    assert [p.chunk.id for p in first] == [p.chunk.id for p in index.search("same words", unit(1), EVERYONE, 8)]
    ranked = [(-p.score, p.chunk.id) for p in first]
    assert sorted(ranked) == ranked


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


def test_new_readers_count_at_once(index: Index) -> None:
    """After an update those who lost the document find nothing, those who gained it find it under its new path."""
    put(index, document(), "one", "two")
    changed = Document(document().id, "moved/a.md", "1" * 64, "text/markdown", frozenset({"user:ada"}))
    index.update(changed)
    assert [] == everything(index)
    found = everything(index, frozenset({"user:ada"}))
    assert [changed, changed] == [p.chunk.document for p in found]
    assert {document().id: "1" * 64} == index.versions()


def test_an_update_without_readers_hides_the_document(index: Index) -> None:
    """A document that nobody may read answers nobody."""
    put(index, document(), "one")
    index.update(document(readers=frozenset()))
    assert [] == everything(index)
    assert 1 == index.count()


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
    index.update(document("unknown.md"))
    index.remove(document("unknown.md").id)
    assert [document().id] == list(index.versions())


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


def test_hidden_documents_do_not_change_the_order(index: Index) -> None:
    """What a reader may not see has no part in how rare a word is for them."""
    for name, vector in (("alpha", unit(1)), ("beta", unit(1, 1)), ("beta gamma", unit(1, 2))):
        of = document(name)
        index.replace(of, chunks(of, name), np.stack([vector]))
    before = texts(index.search("alpha beta", unit(1), EVERYONE, 3))
    for i in range(30):
        put(index, document(f"hidden{i}", readers=frozenset({"group:board"})), "alpha")
    assert "alpha" == before[0]
    assert before == texts(index.search("alpha beta", unit(1), EVERYONE, 3))


def test_neighbours_are_those_around_a_chunk(index: Index) -> None:
    """In order, within the bounds, of the same version, and without the chunk itself."""
    made = put(index, document(), *"abcdefg")
    put(index, document("b.md"), *"uvwxyz")
    assert [made[1], made[2], made[4]] == index.neighbours(made[3], 2, 1)
    assert [made[1]] == index.neighbours(made[0], 3, 1)
    assert [] == index.neighbours(made[3], 0, 0)
    other = chunks(document(sha256="2"), *"abcdefg")
    assert [] == index.neighbours(other[3], 2, 2)


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
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "replace", "update", "remove"]),
        st.integers(0, 4),
        READERS,
        st.lists(st.sampled_from(["leave", "pay", "pump", "INV-7"]), max_size=3),
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
                index.update(of)
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
