from __future__ import annotations

import csv
import io
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.text.delimited import CsvParser, read_lines

OPTIONS = Options(pages=100, ocr_languages=(), scratch=Path("unused"))


def texts(data: bytes, media_type: str = media.CSV) -> list[str]:
    return [section.text for section in CsvParser(OPTIONS).parse(io.BytesIO(data), media_type)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("name;age;city\nAda;36;Bern\n", ["name: Ada | age: 36 | city: Bern"]),
        ('name,note,x\nAda,"a, b",1\n', ["name: Ada | note: a, b | x: 1"]),
        ("a\tb\tc\nx\ty\tz\n", ["a: x | b: y | c: z"]),
        ("a|b|c\nx|y, and so on|z\n", ["a: x | b: y, and so on | c: z"]),
        ("Prices 2024\n\nname,eur,unit\nPump,3,piece\n", ["Prices 2024", "name: Pump | eur: 3 | unit: piece"]),
        ("a,b,c\n1,2\n1,2,3,4\n", ["a: 1 | b: 2\na: 1 | b: 2 | c: 3 | 4"]),
        ("item;eur;usd\nPump;1,5;2,5\nNut;0,1;0,2\n",
         ["item: Pump | eur: 1,5 | usd: 2,5\nitem: Nut | eur: 0,1 | usd: 0,2"]),
        ('a,b,c\n"two\nlines",x,y\n', ["a: two lines | b: x | c: y"]),
        ("name,city\nAda,Bern\nBob,Oslo\n", ["name: Ada | city: Bern\nname: Bob | city: Oslo"]),
        ("First, a sentence that goes on for a while, with a comma.\nThen another one without.\n"
         "And a third, which is as long as the first one was, or longer.\n",
         ["First, a sentence that goes on for a while, with a comma.\nThen another one without.\n"
          "And a third, which is as long as the first one was, or longer."]),
        ('size,name,note\n"5 inch,pipe,x\n6,tube,y\n',
         ['size: "5 inch | name: pipe | note: x\nsize: 6 | name: tube | note: y']),
        ("id,tags,n\n1,a;b,x\n2,c;d,y\n", ["id: 1 | tags: a;b | n: x\nid: 2 | tags: c;d | n: y"]),
        ("a,b,c\r1,2,3\r", ["a: 1 | b: 2 | c: 3"]),
        ("", []),
        ("\n\n", []),
    ],
)  # fmt: skip
def test_rows_carry_their_headers(source: str, expected: list[str]) -> None:
    """Any usual delimiter is found, a caption is a paragraph, and ragged rows are no reason to refuse a file."""
    assert texts(source.encode()) == expected


def test_a_file_of_tabs_is_one_although_it_has_more_commas() -> None:
    """What is known about the format comes before what the signs suggest."""
    assert texts(b"a\tb\tc\n1,2,3\t4\t5\n1,2,3\t6\t7\n", media.TSV)[0].startswith("a: 1,2,3 | b: 4")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("at_once", [10, 1_000_000])
def test_large_files_are_read_as_small_ones(encoding: str, at_once: int) -> None:
    """A file that is too large to be held at once is decoded alike."""
    text = "Die Kündigungsfrist beträgt vier Wochen\r\nund für alle;Größere Änderungen\nübernimmt das Büro\n"
    found = list(read_lines(io.BytesIO(text.encode(encoding)), at_once))
    assert text.replace("\r\n", "\n").splitlines() == [line.rstrip("\r\n") for line in found]


def test_a_quotation_mark_without_an_end_hides_nothing() -> None:
    """Rows below a mark that nobody closes are rows, however many there are."""
    rows = "".join(f"{i},b,c\n" for i in range(3000))
    found = "\n".join(texts(f'x,y,z\n"open,b,c\n{rows}'.encode())).split("\n")
    assert len(found) == 3001
    assert found[-1] == "x: 2999 | y: b | z: c"


CELLS = st.text(string.ascii_letters + string.digits + ' ,;|"\n\tüß', min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text(string.ascii_letters, min_size=2, max_size=8), min_size=3, max_size=6, unique=True),
    st.data(),
    st.sampled_from(",;\t|"),
)
def test_what_a_program_wrote_is_read_back(names: list[str], data: st.DataObject, delimiter: str) -> None:
    """Every value is in the line of its row, beside the name of its column, whatever signs it holds."""
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=4, max_size=10))
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    found = "\n".join(texts(file.getvalue().encode())).split("\n")
    assert len(rows) == len(found)
    for row, line in zip(rows, found, strict=True):
        shown = [" ".join(value.split()) for value in row]
        assert line == " | ".join(c if c == n else f"{n}: {c}" for n, c in zip(names, shown, strict=True))


def test_nothing_fails() -> None:
    """Bytes of any kind are read as some table."""
    assert isinstance(texts(bytes(range(256)) * 20), list)
