from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.query import understand
from appliance.types import Chunk, Document, Passage
from appliance.versions import Edition, collapse, edition

OLD = "The company pays for a hotel room up to 140 EUR a night, breakfast included. In London and Paris it is 190 EUR."
NEW = "The company pays for a hotel room up to 165 EUR a night, breakfast included. In London and Paris it is 215 EUR."
LEAVE = "Up to five days of annual leave may be carried over into the following year by every employee of the company."
QUESTION = "How much may a hotel room cost?"


def passage(path: str, text: str, score: float = 1.0, headings: tuple[str, ...] = (), ordinal: int = 0) -> Passage:
    document = Document(path, path, "00", "text/markdown", frozenset())
    return Passage(Chunk(f"{path}:{ordinal}", document, ordinal, text, None, headings), score)


def left(question: str, *passages: Passage) -> list[str]:
    return [found.chunk.id for found in collapse(understand(question), passages)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("policies/travel-policy-2025.md", Edition(("policies", "travel policy"), ("2025",))),
        ("policies/Travel Policy 2025-06.docx", Edition(("policies", "travel policy"), ("2025-06",))),
        ("policy 20250304.pdf", Edition(("policy",), ("2025-03-04",))),
        ("contracts/x_v2.docx", Edition(("contracts", "x"), (), (2,))),
        ("x-v1.2.3.md", Edition(("x",), (), (1, 2, 3))),
        ("Richtlinie Fassung 3 ALT.md", Edition(("richtlinie",), (), (3,), -1)),
        ("archive/x.md", Edition(("x",), (), (), -1)),
        ("docs/v2.0/x.md", Edition(("docs", "x"), (), (2, 0))),
        ("tooling/4-4-1.md", Edition(("tooling",), (), (4, 4, 1))),
        ("report (1).docx", Edition(("report",), (), (), -1)),
        ("report - Copy.docx", Edition(("report",), (), (), -1)),
        ("rapport brouillon.docx", Edition(("rapport",), (), (), -1)),
        ("contracts/x final.docx", Edition(("contracts", "x"), (), (), 1)),
        ("chapter-1.md", Edition(("chapter 1",))),
        ("ISO 27001.md", Edition(("iso 27001",))),
        ("products/p12-data-sheet.md", Edition(("products", "p12 data sheet"))),
    ],
)
def test_a_path_says_which_version_a_document_is(path: str, expected: Edition) -> None:
    """Years, dates, version numbers and words such as "draft" are markers; other numbers belong to the name."""
    assert expected == edition(path)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("travel-policy-2025.md", "travel-policy-2026.md"),
        ("2025/travel.md", "2026/travel.pdf"),
        ("x_v1.docx", "x_v2.docx"),
        ("x.docx", "x_v2.docx"),
        ("x_v2.docx", "x_v10.docx"),
        ("archive/x.md", "x.md"),
        ("x draft.md", "x final.md"),
        ("x_v2_2025.md", "x_v2_2026.md"),
        ("Reise_ALT.md", "Reise.md"),
    ],
)
def test_the_older_of_two_versions_is_known(older: str, newer: str) -> None:
    """One of the two is older, never each of the other."""
    assert (True, False) == (edition(older).older(edition(newer)), edition(newer).older(edition(older)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x_v1_final.md", "x_v2_draft.md"),
        ("x.md", "x-2025.md"),
        ("leave-2025.md", "travel-2026.md"),
        ("a/x-2025.md", "b/x-2026.md"),
        ("chapter-1.md", "chapter-2.md"),
        ("x.md", "x.md"),
    ],
)
def test_what_is_not_clear_is_no_version(one: str, other: str) -> None:
    """Other names, markers that say opposite things, and a date beside none leave both as they are."""
    assert (False, False) == (edition(one).older(edition(other)), edition(other).older(edition(one)))


def test_the_older_policy_gives_way_to_the_newer() -> None:
    """A question about the hotel limit is not answered from last year's policy; the newer takes its place and score."""
    given = [
        passage("travel-policy-2025.md", OLD, 1.2),
        passage("leave.md", LEAVE),
        passage("travel-policy-2026.md", NEW, 0.8),
    ]
    found = collapse(understand(QUESTION), given)
    assert [("travel-policy-2026.md:0", 1.2), ("leave.md:0", 1.0)] == [(f.chunk.id, f.score) for f in found]


@pytest.mark.parametrize(
    "question",
    [
        "How much might a hotel room cost in 2025?",
        "What did travel-policy-2025.md say about hotels?",
        "What has changed in the hotel limit?",
        "Wie hat sich das Hotellimit geändert?",
        "Quelle est la différence pour l'hôtel ?",
        "¿Qué ha cambiado en el límite del hotel?",
        "Compare the hotel limits.",
    ],
)
def test_both_versions_stay_when_the_older_is_asked_for(question: str) -> None:
    """Who names the year, or compares, gets what was in force before as well."""
    given = (passage("travel-policy-2025.md", OLD), passage("travel-policy-2026.md", NEW))
    assert 2 == len(left(question, *given))


