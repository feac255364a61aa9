"""The nouns of the appliance: frozen data, no behaviour beyond what follows from their own fields.

Everything that crosses a boundary between two modules is one of these. Ids come from content and position only,
so the same share indexed twice, on two machines, yields the same ids.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

Status = Literal[
    "indexed",
    "unchanged",
    "empty",
    "unsupported",
    "encrypted",
    "damaged",
    "too_large",
    "timed_out",
    "quarantined",
    "unreadable",
]

SectionKind = Literal["title", "heading", "paragraph", "list_item", "table", "code"]

Role = Literal["generator", "embedder", "reranker"]


# The rules by which documents are cut into chunks (ingest/chunk.py follows them). Another version cuts elsewhere, so
# its chunks must not stand beside these in one index.
CHUNKER = "sections.v3"

EVERYONE = "group:everyone"


def principals(user: str, groups: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return what a user may read as: themselves, their groups, and everyone."""
    return frozenset({f"user:{user}", EVERYONE, *(f"group:{group}" for group in groups)})


def document_id(share: str, path: str) -> str:
    """Return the id of the document at `path` (relative, "/"-separated) in `share`: 32 hex digits."""
    return hashlib.sha256(f"document\0{share}\0{path}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Document:
    """One version of one file of a share.

    `path` is relative to the share, `sha256` that of the file's bytes, `readers` the principals
    ("user:ada", "group:everyone") of whom one is enough to read it. No readers: nobody reads it.
    """

    id: str
    path: str
    sha256: str
    media_type: str
    readers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in PDF points from the page's top left corner."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of a parsed document, in reading order. `page` is 1-based.

    `level` is a heading's depth, 1 the highest; 0 for everything else.
    """

    text: str
    page: int | None
    kind: SectionKind
    box: Box | None = None
    level: int = 0


FindingKind = Literal[
    "background_colour",  # the colour of what it stands on, or nearly
    "tiny",  # under 2 points
    "off_page",  # outside of what is shown, or clipped
    "covered",  # under an image or a filled shape
    "hidden",  # marked as hidden: runs, rows, columns, sheets, slides, layers, elements
    "invisible_characters",  # zero-width and tag characters
    "contradicts_image",  # a text layer that says something else than the image over it
    "addresses_model",  # visible text that gives orders to a language model; it is not kept out
]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a file that a security team should know: text in it that a person would not see, or that speaks
    to the model. It never holds the text itself.

    `where` says where in the file ("page 3", "sheet Prices"), `characters` how many were kept out of the index.
    """

    kind: FindingKind
    where: str
    characters: int


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a file: an attachment, or a member of an archive. `name` is as it stands there, not to be trusted.

    `content` yields its bytes, once, and is read before the next section, finding or member is asked for; it may raise
    BadFile, which then is the member's own result.
    """

    name: str
    content: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """Where on its page a stretch of a chunk's text stands: characters start <= i < end of the text, in `box`."""

    start: int
    end: int
    box: Box


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one document, small enough to embed, never across pages.

    `headings` is the path of titles above it, outermost first; `text` is the document's own words only. `places` say
    where on the page the text stands, in reading order; empty where the format has none.
    """

    id: str
    document: Document
    ordinal: int
    text: str
    page: int | None
    headings: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()


def places_of(chunk: Chunk, start: int, end: int) -> tuple[Box, ...]:
    """Return the boxes that characters start <= i < end of a chunk's text come from, in reading order, each once."""
    return tuple(dict.fromkeys(place.box for place in chunk.places if max(place.start, start) < min(place.end, end)))


def chunk_id(document: Document, ordinal: int) -> str:
    """Return the id of a document version's chunk: a UUID made from the document's id, its content and the position."""
    digest = hashlib.sha256(f"chunk\0{document.id}\0{document.sha256}\0{ordinal}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16]))


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk as the index found it: `cosine` of its vector and the question's, `words` its BM25 score, 0 without a
    common word. Both are exact, whichever of the two searches brought the chunk.
    """

    chunk: Chunk
    cosine: float
    words: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk found for a question. `score` orders passages of one search; it compares to nothing else. `cosine` and
    `words` are those of the Hit it was made from.
    """

    chunk: Chunk
    score: float
    cosine: float = 0.0
    words: float = 0.0


@dataclass(frozen=True, slots=True)
class Citation:
    """What supports one sentence of an answer: `quote` stands verbatim in `passage.chunk.text`, from character `start`
    on. `boxes` are the places on the page that it comes from; empty where the format has none.
    """

    sentence: str
    passage: Passage
    quote: str
    page: int | None
    start: int = 0
    boxes: tuple[Box, ...] = ()


Support = Literal["supported", "unsupported", "contradicted"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer as it is shown, with its quotes. Statements' texts, joined, are the answer.

    "contradicted" is one that its quotes support and other passages deny; `against` are the quotes that do.
    "unsupported" is one without quotes; it is shown only where the configuration says so.
    """

    text: str
    support: Support
    citations: tuple[Citation, ...] = ()
    against: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of the same conversation, and what was answered; the newest last."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Searched:
    """What was looked through for an answer: `documents` the reader may read, and the passages of those that came
    closest, best first, one for each document.
    `question` is what was searched for: the question itself, or in a conversation what it was taken to mean.
    """

    question: str
    documents: int
    closest: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """Which weights: `parents` names the models these were derived from."""

    role: Role
    name: str
    sha256: str
    quantization: str
    license: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one answer went. `reused_tokens` are prompt tokens that did not have to be computed again;
    `grounding_ms` is what finding quotes and deciding whether to refuse took.
    """

    search_ms: float
    first_token_ms: float
    total_ms: float
    prompt_tokens: int
    reused_tokens: int
    output_tokens: int
    grounding_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader is shown. `log_index` is the place of the answer's entry in the log.

    `reason` says how it ended (course.Course), `missing` are the parts of the question that the answer leaves open,
    in the question's own words. `confidence` is the calibrated probability, 0 to 1, that the documents answer the
    question and the answer says it; None where it was not judged. `draft` is what would have been shown without the
    decision to refuse, where the caller asked for it.
    """

    id: str
    question: str
    text: str
    citations: tuple[Citation, ...]
    refused: bool
    passages: tuple[Passage, ...]
    model: ModelRecord
    log_index: int
    timings: Timings
    statements: tuple[Statement, ...] = ()
    reason: str = ""
    missing: tuple[str, ...] = ()
    searched: Searched | None = None
    confidence: float | None = None
    draft: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a prompt. Only a trusted segment may hold control tokens; text of documents and users never is."""

    text: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads, in order: `prefix` (the same for every question), `passages` (each independent of the
    others and of the question), `question` (everything after them). An engine may compute the parts apart and reuse
    them; what it generates must not depend on whether it did.
    """

    prefix: tuple[Segment, ...]
    passages: tuple[tuple[Segment, ...], ...]
    question: tuple[Segment, ...]

    def segments(self) -> tuple[Segment, ...]:
        """Return all segments in reading order."""
        return (*self.prefix, *(s for passage in self.passages for s in passage), *self.question)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. Temperature 0 is greedy. `stop` ends the output
    before its first match, which is not shown. An output never begins as `avoid` does; how much the model would have
    liked to is said by its first piece (`Piece.avoided`).
    """

    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    avoid: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some generated text: whole characters, the tokens behind them, and their log probabilities (natural, <= 0).

    The last piece of a stream has `usage` set, and possibly no text. The first one has the log probability that the
    output would have begun as `Sampling.avoid` does, if that was given.
    """

    text: str
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    usage: Usage | None = None
    avoided: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What one generation cost. `first_token_ms` counts from the call of `generate`; `finish` is why it ended."""

    prompt_tokens: int
    reused_tokens: int
    output_tokens: int
    first_token_ms: float
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log. `time` is RFC 3339 in UTC; `body` holds ids, counts and digests, never text of documents,
    questions or answers; `leaf` is the RFC 6962 leaf hash in hex; `version` is that of the kind's schema.
    """

    index: int
    time: str
    kind: str
    body: Mapping[str, Json] = field(default_factory=dict)
    leaf: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement that the log's first `size` entries have the Merkle root `root` (hex).

    `note` is the signed text, a C2SP signed note.
    """

    origin: str
    size: int
    root: str
    note: str
