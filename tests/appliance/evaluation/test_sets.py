"""The folder of an evaluation: what is right is read whole, what is wrong is named with file and line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import UsageError
from appliance.evaluation.folder import read
from appliance.evaluation.records import Gold
from appliance.evaluation.sets import Choice, Query, Question, QuestionSet, Sets, choose, missing_documents
from appliance.types import Turn

LIMIT = {"id": "1", "question": "How much may a hotel cost?", "answers": ["140 euros"]}
QRELS = "query-id\tcorpus-id\tscore\n"


def folder(root: Path, *lines: Any) -> Path:
    """Return an evaluation folder with one file of questions; a line that is a string is written as it is."""
    (root / "documents").mkdir()
    (root / "questions").mkdir()
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (root / "questions" / "travel.jsonl").write_text(text, encoding="utf-8")
    return root


def benchmark(root: Path, name: str = "tiny", **files: str) -> Path:
    """Return a folder with a search benchmark of two documents and a query, its files replaced by `files`."""
    place = root / "retrieval" / name
    (place / "qrels").mkdir(parents=True)
    content = {
        "corpus": '{"_id": "a", "title": "A", "text": "apples", "metadata": {}}\n{"_id": "b", "text": "pears"}\n',
        "queries": '{"_id": "q", "text": "which fruit?"}\n',
        "qrels": f"{QRELS}q\ta\t2\nq\tb\t0\n",
    } | files
    (place / "corpus.jsonl").write_text(content["corpus"], encoding="utf-8")
    (place / "queries.jsonl").write_text(content["queries"], encoding="utf-8")
    (place / "qrels" / "train.tsv").write_text(content["qrels"], encoding="utf-8")
    return root


def test_a_question_is_read_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    """Gold places, conversation, split and kind; every gold place in one list, the first one first."""
    line = {
        **LIMIT,
        "document": "travel.md",
        "page": 2,
        "sentences": ["Hotels cost up to 140 euros."],
        "split": "tune",
        "kind": "follow-up",
        "conversation": [{"question": "Who books?", "answer": "You do."}],
        "also": [{"document": "old.md"}],
    }
    places = (Gold("travel.md", 2, ("Hotels cost up to 140 euros.",)), Gold("old.md", None))
    expected = Question(
        "1",
        "How much may a hotel cost?",
        "tune",
        "follow-up",
        ("140 euros",),
        places,
        (Turn("Who books?", "You do."),),
    )
    sets = read(folder(tmp_path, line))
    assert (tmp_path / "documents", (QuestionSet("travel", (expected,)),), ()) == (
        sets.share,
        sets.questions,
        sets.retrieval,
    )


def test_the_document_nearest_to_an_unanswerable_question_is_no_gold_place(tmp_path: Path) -> None:
    """Whatever is quoted for a question that nothing answers is wrong."""
    (questions,) = read(folder(tmp_path, {**LIMIT, "answers": [], "document": "travel.md"})).questions
    assert ((), ()) == (questions.questions[0].answers, questions.questions[0].places)


def test_a_benchmark_is_read_with_its_splits(tmp_path: Path) -> None:
    """The file of judgements names the split; a relevance of 0 is none."""
    (found,) = read(benchmark(tmp_path)).retrieval
    assert (Query("q", "which fruit?", "train", {"a": 2}),) == found.queries
    assert {"a": 1, "b": 2} == found.documents


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "line 2: not JSON"),
        ({"id": "2", "question": "Why?"}, "line 2: answers"),
        ({**LIMIT, "id": "2", "answer": "140"}, "line 2: answer: "),
        ({**LIMIT, "id": "2", "page": 0, "document": "a.md"}, "line 2: page"),
        ({**LIMIT, "id": "2", "split": "train"}, "line 2: split"),
        ({**LIMIT, "id": "2", "page": 3}, "line 2: .*need a document"),
        ({**LIMIT, "id": "2", "answers": [], "document": "a.md", "sentences": ["x"]}, "line 2: .*without answers"),
        (LIMIT, 'line 2: id "1" stands in line 1 already'),
        ({**LIMIT, "id": ""}, "line 2: id"),
    ],
)
def test_a_mistake_in_a_question_is_named_with_its_line(tmp_path: Path, line: Any, complaint: str) -> None:
    """File, line and what is wrong; the hint says where the fields are described."""
    with pytest.raises(UsageError, match=f"travel.jsonl, {complaint}") as raised:
        read(folder(tmp_path, LIMIT, line))
    assert "Correct the line" in raised.value.hint


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("corpus", '{"_id": "a", "text": "x"}\n{"_id": "a", "text": "y"}\n', "corpus.jsonl, line 2: id"),
        ("corpus", '{"_id": 7, "text": "x"}\n', "corpus.jsonl, line 1: _id"),
        ("queries", '{"_id": "q"}\n', "queries.jsonl, line 1: text"),
        ("qrels", f"{QRELS}q\ta\n", "train.tsv, line 2: not a query's id"),
        ("qrels", f"{QRELS}q\ta\tmuch\n", "train.tsv, line 2: not a query's id"),
        ("qrels", f"{QRELS}r\ta\t1\n", 'train.tsv, line 2: queries.jsonl has no query "r"'),
    ],
)
def test_a_mistake_in_a_benchmark_is_named_with_its_line(tmp_path: Path, file: str, text: str, complaint: str) -> None:
    """The same for the three files of a benchmark."""
    with pytest.raises(UsageError, match=complaint):
        read(benchmark(tmp_path, **{file: text}))


def test_a_folder_without_anything_to_ask_is_refused(tmp_path: Path) -> None:
    """An empty evaluation would pass."""
    with pytest.raises(UsageError, match="holds no set"):
        read(tmp_path)


def test_questions_need_documents(tmp_path: Path) -> None:
    """Without them, every question would be unanswerable."""
    folder(tmp_path, LIMIT)
    (tmp_path / "documents").rmdir()
    with pytest.raises(UsageError, match="no folder documents"):
        read(tmp_path)


def test_two_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    """A report tells sets by their names alone."""
    with pytest.raises(UsageError, match='two sets called "travel"'):
        read(benchmark(folder(tmp_path, LIMIT), "travel"))


def test_a_relevant_document_that_is_not_in_the_corpus_is_told() -> None:
    """It lowers what can be reached, so it must not stay hidden."""
    queries = [Query("q", "x", "test", {"a": 1, "c": 1})]
    assert ['query "q": its relevant document "c" is not in the corpus'] == missing_documents(queries, {"a": 1, "b": 2})


def questions(count: int, make: Callable[[int], Question]) -> Sets:
    return Sets(Path("documents"), (QuestionSet("many", tuple(make(number) for number in range(count))),), ())


def mixed(number: int) -> Question:
    split, answers = ("tune", "test")[number % 2], ("yes",) if number % 3 else ()
    return Question(f"q{number:03}", "Why?", split, "", answers)


def names(sets: Sets) -> list[str]:
    return [question.id for each in sets.questions for question in each.questions]


def test_a_limit_holds_for_each_split_and_kind() -> None:
    """Five of each: tune and test, answerable and not, in the order of the file."""
    drawn = choose(questions(100, mixed), Choice(limit=5, seed=3))
    kinds = [(question.split, bool(question.answers)) for question in drawn.questions[0].questions]
    assert {(split, answerable): 5 for split in ("tune", "test") for answerable in (True, False)} == {
        kind: kinds.count(kind) for kind in kinds
    }
    assert sorted(names(drawn)) == names(drawn)


@given(st.integers(0, 10), st.permutations(range(30)))
def test_the_same_seed_draws_the_same_questions(seed: int, order: list[int]) -> None:
    """Whatever the order in which they stand in the file."""
    one = choose(questions(30, mixed), Choice(limit=2, seed=seed))
    other = choose(questions(30, lambda number: mixed(order[number])), Choice(limit=2, seed=seed))
    assert set(names(one)) == set(names(other))


def test_seeds_differ() -> None:
    """A seed that changed nothing would be no seed."""
    drawn = {tuple(names(choose(questions(100, mixed), Choice(limit=5, seed=seed)))) for seed in range(5)}
    assert 5 == len(drawn)


def test_the_tuning_half_of_a_benchmark_goes_by_its_own_name(tmp_path: Path) -> None:
    """BEIR calls it train or dev."""
    sets = read(benchmark(tmp_path))
    assert sets == choose(sets, Choice(split="tune"))
    with pytest.raises(UsageError, match='no question is of split "test"'):
        choose(sets, Choice(split="test"))


def test_only_named_sets_are_asked(tmp_path: Path) -> None:
    """A name that no set has is an error that lists those there are."""
    sets = read(benchmark(folder(tmp_path, LIMIT)))
    assert ("tiny",) == choose(sets, Choice(only=frozenset({"tiny"}))).names
    with pytest.raises(UsageError, match='no set "tinny"') as raised:
        choose(sets, Choice(only=frozenset({"tinny"})))
    assert "travel, tiny" in raised.value.hint


@pytest.mark.parametrize(
    ("choice", "whole"),
    [
        (Choice(), True),
        (Choice(split="test", seed=4), True),
        (Choice(split="tune"), False),
        (Choice(limit=3), False),
        (Choice(only=frozenset({"travel"})), False),
    ],
)
def test_what_leaves_questions_of_the_test_split_out_is_not_whole(choice: Choice, whole: bool) -> None:
    """The gate is judged on all of them."""
    assert whole == choice.whole
