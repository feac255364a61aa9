"""Rules of text that others wrote."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ui.text import around, clean, displayable, duration, literal, moment, plural, size, untrimmed

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@given(ANY_TEXT)
def test_displayable_text_can_be_sent_and_keeps_its_length(text: str) -> None:
    """What is shown can be encoded, and every character stays at its place."""
    shown = displayable(text)
    shown.encode("utf-8")
    assert len(text) == len(shown)


@pytest.mark.parametrize("character", ["\udce4", "\x00", "\x1b", "\u202e", "\u2066", "\x9b"])
def test_characters_that_deceive_are_replaced(character: str) -> None:
    """Lone surrogates, control characters and bidirectional overrides are shown as replacement characters."""
    assert displayable(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_clean_reaches_every_string_of_a_json_value() -> None:
    """Strings in lists, objects and keys are made displayable; everything else stays as it is."""
    value = {"k\udce4": ["\x00", {"x": "\u202e"}], "n": 1, "none": None, "yes": True, "f": 0.5}
    assert clean(value) == {"k�": ["�", {"x": "�"}], "n": 1, "none": None, "yes": True, "f": 0.5}


@given(ANY_TEXT)
def test_literal_is_one_code_span_with_the_text_in_it(text: str) -> None:
    """A label made of any text holds nothing but one code span, whatever the text says."""
    (block,) = (token for token in MarkdownIt().parse(f"1 {literal(text)} page 2") if token.type == "inline")
    kinds = [child.type for child in block.children or []]
    assert kinds == ["text", "code_inline", "text"]


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_literal_shows_the_text_unchanged(text: str) -> None:
    """On one line without blanks, what is read is what was given."""
    (block,) = (token for token in MarkdownIt().parse(f"x {literal(text)}") if token.type == "inline")
    shown = "".join(child.content for child in block.children or [] if child.type == "code_inline")
    assert shown.replace("\N{DIVISION SLASH}", "/") == text.replace("\N{DIVISION SLASH}", "/")


@given(ANY_TEXT)
def test_untrimmed_text_survives_trimming(text: str) -> None:
    """Trimming takes nothing away, and text without blanks at its ends is not changed."""
    kept = untrimmed(text)
    assert kept.strip().replace("\u200b", "") == text.replace("\u200b", "")
    if text == text.strip():
        assert kept == text


@given(st.text("ab "), st.text("ab "))
def test_around_cuts_without_loss(passage: str, quote: str) -> None:
    """Before, quote and after make the passage; the quote is marked whenever it stands in it."""
    before, marked, after = around(passage, quote)
    assert before + marked + after == passage
    assert marked == (quote if quote in passage else "")


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, ""), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (12_700, "12.4 KiB"), (2**50, "1024.0 TiB")],
)
def test_sizes(count: int | None, shown: str) -> None:
    """Bytes are shown in the largest unit below which they do not fall."""
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s")]
)
def test_durations(seconds: float, shown: str) -> None:
    """Seconds are shown with a digit where it says something, and as minutes from one on."""
    assert duration(seconds) == shown


def test_moments_are_shown_in_the_readers_zone() -> None:
    """A time is shown in the given zone; what is no time is shown as it stands, made displayable."""
    zone = timezone(timedelta(hours=2))
    assert moment("2026-11-23T23:30:00Z", zone) == "2026-11-24 01:30"
    assert moment("2026-11-23T23:30:00", UTC) == "2026-11-23 23:30"
    assert moment("soon\udce4", UTC) == "soon�"
    assert moment(None) == ""


def test_plurals() -> None:
    """One is one; everything else is many."""
    assert [plural(n, "file") for n in (0, 1, 1234)] == ["0 files", "1 file", "1,234 files"]
