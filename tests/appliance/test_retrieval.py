"""What a reader may find, checked again after the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from appliance.errors import StoreError
from appliance.retrieval import Retrieval, Stages
from appliance.types import Chunk, Document, chunk_id, document_id
from tests.fakes import HashEmbedder, MemoryIndex

EVERYONE = frozenset({"group:everyone"})
ALONE = Stages()


def document(path: str, readers: frozenset[str] = EVERYONE) -> Document:
    return Document(document_id("share", path), path, "a" * 64, "text/plain", readers)


def indexed(*entries: tuple[Document, Sequence[str]]) -> MemoryIndex:
    index, embedder = MemoryIndex(), HashEmbedder()
    for owner, texts in entries:
        chunks = [Chunk(chunk_id(owner, i), owner, i, text, None) for i, text in enumerate(texts)]
        index.replace(owner, chunks, embedder.embed(texts))
    return index


def retrieval(
    index: MemoryIndex, current: Callable[[Document], Document | None] = lambda d: d, stages: Stages = ALONE
) -> Retrieval:
    return Retrieval(HashEmbedder(), index, current, stages)


def test_the_nearest_passages_come_first() -> None:
    """Passages come best first, no more than asked for."""
    index = indexed((document("a.md"), ["thirty days of leave", "the price of a desk", "leave and desk"]))
    assert ["the price of a desk"] == [p.chunk.text for p in retrieval(index).search("price of a desk", EVERYONE, 1)]


def test_the_same_text_is_shown_once() -> None:
    """Copies of a passage, white space and case aside, leave room for others."""
    index = indexed((document("a.md"), ["Thirty days.", "A desk."]), (document("b.md"), ["thirty   DAYS."]))
    texts = [p.chunk.text.casefold() for p in retrieval(index).search("thirty days", EVERYONE, 3)]
    assert 1 == sum("thirty" in text for text in texts)
    assert 2 == len(texts)


@pytest.mark.parametrize(
    "current",
    [
        lambda d: None,
        lambda d: replace(d, sha256="b" * 64),
        lambda d: replace(d, readers=frozenset({"user:ada"})),
        lambda d: replace(d, readers=frozenset()),
        lambda d: replace(d, id="other"),
    ],
    ids=["removed", "another version", "another reader", "no reader", "another document"],
)
def test_what_the_catalogue_does_not_confirm_is_withheld(current: Callable[[Document], Document | None]) -> None:
    """An index that is behind the catalogue shows nothing the catalogue would not show."""
    hits = retrieval(indexed((document("a.md"), ["thirty days"])), current).find("thirty days", EVERYONE, 5)
    assert ((), 1, 1) == (hits.passages, hits.found, hits.withheld)


def test_a_passage_carries_the_present_path() -> None:
    """A document that was moved is cited by the path it has now."""
    index = indexed((document("old.md"), ["thirty days"]))
    found = retrieval(index, lambda d: replace(d, path="new.md")).search("thirty days", EVERYONE, 5)
    assert ["new.md"] == [p.chunk.document.path for p in found]


def test_a_check_that_cannot_be_made_shows_nothing() -> None:
    """When the catalogue cannot be read, the search fails instead of trusting the index."""

    def broken(asked: Document) -> Document | None:
        raise StoreError("the catalogue cannot be read", "Look at the disk.")

    with pytest.raises(StoreError):
        retrieval(indexed((document("a.md"), ["thirty days"])), broken).search("thirty days", EVERYONE, 5)


def test_no_readers_find_nothing() -> None:
    """Who is nobody finds nothing."""
    assert [] == retrieval(indexed((document("a.md"), ["thirty days"]))).search("thirty days", frozenset(), 5)


def test_the_nearest_sentences_share_meaning_and_words() -> None:
    """Both count: of two equally near by meaning, the one with more of the question's words comes first."""
    part = retrieval(indexed())
    assert "thirty days" == next(iter(part.nearest("thirty days", {"a desk": 0.0, "thirty days": 0.0})))
    assert ["b b", "b"] == list(part.nearest("other", {"b": 0.1, "b b": 0.9}))
    assert {} == part.nearest("other", {})


def test_a_document_that_the_question_names_is_searched_on_its_own() -> None:
    """However far its passages are from the question, they are among the candidates; readers are asked for by name."""
    asked: list[tuple[tuple[str, ...], frozenset[str]]] = []
    plan = document("leave-plan.md")

    def named(names: Sequence[str], readers: frozenset[str]) -> frozenset[str]:
        asked.append((tuple(names), readers))
        return frozenset({plan.id})

    others = [f"what does the plan say number {i}" for i in range(9)]
    index = indexed((document("a.md"), others), (plan, ["unlike anything"]))
    question = "what does leave-plan.md say"
    assert "unlike anything" not in texts(retrieval(index, stages=Stages(2)), question)
    assert "unlike anything" in texts(retrieval(index, stages=Stages(2, named=named)), question)
    assert [(("leave-plan.md",), EVERYONE)] == asked


def test_a_named_document_is_checked_like_any_other() -> None:
    """What the catalogue does not confirm is withheld, named or not."""
    plan = document("leave-plan.md")
    part = retrieval(
        indexed((plan, ["thirty days"])), lambda d: None, Stages(named=lambda names, readers: frozenset({plan.id}))
    )
    hits = part.find("what does leave-plan.md say", EVERYONE, 5)
    assert ((), 1, 1) == (hits.passages, hits.found, hits.withheld)


def test_the_reranker_has_the_last_word_on_the_order() -> None:
    """Passages come as it puts them, and their scores fall."""
    index = indexed(*((document(f"{i}.md"), [f"leave {'of ' * i}"]) for i in range(4)))
    forward = retrieval(index).search("leave", EVERYONE, 4)
    turned = retrieval(index, stages=Stages(rerank=lambda question, found: found[::-1])).search("leave", EVERYONE, 4)
    assert [p.chunk for p in forward[::-1]] == [p.chunk for p in turned]
    assert [p.score for p in forward] == [p.score for p in turned]


def test_the_same_words_under_another_heading_are_another_passage() -> None:
    """What holds for one country may not hold for another."""
    index, embedder = MemoryIndex(), HashEmbedder()
    for country in ("Austria", "Spain"):
        of = document(f"{country}.md")
        index.replace(
            of, [Chunk(chunk_id(of, 0), of, 0, "30 days", None, ("Leave", country))], embedder.embed(["30 days"])
        )
    assert 2 == len(retrieval(index).search("30 days", EVERYONE, 5))


def texts(part: Retrieval, question: str) -> list[str]:
    return [passage.chunk.text for passage in part.search(question, EVERYONE, 10)]


def test_many_copies_leave_room_for_the_rest() -> None:
    """However many copies come first, what else was found is shown."""
    copies = [(document(f"{i}.md"), ["thirty days of leave"]) for i in range(30)]
    index = indexed(*copies, (document("x.md"), ["a desk for leave"]))
    assert ["thirty days of leave", "a desk for leave"] == [
        p.chunk.text for p in retrieval(index).search("thirty days of leave", EVERYONE, 3)
    ]
