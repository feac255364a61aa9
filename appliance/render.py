"""What programs are shown of an answer: the records of `--json` and of the HTTP contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.types import Answer, Citation, Passage


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


def answer_record(answer: Answer) -> dict[str, Any]:
    """Return one answer as `appliance ask --json` prints it."""
    timings = {name: round(value, 2) for name, value in asdict(answer.timings).items()}
    return {
        "id": answer.id,
        "question": answer.question,
        "answer": answer.text,
        "refused": answer.refused,
        "citations": [citation_record(citation) for citation in answer.citations],
        "passages": [
            {name: value for name, value in passage_record(passage).items() if name != "headings"}
            for passage in answer.passages
        ],
        "model": {"name": answer.model.name, "sha256": answer.model.sha256},
        "log_index": answer.log_index,
        "timings": timings,
    }
