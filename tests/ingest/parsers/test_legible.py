"""When letters cannot be read."""

import pytest

from ingest.parsers.legible import BLACK, NEAR, RGB, WHITE, Font, near, read_colour


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (WHITE, WHITE, True),
        (WHITE, (255 - NEAR, 255, 255), True),
        (WHITE, (254 - NEAR, 255, 255), False),
        ((200, 0, 0), (0, 200, 0), False),
        (BLACK, WHITE, False),
    ],
)
def test_colours_are_near_where_no_part_differs_by_more_than_the_bound(one: RGB, other: RGB, same: bool) -> None:
    """Whichever of them the letters have."""
    assert (same, same) == (near(one, other), near(other, one))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("FF8000", (255, 128, 0)),
        (" #ff8000 ", (255, 128, 0)),
        ("80FF8000", (255, 128, 0)),
        ("auto", None),
        ("fff", None),
    ],
)
def test_colours_are_read_from_hexadecimal_digits(code: str, expected: RGB | None) -> None:
    """With or without a "#" or the opacity in front; nothing else is a colour."""
    assert expected == read_colour(code)


@pytest.mark.parametrize(
    ("font", "ground", "expected"),
    [
        (Font(WHITE), WHITE, "background_colour"),
        (Font(WHITE), BLACK, None),
        (Font(WHITE), None, None),
        (Font(None), WHITE, None),
        (Font(BLACK, 1.9), WHITE, "tiny"),
        (Font(BLACK, 2.0), WHITE, None),
    ],
)
def test_text_is_unseen_for_its_size_or_its_colour(font: Font, ground: RGB | None, expected: str | None) -> None:
    """What is not known counts as seen."""
    assert expected == font.unseen(ground)
