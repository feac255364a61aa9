"""Pairs of statements, the first cited, and whether the second contradicts it. Written for these tests."""

# (language, cited, other, path of the other, its heading, contradicts)
SAME = ("policies/leave.md", "Leave")
PAIRS = [
    # Another value of the same measure in the same place.
    ("en", "A hotel room may cost up to 165 EUR a night.", "A hotel room may cost up to 140 EUR a night.", *SAME, True),
    ("en", "Unused leave of up to 5 days may be carried over.", "Unused leave of up to 3 days may be carried over.", "hr/old.md", "Leave", True),
    ("en", "The notice period for employees is four weeks.", "The notice period for employees is 6 weeks.", *SAME, True),
    ("en", "Invoices are paid within 30 days of receipt.", "Invoices are paid within 14 days of receipt.", "sales/terms.md", "Payment", True),
    ("en", "Applications for training close on 3 May 2026.", "Applications for training close on 10 May 2026.", *SAME, True),
    ("en", "Our company has 12 offices worldwide.", "Our company has 15 offices worldwide.", *SAME, True),
    ("de", "Die Kündigungsfrist beträgt vier Wochen zum Monatsende.", "Die Kündigungsfrist beträgt sechs Wochen zum Monatsende.", *SAME, True),
    ("de", "Ein Hotelzimmer darf bis zu 165 Euro pro Nacht kosten.", "Ein Hotelzimmer darf bis zu 140 Euro pro Nacht kosten.", *SAME, True),
    ("fr", "Le préavis pour les salariés est de quatre semaines.", "Le préavis pour les salariés est de 6 semaines.", *SAME, True),
    ("es", "El plazo de preaviso es de cuatro semanas.", "El plazo de preaviso es de 6 semanas.", *SAME, True),
    # The opposite.
    ("en", "Contractors may work remotely from abroad.", "Contractors may not work remotely from abroad.", *SAME, True),
    ("en", "Dogs are allowed in the office on Fridays.", "Dogs are not allowed in the office.", *SAME, True),
    ("en", "Trips can be booked without approval by managers.", "Trips cannot be booked without approval by managers.", *SAME, True),
    ("de", "Externe dürfen im Ausland arbeiten.", "Externe dürfen nicht im Ausland arbeiten.", *SAME, True),
    ("fr", "Les prestataires peuvent travailler à l'étranger.", "Les prestataires ne peuvent pas travailler à l'étranger.", *SAME, True),
    ("es", "Los contratistas pueden trabajar en el extranjero.", "Los contratistas no pueden trabajar en el extranjero.", *SAME, True),
    # Another name in the same place.
    ("en", "The data protection officer is Ada Marsh.", "The data protection officer is Grace Lind.", *SAME, True),
    ("en", "Travel above the limit is approved by the CFO.", "Travel above the limit is approved by the CEO.", *SAME, True),
    # Other things, each with its own value.
    ("en", "| Desk, oak | $1,250 | 41 kg |", "| Desk, pine | $850 | 41 kg |", "sales/prices.md", "Prices", False),
    ("en", "The desk costs 400 EUR with delivery.", "The chair costs 150 EUR with delivery.", *SAME, False),
    ("en", "In Germany the notice period is 4 weeks.", "In France the notice period is 6 weeks.", *SAME, False),
    ("en", "- Germany: 30 days of leave", "- France: 25 days of leave", *SAME, False),
    ("en", "The notice period for managers is three months.", "The notice period for employees is four weeks.", *SAME, False),
    ("en", "In 2025 a hotel room could cost up to 140 EUR a night.", "In 2026 a hotel room could cost up to 165 EUR a night.", *SAME, False),
    ("en", "The hotel limit for 2026 is 165 EUR a night.", "The hotel limit is 140 EUR a night.", "policies/travel-2025.md", "Hotels", False),
    ("en", "The notice period is four weeks.", "The notice period is six weeks.", "policies/leave.md", "France", False),
    ("en", "Delivery takes 5 days.", "Delivery takes 3 days.", "products/p12.md", "Delivery", False),
    ("en", "Requests must be made 5 days before the trip.", "Requests must be made with 2 copies of the form.", *SAME, False),
    ("en", "Step 3: restart the server.", "Step 4: restart the server.", *SAME, False),
    ("en", "Approval is not required for trips.", "No approval is required for trips.", *SAME, False),
    ("en", "Approval is not required for trips.", "Approval is not necessary for trips.", *SAME, False),
    ("en", "Employees may work remotely from abroad.", "Contractors may not work remotely from abroad.", *SAME, False),
    ("en", "Invoices are paid within 30 days of receipt.", "Invoices are paid within thirty days of receipt.", *SAME, False),
    ("en", "The limit for laptops is 2,000 dollars.", "The limit for laptops is $2,000.00.", *SAME, False),
    ("en", "We have an office in Paris.", "We have an office in London.", *SAME, False),
    ("en", "Training closes on 3 May 2026.", "Training closes on 2026-05-03.", *SAME, False),
    ("de", "In Berlin beträgt die Grenze 120 Euro.", "In Hamburg beträgt die Grenze 110 Euro.", *SAME, False),
    ("de", "Der Tisch kostet 400 Euro.", "Der Stuhl kostet 150 Euro.", *SAME, False),
    ("fr", "À Paris, le plafond est de 200 euros.", "À Lyon, le plafond est de 150 euros.", *SAME, False),
    ("fr", "L'accord n'est pas nécessaire.", "Aucun accord n'est nécessaire.", *SAME, False),
    ("es", "En Madrid el límite es de 120 euros.", "En Sevilla el límite es de 100 euros.", *SAME, False),
    ("es", "No se necesita permiso para viajar.", "No es necesario ningún permiso para viajar.", *SAME, False),
]  # fmt: skip
