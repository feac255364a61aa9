from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from appliance.types import Box
from ingest.files import BadFile
from ingest.parsers.images import ocr
from ingest.parsers.images.ocr import Line

ENGLISH = ("eng",)
DPI = 200
POINTS = 72 / DPI
TEXT = (
    "The supplier delivers the housings within",
    "twenty days of the order. Every delivery is",
    "checked on arrival, and what is missing is",
    "sent within one week at the cost of the",
    "supplier, unless both parties have chosen",
    "another date in writing before the order.",
)


def page(lines: tuple[str, ...] = TEXT, ink: int = 0, paper: int = 255) -> Image.Image:
    """Return a page of 6 by 4 inches with these lines, the first at (100, 80)."""
    image = Image.new("L", (1200, 800), paper)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(36)
    for number, line in enumerate(lines):
        draw.text((100, 80 + 50 * number), line, fill=ink, font=font)
    return image


def texts(image: Image.Image) -> list[str]:
    return [line.text for line in ocr.read(image, ENGLISH, POINTS)]


def line(text: str, number: int, paragraph: int = 0, right: float = 500.0) -> Line:
    return Line(text, Box(50.0, 100.0 + 12 * number, right, 110.0 + 12 * number), 0.9, paragraph)


def test_lines_are_read_in_order_with_their_places() -> None:
    """Every line is found once, in order, with a box in points around the place where it stands."""
    lines = ocr.read(page(), ENGLISH, POINTS)
    assert list(TEXT) == [line.text for line in lines]
    assert {0} == {line.paragraph for line in lines}
    for number, found in enumerate(lines):
        top = (80 + 50 * number) * POINTS
        assert top <= found.box.top < found.box.bottom <= top + 50 * POINTS
        assert 100 * POINTS - 1 <= found.box.left < found.box.right <= 1000 * POINTS
        assert 0.9 < found.confidence <= 1


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_and_boxes_stay_where_the_text_is(degrees: int) -> None:
    """A page on its side or its head is read upright; its boxes lie where the text is on the image as it came."""
    image = page(TEXT * 2).rotate(degrees, expand=True)
    ink = Image.eval(image, lambda value: 255 - value).getbbox()
    assert ink is not None
    lines = ocr.read(image, ENGLISH, 1.0)
    assert list(TEXT * 2) == [line.text for line in lines]
    edges = (
        min(line.box.left for line in lines),
        min(line.box.top for line in lines),
        max(line.box.right for line in lines),
        max(line.box.bottom for line in lines),
    )
    assert max(abs(found - drawn) for found, drawn in zip(edges, ink, strict=True)) < 10


@pytest.mark.parametrize("degrees", [-3, 3])
def test_a_page_askew_is_read_and_boxes_stay_where_the_text_is(degrees: int) -> None:
    """A page askew is straightened for reading; its boxes lie where the text is on the image as it came."""
    image = page(TEXT * 2).rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
    lines = ocr.read(image, ENGLISH, 1.0)
    assert list(TEXT * 2) == [line.text for line in lines]
    for found in lines:
        box = found.box
        drawn = Image.eval(
            image.crop((int(box.left), int(box.top), int(box.right), int(box.bottom))), lambda v: 255 - v
        )
        assert drawn.getbbox() is not None
    assert abs(lines[0].box.left - lines[-1].box.left) > 20


@pytest.mark.parametrize(("ink", "paper"), [(250, 255), (235, 255), (12, 0)])
def test_text_that_a_person_would_not_see_is_left_out_and_counted(ink: int, paper: int) -> None:
    """Tesseract reads a difference of five shades of grey; what nobody sees is kept out."""
    reading = ocr.examine(page(ink=ink, paper=paper), ENGLISH, POINTS)
    assert () == reading.lines
    assert reading.faint_characters > 100


@pytest.mark.parametrize(("ink", "paper"), [(170, 255), (90, 0), (255, 60)])
def test_pale_text_is_still_text(ink: int, paper: int) -> None:
    """Grey and inverted text that can be seen is read."""
    reading = ocr.examine(page(ink=ink, paper=paper), ENGLISH, POINTS)
    assert (list(TEXT), 0) == ([line.text for line in reading.lines], 0)


