from __future__ import annotations

import pytest

from appliance.types import Box, Chunk, Document, Place, places_of

TOP, MIDDLE = Box(1.0, 1.0, 9.0, 2.0), Box(1.0, 3.0, 9.0, 4.0)
DOCUMENT = Document("d", "a.pdf", "00", "application/pdf", frozenset())
CHUNK = Chunk(
    "c", DOCUMENT, 0, "One.\nTwo. More.", 1, (), (Place(0, 4, TOP), Place(5, 9, MIDDLE), Place(10, 15, MIDDLE))
)


@pytest.mark.parametrize(
    ("start", "end", "boxes"),
    [
        (0, 4, (TOP,)),
        (3, 6, (TOP, MIDDLE)),
        (4, 5, ()),
        (5, 15, (MIDDLE,)),
        (0, 15, (TOP, MIDDLE)),
        (9, 10, ()),
        (7, 7, ()),
    ],
)
def test_a_stretch_of_text_has_the_boxes_of_the_places_it_touches(start: int, end: int, boxes: tuple[Box, ...]) -> None:
    """Boxes come in reading order and each once; what lies between two places, or nothing, has none."""
    assert boxes == places_of(CHUNK, start, end)
