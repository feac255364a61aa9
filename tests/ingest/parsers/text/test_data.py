from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.types import Finding, Section
from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.text.data import DataParser


def parsed(data: str | bytes, media_type: str) -> list[Section | Finding]:
    raw = data.encode() if isinstance(data, str) else data
    return list(DataParser(Options(1, (), Path())).parse(io.BytesIO(raw), media_type))


def texts(data: str | bytes, media_type: str) -> list[str]:
    return [one.text for one in parsed(data, media_type) if isinstance(one, Section)]


def test_every_value_of_json_has_its_path() -> None:
    """Objects are paths, lists of records tables with their path, short lists lines."""
    data = {
        "store": {
            "address": {"city": "Bonn", "open": True, "fax": None},
            "items": [{"name": "Pump", "price": 3.50}, {"name": "Valve", "tags": ["new", "small"]}],
            "days": ["Mon", "Tue"],
        },
        "mixed": [1, {"a": {"b": 2}}],
    }
    assert texts(json.dumps(data), media.JSON) == [
        "store.address.city: Bonn\nstore.address.open: true",
        "store.items | name: Pump | price: 3.5\nstore.items | name: Valve | tags: new, small",
        "store.days: Mon, Tue\nmixed[0]: 1\nmixed[1].a.b: 2",
    ]


def test_lines_of_json_are_rows() -> None:
    """NDJSON is a table; a line that is broken stays as it is."""
    assert texts('{"id": 1, "city": "Bonn"}\n\n{"id": 2, "city": "Bern"}\n', media.NDJSON) == [
        "id: 1 | city: Bonn\nid: 2 | city: Bern"
    ]
    assert texts('{"id": 1}\n{"id": \n', media.NDJSON) == ['[0].id: 1\n[1]: {"id":']


def test_yaml_is_read_without_building_anything() -> None:
    """Values have their path; tags build no object, aliases stay names, documents are numbered."""
    source = "base: &b [x, y]\nuse: *b\nrun: !!python/object/apply:os.system ['true']\nnone: ~\n---\nnext: 'yes'\n"
    assert texts(source, media.YAML) == ["[0].base: x, y\n[0].use: *b\n[0].run: true\n[1].next: yes"]


def test_aliases_do_not_multiply() -> None:
    """Aliases of aliases cost what they are written with."""
    lines = "\n".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(30))
    assert sum(map(len, texts(f"a0: &a0 lol\n{lines}\n", media.YAML))) < 5000


def test_xml_is_read_with_paths_and_without_a_dtd() -> None:
    """Elements and attributes are paths, equal siblings a table, running text a line; no entity is resolved."""
    source = """<?xml version="1.0" encoding="ISO-8859-1"?>
    <!DOCTYPE c [<!ENTITY file SYSTEM "file:///etc/hostname"><!ENTITY lol "lollol">]>
    <c xmlns="urn:x"><book id="1"><title>A</title></book><book id="2"><title>\xdcber B</title></book>
    <note>See <b>this</b>&file;&lol; here</note><!-- comment --></c>""".encode("latin-1")
    assert texts(source, media.XML) == [
        "c.book | id: 1 | title: A\nc.book | id: 2 | title: Über B",
        "c.note: See this here",
    ]


def test_xhtml_is_a_web_page() -> None:
    """A page that comes as XML is read as what it displays."""
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>A</h1><p hidden="">Not for anyone.</p></body></html>'
    source = f'<?xml version="1.0"?>{page}'
    assert parsed(source, media.XML) == [Section("A", None, "heading", level=1), Finding("hidden", "line 1", 15)]


@pytest.mark.parametrize(
    ("source", "media_type"),
    [
        ("{'a': 1}", media.JSON),
        ("[" * 50_000, media.JSON),
        ("not: valid: yaml: [", media.YAML),
        ("[" * 5_000, media.YAML),
        ("<a><b></a>", media.XML),
        ("<a>" * 5_000, media.XML),
    ],
)
def test_what_is_not_what_it_says_is_read_as_text(source: str, media_type: str) -> None:
    """Invalid files, and those nested beyond reason, come out as they stand."""
    assert texts(source, media_type) == [source]


def test_depth_does_not_multiply() -> None:
    """Paths are cut, so that a deep file does not become a long text."""
    deep = '{"a_rather_long_name": ' * 500 + '"x"' + "}" * 500
    (text,) = texts(deep, media.JSON)
    assert text.endswith("a_rather_long_name: x")
    assert len(text) < 200


def test_files_in_letters_are_no_text() -> None:
    """Base64 is left out; a long text is not."""
    blob = "QUJD" * 400
    long = "words of a text " * 60
    assert texts(json.dumps({"blob": blob, "text": long}), media.JSON) == [f"text: {long.strip()}"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc é\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("xyz", min_size=1, max_size=2), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(VALUES)
def test_no_word_is_lost_or_doubled_beyond_its_place(value: object) -> None:
    """Every word of every value stands in the text."""

    def words(node: object) -> list[str]:
        if isinstance(node, dict):
            return [word for inner in node.values() for word in words(inner)]
        if isinstance(node, list):
            return [word for inner in node for word in words(inner)]
        return [] if node is None else str(node).lower().split() if isinstance(node, bool) else str(node).split()

    text = "\n".join(texts(json.dumps(value), media.JSON))
    for word in words(value):
        assert word in text
