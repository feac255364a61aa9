"""Rules of an answer as the page reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.render import answer_record
from appliance.types import (
    Answer,
    Chunk,
    Citation,
    Document,
    ModelRecord,
    Passage,
    Searched,
    Statement,
    Timings,
    principals,
)
from ui.reply import Source, closest, meant, missing, paragraphs, reply, rows

QUOTES = st.builds(
    lambda document, page, quote: {"document": document, "page": page, "quote": quote},
    st.sampled_from("ab"),
    st.sampled_from([None, 1]),
    st.sampled_from("xy"),
)
STATEMENTS = st.lists(
    st.fixed_dictionaries({"text": st.text("ab. "), "citations": st.lists(QUOTES), "against": st.lists(QUOTES)})
)


@given(STATEMENTS)
def test_every_source_has_one_number_and_every_number_a_source(statements: list[dict[str, Any]]) -> None:
    """Numbers count from 1 in the order of first use; each sentence has those of its own quotes, each once."""
    read = reply(statements)
    used = [number for statement in read.statements for number in (*statement.numbers, *statement.against)]
    assert list(dict.fromkeys(used)) == list(range(1, len(read.sources) + 1))
    for statement, given_ in zip(read.statements, statements, strict=True):
        named = [read.sources[number - 1] for number in statement.numbers]
        told = [Source(row["document"], row["page"], row["quote"]) for row in given_["citations"]]
        assert named == list(dict.fromkeys(told))


@given(STATEMENTS)
def test_paragraphs_lose_no_sentence(statements: list[dict[str, Any]]) -> None:
    """Paragraphs, joined, are the sentences; a sentence with quotes against it ends its paragraph."""
    read = reply(statements).statements
    runs = paragraphs(read)
    assert [statement for run in runs for statement in run] == list(read)
    assert [statement for run in runs for statement in run[:-1] if statement.against] == []
    assert [] not in runs


def test_the_page_reads_what_the_service_writes() -> None:
    """The record of a whole answer, as the service makes it, comes out with everything that the page shows."""
    document = Document("d", "people/leave.md", "ab" * 32, "text/markdown", principals("local"))
    passage = Passage(Chunk("c", document, 0, "30 days. 25 days.", 2), 1.0)
    supports = Citation("It is 30 days.", passage, "30 days.", 2)
    denies = Citation("It is 30 days.", passage, "25 days.", 2, 9)
    answer = Answer(
        id="a",
        question="And in Madrid?",
        text="It is 30 days.",
        citations=(supports,),
        refused=False,
        passages=(passage,),
        model=ModelRecord("generator", "m", "ab" * 32, "", ""),
        log_index=1,
        timings=Timings(1, 1, 1, 1, 1, 1),
        statements=(Statement("It is 30 days.", "contradicted", (supports,), (denies,)),),
        missing=("Madrid",),
        searched=Searched("And in Madrid? (leave)", 3, (passage,)),
    )
    record = answer_record(answer)
    read = reply(record["statements"])
    (statement,) = read.statements
    assert (statement.text, statement.support) == ("It is 30 days.", "contradicted")
    assert [read.sources[number - 1].quote for number in (*statement.numbers, *statement.against)] == [
        "30 days.",
        "25 days.",
    ]
    assert read.sources[0] == Source("people/leave.md", 2, "30 days.")
    assert missing(record) == ["Madrid"]
    assert meant(record, "And in Madrid?") == "And in Madrid? (leave)"
    assert closest(record, rows(record["passages"])) == [(Source("people/leave.md", 2), record["passages"])]


@pytest.mark.parametrize(
    ("searched", "shown"),
    [
        ({}, ""),
        ({"question": "What is due?"}, ""),
        ({"question": "What  is\ndue?"}, ""),
        ({"question": "What is due? (rent)"}, "What is due? (rent)"),
    ],
)
def test_what_was_searched_for_is_said_only_where_it_differs(searched: dict[str, str], shown: str) -> None:
    """A question that stands alone was searched for as it is; blanks make no difference."""
    assert meant({"question": "What is due?", "searched": searched}, " What is due?") == shown


@pytest.mark.parametrize("broken", [None, 1, "x", [1, None, "x"], {"a": 1}])
def test_records_of_another_shape_are_empty_here(broken: Any) -> None:
    """A service of another version does not break the page."""
    answer = {"statements": broken, "searched": broken, "question": broken}
    assert reply(rows(answer["statements"])).statements == ()
    assert [closest(answer, []), meant(answer, "q")] == [[], ""]
    assert reply([{"citations": broken, "against": broken}]).sources == ()
