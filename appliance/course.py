"""How one answer came about, and what the log keeps of it: ids, counts and digests, never a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from appliance.grounding import Grounded
from appliance.refusal import Signals
from appliance.retrieval import Hits
from appliance.types import Json, ModelRecord, Passage, Piece, Sampling, Statement, Timings, Usage

Digest = Callable[[str, str], str]


@dataclass(slots=True)
class Course:
    """How far one answer has come. `reason` says why it ended: "answered", "nothing_found", "model_refused",
    "unsupported", "uncertain" (the decision to refuse), "cancelled" or "failed".

    `question` is as it was asked, `meant` what was searched for. `released` is what the reader is shown, `draft` what
    they would have been without the decision to refuse. `near` are sentences of the passages with their cosines to the
    question; `spent_ms` is the time that grounding and the decision have taken.
    """

    id: str
    question: str
    meant: str
    passages: tuple[Passage, ...]
    search_ms: float
    started: float
    near: Mapping[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    reason: str = ""
    confidence: float | None = None
    signals: Signals | None = None
    released: list[Statement] = field(default_factory=list)
    draft: list[Statement] = field(default_factory=list)
    cited: list[Json] = field(default_factory=list)
    quotes: int = 0
    said: set[str] = field(default_factory=set)
    judged: int = 0
    withheld: int = 0
    output_tokens: int = 0
    first_token_ms: float = 0.0
    spent_ms: float = 0.0
    avoided: float = 0.0
    logprobs: list[float] = field(default_factory=list)
    usage: Usage | None = None

    def note(self, piece: Piece, called: float) -> None:
        """Count a piece. `called` is when the generator was."""
        if not self.output_tokens and piece.tokens:
            self.first_token_ms = milliseconds_since(called)
        self.output_tokens += len(piece.tokens)
        self.logprobs += piece.logprobs
        self.avoided = self.avoided if piece.avoided is None else piece.avoided
        self.usage = piece.usage or self.usage

    def timings(self) -> Timings:
        """Return where the time went. An output that was cut short has no usage; then it is what was counted here."""
        total_ms, usage = milliseconds_since(self.started), self.usage
        first_ms, tokens = self.first_token_ms, (self.prompt_tokens, 0, self.output_tokens)
        if usage is not None:
            first_ms, tokens = usage.first_token_ms, (usage.prompt_tokens, usage.reused_tokens, usage.output_tokens)
        return Timings(self.search_ms, first_ms, total_ms, *tokens, self.spent_ms)


def milliseconds_since(moment: float) -> float:
    """Return the milliseconds since a `time.perf_counter()`."""
    return (time.perf_counter() - moment) * 1000


def question_body(course: Course, user: str, hits: Hits, digest: Digest) -> dict[str, Json]:
    """Return what the log keeps of a question and of what was found for it."""
    return {
        "answer": course.id,
        "user": user,
        "question": digest(f"{course.id}/question", course.question),
        "question_characters": len(course.question),
        "meant": digest(f"{course.id}/meant", course.meant),
        "found": hits.found,
        "withheld": hits.withheld,
        "passages": [_passage_body(course.id, i, passage, digest) for i, passage in enumerate(course.passages)],
    }


def means_body(
    model: ModelRecord, prompt: Mapping[str, Json], sampling: Sampling, engine: Mapping[str, Json]
) -> dict[str, Json]:
    """Return what an answer is made with: together with the passages, all that decides it."""
    return {
        "model": {"name": model.name, "sha256": model.sha256, "quantization": model.quantization},
        "prompt": prompt,
        "sampling": asdict(sampling),
        "engine": engine,
    }


def sentence_body(course: Course, grounded: Grounded, statement: Statement, digest: Digest) -> dict[str, Json]:
    """Return what the log keeps of a sentence, released or withheld."""
    return {
        "answer": course.id,
        "ordinal": course.judged,
        "text": digest(f"{course.id}/sentence/{course.judged}", grounded.sentence),
        "support": statement.support,
        "score": round(grounded.score, 4),
        "passages": [citation.passage.chunk.id for citation in statement.citations],
        "against": [citation.passage.chunk.id for citation in statement.against],
    }


def quote_bodies(course: Course, statement: Statement, digest: Digest) -> list[Json]:
    """Return what the log keeps of the quotes of the sentence at hand."""
    return [
        {
            "sentence": course.judged,
            "passage": citation.passage.chunk.id,
            "page": citation.page,
            "quote": digest(f"{course.id}/quote/{course.quotes + i}", citation.quote),
        }
        for i, citation in enumerate(statement.citations)
    ]


def answer_body(course: Course, text: str, timings: Timings, digest: Digest) -> dict[str, Json]:
    """Return what the log keeps of an answer as its reader was, or would have been, shown it."""
    return {
        "answer": course.id,
        "text": digest(f"{course.id}/answer", text),
        "refused": not course.released,
        "reason": course.reason,
        "finish": course.usage.finish if course.usage else "closed",
        "confidence": course.confidence if course.confidence is None else round(course.confidence, 4),
        "released": len(course.released),
        "withheld": course.judged - len(course.released),
        "citations": list(course.cited),
        "timings": {name: round(value, 1) for name, value in asdict(timings).items()},
    }


def _passage_body(answer: str, ordinal: int, passage: Passage, digest: Digest) -> Json:
    chunk: Sequence[str] = (passage.chunk.id, passage.chunk.document.id, passage.chunk.document.sha256)
    text = digest(f"{answer}/passage/{ordinal}", passage.chunk.text)
    return {
        "id": chunk[0],
        "document": chunk[1],
        "sha256": chunk[2],
        "text": text,
        "score": round(passage.score, 6),
    }
