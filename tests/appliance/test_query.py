from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.query import BONUS, OTHER, Query, boost, understand
from appliance.types import Chunk, Document, Passage


def passage(text: str, score: float = 1.0, path: str = "a.md", headings: tuple[str, ...] = ()) -> Passage:
    document = Document(path, path, "00", "text/markdown", frozenset())
    return Passage(Chunk(f"{path}/{text}/{score}", document, 0, text, None, headings), score)


def order(question: str, *passages: Passage) -> list[str]:
    return [found.chunk.text for found in boost(understand(question), passages)]


def test_a_question_is_taken_apart() -> None:
    """Identifiers, dates, quoted phrases and names of files are found in one question, the rest is left alone."""
    question = 'Does travel-policy-2026.md say "written approval" for INV-2024-0042 of 4 March 2026?'
    assert understand(question) == Query(
        question, ("INV-2024-0042",), ("2026", "2026-03-04"), ("written approval",), ("travel-policy-2026.md",)
    )


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ('the "hotel limit"', ("hotel limit",)),
        ("the “hotel limit”", ("hotel limit",)),
        ("das „Hotellimit“ und „Tagegeld”", ("Hotellimit", "Tagegeld")),
        ("le « plafond » et l'«hôtel»", ("plafond", "hôtel")),
        ("das »Limit«", ("Limit",)),
        ("the ‘hotel limit’, ‚Limit‘", ("hotel limit", "Limit")),
        ("the 'hotel limit' in Ada's policy", ("hotel limit",)),
        ("‘don’t panic’", ("don’t panic",)),
        ("Ada's and Grace's badge, l'hôtel d'Ada", ()),
        ('an open "quotation', ()),
        ('""', ()),
    ],
)
def test_phrases_stand_in_any_quotation_marks(text: str, phrases: tuple[str, ...]) -> None:
    """The marks of English, German, French and Spanish are known; an apostrophe is none."""
    assert phrases == understand(text).phrases


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What does travel-policy-2026.md say?", ("travel-policy-2026.md",)),
        ("in policies/leave-policy.", ("policies/leave-policy",)),
        ("the price-list", ("price-list",)),
        ("open data_retention and Budget_2026", ("data_retention", "Budget_2026")),
        ("contracts/supply-agreement.PDF?", ("contracts/supply-agreement.PDF",)),
        ("and/or km/h 24/7 e-mail est-ce rendez-vous in-house P12-EX z.B. e.g.", ()),
    ],
)
def test_names_of_files_are_known_by_their_form(text: str, names: tuple[str, ...]) -> None:
    """An extension, a path, underscores or hyphens between words make a name; ordinary words do not."""
    assert names == understand(text).names


def test_the_asked_identifier_comes_first_and_another_of_its_kind_last() -> None:
    """A passage with the identifier overtakes the others, one with another of the same pattern falls behind them."""
    given = [passage("P13: 24 months.", 1.05), passage("Warranty.", 1.0), passage("P12: 36 months.", 0.9)]
    assert ["P12: 36 months.", "Warranty.", "P13: 24 months."] == order("P12 warranty?", *given)


def test_headings_and_paths_say_what_a_passage_is_about() -> None:
    """Under the heading of another product a passage falls behind, naming one in passing does it no harm."""
    about, passing = passage("24 months.", 1.05, headings=("V40",)), passage("Unlike the V40.", 1.0)
    named = passage("P12: 36 months.", 0.9)
    assert ["P12: 36 months.", "Unlike the V40.", "24 months."] == order("P12 warranty?", about, passing, named)
    sheet = passage("24 months.", 1.05, "products/v40-data-sheet.md")
    assert ["P12: 36 months.", "Unlike the V40.", "24 months."] == order("P12 warranty?", sheet, passing, named)


def test_where_nobody_has_the_asked_identifier_no_other_falls_behind() -> None:
    """Then there is nothing that would answer better."""
    given = [passage("P13: 24 months.", 1.05), passage("Warranty.", 1.0)]
    assert ["P13: 24 months.", "Warranty."] == order("P12 warranty?", *given)


def test_a_part_of_a_longer_identifier_does_not_count() -> None:
    """Who asks for P12 does not ask for P12-EX, and the other way round."""
    short, long = passage("The P12 has one."), passage("The P12-EX has one.")
    assert ["The P12 has one.", "The P12-EX has one."] == order("Has the P12 one?", long, short)
    assert ["The P12-EX has one.", "The P12 has one."] == order("Has the p12-ex one?", short, long)


@pytest.mark.parametrize(
    ("question", "better"),
    [
        ("What does ISO 27001 say?", passage("by iso-27001")),
        ("Who may sign „written approval“?", passage("The Written\n approval is needed.")),
        ("What about P12?", passage("One year.", headings=("Products", "P12"))),
        ("What about P12?", passage("One year.", path="products/p12-data-sheet.md")),
        ("What does the price-list say?", passage("x", path="sales/price-list-2026.xlsx")),
        ("What is in policies/leave-policy?", passage("x", path="policies/leave-policy.md")),
        ("What happened on 4 March 2026?", passage("Am 04.03.2026 stand die Linie.")),
    ],
)
def test_what_a_question_names_counts_in_text_headings_and_path(question: str, better: Passage) -> None:
    """However it is written there, and wherever it stands."""
    other = passage("Something else.", 1.2, "other/leave.md")
    assert [better.chunk, other.chunk] == [found.chunk for found in boost(understand(question), [other, better])]


def test_a_phrase_counts_as_a_whole() -> None:
    """Its words in another order, or inside of longer words, are not the phrase."""
    given = [passage("approval, written"), passage("unwritten approvals"), passage("a written approval")]
    assert "a written approval" == order('"written approval"', *given)[0]


def test_what_is_far_better_stays_first() -> None:
    """The bonus is bounded: naming a thing does not outweigh everything else."""
    good, named = passage("good", 2.0), passage("P12", 1.0)
    assert ["good", "P12"] == order("P12?", good, named)


def test_a_question_that_names_nothing_changes_nothing() -> None:
    """Order and scores are as they came."""
    given = [passage("b", 0.5), passage("a", 0.7)]
    assert given == boost(understand("How much may a hotel cost?"), given)


def test_what_only_looks_like_a_file_takes_nothing_from_the_rest() -> None:
    """A name that no document bears has no share in the bonus."""
    (found,) = boost(understand("the long-term P12 warranty"), [passage("P12", 1.0)])
    assert 1.0 + BONUS == found.score


marks = st.sampled_from(["P12", "P12-EX", "V40", "ISO 27001", "INV-7", "hotel", "limit", "“hotel limit”", "2026-03-04"])
texts = st.lists(marks, max_size=6).map(" ".join)


@given(texts, st.lists(st.tuples(texts, st.floats(0, 2)), max_size=8))
def test_the_result_is_a_permutation_within_bounds(question: str, rows: list[tuple[str, float]]) -> None:
    """No passage is lost, no score moves by more than the bonus and what another identifier costs, best first."""
    given = [passage(text, score, f"{i}.md") for i, (text, score) in enumerate(rows)]
    found = boost(understand(question), given)
    before = {each.chunk.document.id: each.score for each in given}
    assert sorted(before) == sorted(each.chunk.document.id for each in found)
    assert all(-OTHER <= each.score - before[each.chunk.document.id] <= BONUS + 1e-9 for each in found)
    assert (
        sorted((each.score for each in found), reverse=True) == [each.score for each in found]
        or not understand(question).exact
    )
