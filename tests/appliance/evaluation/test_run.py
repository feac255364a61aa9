"""Measuring: what was found and said becomes records, each computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.errors import EngineError, LogError
from appliance.evaluation import asking
from appliance.evaluation.asking import READERS, Outcome, Parts, Texts
from appliance.evaluation.records import Gold
from appliance.evaluation.run import Session, code_digest
from appliance.evaluation.sets import Query, Question
from appliance.evaluation.store import Store, key
from appliance.types import (
    Answer,
    Chunk,
    Citation,
    Document,
    Passage,
    Searched,
    Statement,
    Timings,
    Turn,
    chunk_id,
    document_id,
)
from tests.fakes import HashEmbedder, MemoryIndex, MemoryLog

SHARE = Path("/share")
HOTEL = "Hotels cost up to 140 euros."
TEXTS = {
    "travel.md": ["Hotels  cost\nup to 140 euros. Book early.", "Trains come first."],
    "leave.md": ["Leave is 30 days, and", "five may be carried over."],
    "old.md": ["Hotels cost up to 120 euros."],
}
TRAVEL = Gold("travel.md", None, (HOTEL,))


def chunks(path: str) -> list[Chunk]:
    document = Document(document_id(str(SHARE), path), path, "0" * 64, "text/markdown", READERS)
    return [Chunk(chunk_id(document, i), document, i, text, i + 1) for i, text in enumerate(TEXTS[path])]


def passage(path: str, ordinal: int = 0) -> Passage:
    return Passage(chunks(path)[ordinal], 1.0)


def index() -> MemoryIndex:
    filled, embedder = MemoryIndex(), HashEmbedder()
    for path in TEXTS:
        parts = chunks(path)
        filled.replace(parts[0].document, parts, embedder.embed([part.text for part in parts]))
    return filled


@dataclass
class Scripted:
    """Finds what it is told to, and answers with one sentence from the first passage, or as `becomes` says."""

    order: Sequence[Passage]
    log: MemoryLog = field(default_factory=MemoryLog)
    withheld: int = 0
    failure: Exception | None = None
    asked: list[tuple[str, tuple[Turn, ...], bool]] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    becomes: dict[str, object] = field(default_factory=dict)

    @property
    def passages(self) -> Sequence[Passage]:
        return self.order

    def find(self, question: str, readers: frozenset[str], limit: int) -> Scripted:
        self.searched.append(question)
        if self.failure:
            raise self.failure
        return self

    def ask(
        self, question: str, readers: frozenset[str], user: str, turns: Sequence[Turn] = (), complete: bool = False
    ) -> Iterator[object]:
        self.asked.append((question, tuple(turns), complete))
        if self.failure:
            raise self.failure
        entry = self.log.append("answer", {"withheld": self.withheld})
        yield "a sentence"
        yield replace(answer(self.order, entry.index), **self.becomes)  # type: ignore[arg-type]  # by name

    def parts(self) -> Parts:
        return Parts(lambda: self, HashEmbedder, lambda: self, index(), self.log)


def answer(order: Sequence[Passage], log_index: int) -> Answer:
    quote = Citation(HOTEL, order[0], "140 euros.", 1)
    said = Statement(HOTEL, "supported", (quote,))
    model = HashEmbedder().record
    timings = Timings(1.0, 2.0, 3.0, 4, 5, 6, 7.0)
    return Answer(
        "a", "q", HOTEL, (quote,), False, tuple(order), model, log_index, timings, (said,), "answered", draft=(said,)
    )


def question(**fields: object) -> Question:
    known = {"answers": ("140 euros",), "places": (TRAVEL,)} | fields
    return Question("hotel", "What may a hotel cost?", "test", "lookup", **known)  # type: ignore[arg-type]  # by name


def outcome(found: Scripted, asked: Question) -> Outcome:
    """Return what comes of one question."""
    parts = found.parts()
    answered = asking.ask(parts, asked)
    record = asking.answer_record("s", asked, answered, Texts(parts.index, SHARE), parts.log)
    return Outcome(tuple(asking.rank_places(parts, "s", asked, asked.question)), (record,))


def test_documents_rank_by_their_best_passage() -> None:
    """Each document once, in the order of the fused search; the other two ways come from the index's own scores."""
    found = Scripted([passage("old.md"), passage("travel.md"), passage("old.md"), passage("leave.md")])
    query = Query("q", "hotels cost euros", "test", {"travel": 2})
    records = list(asking.rank_documents(found.parts(), "b", query, lambda path: path.removesuffix(".md")))
    assert ["fused", "words", "meaning"] == [record.system for record in records]
    assert ("old", "travel", "leave") == records[0].ranking
    assert {"travel", "old"} == set(records[1].ranking)
    assert {"travel", "old", "leave"} == set(records[2].ranking)
    assert {"travel": 2} == records[0].relevant


