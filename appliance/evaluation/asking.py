"""One question of an evaluation: what is found for it, by each way of searching, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from appliance.errors import EngineError
from appliance.evaluation.records import AnswerRecord, Gold, Quote, RankedRecord, StatementRecord, System
from appliance.evaluation.sets import Query, Question
from appliance.ports import Embedder, Index, Log
from appliance.types import Answer, Chunk, Citation, Passage, Statement, Timings, Turn, document_id, principals

# Passages that each way of searching brings. Ten documents are among them even where one fills half of the ranking.
DEPTH = 100
SYSTEMS: tuple[System, ...] = ("fused", "words", "meaning")
USER = "evaluation"
READERS = principals(USER)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question: how documents and passages were ranked, and the answer where one was asked for."""

    ranked: tuple[RankedRecord, ...]
    answers: tuple[AnswerRecord, ...]


class Found(Protocol):
    """What a search came to."""

    @property
    def passages(self) -> Sequence[Passage]: ...


class Finder(Protocol):
    """The search that answers are made from."""

    def find(self, question: str, readers: frozenset[str], limit: int) -> Found: ...


class Asker(Protocol):
    """The second use-case, which with `complete` computes a draft even where it refuses."""

    def ask(
        self, question: str, readers: frozenset[str], user: str, turns: Sequence[Turn] = (), complete: bool = False
    ) -> Iterator[object]: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What is measured. Those that take models load them at their first call."""

    finder: Callable[[], Finder]
    embedder: Callable[[], Embedder]
    answerer: Callable[[], Asker]
    index: Index
    log: Log


class Texts:
    """The indexed text of documents, by their path in a share, as lists of passages."""

    def __init__(self, index: Index, share: Path) -> None:
        self._index = index
        self._share = str(share.resolve())
        self._known: dict[str, list[str]] = {}

    def of(self, path: str) -> list[str]:
        """Return the passages of a document in order; none where it is unknown or has no text."""
        if path not in self._known:
            chunks, _ = self._index.chunks(document_id(self._share, path))
            self._known[path] = [chunk.text for chunk in chunks]
        return self._known[path]


def rank_documents(parts: Parts, name: str, query: Query, document_of: Callable[[str], str]) -> Iterator[RankedRecord]:
    """Yield how each way of searching ranks the documents of a benchmark. `document_of` turns a path into an id."""
    for system, chunks in _rankings(parts, query.question).items():
        ranking = _once(document_of(chunk.document.path) for chunk in chunks)
        yield RankedRecord(name, query.split, query.id, query.question, "", system, ranking, query.relevant)


def rank_places(parts: Parts, name: str, question: Question, searched: str) -> Iterator[RankedRecord]:
    """Yield how each way of searching ranks the gold documents of a question, and the passages that hold its gold
    sentences, as the sets NAME/documents and NAME/passages. `searched` is what is searched for.
    """
    if question.places:
        yield from _ranked_places(name, question, _rankings(parts, searched))


def ask(parts: Parts, question: Question) -> Answer:
    """Return the answer to a question, with its draft. Raises EngineError, QuestionError."""
    events = parts.answerer().ask(question.question, READERS, USER, turns=question.conversation, complete=True)
    answers = [event for event in events if isinstance(event, Answer)]
    if not answers:
        raise EngineError(f'question "{question.id}" ended without an answer', "Look at the output above.")
    return answers[-1]


def answer_record(name: str, question: Question, answer: Answer, texts: Texts, log: Log) -> AnswerRecord:
    """Return what becomes of an answer in the report."""
    drafted = answer.draft if answer.refused else answer.statements
    return AnswerRecord(
        set=name,
        split=question.split,
        id=question.id,
        question=question.question,
        kind=question.kind,
        answers=question.answers,
        gold=question.places,
        text=answer.text,
        refused=answer.refused,
        reason=answer.reason,
        confidence=answer.confidence,
        draft="".join(statement.text for statement in drafted),
        statements=tuple(_statement(each, texts) for each in answer.statements),
        draft_statements=tuple(_statement(each, texts) for each in drafted),
        searched_rank=_rank(answer.passages, question.places),
        unsupported=_unsupported(answer, drafted, log),
        timings=_timings(answer.timings),
    )


def failed(name: str, question: Question | Query) -> Outcome:
    """Return what comes of a question when something fails: nothing was found, nobody was shown anything."""
    if isinstance(question, Query):
        common = (name, question.split, question.id, question.question, "")
        return Outcome(tuple(RankedRecord(*common, system, (), question.relevant) for system in SYSTEMS), ())
    answer = AnswerRecord(
        name,
        question.split,
        question.id,
        question.question,
        question.kind,
        question.answers,
        question.places,
        text="",
        refused=False,
        reason="failed",
    )
    found: Mapping[System, Sequence[Chunk]] = dict.fromkeys(SYSTEMS, ())
    return Outcome(tuple(_ranked_places(name, question, found)), (answer,))


def doubts(name: str, questions: Iterable[Question], texts: Texts) -> Iterator[str]:
    """Yield what is doubtful about the gold places: documents without text, and sentences that do not stand there."""
    for question in questions:
        for place in question.places:
            passages = [_spaced(text) for text in texts.of(place.document or "")]
            where = f'{name}, question "{question.id}"'
            if not passages:
                yield f"{where}: gold document {place.document} has no text in the index"
                continue
            whole = " ".join(passages)
            for sentence in map(_spaced, place.sentences):
                if sentence not in whole:
                    yield f"{where}: gold sentence {_short(sentence)} does not stand in {place.document}"
                elif not any(sentence in passage for passage in passages):
                    yield f"{where}: gold sentence {_short(sentence)} is spread over two passages"


def _rankings(parts: Parts, question: str) -> Mapping[System, Sequence[Chunk]]:
    """Return the chunks that each way of searching brings, best first.

    What is found for a reader has adjacent passages in reading order; here it goes by its scores again.
    """
    found = parts.finder().find(question, READERS, DEPTH).passages
    fused = sorted(found, key=lambda passage: -passage.score)
    hits = parts.index.search(question, parts.embedder().embed([question])[0], READERS, DEPTH)
    words = sorted((hit for hit in hits if hit.words > 0), key=lambda hit: (-hit.words, hit.chunk.id))
    meaning = sorted(hits, key=lambda hit: (-hit.cosine, hit.chunk.id))
    return {
        "fused": [passage.chunk for passage in fused],
        "words": [hit.chunk for hit in words[:DEPTH]],
        "meaning": [hit.chunk for hit in meaning[:DEPTH]],
    }


def _ranked_places(name: str, question: Question, found: Mapping[System, Sequence[Chunk]]) -> Iterator[RankedRecord]:
    documents = {place.document: 1 for place in question.places if place.document}
    quoted = [place for place in question.places if place.sentences]
    for system, chunks in found.items() if documents else ():
        common = (question.split, question.id, question.question, question.kind, system)
        yield RankedRecord(f"{name}/documents", *common, _once(chunk.document.path for chunk in chunks), documents)
        if quoted:
            relevant = {_key(number): 1 for number in range(len(quoted))}
            yield RankedRecord(f"{name}/passages", *common, _place_keys(chunks, quoted), relevant)


def _place_keys(chunks: Sequence[Chunk], places: Sequence[Gold]) -> tuple[str, ...]:
    """Return a ranking of passages, in which those that are the first to hold a gold place go by its key."""
    keys: list[str] = []
    left = dict(enumerate(places))
    for chunk in chunks:
        held = [number for number, place in left.items() if _holds(chunk, place)]
        keys += [_key(number) for number in held] or [chunk.id]
        left = {number: place for number, place in left.items() if number not in held}
    return tuple(keys)


def _key(number: int) -> str:
    return f"gold/{number}"


def _holds(chunk: Chunk, place: Gold) -> bool:
    if chunk.document.path != place.document or (place.page is not None and chunk.page != place.page):
        return False
    text = _spaced(chunk.text)
    return not place.sentences or any(_spaced(sentence) in text for sentence in place.sentences)


def _rank(passages: Sequence[Passage], places: Sequence[Gold]) -> int | None:
    ranks = (rank for rank, passage in enumerate(passages, 1) if any(_holds(passage.chunk, place) for place in places))
    return next(ranks, None)


def _statement(statement: Statement, texts: Texts) -> StatementRecord:
    return StatementRecord(
        statement.text,
        statement.support,
        tuple(_quote(citation, texts) for citation in statement.citations),
        tuple(_quote(citation, texts) for citation in statement.against),
    )


def _quote(citation: Citation, texts: Texts) -> Quote:
    document = citation.passage.chunk.document.path
    verbatim = any(citation.quote in text for text in texts.of(document))
    return Quote(document, citation.page, citation.quote, verbatim)


def _timings(timings: Timings) -> dict[str, float]:
    """Return timings by the names of the records."""
    named = {"grounding_ms": "overhead_ms"}
    return {named.get(key, key): round(float(value), 3) for key, value in asdict(timings).items()}


def _unsupported(answer: Answer, drafted: Sequence[Statement], log: Log) -> int:
    """Return how many sentences were withheld for want of support, or shown as unsupported."""
    shown = sum(statement.support == "unsupported" for statement in drafted)
    entry = next(iter(log.entries(answer.log_index, answer.log_index + 1)))
    withheld = entry.body.get("withheld", 0)
    # Of an answer that was refused, the log counts what would have been shown as withheld, too.
    refused = len(answer.draft) if answer.refused else 0
    return shown + max(0, (withheld if isinstance(withheld, int) else 0) - refused)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _short(sentence: str, most: int = 60) -> str:
    return f"“{sentence}”" if len(sentence) <= most else f"“{sentence[:most]}…”"