def test_a_page_full_of_specks_is_read() -> None:
    """Specks of a worn copier, in which Tesseract sees no line of this page, do not keep it from being read."""
    random = np.random.default_rng(1)
    page_of_lines = page(TEXT).resize((900, 600)).filter(ImageFilter.GaussianBlur(0.7))
    paper = Image.new("L", (1653, 2339), 255)
    paper.paste(page_of_lines, (150, 150))
    pixels = np.asarray(paper, dtype=np.float32) * 0.82 + 25 + random.normal(0, 14, (2339, 1653))
    specks = random.random(pixels.shape)
    pixels[specks < 0.0007] = 30
    pixels[specks > 0.9993] = 245
    speckled = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    words = {word for text in texts(speckled) for word in text.split()}
    expected = {word for text in TEXT for word in text.split()}
    assert len(words & expected) >= 0.9 * len(expected)


def test_pictures_without_text_yield_none() -> None:
    """Grain, shapes and gradients are not taken for words."""
    grain = np.random.default_rng(1).integers(0, 256, (600, 800), dtype=np.uint8)
    shapes = Image.new("L", (800, 600), 255)
    draw = ImageDraw.Draw(shapes)
    for x in range(0, 800, 90):
        draw.ellipse((x, x // 2, x + 70, x // 2 + 50), fill=x // 4)
    for image in (Image.fromarray(grain), shapes, Image.linear_gradient("L").resize((800, 600))):
        assert [] == texts(image)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (1000, 700)])
def test_blank_images_yield_nothing(size: tuple[int, int]) -> None:
    """An image of one colour has no lines, whatever its size."""
    assert [] == texts(Image.new("RGB", size, "ivory"))


def test_an_image_longer_than_tesseract_takes_is_read() -> None:
    """Sides above Tesseract's limit are scaled down, and boxes keep to the image as it came."""
    image = Image.new("L", (40_000, 120), 255)
    image.paste(page().crop((90, 70, 1000, 140)), (20_000, 20))
    lines = ocr.read(image, ENGLISH, 1.0)
    assert [TEXT[0]] == [line.text for line in lines]
    assert abs(lines[0].box.left - 20_010) < 20


def test_languages_that_are_not_installed_are_left_out() -> None:
    """Of several languages, those that are installed do; where none is, the file is unsupported and the hint says what
    to install.
    """
    assert ocr.available()
    assert TEXT[0] == ocr.read(page(), ("xyz", "eng"), POINTS)[0].text
    with pytest.raises(BadFile) as caught:
        ocr.read(page(), ("xyz",), POINTS)
    assert caught.value.status == "unsupported"
    assert caught.value.hint == "Install tesseract-ocr and tesseract-ocr-xyz."


def test_paragraphs_become_sections_with_their_lines_joined() -> None:
    """A paragraph is one section: its lines joined, its box around all of them."""
    lines = [line("The supplier delivers", 0), line("within twenty days.", 1, right=480.0), line("Next.", 4, 1)]
    found = list(ocr.sections(lines, 3))
    assert ["The supplier delivers within twenty days.", "Next."] == [section.text for section in found]
    assert [Box(50.0, 100.0, 500.0, 122.0), Box(50.0, 148.0, 500.0, 158.0)] == [section.box for section in found]
    assert {(3, "paragraph")} == {(section.page, section.kind) for section in found}


def test_lines_that_end_early_stay_lines() -> None:
    """Rows and addresses, which end far from the right edge, are not joined."""
    lines = [line("Northfield Ltd", 0, right=120.0), line("Mill Road 4", 1, right=110.0), line("x" * 40, 2)]
    assert ["Northfield Ltd\nMill Road 4\n" + "x" * 40] == [section.text for section in ocr.sections(lines, None)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["all infor-", "mation is kept"], "all information is kept"),
        (["the third-", "party rights"], "the thirdparty rights"),
        (["a third-party, its third-", "party rights"], "a third-party, its third-party rights"),
        (["the third party, its third-", "party rights"], "the third party, its third-party rights"),
        (["ALL INFOR-", "MATION IS KEPT"], "ALL INFORMATION IS KEPT"),
        (["Sections 4-", "12 apply"], "Sections 4-12 apply"),
        (["the Franco-", "German treaty"], "the Franco-German treaty"),
        (["prices \N{EN DASH}", "as listed"], "prices \N{EN DASH} as listed"),
    ],
)
def test_words_divided_at_the_end_of_a_line_are_put_together(lines: list[str], expected: str) -> None:
    """A hyphen goes where it only divides; it stays in compounds that occur elsewhere, before digits and capitals."""
    found = ocr.sections([line(text, number) for number, text in enumerate(lines)], 1)
    assert [expected] == [section.text for section in found]
