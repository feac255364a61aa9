from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.marks import dates, identifiers, kinds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What is INV-2024-0042?", ["INV-2024-0042"]),
        ("the P12-EX, not the P12 or p12-ex.", ["P12-EX", "P12", "p12-ex"]),
        ("ISO 27001, iso 9001 and ISO27001", ["ISO 27001", "iso 9001", "ISO27001"]),
        ("v2.3.1 or 2.3.1", ["v2.3.1", "2.3.1"]),
        ("§ 12, §12a und §§ 14", ["§ 12", "§12a", "§§ 14"]),
        (
            "section 4.2, Art. 5, Nr. 12, Artikel 7, sección 8, clause 9",
            ["section 4.2", "Art. 5", "Nr. 12", "Artikel 7", "sección 8", "clause 9"],
        ),
        ("P12-Sensor und Halden-P12", ["P12", "P12"]),
        ("P12/P13, INV/2024/0042", ["P12", "P13", "INV/2024/0042"]),
        (
            "CVE-2024-29018 KB5034441 A4 10.0.0.1 RFC 6962",
            ["CVE-2024-29018", "KB5034441", "A4", "10.0.0.1", "RFC 6962"],
        ),
        ("ticket 2024-0042 in Q3", ["2024-0042", "Q3"]),
        ("P12\u2011EX", ["P12\u2011EX"]),
    ],
)
def test_identifiers_are_found_by_their_form(text: str, found: list[str]) -> None:
    """Letters with digits, numbers with gaps, and numbers behind a sign or a word that counts are identifiers."""
    assert found == [mark.text for mark in identifiers(text)]


@pytest.mark.parametrize(
    "text",
    [
        "within 30 days, 500GB, 10kg, the 3rd, the 1990s, 14h30, 9am, 1.5GB, 30days",
        "a 30-day notice, a 3-year-old, die 5-Tage-Woche",
        "EUR 140, 140 EUR, 1,500.00, 1.500.000, 3.5 %, 50-60, 24/7, 2024-2026, 2024/25",
        "on 2026-03-04, 04.03.2026, 4 March 2026, March 4th, 2026, le 1er mars 2026, 4 de marzo de 2026",
        "travel-policy-2026, May 2026, in 2026",
        "about 1000 people paid 2000, e-mail, and/or km/h",
        "",
    ],
)
def test_amounts_ordinals_times_and_dates_are_no_identifiers(text: str) -> None:
    """Digits alone do not make an identifier, nor does what says how many or when."""
    assert [] == [mark.text for mark in identifiers(text)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("P12-EX", "p12_ex", True),
        ("ISO 27001", "iso27001", True),
        ("INV-2024-0042", "INV/2024/0042", True),
        ("P12\u2011EX", "P12-EX", True),
        ("§ 12", "§§12", True),
        ("P12", "P12-EX", False),
        ("v2.3.1", "v2.3.10", False),
        ("§ 12", "§ 12a", False),
    ],
)
def test_identifiers_compare_without_case_and_separators(one: str, other: str, same: bool) -> None:
    """Two ways of writing one identifier have one key; a part of a longer one is another identifier."""
    (first,), (second,) = identifiers(one.replace("_", "-")), identifiers(other.replace("_", "-"))
    assert same == (first.key == second.key)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("P12", "V40", True),
        ("P12-EX", "P13-IP", True),
        ("INV-2024-0042", "INV-2023-7", True),
        ("ISO 27001", "ISO 9001", True),
        ("P12", "P12-EX", False),
        ("INV-7", "PO-7", False),
        ("ISO 27001", "§ 12", False),
    ],
)
def test_a_pattern_is_what_identifiers_of_one_kind_share(one: str, other: str, same: bool) -> None:
    """The same groups, and the same letters to begin with unless it is a single one."""
    (first,), (second,) = identifiers(one), identifiers(other)
    assert same == (kinds(first.key) == kinds(second.key))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-04", ["2026-03-04"]),
        ("2026/03/04", ["2026-03-04"]),
        ("04.03.2026", ["2026-03-04"]),
        ("4. 3. 2026", ["2026-03-04"]),
        ("04.03.26", ["2026-03-04"]),
        ("13/3/2026", ["2026-03-13"]),
        ("3/4/2026", ["2026-04-03", "2026-03-04"]),
        ("4 March 2026", ["2026-03-04"]),
        ("the 4th of March 2026", ["2026-03-04"]),
        ("March 4, 2026", ["2026-03-04"]),
        ("4. März 2026", ["2026-03-04"]),
        ("le 4 mars 2026", ["2026-03-04"]),
        ("1er mars 2026", ["2026-03-01"]),
        ("4 de marzo de 2026", ["2026-03-04"]),
        ("MÄRZ 2026", ["2026-03"]),
        ("marzo de 2026", ["2026-03"]),
        ("03/2026", ["2026-03"]),
        ("2026-03", ["2026-03"]),
        ("in 2026", ["2026"]),
        ("2024-2026", ["2024", "2026"]),
        ("2024/25", ["2024", "2025"]),
        ("travel-policy-2026.md", ["2026"]),
        ("INV-2024-0042, CVE-2024-29018", []),
        ("2000 EUR, $2000, 2000 days, 2000 Tage, 2000 %", []),
        ("99.99.2026", []),
        ("you may go", []),
    ],
)
def test_dates_of_four_languages_come_in_one_form(text: str, found: list[str]) -> None:
    """Days, months and years become ISO 8601 whatever the language; amounts and parts of codes are no years."""
    assert found == [day for mark in dates(text) for day in mark.key]


@given(st.text("aPp12 0.-/§_,\u2011März2026", max_size=120))
def test_marks_stand_where_they_say_and_none_inside_another(text: str) -> None:
    """A mark is its stretch of the text; identifiers do not overlap, nor do dates."""
    for found in (identifiers(text), dates(text)):
        assert all(mark.text == text[mark.start : mark.end] and mark.key for mark in found)
        assert all(one.end <= other.start for one, other in pairwise(found))
