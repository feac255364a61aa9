from __future__ import annotations

import pytest

from ingest.parsers.tables import looks_like_header, render


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([["Article", "Price", "Since"], ["Pump", "12", "2024"]], "Article: Pump | Price: 12 | Since: 2024"),
        ([["City", "Limit"], ["Rome", "9 EUR"]], "City: Rome | Limit: 9 EUR"),
        ([["Contact", "Sales"], ["Owner", "Ada"]], "Contact | Sales\nOwner | Ada"),
        ([["2023", "2024", "2025"], ["1", "2", "3"]], "2023 | 2024 | 2025\n1 | 2 | 3"),
        ([["A", "B", "C"], ["x", "", "z"], ["", "", ""]], "A: x | C: z"),
        ([["A", "B", "C"], ["1", "2", "3", "more"]], "A: 1 | B: 2 | C: 3 | more"),
        ([["only", "one", "row"]], "only | one | row"),
        ([["A", "B", "C"], ["two\nlines", "x", "y"]], "A: two lines | B: x | C: y"),
        ([], ""),
        ([[], []], ""),
        ([["", "2023", "2024"], ["Rent", "9", "8"]], "Rent | 2023: 9 | 2024: 8"),
        ([["Item", "2023", "2024"], ["Rent", "9", "8"]], "Item: Rent | 2023: 9 | 2024: 8"),
        ([["Pump", "12", "13"], ["Valve", "1", "2"]], "Pump | 12 | 13\nValve | 1 | 2"),
    ],
)  # fmt: skip
def test_rows_carry_their_headers_where_there_are_any(rows: list[list[str]], text: str) -> None:
    """A first row that names columns is repeated in each row; names beside values are left as they are."""
    assert render(rows) == text


def test_whoever_knows_decides_about_the_header() -> None:
    """What the format says about the first row comes before what it looks like."""
    rows = [["Contact", "Sales"], ["Owner", "Ada"]]
    assert render(rows, header=True) == "Contact: Owner | Sales: Ada"
    assert render([["A", "B", "C"], ["x", "y", "z"]], header=False) == "A | B | C\nx | y | z"


def test_an_empty_row_is_no_header() -> None:
    """Rows without any cells name nothing."""
    assert not looks_like_header([[], []])