def test_naming_the_newer_year_does_not_keep_the_older() -> None:
    """Only the version that the question names is kept for its sake."""
    given = (passage("travel-policy-2025.md", OLD), passage("travel-policy-2026.md", NEW))
    assert ["travel-policy-2026.md:0"] == left("What is the hotel limit in 2026?", *given)


@pytest.mark.parametrize(
    ("question", "kept"),
    [("What does version 1 say of hotels?", 2), ("What does the old draft say?", 2), (QUESTION, 1)],
)
def test_a_version_number_or_state_may_be_asked_for(question: str, kept: int) -> None:
    """As may a year."""
    given = (passage("travel_v1 draft.docx", OLD), passage("travel_v2.docx", NEW))
    assert kept == len(left(question, *given))


def test_titles_in_one_folder_tell_versions_too() -> None:
    """Where paths are only numbers of files, the titles say which is the newer."""
    old = passage("hr/DOC-7741.docx", OLD, headings=("Travel policy 2025", "Hotels"))
    new = passage("hr/DOC-1234.docx", NEW, headings=("Travel policy 2026", "Hotels"))
    assert ["hr/DOC-1234.docx:0"] == left(QUESTION, old, new)


def test_the_older_stays_where_the_newer_is_silent() -> None:
    """Another matter of the older document, or a word of the question that only the older has, keeps it."""
    assert 2 == len(left(QUESTION, passage("travel-2025.md", LEAVE), passage("travel-2026.md", NEW)))
    oslo = passage("travel-2025.md", f"{OLD} In Oslo it is 180 EUR.")
    assert 2 == len(left("What is the hotel limit in Oslo?", oslo, passage("travel-2026.md", NEW)))


def test_the_newest_of_three_is_left() -> None:
    """A version that is itself replaced stands for nothing."""
    given = [passage(f"travel-{year}.md", NEW.replace("165", f"{year - 1860}")) for year in (2025, 2024, 2026)]
    assert ["travel-2026.md:0"] == left(QUESTION, *given)


def test_a_near_copy_gives_way_to_the_better_placed() -> None:
    """White space and a little word less do not make another passage; what says more stays."""
    copy = passage("b.md", f"{LEAVE.upper()}\n please", 0.9)
    longer = passage("c.md", f"{LEAVE} {OLD} Please.")
    assert ["b.md:0"] == left("x", copy, passage("a.md", LEAVE.upper()))
    assert ["c.md:0"] == left("x", longer, passage("a.md", LEAVE), passage("b.md", OLD))
    assert 2 == len(left("x", passage("a.md", LEAVE), longer))


@pytest.mark.parametrize(
    "other",
    [
        LEAVE.replace("five", "ten").replace("Up", "5 up"),
        LEAVE.replace("may be", "may not be"),
        LEAVE.replace("company", "Halden"),
        f"{LEAVE} Whoever leaves during the year has it paid out with the last salary, as far as it was earned.",
    ],
)
def test_what_says_something_else_is_no_copy(other: str) -> None:
    """Another number, a denial, another name or a sentence more keep a passage."""
    assert 2 == len(left("x", passage("a.md", LEAVE), passage("b.md", other)))


def test_the_same_words_under_another_heading_are_no_copy() -> None:
    """What a heading names may be all the difference; the title alone is none."""
    london, paris = passage("a.md", LEAVE, 1, ("T", "London")), passage("a.md", LEAVE, 1, ("T", "Paris"), 1)
    assert 2 == len(left("x", london, paris))
    assert 1 == len(left("x", passage("a.md", LEAVE, 1, ("Leave",)), passage("b.md", LEAVE, 1, ("Copy of leave",))))


paths = st.sampled_from(["x-2024.md", "x-2025.md", "x.md", "old/x.md", "x_v1.md", "x_v2 draft.md", "y.md"])
texts = st.sampled_from([OLD, NEW, LEAVE, f"{OLD} {LEAVE}", ""])


@given(st.lists(st.tuples(paths, texts, st.floats(0, 2)), max_size=10), st.sampled_from([QUESTION, "2024?", "changed"]))
def test_what_is_left_is_of_what_came_and_never_nothing(rows: list[tuple[str, str, float]], question: str) -> None:
    """Each passage at most once, none that did not come, always the same, and something where something came."""
    given = [passage(path, text, score, (), i) for i, (path, text, score) in enumerate(rows)]
    found = left(question, *given)
    assert len(found) == len(set(found))
    assert set(found) <= {each.chunk.id for each in given}
    assert bool(given) == bool(found)
    assert found == left(question, *given)
