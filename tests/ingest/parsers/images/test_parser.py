from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.images.parser import ImageParser
from ingest.parsers.options import Options

SENTENCE = "The housing costs forty euros."
OPTIONS = Options(pages=3, ocr_languages=("eng",), scratch=Path("/nonexistent"))


def picture(text: str = SENTENCE, size: int = 36, ink: Any = 0, mode: str = "L", paper: Any = "white") -> Image.Image:
    """Return an image with one line of text, letters of about `size` pixels."""
    image = Image.new(mode, (20 * size, 4 * size), paper)
    ImageDraw.Draw(image).text((size, size), text, fill=ink, font=ImageFont.load_default(size))
    return image


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def parsed(file: io.BytesIO, media_type: str = media.PNG, options: Options = OPTIONS) -> list[tuple[int | None, str]]:
    found = ImageParser(options).parse(file, media_type)
    return [(section.page, section.text) for section in found if isinstance(section, Section)]


def refusal(file: io.BytesIO, media_type: str = media.PNG, options: Options = OPTIONS) -> BadFile:
    with pytest.raises(BadFile) as caught:
        list(ImageParser(options).parse(file, media_type))
    return caught.value


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("PNG", media.PNG),
        ("JPEG", media.JPEG),
        ("TIFF", media.TIFF),
        ("BMP", media.BMP),
        ("GIF", media.GIF),
        ("WEBP", media.WEBP),
    ],
)
def test_text_is_read_in_every_format(kind: str, media_type: str) -> None:
    """Text in an image of any of the formats is found on page 1."""
    assert [(1, SENTENCE)] == parsed(saved(picture(), kind), media_type)


def test_boxes_are_in_points_of_the_size_that_the_file_claims() -> None:
    """At 200 dpi, text 36 pixels from the left and top stands 13 points from them."""
    section = next(iter(ImageParser(OPTIONS).parse(saved(picture(), dpi=(200, 200)), media.PNG)))
    assert isinstance(section, Section)
    assert section.box is not None
    assert 12 <= section.box.left <= 15
    assert 12 <= section.box.top <= 20


def test_the_images_of_a_tiff_are_its_pages() -> None:
    """A TIFF has a page for each of its images, counted from 1."""
    pages = [picture(f"{word} page of the file.") for word in ("First", "Second", "Third")]
    file = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    expected = [(1, "First page of the file."), (2, "Second page of the file."), (3, "Third page of the file.")]
    assert expected == parsed(file, media.TIFF)


def test_more_pages_than_allowed_are_too_large() -> None:
    """A TIFF with more pages than the configuration allows is refused."""
    file = saved(picture(), "TIFF", save_all=True, append_images=[picture()] * 3)
    assert ("too_large", "it has more than 3 pages") == (
        refusal(file, media.TIFF).status,
        refusal(file, media.TIFF).reason,
    )


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_image_counts(kind: str) -> None:
    """An animation has one page: its first image."""
    file = saved(picture(), kind, save_all=True, append_images=[picture("Another image follows here.")])
    assert [(1, SENTENCE)] == parsed(file, f"image/{kind.lower()}")


def transparent() -> Image.Image:
    return picture(mode="RGBA", ink=(0, 0, 0, 255), paper=(0, 0, 0, 0))


def deep() -> Image.Image:
    """Return an image of 16 bits a pixel."""
    values = picture().convert("I").point(lambda value: value * 257)
    return values.convert("I;16")


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (transparent(), "PNG"),
        (picture(mode="RGB", ink="navy", paper="ivory").convert("P"), "PNG"),
        (picture().convert("1"), "PNG"),
        (picture().convert("LA"), "PNG"),
        (picture(ink="white", paper="darkgreen", mode="RGB"), "PNG"),
        (deep(), "PNG"),
        (deep(), "TIFF"),
        (picture(mode="RGB").convert("CMYK"), "TIFF"),
        (picture(mode="RGB").convert("CMYK"), "JPEG"),
        (picture().convert("F"), "TIFF"),
        (picture(mode="LAB", ink=(0, 128, 128), paper=(255, 128, 128)), "TIFF"),
    ],
    ids=["transparent", "palette", "bits", "grey-alpha", "inverted", "16", "16-tiff", "cmyk", "cmyk-jpeg", "f", "lab"],
)
def test_text_is_read_in_every_mode(image: Image.Image, kind: str) -> None:
    """Transparent images stand on white; colours, depths and palettes do not matter."""
    assert [(1, SENTENCE)] == parsed(saved(image, kind), f"image/{kind.lower()}")


