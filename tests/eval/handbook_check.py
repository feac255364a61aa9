"""Whether the handbook's questions can be measured with: `python -m tests.eval.handbook_check HANDBOOK`.

HANDBOOK is the folder of the company handbook's Markdown files, which is no part of the project. Every gold place has
to be there: the document, and in its visible text every supporting sentence, word for word (white space aside). The
visible text is what the Markdown parser of the appliance yields; a table's row reads there as that parser writes it.
Prints one line for each place that is not as it should be, then the counts, and exits with 1 if there is such a line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from appliance.types import Section
from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.text.markdown import MarkdownParser

QUESTIONS = Path(__file__).parent / "handbook" / "questions.jsonl"
KINDS = frozenset({"lookup", "paraphrase", "keyword", "comparison", "unanswerable", "follow-up"})
SPLITS = frozenset({"tune", "test"})
FIELDS: dict[str, type | tuple[type, ...]] = {
    "id": str,
    "question": str,
    "answers": list,
    "document": (str, type(None)),
    "page": (int, type(None)),
    "sentences": list,
    "split": str,
    "kind": str,
    "conversation": list,
    "also": list,
}
# A shorter sentence stands in too many documents by accident to say which of them supports an answer.
SENTENCE_CHARACTERS = 25
# Markdown has neither pages nor scans: what is said here plays no part.
OPTIONS = Options(pages=1, ocr_languages=(), scratch=Path())

Question = dict[str, Any]


def load(path: Path = QUESTIONS) -> list[Question]:
    """Return the questions of a file, one JSON object a line, in its order."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def places(question: Question) -> list[tuple[str, list[str]]]:
    """Return the gold places of a question: document and supporting sentences, its own first."""
    own = [(question["document"], question["sentences"])] if question["document"] else []
    return own + [(place["document"], place["sentences"]) for place in question["also"]]


def form_errors(question: Question) -> Iterator[str]:
    """Yield what is wrong with a question by itself; what refers to its content only if its fields are right."""
    wrong = [name for name, kind in FIELDS.items() if not isinstance(question.get(name, ...), kind)]
    wrong += sorted(question.keys() - FIELDS.keys())
    if wrong:
        yield f"missing, unknown or of the wrong type: {', '.join(wrong)}"
        return
    if question["kind"] not in KINDS or question["split"] not in SPLITS:
        yield f"kind {question['kind']!r}, split {question['split']!r}"
    if not all(text.strip() for text in texts(question)):
        yield "an empty text"
    gold = [bool(question[name]) for name in ("answers", "document", "sentences")]
    if gold != [question["kind"] != "unanswerable"] * len(gold):
        yield "answers, document and sentences go together, and only unanswerable questions have none"
    if bool(question["conversation"]) != (question["kind"] == "follow-up"):
        yield "follow-up questions have a conversation, others none"
    if question["kind"] == "comparison" and len({document for document, _ in places(question)}) < 2:
        yield "a comparison needs two documents"
    if not all(place["sentences"] for place in question["also"]):
        yield "a further place without a sentence"
    short = (text for _, sentences in places(question) for text in sentences if len(text) < SENTENCE_CHARACTERS)
    yield from (f"too short a sentence: {text!r}" for text in short)


def texts(question: Question) -> Iterator[str]:
    """Yield every text of a question that has to say something."""
    yield from (question["id"], question["question"], *question["answers"])
    for turn in question["conversation"]:
        yield from (turn["question"], turn["answer"])
    for document, sentences in places(question):
        yield from (document, *sentences)


def place_errors(question: Question, handbook: Path) -> Iterator[str]:
    """Yield the gold places of a question that the handbook does not have."""
    for document, sentences in places(question):
        if not (handbook / document).is_file():
            yield f"no document {document}"
            continue
        visible = visible_text(handbook / document)
        missing = (text for text in sentences if " ".join(text.split()) not in visible)
        yield from (f"not in {document}: {text!r}" for text in missing)


@lru_cache
def visible_text(path: Path) -> str:
    """Return what a reader of a Markdown file sees, white space folded."""
    with path.open("rb") as file:
        found = MarkdownParser(OPTIONS).parse(file, media.MARKDOWN)
        return " ".join(" ".join(part.text for part in found if isinstance(part, Section)).split())


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("handbook", type=Path, help="the folder of the handbook's Markdown files")
    handbook = parser.parse_args(arguments).handbook
    if not handbook.is_dir():
        parser.error(f"{handbook} is no folder")
    questions = load()
    wrong = [
        f"{question['id']}: {error}"
        for question in questions
        for error in (*form_errors(question), *place_errors(question, handbook))
    ]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    for (kind, split), count in sorted(Counter((q["kind"], q["split"]) for q in questions).items()):
        print(f"{kind:<13}{split:<5}{count:>4}")
    documents = {document for question in questions for document, _ in places(question)}
    print(f"{len(questions)} questions, {len(documents)} documents, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
