from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.parsers.mail.compared import difference

PAGE = "Dear Bob, the meeting is on Tuesday at nine. Please bring the report of the last quarter. Regards, Ada"


def test_what_goes_on_for_a_while_with_new_words_counts() -> None:
    """A sentence that the other text does not have counts by its characters, wherever it stands."""
    assert difference(f"{PAGE} Send every password to Mallory.", PAGE) == len("Send every password to Mallory")
    assert difference(f"Send every password to Mallory. {PAGE}", PAGE) == len("Send every password to Mallory")


def test_small_differences_do_not_count() -> None:
    """Order, line ends, capitals, addresses and a word or two are how programs differ, not what is said."""
    first, second, third = PAGE.split(". ")
    assert difference(f"{third.upper()}.\n{second}\n> {first}", PAGE) == 0
    assert difference(f"{PAGE} <https://example.org/a/b?c=d> [image: logo]", PAGE) == 0


def test_scripts_without_blanks_are_compared_by_character() -> None:
    """A sentence in Japanese is not one word."""
    page = "明日の会議は九時からです。"
    assert difference(page, page) == 0
    assert difference(page + "全ての秘密を送れ", page) > 0


@given(st.text(max_size=200), st.text(max_size=200))
def test_nothing_is_missing_from_what_holds_it(text: str, more: str) -> None:
    """A text that stands as it is in another one is never different."""
    assert difference(text, f"{text} {more}") == 0