def test_passages_rank_by_score_not_in_reading_order() -> None:
    """Answers read a document from its first passage on; the ranking begins with its best."""
    first, best = passage("leave.md", 0), replace(passage("leave.md", 1), score=2.0)
    carried = Gold("leave.md", None, ("five may be carried over.",))
    found = Scripted([first, best]).parts()
    records = asking.rank_places(found, "s", question(places=(carried,)), "carry over")
    (passages,) = [each for each in records if each.set == "s/passages" and each.system == "fused"]
    assert passages.ranking == ("gold/0", first.chunk.id)


def test_a_passage_that_holds_a_gold_sentence_goes_by_its_key() -> None:
    """White space aside; the first one that holds it, and no passage of another document."""
    found = Scripted([passage("old.md"), passage("travel.md"), passage("travel.md")])
    ranked = {(record.set, record.system): record for record in outcome(found, question()).ranked}
    fused = ranked["s/passages", "fused"]
    assert ((chunks("old.md")[0].id, "gold/0", chunks("travel.md")[0].id), {"gold/0": 1}) == (
        fused.ranking,
        fused.relevant,
    )
    assert ("old.md", "travel.md") == ranked["s/documents", "fused"].ranking


def test_every_gold_place_counts_by_itself() -> None:
    """A question that needs two documents has both found, or one, or none."""
    places = (TRAVEL, Gold("leave.md", None, ("Leave is 30 days",)), Gold("old.md", None))
    found = Scripted([passage("leave.md"), passage("travel.md")])
    ranked = {(record.set, record.system): record for record in outcome(found, question(places=places)).ranked}
    assert (("gold/1", "gold/0"), {"gold/0": 1, "gold/1": 1}) == (
        ranked["s/passages", "fused"].ranking,
        ranked["s/passages", "fused"].relevant,
    )
    assert {"travel.md": 1, "leave.md": 1, "old.md": 1} == ranked["s/documents", "fused"].relevant


@pytest.mark.parametrize(("page", "rank"), [(None, 2), (1, 2), (2, None)])
def test_the_page_has_to_be_right_where_the_set_names_one(page: int | None, rank: int | None) -> None:
    """The rank is that of the first gold passage which the model was given."""
    found = Scripted([passage("old.md"), passage("travel.md")])
    (record,) = outcome(found, question(places=(replace(TRAVEL, page=page),))).answers
    assert rank == record.searched_rank


def test_a_question_without_gold_places_is_not_ranked() -> None:
    """There is nothing that it could find."""
    assert () == outcome(Scripted([passage("old.md")]), question(answers=(), places=())).ranked


def test_an_answer_becomes_a_record() -> None:
    """Text, statements with quotes, timings by the names of the records; the draft of what was shown is itself."""
    (record,) = outcome(Scripted([passage("travel.md")]), question()).answers
    assert (HOTEL, HOTEL, False, "answered") == (record.text, record.draft, record.refused, record.reason)
    assert [("travel.md", "140 euros.", True)] == [
        (quote.document, quote.text, quote.verbatim) for said in record.statements for quote in said.quotes
    ]
    assert {"search_ms": 1.0, "overhead_ms": 7.0, "reused_tokens": 5.0}.items() <= record.timings.items()


def test_a_refusal_keeps_its_draft() -> None:
    """What would have been shown, beside what was."""
    said = Statement(HOTEL, "supported")
    refusal = {"refused": True, "text": "The documents do not say.", "statements": (), "draft": (said,)}
    (record,) = outcome(Scripted([passage("travel.md")], withheld=3, becomes=refusal), question()).answers
    assert ("The documents do not say.", HOTEL, 1, 0) == (
        record.text,
        record.draft,
        len(record.draft_statements),
        len(record.statements),
    )
    assert 2 == record.unsupported


def test_a_quote_that_stands_in_no_passage_is_not_verbatim() -> None:
    """Compared with the index, whatever the answer says about itself."""
    quote = Citation(HOTEL, passage("travel.md"), "Hotels cost up to 140 euros.", 1)
    invented = {"statements": (Statement(HOTEL, "supported", (quote,)),)}
    (record,) = outcome(Scripted([passage("travel.md")], becomes=invented), question()).answers
    assert not record.statements[0].quotes[0].verbatim


@pytest.mark.parametrize(
    ("gold", "doubt"),
    [
        (TRAVEL, None),
        (Gold("nowhere.md", None, ("x",)), "gold document nowhere.md has no text in the index"),
        (Gold("travel.md", None, ("Hotels are free.",)), "“Hotels are free.” does not stand in travel.md"),
        (Gold("leave.md", None, ("30 days, and five may",)), "“30 days, and five may” is spread over two passages"),
    ],
)
def test_a_doubtful_gold_place_is_told(gold: Gold, doubt: str | None) -> None:
    """It would count as a failure of the search."""
    doubts = list(asking.doubts("s", [question(places=(gold,))], Texts(index(), SHARE)))
    assert ([] if doubt is None else [True]) == [str(doubt) in each for each in doubts]


