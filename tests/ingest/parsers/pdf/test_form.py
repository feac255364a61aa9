from __future__ import annotations

import io

import pytest
from reportlab.pdfgen.canvas import Canvas

from appliance.types import Finding
from tests.ingest.parsers.pdf.made import CHARACTERS, HIDDEN, SEEN, drawn, parsed, stream, words, written


def test_what_an_annotation_covers_is_kept_out() -> None:
    """An opaque annotation hides what is under it; a link does not."""
    for kind, hides in (("Square", True), ("Link", False)):
        file = written(
            [
                "<< /Type /Catalog /Pages 2 0 R >>",
                "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 500] /Contents 4 0 R /Annots [6 0 R] "
                "/Resources << /Font << /F 5 0 R >> >> >>",
                stream(f"BT /F 12 Tf 40 450 Td ({SEEN}) Tj 0 -150 Td ({HIDDEN}) Tj ET"),
                "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
                f"<< /Type /Annot /Subtype /{kind} /Rect [30 280 390 340] /F 4 /AP << /N 7 0 R >> >>",
                stream("1 1 1 rg 0 0 360 60 re f", "/Type /XObject /Subtype /Form /BBox [0 0 360 60]")
                if hides
                else stream("", "/Type /XObject /Subtype /Form /BBox [0 0 360 60]"),
            ]
        )
        sections, findings = parsed(file)
        assert ("praise" in words(sections)) is not hides
        assert findings == ([Finding("covered", "page 1", CHARACTERS)] if hides else [])


def layers(state: str) -> io.BytesIO:
    """Return a PDF with a layer in this state (ON or OFF): a piece of the page, and a form."""
    content = f"BT /F 12 Tf 40 450 Td ({SEEN}) Tj ET /OC /L BDC BT /F 12 Tf 40 300 Td ({HIDDEN}) Tj ET EMC /X Do"
    return written(
        [
            f"<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [6 0 R] /D << /{state} [6 0 R] >> >> >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 500] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> "
            "/Properties << /L 6 0 R >> /XObject << /X 7 0 R >> >> >>",
            stream(content),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            "<< /Type /OCG /Name (layer) >>",
            stream(
                "BT /F 12 Tf 40 250 Td (A form that is on a layer.) Tj ET",
                "/Type /XObject /Subtype /Form /BBox [0 0 400 500] /OC 6 0 R /Resources << /Font << /F 5 0 R >> >>",
            ),
        ]
    )


def test_layers_that_are_off_are_kept_out() -> None:
    """Text on a layer is read when the layer is on, and reported as hidden when it is off, in forms too."""
    sections, findings = parsed(layers("ON"))
    assert words(sections) == f"{SEEN} {HIDDEN} A form that is on a layer."
    assert findings == []
    sections, findings = parsed(layers("OFF"))
    assert words(sections) == SEEN
    assert findings == [Finding("hidden", "page 1", CHARACTERS + len("Aformthatisonalayer."))]


def test_form_values_are_read_where_they_show() -> None:
    """The value of a field that is displayed is text of its page; that of a hidden field is a finding."""

    def page(canvas: Canvas) -> None:
        canvas.drawString(40, 450, SEEN)
        canvas.acroForm.textfield(name="a", x=40, y=300, width=300, height=20, value="Contract 4711, Mrs. Field")
        canvas.acroForm.textfield(name="b", x=40, y=200, width=300, height=20, value=HIDDEN, annotationFlags="hidden")

    sections, findings = parsed(drawn(page))
    assert words(sections) == f"{SEEN} Contract 4711, Mrs. Field"
    assert findings == [Finding("hidden", "page 1", CHARACTERS)]


@pytest.mark.parametrize(
    ("look", "flags", "seen"),
    [
        (f"BT /F 12 Tf 5 20 Td ({HIDDEN}) Tj ET", 4, True),
        (f"BT /F 12 Tf 5 20 Td ({HIDDEN}) Tj ET", 2, False),
        ("0 0 10 10 re f", 4, False),
        (f"1 1 1 rg BT /F 12 Tf 5 20 Td ({HIDDEN}) Tj ET", 4, False),
    ],
    ids=["drawn", "marked as hidden", "drawn as something else", "drawn in white"],
)
def test_free_text_is_read_where_it_shows(look: str, flags: int, seen: bool) -> None:
    """What an annotation says is text of its page if it is drawn there."""
    file = written(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 500] /Contents 4 0 R /Annots [6 0 R] "
            "/Resources << /Font << /F 5 0 R >> >> >>",
            stream(f"BT /F 12 Tf 40 450 Td ({SEEN}) Tj ET"),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            f"<< /Type /Annot /Subtype /FreeText /Rect [30 280 390 340] /F {flags} /DA (/F 12 Tf) "
            f"/Contents ({HIDDEN}) /AP << /N 7 0 R >> >>",
            stream(look, "/Type /XObject /Subtype /Form /BBox [0 0 360 60] /Resources << /Font << /F 5 0 R >> >>"),
        ]
    )
    sections, findings = parsed(file)
    assert words(sections) == (f"{SEEN} {HIDDEN}" if seen else SEEN)
    assert findings == ([] if seen else [Finding("hidden", "page 1", CHARACTERS)])


@pytest.mark.parametrize("direct", [True, False])
def test_what_stands_in_place_of_drawn_text_is_not_read(direct: bool) -> None:
    """ActualText is heard by screen readers alone: the drawn text counts; a replacement that says the same is fine."""
    properties = f"<< /ActualText ({HIDDEN}) >>" if direct else "/P"
    file = written(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 500] /Contents 4 0 R "
            "/Resources << /Font << /F 5 0 R >> /Properties << /P << /ActualText 6 0 R >> >> >> >>",
            stream(
                f"/Span {properties} BDC BT /F 12 Tf 40 450 Td ({SEEN}) Tj ET EMC "
                "/Span << /ActualText (offer) >> BDC BT /F 12 Tf 40 400 Td (of) Tj (fer) Tj ET EMC"
            ),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
            f"({HIDDEN})",
        ]
    )
    sections, findings = parsed(file)
    assert words(sections) == f"{SEEN} offer"
    # PDFium does not follow references there.
    assert findings == ([Finding("hidden", "page 1", CHARACTERS)] if direct else [])
