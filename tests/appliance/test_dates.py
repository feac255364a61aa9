"""Dates, however they are written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.dates import find_dates, same_date


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-03",
        "2026/05/03",
        "03.05.2026",
        "3.5.2026",
        "3 May 2026",
        "May 3, 2026",
        "May 3rd, 2026",
        "3rd of May 2026",
        "May 3 , 2026",
        "3. Mai 2026",
        "le 3 mai 2026",
        "3 de mayo de 2026",
        "(3 May 2026)",
    ],
)
def test_a_date_is_itself_however_it_is_written(text: str) -> None:
    """Digits, names of months, ordinals and languages are ways of writing one date."""
    assert [{"2026-05-03"}] == [set(date.readings) for date in find_dates(text)]


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("03/05/2026", {"2026-05-03", "2026-03-05"}),
        ("05/20/2026", {"2026-05-20"}),
        ("on May 3rd", {"0000-05-03"}),
        ("am 3. Mai", {"0000-05-03"}),
        ("in May 2026", {"2026-05-00"}),
        ("1er août", {"0000-08-01"}),
    ],
)
def test_what_is_not_said_is_left_open(text: str, readings: set[str]) -> None:
    """A date without a year or a day has none, and one that can be read twice has both readings."""
    assert [readings] == [set(date.readings) for date in find_dates(text)]


@pytest.mark.parametrize(
    "text",
    ["v1.2.2026-rc", "12.05", "you may take 3 days", "13.13.2026", "45 May", "1-800-555-0199", "May I?", "2024-2026"],
)
def test_other_numbers_are_no_dates(text: str) -> None:
    """Versions, ranges, decimals, telephone numbers and verbs are left alone."""
    assert [] == find_dates(text)


@pytest.mark.parametrize(
    ("claimed", "found", "same"),
    [
        ("2026-05-03", "2026-05-03", True),
        ("0000-05-03", "2026-05-03", True),
        ("2026-05-00", "2026-05-03", True),
        ("2026-05-03", "2026-05-04", False),
        ("2026-05-03", "0000-05-03", False),
        ("2026-05-03", "2025-05-03", False),
    ],
)
def test_all_that_is_claimed_must_be_said(claimed: str, found: str, same: bool) -> None:
    """The found date may say more than the claimed one, never less and nothing else."""
    assert same == same_date(claimed, found)


@given(st.text(alphabet="0123 4.5/6-7May,ofé2"))
def test_dates_stand_in_the_text(text: str) -> None:
    """Whatever the text: dates are in order, apart, inside of it, and on the calendar."""
    dates = find_dates(text)
    assert all(0 <= a.start < a.end <= len(text) for a in dates)
    assert all(a.end <= b.start for a, b in pairwise(dates))
    assert all(1 <= date.month <= 12 and 0 <= date.day <= 31 for date in dates)
