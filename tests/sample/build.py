"""Write the office and PDF files of the sample share: `python -m tests.sample.build [FOLDER]`.

The texts live here, because nobody can review a change to a binary file.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from docx import Document as WordDocument
from openpyxl import Workbook
from openpyxl.styles import Font
from pptx import Presentation
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

SAMPLE = Path(__file__).parents[2] / "compose" / "sample"
WRITTEN = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)

PRODUCTS = [
    ("Article", "Name", "Price EUR", "Delivery weeks", "Minimum quantity"),
    ("V25-A", "Control valve V25, DN 25", 318.00, 2, 1),
    ("V40-A", "Control valve V40, DN 40", 412.50, 3, 1),
    ("V40-EX", "Control valve V40, explosion-proof", 689.00, 6, 1),
    ("V65-A", "Control valve V65, DN 65", 574.00, 4, 1),
    ("P12-A", "Pressure transmitter P12", 146.90, 1, 1),
    ("P12-EX", "Pressure transmitter P12, explosion-proof", 238.00, 5, 1),
    ("T08-A", "Temperature sensor T08", 58.40, 1, 5),
    ("F31-A", "Flow meter F31", 1290.00, 8, 1),
    ("V40-SK2", "Stem seal kit for V40", 36.20, 1, 2),
]
SERVICES = [
    ("Service", "Unit", "Price EUR"),
    ("Calibration of P12 in the laboratory", "piece", 74.00),
    ("Calibration on site", "day", 980.00),
    ("Commissioning by a technician", "hour", 112.00),
    ("Express surcharge, shipping within 24 hours", "order", 65.00),
    ("Training at the customer's site, up to 12 people", "day", 1450.00),
]
CONTRACT = [
    (
        "Supply agreement",
        [
            "between Halden Instruments (the Buyer) and Northfield Castings (the Supplier), number SA-2024-118, "
            "signed on 14 November 2024.",
            "1. Subject. The Supplier makes and delivers castings for valve housings of the series V25, V40 and V65 "
            "according to the drawings in annex A.",
            "2. Term. The agreement begins on 1 January 2025 and runs for three years. It renews itself by one year "
            "each time unless a party gives notice six months before the end.",
        ],
    ),
    (
        "Quantities and prices",
        [
            "3. Forecast. The Buyer sends a forecast for twelve months on the first working day of each quarter. The "
            "first three months of it are binding.",
            "4. Prices. Prices are fixed for twelve months and then follow the metal index: when the index moves by "
            "more than 5 percent, the price moves by half of that.",
            "TABLE",
        ],
    ),
    (
        "Delivery and delay",
        [
            "5. Delivery. Deliveries are made free to the Buyer's gate (DAP) within 21 days after the call-off.",
            "6. Delay. For each full week of delay the Supplier pays a penalty of 1.5 percent of the value of the "
            "delayed goods, at most 9 percent. Further damages are excluded unless the delay was caused by gross "
            "negligence.",
            "7. Force majeure. Events beyond control suspend the duties of the affected party. After 90 days each "
            "party may withdraw from the call-offs concerned.",
        ],
    ),
    (
        "Quality and liability",
        [
            "8. Inspection. The Buyer inspects incoming goods within ten working days and reports visible defects at "
            "once. At most 0.4 percent of the castings of a delivery may be defective.",
            "9. Warranty. The warranty period is 36 months from delivery.",
            "10. Liability. Liability for slight negligence is limited to 500,000 EUR a year.",
        ],
    ),
    (
        "Confidentiality and end",
        [
            "11. Confidentiality. Drawings and prices are kept confidential during the term and for five years after.",
            "12. Termination for cause. Each party may end the agreement at once when the other is insolvent or, in "
            "spite of a written warning, breaks a main duty twice within six months.",
            "13. Law. The law of the Buyer's seat applies. Disputes are settled by arbitration with one arbitrator.",
        ],
    ),
]
CASTING_PRICES = [
    ["Casting", "Price per piece", "Yearly quantity"],
    ["Housing V25", "21.40 EUR", "3,000"],
    ["Housing V40", "33.80 EUR", "4,800"],
    ["Housing V65", "52.10 EUR", "1,500"],
]
MANAGEMENT = [
    ("h", "Minutes of the management meeting, March 2026"),
    (
        "p",
        "Date: 18 March 2026, 9:00 to 11:30, room Glacier. Present: managing director, heads of Sales, Production, "
        "Finance, IT and Human Resources. The minutes were taken by the assistant to the management.",
    ),
    ("h", "1. Results of February"),
    (
        "p",
        "Orders came to 4.1 million EUR, 6 percent above plan. The share of rejects on assembly line 2 rose to 2.3 "
        "percent because of a worn gripper; it has been replaced.",
    ),
    ("h", "2. New calibration laboratory"),
    (
        "p",
        "The extension of building C costs 1.85 million EUR. The managing director approves the budget. Work begins on "
        "4 May 2026 and is to be finished by the end of October.",
    ),
    ("h", "3. Document search"),
    (
        "p",
        "IT presents the appliance. The pilot starts on 1 April 2026 with 40 employees of Service and Sales. No "
        "document leaves the house. Decision on the roll-out: September.",
    ),
    ("h", "4. Action items"),
    (
        "t",
        [
            ["Action", "Owner", "Due"],
            ["Second supplier for V40 housings", "Purchasing", "30 June 2026"],
            ["Replace grippers on line 1", "Production", "15 April 2026"],
            ["Training plan for the pilot", "IT", "27 March 2026"],
        ],
    ),
]
WORKS_COUNCIL = [
    ("h", "Minutes: works council and management, May 2026"),
    ("p", "Date: 20 May 2026, room Harbour."),
    ("h", "Shift times"),
    (
        "p",
        "From 1 August 2026 the early shift in assembly begins at 6:15 instead of 6:00. The night shift bonus rises "
        "from 25 to 28 percent.",
    ),
    ("h", "Bicycle leasing"),
    ("p", "The company takes part in bicycle leasing. Each employee may lease one bicycle up to a price of 4,000 EUR."),
    ("h", "Heat"),
    ("p", "When it is over 30 degrees Celsius in the hall, there is an extra break of ten minutes in each hour."),
]
SLIDES = [
    ("Strategy 2026 to 2028", ["Halden Instruments, management", "Presented to all employees on 22 January 2026"]),
    (
        "Where we stand",
        ["Revenue 2025: 47.3 million EUR", "Exports: 61 percent of revenue", "312 employees at two sites"],
    ),
    (
        "Three goals",
        [
            "Delivery on time: from 88 to 96 percent by the end of 2027",
            "Service revenue: 20 percent of the total by 2028",
            "Energy per unit: down by 15 percent",
        ],
    ),
    ("What we do not do", ["No products for oxygen", "No takeover of competitors before 2028"]),
]


def workbook(file: Path) -> None:
    book = Workbook()
    for title, rows in (("Products", PRODUCTS), ("Services", SERVICES)):
        sheet = book.active if title == "Products" else book.create_sheet()
        sheet.title = title
        for row in rows:
            sheet.append(row)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
    book.properties.created = book.properties.modified = WRITTEN
    book.save(file)


def contract(file: Path) -> None:
    styles = getSampleStyleSheet()
    story: list[object] = []
    for number, (title, paragraphs) in enumerate(CONTRACT):
        if number:
            story.append(PageBreak())
        story += [Paragraph(title, styles["Heading1"]), Spacer(1, 12)]
        for text in paragraphs:
            if text == "TABLE":
                table = Table(CASTING_PRICES, hAlign="LEFT")
                table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "black")]))
                story.append(table)
            else:
                story += [Paragraph(text, styles["BodyText"]), Spacer(1, 8)]
    SimpleDocTemplate(str(file), pagesize=A4, title="Supply agreement SA-2024-118", invariant=1).build(story)


def minutes(file: Path, content: list[tuple[str, object]]) -> None:
    document = WordDocument()
    for number, (kind, value) in enumerate(content):
        if kind == "h":
            document.add_heading(str(value), level=1 if number == 0 else 2)
        elif kind == "p":
            document.add_paragraph(str(value))
        else:
            rows = list(value)  # type: ignore[call-overload]  # "t" carries rows
            table = document.add_table(rows=0, cols=len(rows[0]))
            for row in rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
    document.core_properties.author = "Halden Instruments"
    document.core_properties.created = document.core_properties.modified = WRITTEN
    document.save(str(file))


def slides(file: Path) -> None:
    deck = Presentation()
    for title, points in SLIDES:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = "\n".join(points)
    deck.core_properties.author = "Halden Instruments"
    deck.core_properties.created = deck.core_properties.modified = WRITTEN
    deck.save(str(file))


def build(folder: Path) -> None:
    """Write all files below `folder`."""
    for name in ("sales", "contracts", "minutes", "slides"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    workbook(folder / "sales" / "price-list-2026.xlsx")
    contract(folder / "contracts" / "supply-agreement-northfield.pdf")
    minutes(folder / "minutes" / "2026-03-management-meeting.docx", MANAGEMENT)
    minutes(folder / "minutes" / "2026-05-works-council.docx", WORKS_COUNCIL)
    slides(folder / "slides" / "strategy-2026.pptx")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE)
