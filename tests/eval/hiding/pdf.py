"""Ways to hide a text in a PDF, each a function from what is visible and what is hidden to the file's bytes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = 595, 842
_LINES = 90

Paint = Callable[[Any, str], None]


def _document(visible: str, paint: Callable[[Any], None], before: Callable[[Any], None] | None = None) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made, (WIDTH, HEIGHT))
    if before:
        before(canvas)
    _write(canvas, visible, 780)
    canvas.saveState()
    paint(canvas)
    canvas.restoreState()
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _write(canvas: Any, text: str, top: float, size: float = 10, mode: int = 0) -> None:
    lines = canvas.beginText(50, top)
    lines.setFont("Helvetica", size)
    lines.setTextRenderMode(mode)
    for line in textwrap.wrap(text, _LINES):
        lines.textLine(line.encode("latin-1", "replace").decode("latin-1"))
    canvas.drawText(lines)


def _coloured(*colour: float) -> Callable[[str, str], bytes]:
    def make(visible: str, hidden: str) -> bytes:
        def paint(canvas: Any) -> None:
            canvas.setFillColorRGB(*colour)
            _write(canvas, hidden, 200)

        return _document(visible, paint)

    return make


def _sized(size: float) -> Callable[[str, str], bytes]:
    return lambda visible, hidden: _document(visible, lambda canvas: _write(canvas, hidden, 200, size))


def _scaled(visible: str, hidden: str) -> bytes:
    def paint(canvas: Any) -> None:
        canvas.scale(0.05, 0.05)
        _write(canvas, hidden, 4000, 12)

    return _document(visible, paint)


def _moved(x: float, y: float) -> Callable[[str, str], bytes]:
    def make(visible: str, hidden: str) -> bytes:
        def paint(canvas: Any) -> None:
            canvas.translate(x, y)
            _write(canvas, hidden, 200)

        return _document(visible, paint)

    return make


def _clipped(visible: str, hidden: str) -> bytes:
    def paint(canvas: Any) -> None:
        path = canvas.beginPath()
        path.rect(10, 10, 1, 1)
        canvas.clipPath(path, stroke=0, fill=0)
        _write(canvas, hidden, 200)

    return _document(visible, paint)


def _cropped(visible: str, hidden: str) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made, (WIDTH, HEIGHT))
    canvas.setCropBox((0, 300, WIDTH, HEIGHT))
    _write(canvas, visible, 780)
    _write(canvas, hidden, 200)
    canvas.showPage()
    canvas.save()
    return made.getvalue()


def _unpainted(visible: str, hidden: str) -> bytes:
    return _document(visible, lambda canvas: _write(canvas, hidden, 200, mode=3))


def _transparent(visible: str, hidden: str) -> bytes:
    def paint(canvas: Any) -> None:
        canvas.setFillAlpha(0)
        _write(canvas, hidden, 200)

    return _document(visible, paint)


def _under_a_box(visible: str, hidden: str) -> bytes:
    def paint(canvas: Any) -> None:
        _write(canvas, hidden, 200)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.rect(30, 100, 540, 130, stroke=0, fill=1)

    return _document(visible, paint)


def _under_an_image(visible: str, hidden: str) -> bytes:
    picture = ImageReader(Image.effect_noise((540, 130), 60))

    def paint(canvas: Any) -> None:
        _write(canvas, hidden, 200)
        canvas.drawImage(picture, 30, 100, 540, 130)

    return _document(visible, paint)


def _dark_on_dark(visible: str, hidden: str) -> bytes:
    def paint(canvas: Any) -> None:
        canvas.setFillColorRGB(0.1, 0.2, 0.4)
        canvas.rect(30, 100, 540, 130, stroke=0, fill=1)
        canvas.setFillColorRGB(0.11, 0.21, 0.41)
        _write(canvas, hidden, 200)

    return _document(visible, paint)


def scan(text: str) -> Image.Image:
    """Return a page at 150 dpi that shows a text."""
    page = Image.new("L", (WIDTH * 150 // 72, HEIGHT * 150 // 72), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(22)
    for row, line in enumerate(textwrap.wrap(text, _LINES)):
        draw.text((100, 100 + 30 * row), line, 0, font)
    return page


def _false_text_layer(visible: str, hidden: str) -> bytes:
    """A scanned page whose invisible text layer says something else than the image."""
    made = io.BytesIO()
    canvas = Canvas(made, (WIDTH, HEIGHT))
    canvas.drawImage(ImageReader(scan(visible)), 0, 0, WIDTH, HEIGHT)
    _write(canvas, hidden, 700, mode=3)
    canvas.showPage()
    canvas.save()
    return made.getvalue()


WAYS: dict[str, Callable[[str, str], bytes]] = {
    "white": _coloured(1, 1, 1),
    "near-white": _coloured(0.97, 0.98, 0.97),
    "dark on dark": _dark_on_dark,
    "half a point": _sized(0.5),
    "one and a half points": _sized(1.5),
    "scaled to nothing": _scaled,
    "below the page": _moved(0, -600),
    "beside the page": _moved(1500, 0),
    "clipped": _clipped,
    "outside the crop box": _cropped,
    "not painted": _unpainted,
    "transparent": _transparent,
    "under a white box": _under_a_box,
    "under an image": _under_an_image,
    "false text layer of a scan": _false_text_layer,
}
