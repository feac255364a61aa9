from __future__ import annotations

import io

import pytest

from ingest.parsers.delimited import CsvParser
from ingest.parsers.text import TextParser, decode

LONG = "This line is long enough to have been wrapped at the margin,"


def test_paragraphs_are_what_blank_lines_divide() -> None:
    """Wrapped lines are joined; short lines and list items keep their own."""
    text = f"Title\n\n{LONG}\nso it goes on.\n \n1. one\n2. two\n\n{LONG}\n- item\n"
    sections = TextParser().parse(io.BytesIO(text.encode()), "text/plain")
    assert [section.text for section in sections] == [
        "Title",
        f"{LONG} so it goes on.",
        "1. one\n2. two",
        f"{LONG}\n- item",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"])
def test_common_encodings_are_understood(encoding: str) -> None:
    """A German sentence comes out the same from every common encoding, line ends unified."""
    text = "Die Kündigungsfrist beträgt für alle Beschäftigten vier Wochen. Größere Änderungen\r\nübernimmt das Büro."
    assert decode(text.encode(encoding)) == text.replace("\r\n", "\n")


def test_nothing_fails_to_decode() -> None:
    """Bytes in no encoding at all still give a text."""
    assert isinstance(decode(bytes(range(128, 256)) + b"x"), str)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("name;age;city\nAda;36;Bern\n", ["name: Ada | age: 36 | city: Bern"]),
        ('name,note,x\nAda,"a, b",1\n', ["name: Ada | note: a, b | x: 1"]),
        ("a\tb\tc\nx\ty\tz\n", ["a: x | b: y | c: z"]),
        ("Prices 2024\n\nname,eur,unit\nPump,3,piece\n", ["Prices 2024", "name: Pump | eur: 3 | unit: piece"]),
        ("a,b,c\n1,2\n1,2,3,4\n", ["a: 1 | b: 2\na: 1 | b: 2 | c: 3 | 4"]),
        ("", []),
    ],
)
def test_csv_rows_carry_their_headers(source: str, expected: list[str]) -> None:
    """Any usual delimiter is found, a caption is a paragraph, and ragged rows are no reason to refuse a file."""
    sections = CsvParser().parse(io.BytesIO(source.encode()), "text/csv")
    assert [section.text for section in sections] == expected