def session(found: Scripted, store: Store, warnings: list[str] | None = None) -> Session:
    return Session(found.parts(), store, {"version": "1"}, [] if warnings is None else warnings)


def test_a_question_is_computed_once(tmp_path: Path) -> None:
    """The second evaluation reads what the first has written; another configuration or question computes."""
    texts = Texts(index(), SHARE)
    first, second = Scripted([passage("travel.md")]), Scripted([passage("old.md")])
    with Store(tmp_path / "records.jsonl") as store:
        before = list(session(first, store).questions("s", [question()], texts))
    with Store(tmp_path / "records.jsonl") as store:
        assert before == list(session(second, store).questions("s", [question()], texts))
        assert (1, []) == (store.reused, second.asked)
        list(session(second, store).questions("s", [question(answers=("140",))], texts))
        list(session(second, store).questions("other", [question()], texts))
        assert 2 == len(second.asked)
    with Store(tmp_path / "records.jsonl", fresh=True) as store:
        list(session(second, store).questions("s", [question()], texts))
        assert 3 == len(second.asked)


def test_whatever_decides_a_question_is_in_its_key() -> None:
    """Configuration, set, and every field of the question."""
    keys = {
        key({"a": 1}, "s", question()),
        key({"a": 2}, "s", question()),
        key({"a": 1}, "t", question()),
        key({"a": 1}, "s", question(conversation=(Turn("Who?", "You."),))),
        key({"a": 1}, "s", Query("hotel", "What may a hotel cost?", "test", {})),
    }
    assert 5 == len(keys)
    assert key({"a": 1}, "s", question()) in keys


@pytest.mark.parametrize("torn", [b'{"key": "ab', b"\x00\x00", b"[1]\n"])
def test_a_torn_line_is_computed_again(tmp_path: Path, torn: bytes) -> None:
    """A crash costs the question it interrupted, no other, and the next line is whole."""
    file = tmp_path / "records.jsonl"
    done = Outcome(outcome(Scripted([passage("travel.md")]), question()).ranked, ())
    with Store(file) as store:
        store.put("one", done)
    with file.open("ab") as damaged:
        damaged.write(torn)
    with Store(file) as store:
        assert (done, None) == (store.get("one"), store.get("two"))
        store.put("two", done)
    with Store(file) as store:
        assert (done, done) == (store.get("one"), store.get("two"))


def test_a_question_that_fails_is_wrong_and_tried_again(tmp_path: Path) -> None:
    """It is a warning and no right answer; nothing of it is kept."""
    warnings: list[str] = []
    broken = Scripted([], failure=EngineError("no more memory"))
    with Store(tmp_path / "records.jsonl") as store:
        (failed,) = session(broken, store, warnings).questions("s", [question()], Texts(index(), SHARE))
        assert [(False, "failed", "")] == [(each.refused, each.reason, each.text) for each in failed.answers]
        assert 6 == len(failed.ranked)
        assert {()} == {each.ranking for each in failed.ranked}
        assert ['s, question "hotel" failed: no more memory'] == warnings
        healed = Scripted([passage("travel.md")])
        (answered,) = session(healed, store).questions("s", [question()], Texts(index(), SHARE))
        assert "answered" == answered.answers[0].reason


def test_a_search_that_fails_has_found_nothing(tmp_path: Path) -> None:
    """Left out, it would make the others look better."""
    query, broken = Query("q", "hotels", "test", {"travel.md": 1}), Scripted([], failure=EngineError("no more memory"))
    with Store(tmp_path / "records.jsonl") as store:
        (failed,) = session(broken, store).queries("b", [query], str)
    assert [("fused", (), {"travel.md": 1}), ("words", (), {"travel.md": 1}), ("meaning", (), {"travel.md": 1})] == [
        (each.system, each.ranking, each.relevant) for each in failed.ranked
    ]


def test_a_broken_log_ends_the_evaluation(tmp_path: Path) -> None:
    """It is no property of a question."""
    broken = Scripted([], failure=LogError("the disk is gone"))
    with Store(tmp_path / "records.jsonl") as store, pytest.raises(LogError):
        list(session(broken, store).questions("s", [question()], Texts(index(), SHARE)))


def test_a_follow_up_is_searched_for_as_what_it_was_taken_to_mean(tmp_path: Path) -> None:
    """The answer says what that was; the conversation goes to the answerer, which is told to complete its draft."""
    turns = (Turn("Who books?", "You do."),)
    found = Scripted([passage("travel.md")], becomes={"searched": Searched("What may a hotel booked by you cost?", 3)})
    with Store(tmp_path / "records.jsonl") as store:
        list(session(found, store).questions("s", [question(conversation=turns)], Texts(index(), SHARE)))
    assert ["What may a hotel booked by you cost?"] == found.searched
    assert [("What may a hotel cost?", turns, True)] == found.asked


def test_the_program_is_part_of_what_decides() -> None:
    """The digest is of the files as they are, so it is the same twice."""
    assert code_digest() == code_digest()
    assert 64 == len(code_digest())
