"""The set of questions in German, French and Spanish, as tests read it: tests/eval/languages is its folder.

The documents are those of three companies that do not exist, each written in its own language. `said.jsonl` has, for
each answerable question, the sentence that answers it, in the language of the document, and the same sentence with one
thing changed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from appliance.evaluation import folder
from appliance.evaluation.sets import Question
from appliance.types import Chunk, Document, Passage, Section, chunk_id, document_id
from ingest import media
from ingest.chunk import Chunker
from ingest.parsers import parser_for
from ingest.parsers.options import Options

SET = Path(__file__).parent / "languages"
CODES = ("de", "fr", "es")
# As large as the default embedder's, in words.
CHUNK_WORDS = 150
_TYPES = {".md": media.MARKDOWN, ".csv": media.CSV, ".html": media.HTML, ".txt": media.TEXT}
# None of the formats has pages or scans: what is said here plays no part.
_OPTIONS = Options(pages=1, ocr_languages=(), scratch=Path())


@dataclass(frozen=True, slots=True)
class Said:
    """What is said to the question `id`: the right answer, and a wrong one."""

    id: str
    right: str
    wrong: str


def questions(code: str) -> tuple[Question, ...]:
    """Return the questions about the documents of a language, in the order of the file."""
    return next(each.questions for each in folder.read(SET).questions if each.name == code)


@cache
def documents(code: str) -> tuple[str, ...]:
    """Return the paths of the documents of a language, relative to the share."""
    share = SET / "documents"
    return tuple(sorted(file.relative_to(share).as_posix() for file in (share / code).rglob("*") if file.is_file()))


def said() -> tuple[Said, ...]:
    """Return what is said to the answerable questions of all languages."""
    return tuple(Said(**json.loads(line)) for line in (SET / "said.jsonl").read_text("utf-8").splitlines())


@cache
def sections(document: str) -> tuple[Section, ...]:
    """Return what the appliance reads in a document."""
    media_type = _TYPES[Path(document).suffix]
    with (SET / "documents" / document).open("rb") as file:
        found = parser_for(media_type, _OPTIONS).parse(file, media_type)
        return tuple(part for part in found if isinstance(part, Section))


def visible_text(document: str) -> str:
    """Return what a reader of a document sees, white space folded."""
    return _folded(" ".join(section.text for section in sections(document)))


def missing_sentences(question: Question) -> list[str]:
    """Return the gold sentences that do not stand in their documents."""
    return [
        sentence
        for place in question.places
        for sentence in place.sentences
        if place.document is None or _folded(sentence) not in visible_text(place.document)
    ]


@cache
def passages(path: str) -> tuple[Passage, ...]:
    """Return a document in passages, cut as the appliance cuts it."""
    cut = Chunker(_count_words, CHUNK_WORDS).chunk(sections(path), path)
    document = Document(document_id("share", path), path, "0" * 64, "text/plain", frozenset({"group:everyone"}))
    return tuple(
        Passage(
            Chunk(
                chunk_id(document, number),
                document,
                number,
                draft.text,
                None,
                (*filter(None, [cut.title]), *draft.headings),
            ),
            1.0,
        )
        for number, draft in enumerate(cut.drafts)
    )


def _count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def _folded(text: str) -> str:
    return " ".join(text.split())
