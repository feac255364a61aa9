"""How one answer came about, and what the log keeps of it: ids, counts and digests, never a text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from appliance.grounding import Grounded
from appliance.retrieval import Hits
from appliance.types import Citation, Json, ModelRecord, Passage, Piece, Sampling, Timings, Usage

Digest = Callable[[str, str], str]


@dataclass(slots=True)
class Course:
    """How far one answer has come. `reason` says why it ended: "answered", "nothing_found", "model_refused",
    "unsupported", "cancelled" or "failed".
    """

    id: str
    question: str
    passages: tuple[Passage, ...]
    search_ms: float
    started: float
    prompt_tokens: int = 0
    reason: str = ""
    released: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    cited: list[Json] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    judged: int = 0
    output_tokens: int = 0
    first_token_ms: float = 0.0
    usage: Usage | None = None

    def note(self, piece: Piece, called: float) -> None:
        """Count a piece. `called` is when the generator was."""
        if not self.output_tokens and piece.tokens:
            self.first_token_ms = milliseconds_since(called)
        self.output_tokens += len(piece.tokens)
        self.usage = piece.usage or self.usage

    def timings(self) -> Timings:
        """Return where the time went. An output that was cut short has no usage; then it is what was counted here."""
        total_ms, usage = milliseconds_since(self.started), self.usage
        if usage is None:
            return Timings(self.search_ms, self.first_token_ms, total_ms, self.prompt_tokens, 0, self.output_tokens)
        tokens = (usage.prompt_tokens, usage.reused_tokens, usage.output_tokens)
        return Timings(self.search_ms, usage.first_token_ms, total_ms, *tokens)


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


def sentence_body(course: Course, grounded: Grounded, digest: Digest) -> dict[str, Json]:
    """Return what the log keeps of a sentence, released or withheld."""
    return {
        "answer": course.id,
        "ordinal": course.judged,
        "text": digest(f"{course.id}/sentence/{course.judged}", grounded.sentence),
        "supported": grounded.supported,
        "score": round(grounded.score, 4),
        "passages": [citation.passage.chunk.id for citation in grounded.citations],
    }


def quote_bodies(course: Course, grounded: Grounded, digest: Digest) -> list[Json]:
    """Return what the log keeps of the quotes of the sentence at hand."""
    first = len(course.citations)
    return [
        {
            "sentence": course.judged,
            "passage": citation.passage.chunk.id,
            "page": citation.page,
            "quote": digest(f"{course.id}/quote/{first + i}", citation.quote),
        }
        for i, citation in enumerate(grounded.citations)
    ]


def answer_body(course: Course, text: str, timings: Timings, digest: Digest) -> dict[str, Json]:
    """Return what the log keeps of an answer as its reader was, or would have been, shown it."""
    return {
        "answer": course.id,
        "text": digest(f"{course.id}/answer", text),
        "refused": not course.released,
        "reason": course.reason,
        "finish": course.usage.finish if course.usage else "closed",
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
