from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from ingest.parsers.images import skew


def page() -> Image.Image:
    """Return a page with bars of ink where lines of text would be."""
    image = Image.new("L", (1200, 1600), 240)
    draw = ImageDraw.Draw(image)
    for y in range(200, 1400, 45):
        for x in range(150, 1000, 110):
            draw.rectangle((x, y, x + 90, y + 18), fill=10)
    return image


@pytest.mark.parametrize("degrees", [-3.0, -1.0, 0.5, 2.0, 4.0])
def test_a_page_askew_is_turned_back(degrees: float) -> None:
    """The angle that makes the lines level again is found to a quarter of a degree."""
    askew = page().rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=240)
    assert abs(skew.slant(askew) - degrees) <= 0.25


def test_what_has_no_lines_is_left_as_it_is() -> None:
    """Level pages, pages on their side, blank ones, grain and a single spot are not turned."""
    grain = Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 800), dtype=np.uint8))
    spot = Image.new("L", (800, 600), 255)
    ImageDraw.Draw(spot).ellipse((300, 200, 500, 400), fill=0)
    for image in (
        page(),
        page().rotate(90, expand=True),
        Image.new("L", (1, 1)),
        Image.new("L", (500, 700)),
        grain,
        spot,
    ):
        assert 0 == skew.slant(image)


def test_straightening_keeps_size_and_paper() -> None:
    """The straightened page has the size it had, and its corners the colour of its paper."""
    straight = skew.level(page(), 3)
    assert (1200, 1600) == straight.size
    assert 240 == straight.getpixel((0, 0))


@given(
    st.tuples(st.integers(200, 700), st.integers(200, 1100), st.integers(8, 200), st.integers(8, 60)),
    st.floats(-4, 4),
)
def test_boxes_go_back_to_where_the_ink_was(place: tuple[int, int, int, int], degrees: float) -> None:
    """Whatever was inside of a box on the straightened page is inside of the box that it came from."""
    left, top, width, height = place
    straight = Image.new("L", (1000, 1400), 0)
    ImageDraw.Draw(straight).rectangle((left, top, left + width, top + height), fill=255)
    ink = straight.rotate(-degrees).getbbox()
    assert ink is not None
    box = skew.before((left, top, left + width, top + height), degrees, straight.size)
    assert max(abs(found - drawn) for found, drawn in zip(box, ink, strict=True)) <= 3
