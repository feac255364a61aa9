"""The folder of an evaluation: questions against documents, and search benchmarks, each in its own files.

    FOLDER/documents/             a share, any formats
    FOLDER/questions/NAME.jsonl   questions about it, one JSON object a line (`Line` has the fields)
    FOLDER/retrieval/NAME/        corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv, in the layout of BEIR

Everything is read and checked before anything is computed; a mistake is named with its file and line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.errors import UsageError
from appliance.evaluation.records import Gold
from appliance.evaluation.sets import Query, Question, QuestionSet, RetrievalSet, Sets
from appliance.types import Turn

_LAYOUT = "See the section about evaluation in the README, which describes the folder."
_QRELS = ("query-id", "corpus-id", "score")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Place(_Row):
    document: Annotated[str, Field(min_length=1)]
    page: Annotated[int, Field(ge=1)] | None = None
    sentences: list[Annotated[str, Field(min_length=1)]] = []

    def gold(self) -> Gold:
        return Gold(self.document, self.page, tuple(self.sentences))


class _Turn(_Row):
    question: Annotated[str, Field(min_length=1)]
    answer: str


class Line(_Row):
    """One line of a file of questions. An empty `answers` says that the documents do not answer the question."""

    id: Annotated[str, Field(min_length=1)]
    question: Annotated[str, Field(min_length=1)]
    answers: list[Annotated[str, Field(min_length=1)]]
    document: str | None = None
    page: Annotated[int, Field(ge=1)] | None = None
    sentences: list[Annotated[str, Field(min_length=1)]] = []
    split: Literal["tune", "test"] = "test"
    kind: str = ""
    conversation: list[_Turn] = []
    also: list[_Place] = []

    def parsed(self) -> Question:
        """Return the question. Raises ValueError where its parts contradict each other."""
        if self.document is None and (self.page or self.sentences or self.also):
            raise ValueError("page, sentences and also need a document")
        if self.sentences and not self.answers:
            raise ValueError("a question without answers has no sentences that support one")
        places = []
        # Of a question that nothing answers, the document is the one that comes closest: no gold place.
        if self.document is not None and self.answers:
            places = [Gold(self.document, self.page, tuple(self.sentences)), *(place.gold() for place in self.also)]
        return Question(
            self.id,
            self.question,
            self.split,
            self.kind,
            tuple(self.answers),
            tuple(places),
            tuple(Turn(turn.question, turn.answer) for turn in self.conversation),
        )


class _BeirRow(BaseModel):
    # BEIR's files have further keys ("metadata"), which decide nothing.
    model_config = ConfigDict(frozen=True, strict=True)

    id: Annotated[str, Field(alias="_id", min_length=1)]
    title: str = ""
    text: str


def read(folder: Path) -> Sets:
    """Read a folder. Raises UsageError that names the file and the line of what is wrong."""
    if not folder.is_dir():
        raise UsageError(f"evaluation folder {folder} is not a folder", "Name a folder that exists.")
    questions = tuple(_question_set(file) for file in sorted((folder / "questions").glob("*.jsonl")))
    retrieval = tuple(_retrieval_set(each) for each in sorted((folder / "retrieval").glob("*/")))
    share = folder / "documents" if questions else None
    if share is not None and not share.is_dir():
        raise UsageError(f"{folder} has questions, but no folder {share.name}", "Put the documents there.")
    sets = Sets(share, questions, retrieval)
    if not sets.names:
        raise UsageError(f"{folder} holds no set: neither questions/*.jsonl nor retrieval/*/corpus.jsonl", _LAYOUT)
    twice = [name for name in sets.names if sets.names.count(name) > 1]
    if twice:
        raise UsageError(f'{folder} has two sets called "{twice[0]}"', "Rename one of them: reports tell them by name.")
    return sets


def _question_set(file: Path) -> QuestionSet:
    lines: dict[str, int] = {}
    questions = []
    for number, data in _json_lines(file):
        question = _checked(file, number, data, lambda line: Line.model_validate(line).parsed())
        _once(lines, question.id, file, number)
        questions.append(question)
    if not questions:
        raise UsageError(f"{file} holds no question", "Write one JSON object a line, or remove the file.")
    return QuestionSet(file.stem, tuple(questions))


def _retrieval_set(folder: Path) -> RetrievalSet:
    documents: dict[str, int] = {}
    for number, row in corpus_rows(folder / "corpus.jsonl"):
        _once(documents, row[0], folder / "corpus.jsonl", number)
    texts, lines = {}, dict[str, int]()
    for number, data in _json_lines(folder / "queries.jsonl"):
        query = _checked(folder / "queries.jsonl", number, data, _BeirRow.model_validate)
        _once(lines, query.id, folder / "queries.jsonl", number)
        texts[query.id] = query.text
    files = sorted((folder / "qrels").glob("*.tsv"))
    if not files:
        raise UsageError(f"{folder / 'qrels'} holds no .tsv file", _LAYOUT)
    queries = [query for file in files for query in _judged(file, texts)]
    return RetrievalSet(folder.name, folder, tuple(queries), documents)


def corpus_rows(file: Path) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Yield the number of each line of a corpus, and its id, title and text."""
    for number, data in _json_lines(file):
        row = _checked(file, number, data, _BeirRow.model_validate)
        yield number, (row.id, row.title, row.text)


def _judged(file: Path, texts: Mapping[str, str]) -> Iterator[Query]:
    """Yield the queries of one file of judgements that have a relevant document."""
    relevant: dict[str, dict[str, int]] = {}
    for number, line in _lines(file):
        parts = tuple(part.strip() for part in line.split("\t"))
        if number == 1 and parts == _QRELS:
            continue
        if len(parts) != len(_QRELS) or not parts[2].lstrip("-").isdigit():
            raise _wrong(file, number, "not a query's id, a document's id and a whole number, with tabs between")
        if parts[0] not in texts:
            raise _wrong(file, number, f'queries.jsonl has no query "{parts[0]}"')
        if int(parts[2]) > 0:
            relevant.setdefault(parts[0], {})[parts[1]] = int(parts[2])
    for name, documents in relevant.items():
        yield Query(name, texts[name], file.stem, documents)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file that are not empty, with their numbers from 1."""
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}", "Write it as UTF-8 text. " + _LAYOUT) from error


def _json_lines(file: Path) -> Iterator[tuple[int, Any]]:
    for number, line in _lines(file):
        try:
            yield number, json.loads(line)
        except ValueError as error:
            raise _wrong(file, number, f"not JSON: {error}") from error


_Made = TypeVar("_Made")


def _checked(file: Path, number: int, data: Any, make: Callable[[Any], _Made]) -> _Made:
    """Return what `make` makes of a line. Raises UsageError with the place of what it does not like."""
    try:
        return make(data)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, each['loc'])) or 'line'}: {each['msg']}" for each in error.errors())
        raise _wrong(file, number, "; ".join(problems)) from error
    except ValueError as error:
        raise _wrong(file, number, str(error)) from error


def _once(seen: dict[str, int], name: str, file: Path, number: int) -> None:
    if name in seen:
        raise _wrong(file, number, f'id "{name}" stands in line {seen[name]} already')
    seen[name] = number


def _wrong(file: Path, number: int, what: str) -> UsageError:
    return UsageError(f"{file}, line {number}: {what}", f"Correct the line. {_LAYOUT}")
