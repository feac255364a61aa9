"""An answer as the page draws it, read from the service's records. What a record lacks is empty here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

UNSUPPORTED, CONTRADICTED = "unsupported", "contradicted"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A quote and where it stands. `page` is 1-based, or None where the format has none."""

    document: str
    page: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, with the numbers, from 1, of the sources that support it and of those against it."""

    text: str
    support: str = ""
    numbers: tuple[int, ...] = ()
    against: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The sentences of an answer, and the sources that their numbers mean: each once, in the order of first use."""

    statements: tuple[Statement, ...]
    sources: tuple[Source, ...]


def reply(statements: Iterable[Row]) -> Reply:
    """Return the sentences of an answer with their sources numbered. Texts of statements, joined, are the answer."""
    numbers: dict[Source, int] = {}

    def numbered(citations: Any) -> tuple[int, ...]:
        found = (numbers.setdefault(source(row), len(numbers) + 1) for row in rows(citations))
        return tuple(dict.fromkeys(found))

    read = tuple(
        Statement(
            str(row.get("text") or ""),
            str(row.get("support") or ""),
            numbered(row.get("citations")),
            numbered(row.get("against")),
        )
        for row in statements
    )
    return Reply(read, tuple(numbers))


def source(row: Row) -> Source:
    """Return where a citation or a passage stands, and its quote if it has one."""
    page = row.get("page")
    return Source(str(row.get("document") or ""), page if isinstance(page, int) else None, str(row.get("quote") or ""))


def paragraphs(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Return the sentences in runs that end where something has to stand below one: those against it."""
    runs: list[list[Statement]] = [[]]
    for statement in statements:
        runs[-1].append(statement)
        if statement.against:
            runs.append([])
    return [run for run in runs if run]


def closest(answer: Row, passages: Sequence[Row]) -> list[tuple[Source, list[Row]]]:
    """Return the documents that came closest to a question, best first, each with its best place and its passages.

    A service that does not say which came closest has them in the order of its passages.
    """
    best: dict[str, Source] = {}
    for row in rows(searched(answer).get("closest")) or passages:
        best.setdefault(source(row).document, source(row))
    return [(place, [row for row in passages if source(row).document == document]) for document, place in best.items()]


def meant(answer: Row, question: str) -> str:
    """Return what was searched for, or "" where it was the question itself."""
    text = str(searched(answer).get("question") or "")
    # The service tidies a question up before it searches; that alone is no other question.
    same = {" ".join(asked.split()) for asked in (question, str(answer.get("question") or ""))}
    return "" if " ".join(text.split()) in same else text


def searched(answer: Row) -> Row:
    """Return what the record says of the search."""
    found = answer.get("searched")
    return found if isinstance(found, Mapping) else {}


def missing(answer: Row) -> list[str]:
    """Return the parts of the question that an answer leaves open, in the question's words."""
    parts = answer.get("missing")
    return [str(part) for part in parts if part] if isinstance(parts, list) else []


def rows(value: Any) -> list[Row]:
    """Return the objects of a JSON list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