@pytest.mark.parametrize(("orientation", "degrees"), [(3, 180), (6, 90), (8, 270)])
def test_images_are_turned_as_the_camera_noted(orientation: int, degrees: int) -> None:
    """The orientation of EXIF is followed."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = saved(picture().rotate(degrees, expand=True), "JPEG", exif=exif, quality=95)
    assert [(1, SENTENCE)] == parsed(file, media.JPEG)


@pytest.mark.parametrize("dpi", [None, (72, 72), (96, 96), (0, 0), (1, 90000)])
def test_small_letters_on_screenshots_are_read(dpi: tuple[int, int] | None) -> None:
    """Letters of 13 pixels, as on a screen, are enlarged, whatever the file says of its resolution."""
    options = {} if dpi is None else {"dpi": dpi}
    assert [(1, SENTENCE)] == parsed(saved(picture(size=13), **options))


def test_a_fax_is_made_square() -> None:
    """Where lines are twice as far apart as columns, the image is stretched, and its text read."""
    image = picture()
    squeezed = image.resize((image.width, image.height // 2), Image.Resampling.BICUBIC)
    assert [(1, SENTENCE)] == parsed(saved(squeezed, "TIFF", dpi=(204, 102)), media.TIFF)


def test_text_that_a_person_would_not_see_is_a_finding() -> None:
    """Text of nearly the background's colour is kept out and reported with the number of its characters."""
    found = list(ImageParser(OPTIONS).parse(saved(picture(ink=248)), media.PNG))
    assert [Finding("background_colour", "page 1", len(SENTENCE.replace(" ", "")))] == found


def test_an_image_without_text_is_empty() -> None:
    """An image in which no text is found is empty."""
    problem = refusal(saved(Image.linear_gradient("L")))
    assert ("empty", "no text was found in the image") == (problem.status, problem.reason)


def test_without_ocr_images_are_not_read() -> None:
    """Where OCR is off or not installed, the status says so and how to change it."""
    off = refusal(saved(picture()), options=Options(3, (), Path("/nonexistent")))
    assert ("unsupported", True) == (off.status, "ingest.ocr_languages" in off.hint)
    missing = refusal(saved(picture()), options=Options(3, ("xyz",), Path("/nonexistent")))
    assert ("unsupported", True) == (missing.status, "tesseract-ocr-xyz" in missing.hint)


def cut(file: io.BytesIO, share: float) -> io.BytesIO:
    data = file.getvalue()
    return io.BytesIO(data[: int(share * len(data))])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_truncated_image_is_damaged(kind: str, share: float) -> None:
    """An image whose end is missing is damaged, not half of a document."""
    assert "damaged" == refusal(cut(saved(picture(), kind), share), f"image/{kind.lower()}").status


def test_an_image_is_decoded_only_as_what_it_was_found_to_be() -> None:
    """No other decoder than that of the media type sees the file."""
    assert "damaged" == refusal(saved(picture(), "PPM")).status


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))


@pytest.mark.parametrize("size", [(60_000, 60_000), (2_000_000, 41), (2**31 - 1, 2**31 - 1)])
def test_an_image_that_claims_too_many_pixels_is_too_large(size: Sequence[int]) -> None:
    """A small file that unpacks to a huge image is refused before it is unpacked."""
    header = struct.pack("!IIBBBBB", *size, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    assert "too_large" == refusal(io.BytesIO(data + chunk(b"IEND", b""))).status
