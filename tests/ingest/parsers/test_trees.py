"""XML of strangers as trees."""

import io
from pathlib import Path

import pytest
from lxml import etree

from ingest.parsers import trees


def test_nothing_is_looked_up(tmp_path: Path) -> None:
    """Neither files nor DTDs nor the file's own entities are put in."""
    secret, rules = tmp_path / "secret", tmp_path / "rules.dtd"
    secret.write_text("secret")
    rules.write_text('<!ATTLIST r a CDATA "secret">')
    source = (
        f'<!DOCTYPE r SYSTEM "{rules.as_uri()}" [<!ENTITY x SYSTEM "{secret.as_uri()}"><!ENTITY y "secret">]>'
        "<r>a&x;b&y;<!-- c --><?d e?></r>"
    ).encode()
    for root in (trees.parsed(source), next(element for _, element in trees.walk(io.BytesIO(source), ["r"]))):
        assert "secret" not in "".join(root.itertext()) + str(dict(root.attrib))
        assert {"a", "b"} <= set("".join(root.itertext()))


def test_depth_is_bounded() -> None:
    """What is nested to exhaust a reader is an error."""
    with pytest.raises(etree.XMLSyntaxError):
        trees.parsed(b"<a>" * 5000 + b"</a>" * 5000)


def test_elements_come_one_after_the_other_and_can_be_forgotten() -> None:
    """In any namespace; what is forgotten takes all before it along."""
    source = io.BytesIO(b'<r xmlns:n="n"><i k="1"/><n:i n:k="2"/><o/><i k="3"/></r>')
    found = []
    for event, element in trees.walk(source, ["i"]):
        found.append((event, trees.local(element), trees.attribute(element, "k")))
        trees.forget(element)
        assert (None, {}) == (element.getprevious(), dict(element.attrib))
    assert [("end", "i", "1"), ("end", "i", "2"), ("end", "i", "3")] == found
