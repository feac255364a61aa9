from __future__ import annotations

import pytest
from reportlab.pdfgen.canvas import Canvas

from appliance.types import Finding
from tests.ingest.parsers.pdf.made import CHARACTERS, HIDDEN, SEEN, Draw, drawn, parsed, picture, words


def page_with(draw: Draw) -> Draw:
    """Return a page with a line that is seen, and what `draw` adds."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(40, 450, SEEN)
        draw(canvas)

    return page


def in_colour(*rgb: float) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setFillColorRGB(*rgb)
        canvas.drawString(40, 300, HIDDEN)

    return draw


def black_on_black(canvas: Canvas) -> None:
    canvas.rect(30, 280, 350, 60, fill=1)
    canvas.drawString(40, 300, HIDDEN)


def in_colour_of_picture(canvas: Canvas) -> None:
    canvas.drawImage(picture(size=(100, 100), paper=30), 0, 250, 400, 100)
    canvas.setFillColorRGB(30 / 255, 30 / 255, 30 / 255)
    canvas.drawString(40, 300, HIDDEN)


def in_size(points: float) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", points)
        canvas.drawString(40, 300, HIDDEN)

    return draw


def shrunk(canvas: Canvas) -> None:
    canvas.scale(0.1, 0.1)
    canvas.drawString(400, 3000, HIDDEN)


def shrunk_and_turned(canvas: Canvas) -> None:
    canvas.translate(200, 200)
    canvas.rotate(45)
    canvas.setFont("Helvetica", 1)
    canvas.drawString(0, 0, HIDDEN)


def flattened(canvas: Canvas) -> None:
    canvas.transform(1, 0, 0, 0.05, 0, 300)
    canvas.drawString(40, 0, HIDDEN)


def squeezed(canvas: Canvas) -> None:
    text = canvas.beginText(40, 300)
    text.setHorizScale(2)
    text.textLine(HIDDEN)
    canvas.drawText(text)


def tiny_twice(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 1)
    canvas.drawString(40, 300, HIDDEN)
    canvas.drawString(40, 300, HIDDEN)


def at(x: float, y: float) -> Draw:
    return lambda canvas: canvas.drawString(x, y, HIDDEN)


def outside_of_crop_box(canvas: Canvas) -> None:
    canvas.setCropBox((0, 100, 400, 500))
    canvas.drawString(40, 50, HIDDEN)


def clipped(canvas: Canvas) -> None:
    path = canvas.beginPath()
    path.rect(0, 0, 20, 20)
    canvas.clipPath(path, stroke=0)
    canvas.drawString(40, 300, HIDDEN)


def clipped_by_corners(canvas: Canvas) -> None:
    path = canvas.beginPath()
    path.rect(0, 0, 20, 20)
    path.rect(480, 480, 20, 20)
    canvas.clipPath(path, stroke=0)
    canvas.drawString(40, 300, HIDDEN)


def under_box(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.setFillColorRGB(1, 1, 1)
    canvas.rect(30, 280, 360, 60, stroke=0, fill=1)


def under_bars(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.setFillColorRGB(1, 1, 1)
    for i in range(30):
        canvas.rect(30, 292 + 0.8 * i, 360, 0.9, stroke=0, fill=1)


def under_thick_line(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.setStrokeColorRGB(1, 1, 1)
    canvas.setLineWidth(30)
    canvas.line(30, 303, 390, 303)


def under_picture(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.drawImage(picture(size=(100, 30), paper=200), 30, 280, 360, 60)


def invisible_mode(canvas: Canvas) -> None:
    text = canvas.beginText(40, 300)
    text.setTextRenderMode(3)
    text.textLine(HIDDEN)
    canvas.drawText(text)


def clip_mode(canvas: Canvas) -> None:
    text = canvas.beginText(40, 300)
    text.setTextRenderMode(7)
    text.textLine(HIDDEN)
    canvas.drawText(text)


def nearly_transparent(canvas: Canvas) -> None:
    canvas.setFillAlpha(0.05)
    canvas.drawString(40, 300, HIDDEN)


def transparent(canvas: Canvas) -> None:
    canvas.setFillAlpha(0)
    canvas.drawString(40, 300, HIDDEN)


def invisible_mode_behind_seen_text(canvas: Canvas) -> None:
    canvas.drawString(40, 300, "Delivery takes two weeks from the day of the order.")
    invisible_mode(canvas)


def white_behind_seen_text(canvas: Canvas) -> None:
    in_colour(1, 1, 1)(canvas)
    canvas.setFillColorRGB(0, 0, 0)
    canvas.drawString(40, 300, "Delivery takes two weeks from the day of the order.")


def white_in_form(canvas: Canvas) -> None:
    canvas.beginForm("inner")
    in_colour(1, 1, 1)(canvas)
    canvas.endForm()
    canvas.doForm("inner")


WAYS: dict[str, tuple[Draw, str]] = {
    "white on paper": (in_colour(1, 1, 1), "background_colour"),
    "nearly white on paper": (in_colour(0.97, 0.97, 0.98), "background_colour"),
    "black on black": (black_on_black, "background_colour"),
    "dark on a dark picture": (in_colour_of_picture, "background_colour"),
    "white in a form": (white_in_form, "background_colour"),
    "white behind seen text": (white_behind_seen_text, "background_colour"),
    "1 point": (in_size(1), "tiny"),
    "1.8 points": (in_size(1.8), "tiny"),
    "shrunk to a tenth": (shrunk, "tiny"),
    "1 point, askew": (shrunk_and_turned, "tiny"),
    "flattened": (flattened, "tiny"),
    "squeezed": (squeezed, "tiny"),
    "1 point, twice in one place": (tiny_twice, "tiny"),
    "below the page": (at(40, -100), "off_page"),
    "right of the page": (at(900, 300), "off_page"),
    "outside of the crop box": (outside_of_crop_box, "off_page"),
    "clipped away": (clipped, "off_page"),
    "clipped to two corners": (clipped_by_corners, "off_page"),
    "under a box": (under_box, "covered"),
    "under many thin bars": (under_bars, "covered"),
    "under a thick line": (under_thick_line, "covered"),
    "under a picture": (under_picture, "covered"),
    "invisible mode": (invisible_mode, "hidden"),
    "invisible mode behind seen text": (invisible_mode_behind_seen_text, "hidden"),
    "clipping mode without anything to clip": (clip_mode, "hidden"),
    "nearly transparent": (nearly_transparent, "hidden"),
    "transparent": (transparent, "hidden"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_seen_is_kept_out_and_reported(way: str) -> None:
    """Each way to hide text keeps it out, names the way, the page and the number of characters; the rest stays."""
    draw, kind = WAYS[way]
    sections, findings = parsed(drawn(page_with(lambda canvas: None), page_with(draw)))
    assert words(sections).count(SEEN) == 2
    assert "praise" not in words(sections)
    assert findings == [Finding(kind, "page 2", CHARACTERS)]


def white_on_dark_box(canvas: Canvas) -> None:
    canvas.setFillColorRGB(0.1, 0.1, 0.4)
    canvas.rect(30, 280, 360, 60, fill=1)
    in_colour(1, 1, 1)(canvas)


def white_on_dark_picture(canvas: Canvas) -> None:
    canvas.drawImage(picture(size=(100, 100), paper=30), 0, 250, 400, 100)
    in_colour(1, 1, 1)(canvas)


def on_light_picture(canvas: Canvas) -> None:
    canvas.drawImage(picture(size=(100, 100), paper=230), 0, 250, 400, 100)
    canvas.drawString(40, 300, HIDDEN)


def beside_picture(canvas: Canvas) -> None:
    canvas.drawImage(picture(size=(100, 100), paper=30), 0, 20, 400, 100)
    canvas.drawString(40, 300, HIDDEN)


def underlined(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.rect(40, 297, 300, 0.7, fill=1)
    canvas.rect(40, 303, 300, 0.7, fill=1)


def highlighted(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.setFillColorRGB(1, 1, 0)
    canvas.setFillAlpha(0.4)
    canvas.rect(30, 290, 360, 30, stroke=0, fill=1)


def outlined(canvas: Canvas) -> None:
    canvas.setFillColorRGB(1, 1, 1)
    text = canvas.beginText(40, 300)
    text.setTextRenderMode(1)
    text.textLine(HIDDEN)
    canvas.drawText(text)


def twice_for_weight(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.drawString(40.3, 300, HIDDEN)


def condensed(canvas: Canvas) -> None:
    text = canvas.beginText(40, 300)
    text.setHorizScale(50)
    text.textLine(HIDDEN)
    canvas.drawText(text)


def half_transparent(canvas: Canvas) -> None:
    canvas.setFillAlpha(0.4)
    canvas.drawString(40, 300, HIDDEN)


def within_clip(canvas: Canvas) -> None:
    path = canvas.beginPath()
    path.rect(10, 200, 380, 200)
    canvas.clipPath(path, stroke=0)
    canvas.drawString(40, 300, HIDDEN)


def on_turned_page(canvas: Canvas) -> None:
    canvas.setPageRotation(90)
    canvas.drawString(40, 300, HIDDEN)


def in_crop_box(canvas: Canvas) -> None:
    canvas.setCropBox((20, 100, 400, 480))
    canvas.drawString(40, 300, HIDDEN)


def enlarged(canvas: Canvas) -> None:
    canvas.setFont("Helvetica", 1)
    canvas.scale(12, 12)
    canvas.drawString(3, 25, HIDDEN)


def in_box_with_border(canvas: Canvas) -> None:
    canvas.drawString(40, 300, HIDDEN)
    canvas.setLineWidth(6)
    canvas.rect(30, 280, 360, 60, fill=0)


def shape_of_picture(canvas: Canvas) -> None:
    canvas.setFont("Helvetica-Bold", 14)
    text = canvas.beginText(40, 300)
    text.setTextRenderMode(7)
    text.textLine(HIDDEN)
    canvas.drawText(text)
    canvas.drawImage(picture(size=(100, 100), paper=30), 0, 250, 500, 100)


LOOK_ALIKES: dict[str, Draw] = {
    "white on a dark box": white_on_dark_box,
    "white on a dark picture": white_on_dark_picture,
    "black on a light picture": on_light_picture,
    "beside a picture": beside_picture,
    "6 points": in_size(6),
    "2.5 points": in_size(2.5),
    "light grey": in_colour(0.8, 0.8, 0.8),
    "yellow": in_colour(0.9, 0.8, 0.1),
    "underlined": underlined,
    "highlighted": highlighted,
    "outlined": outlined,
    "the shape of a picture": shape_of_picture,
    "twice for weight": twice_for_weight,
    "condensed": condensed,
    "half transparent": half_transparent,
    "within a clip": within_clip,
    "on a turned page": on_turned_page,
    "in a crop box": in_crop_box,
    "enlarged from 1 point": enlarged,
    "in a box with a border": in_box_with_border,
}


@pytest.mark.parametrize("way", LOOK_ALIKES)
def test_what_is_seen_stays(way: str) -> None:
    """What looks like hidden text in its colours, sizes and places, but is seen, stays once and without a finding."""
    sections, findings = parsed(drawn(page_with(LOOK_ALIKES[way])))
    assert words(sections).count(HIDDEN) == 1
    assert findings == []


def test_the_unseen_part_of_a_line_is_kept_out() -> None:
    """A line that runs far beyond the page's edge loses what is beyond; a few letters cut off belong to the word."""
    far = "x" * 400 + HIDDEN.replace(" ", "")
    sections, findings = parsed(drawn(lambda canvas: canvas.drawString(40, 300, "Seen " + far)))
    assert words(sections).startswith("Seen xxx")
    assert "praise" not in words(sections)
    assert [(finding.kind, finding.where) for finding in findings] == [("off_page", "page 1")]
    sections, findings = parsed(drawn(lambda canvas: canvas.drawString(460, 300, "Incomprehensible")))
    assert (words(sections), findings) == ("Incomprehensible", [])


def test_a_copy_of_what_is_seen_is_no_finding() -> None:
    """Hidden text that the page shows as well, like a shadow in the colour of paper, is left out silently."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(40, 450, SEEN)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(40, 300, SEEN)

    sections, findings = parsed(drawn(page))
    assert (words(sections), findings) == (SEEN, [])


def test_a_page_of_hidden_text_alone_is_reported_without_text() -> None:
    """Where nothing is seen there is nothing but the finding."""
    assert parsed(drawn(in_colour(1, 1, 1))) == ([], [Finding("background_colour", "page 1", CHARACTERS)])
