"""What an evaluation run leaves behind: one record a question, and everything that decided them.

Figures are computed from these alone, so that a run can be judged again, and compared with another, without a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from appliance.errors import UsageError
from appliance.types import Support

FORMAT = "appliance-evaluation/1"

System = Literal["fused", "words", "meaning"]


@dataclass(frozen=True, slots=True)
class RankedRecord:
    """What one way of searching found for a question: ids of documents, or keys of gold places, best first.

    `relevant` holds the gold ids and their relevance, 1 or more. `system` is "words" for BM25 alone, "meaning" for the
    vectors alone, "fused" for what answers are made from.
    """

    set: str
    split: str
    id: str
    question: str
    kind: str
    system: System
    ranking: tuple[str, ...]
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers a question, and the sentences there that say it. Empty where the set does not say."""

    document: str | None
    page: int | None
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """What an answer quotes. `verbatim` says whether the text stands in the document, character by character."""

    document: str
    page: int | None
    text: str
    verbatim: bool = True


@dataclass(frozen=True, slots=True)
class StatementRecord:
    """One sentence of an answer with its quotes; `against` are quotes that deny it."""

    text: str
    support: Support
    quotes: tuple[Quote, ...] = ()
    against: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """What was answered to a question, beside what should have been.

    `answers` are the gold answers; without any the documents do not answer the question. `draft` is what would have
    been shown without the decision to refuse; it equals `text` where nothing was refused, and is empty where there
    was nothing to show. `searched_rank` is the rank, from 1, of the first gold passage among those that the model was
    given; `unsupported` counts sentences withheld, or shown as unsupported. `timings` holds search_ms,
    first_token_ms, total_ms, overhead_ms (grounding and refusal), prompt_tokens, reused_tokens, output_tokens.
    """

    set: str
    split: str
    id: str
    question: str
    kind: str
    answers: tuple[str, ...]
    gold: tuple[Gold, ...]
    text: str
    refused: bool
    reason: str = ""
    confidence: float | None = None
    draft: str = ""
    statements: tuple[StatementRecord, ...] = ()
    draft_statements: tuple[StatementRecord, ...] = ()
    searched_rank: int | None = None
    unsupported: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def answerable(self) -> bool:
        return bool(self.answers)


@dataclass(frozen=True, slots=True)
class Run:
    """One configuration, measured. `configuration` holds everything that decides the figures: generator, embedder and
    reranker with their sha256, prompt, chunker, answer settings, seed; values are those of JSON.
    """

    name: str
    configuration: Mapping[str, Any]
    ranked: tuple[RankedRecord, ...]
    answers: tuple[AnswerRecord, ...]
    seconds: float
    machine: str

    @property
    def seed(self) -> int:
        seed = self.configuration.get("seed")
        return seed if isinstance(seed, int) else 0


def to_json(run: Run) -> dict[str, Any]:
    """Return a run as JSON's types, with the format's name under "format"."""
    return {"format": FORMAT, **asdict(run)}


def from_json(data: Any) -> Run:
    """Return the run that `to_json` made this of, before or after a journey through a file.

    Raises UsageError when it is of another format, or something is missing in it.
    """
    stated = data.get("format") if isinstance(data, dict) else None
    if stated != FORMAT:
        raise UsageError(f"this is {stated!r}, not a run of {FORMAT}", "Name a run that `appliance eval` has written.")
    try:
        return _adapter().validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"this run is damaged: {place}: {first['msg']}", "Measure it again with `appliance eval`."
        ) from error


@cache
def _adapter() -> TypeAdapter[Run]:
    return TypeAdapter(Run)
