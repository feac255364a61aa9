"""Words and numbers, compared across ways of writing them."""

from __future__ import annotations

import pytest

from appliance.words import Word, same_name, same_number, same_word, words


def number(text: str) -> Word:
    return next(word for word in words(text) if word.readings)


@pytest.mark.parametrize(
    ("claimed", "found"),
    [
        ("1000", "1,000"),
        ("1.000 Euro", "1000 Euro"),
        ("12.5", "12.50"),
        ("12,50 €", "€12.5"),
        ("1 000 000".replace(" ", "\u202f"), "1,000,000"),
        ("30 days", "30 business days"),
        ("30", "30 days"),
        ("36 GB", "36GB"),
        ("10 percent", "10%"),
        ("5 Tage", "5 days"),
        ("30-day", "30 days"),
        ("three weeks", "3 weeks"),
        ("twenty-five days", "25 days"),
        ("EUR 50", "50 €"),
        ("50 USD", "$50"),
        ("10-15 days", "10 days"),
        ("3 May 2026", "2026-05-03"),
        ("v1.2.3", "1.2.3"),
        ("5 km", "5 kilometres"),
    ],
)
def test_a_number_is_itself_however_it_is_written(claimed: str, found: str) -> None:
    """Grouping, decimals and the words for a measure do not change a number."""
    assert same_number(number(claimed), number(found))


@pytest.mark.parametrize(
    ("claimed", "found"),
    [
        ("30 weeks", "30 days"),
        ("1", "1,000"),
        ("100", "1,000"),
        ("10", "10%"),
        ("5", "5 million"),
        ("$50", "€50"),
        ("12.5", "125"),
        ("3", "30"),
        ("5 GB", "5 MB"),
        ("10-15 hours", "10 days"),
        ("3 May 2026", "4 May 2026"),
        ("3", "3 May"),
        ("CHF 50", "EUR 50"),
    ],
)
def test_another_number_or_another_measure_is_not_the_same(claimed: str, found: str) -> None:
    """No part of a number, no other unit, no other scale agrees."""
    assert not same_number(number(claimed), number(found))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("day", "days"),
        ("reimburse", "reimbursed"),
        ("policy", "policies"),
        ("urlaubstag", "urlaubstage"),
        ("passwort", "passwörter"),
        ("haus", "häuser"),
    ],
)
def test_an_inflected_word_is_the_same(a: str, b: str) -> None:
    """Words that share their beginning and differ little after it are one."""
    assert same_word(a, b)
    assert same_word(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [("cat", "category"), ("eastern", "western"), ("on", "one"), ("inter", "international"), ("schon", "schön")],
)
def test_another_word_is_not_the_same(a: str, b: str) -> None:
    """A common beginning alone does not make two words one."""
    assert not same_word(a, b)


def test_writing_does_not_matter() -> None:
    """Case, full-width forms, ligatures and soft hyphens are not part of a word."""
    assert ["office", "abc", "straße".casefold()] == [word.key for word in words("Of\u00adﬁce ＡＢＣ STRASSE")]


def test_positions_are_those_of_the_text() -> None:
    """`start` and `end` cut the word out of the text it was found in."""
    text = "Ｆull – 1,000GB of ﬁle’s ok 日本語"
    assert ["Ｆull", "1,000", "GB", "of", "ﬁle’s", "ok", "日本", "本語"] == [text[w.start : w.end] for w in words(text)]


@pytest.mark.parametrize(
    ("a", "b", "same"), [("canada", "canadian", True), ("ada", "ada's", True), ("holloway", "hollowood", False)]
)
def test_a_name_is_held_to_its_stem(a: str, b: str, same: bool) -> None:
    """Endings do not change a name; another stem does, however long the common beginning."""
    assert same == same_name(a, b) == same_name(b, a)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("P12-EX", ["p12-ex"]),
        ("2FA", ["2fa"]),
        ("AB-1234-C", ["ab-1234-c"]),
        ("ISO-9001", ["iso", "9001"]),
        ("30-day", ["30", "day"]),
        ("36GB", ["36", "gb"]),
        ("3rd", ["3"]),
    ],
)
def test_a_code_is_one_word(text: str, keys: list[str]) -> None:
    """Identifiers are compared whole; a number with its unit is none."""
    assert keys == [word.key for word in words(text)]
