"""What programs are shown of an answer: the records of `--json` and of the HTTP contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.types import Answer, Citation, Passage, Searched, Statement


def passage_record(passage: Passage) -> dict[str, Any]:
    """Return one passage as it stands in `appliance search --json`."""
    chunk = passage.chunk
    return {
        "document": chunk.document.path,
        "page": chunk.page,
        "score": round(passage.score, 6),
        "text": chunk.text,
        "headings": list(chunk.headings),
    }


def citation_record(citation: Citation) -> dict[str, Any]:
    """Return one citation as it stands in `appliance ask --json`."""
    document = citation.passage.chunk.document.path
    return {"sentence": citation.sentence, "document": document, "page": citation.page, "quote": citation.quote}


def quote_record(citation: Citation) -> dict[str, Any]:
    """Return a citation with its place: `boxes` are left, top, right, bottom in points from the page's top left."""
    boxes = [[box.left, box.top, box.right, box.bottom] for box in citation.boxes]
    return {**citation_record(citation), "boxes": boxes}


def statement_record(statement: Statement) -> dict[str, Any]:
    """Return one sentence of an answer, with the quotes for it and those against it."""
    return {
        "text": statement.text,
        "support": statement.support,
        "citations": [quote_record(citation) for citation in statement.citations],
        "against": [quote_record(citation) for citation in statement.against],
    }


def answer_record(answer: Answer) -> dict[str, Any]:
    """Return one answer as `appliance ask --json` prints it."""
    timings = {name: round(value, 2) for name, value in asdict(answer.timings).items()}
    return {
        "id": answer.id,
        "question": answer.question,
        "answer": answer.text,
        "refused": answer.refused,
        "reason": answer.reason,
        "confidence": answer.confidence if answer.confidence is None else round(answer.confidence, 4),
        "statements": [statement_record(statement) for statement in answer.statements],
        "missing": list(answer.missing),
        "searched": _searched_record(answer.searched),
        "citations": [citation_record(citation) for citation in answer.citations],
        "passages": [
            {name: value for name, value in passage_record(passage).items() if name != "headings"}
            for passage in answer.passages
        ],
        "model": {"name": answer.model.name, "sha256": answer.model.sha256},
        "log_index": answer.log_index,
        "timings": timings,
    }


def _searched_record(searched: Searched | None) -> dict[str, Any]:
    if searched is None:
        return {}
    closest = [{"document": p.chunk.document.path, "page": p.chunk.page} for p in searched.closest]
    return {"question": searched.question, "documents": searched.documents, "closest": closest}
