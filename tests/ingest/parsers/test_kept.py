"""Counting what is kept out."""

from appliance.types import Finding
from ingest.parsers.kept import Kept


def test_characters_are_counted_by_kind_and_place() -> None:
    """White space does not count, and what is nothing else is no finding."""
    kept = Kept()
    for kind, where, text in (
        ("hidden", "a", "one two"),
        ("tiny", "a", "x"),
        ("hidden", "a", "\n3 "),
        ("tiny", "b", " "),
    ):
        kept.out(kind, where, text)  # type: ignore[arg-type]
    assert [Finding("hidden", "a", 7), Finding("tiny", "a", 1)] == list(kept.findings())
    assert [] == list(kept.findings())


def test_of_many_places_fifty_are_named() -> None:
    """The rest is one finding, also where findings are asked for in between."""
    kept = Kept()
    for number in range(30):
        kept.out("hidden", f"page {number}", "x")
    assert 30 == len(list(kept.findings()))
    for number in range(100):
        kept.out("hidden", f"page {number}", "x")
    found = list(kept.findings())
    assert (51, Finding("hidden", "further places", 50)) == (len(found), found[-1])


def test_a_hidden_whole_is_one_finding() -> None:
    """What is tiny on a hidden slide is hidden."""
    kept = Kept()
    kept.out("hidden", "slide 1", "a")
    kept.out("tiny", "slide 1, notes", "b")
    assert [Finding("hidden", "slide 1", 2)] == list(kept.whole("hidden", "slide 1"))
    assert [] == list(kept.whole("hidden", "slide 1"))
