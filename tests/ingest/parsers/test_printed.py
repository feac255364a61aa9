"""Lines of printed pages."""

import pytest

from appliance.types import Box
from ingest.parsers.printed import around, hyphen, words_in


@pytest.mark.parametrize(
    ("left", "right", "text", "expected"),
    [
        ("pay", "ment", "", ""),
        ("AGREE", "MENT", "", ""),
        ("Anglo", "Saxon", "", "-"),
        ("long", "term", "a long-term plan", "-"),
        ("long", "term", "a long term", "-"),
        ("pay", "ment", "pay meant", ""),
        ("book", "keeper", "a book, a keeper, a bookkeeper", ""),
        ("A", "4", "", "-"),
    ],
)
def test_a_hyphen_stays_where_the_words_are_known_apart_or_are_no_single_word(
    left: str, right: str, text: str, expected: str
) -> None:
    """What else the document says decides; else small letters go on with a word."""
    assert expected == hyphen(left, right, words_in([text]))


def test_the_box_around_boxes_is_the_smallest() -> None:
    """It touches all four sides."""
    assert Box(1, 0, 9, 8) == around([Box(1, 2, 3, 8), Box(4, 0, 9, 5)])
