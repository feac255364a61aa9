"""Texts that the embedder's backends are compared on: the kinds of writing that company documents hold."""

from __future__ import annotations

import random

SENTENCES = (
    "Employees who travel by train book through the travel desk at least five working days ahead.",
    "The on-call engineer acknowledges a page within ten minutes and opens an incident channel.",
    "| Item | Unit price | Minimum order |\n| M8 flange bolt | 0.42 EUR | 500 |\n| Gasket 40 mm | 1.15 EUR | 100 |",
    "Either party may terminate this Agreement upon ninety (90) days' written notice to the other party.",
    "To restore the database, stop the writer, copy the last snapshot, and replay the journal from that point.",
    "Die Rechnung ist innerhalb von 30 Tagen nach Eingang ohne Abzug zu begleichen.",
    "systemctl restart billing-worker && journalctl -u billing-worker --since '5 minutes ago'",
    "Parental leave is sixteen weeks at full pay, and may be split into two parts within the first year.",
    "Minutes of 14 March: budget approved with two abstentions; the pilot in Lyon moves to the third quarter.",
    "Q: Who signs off a discount above 15 %? A: The regional head of sales, in writing.",
    "Revenue of the services segment rose by 8.3 % to 41.7 million, while hardware fell slightly.",
    "Never share the recovery codes; store them in the sealed envelope in the safe on the second floor.",
    "See https://wiki.example.org/pages/4711#setup for the steps that differ on version 2.x.",
    "Les visiteurs doivent porter leur badge et être accompagnés dans les zones de production.",
    "The warranty excludes damage by improper storage, unauthorised repair, lightning or flooding.",
    "Customers report that the export stalls at 99 % when a file name contains an apostrophe.",
    "Samples are kept at 4 °C, analysed within 48 hours, and discarded after the retention period of three years.",
    "New joiners receive a laptop, a security key and an introduction to the document store on their first day.",
)
# Ten sentences are about 210 tokens, a full chunk.
SENTENCES_PER_PASSAGE = 10


def _passage(number: int) -> str:
    return " ".join(random.Random(number).sample(SENTENCES, SENTENCES_PER_PASSAGE))  # noqa: S311 - not a secret


PASSAGES = tuple(_passage(number) for number in range(8))
# Short ones too: a rounding error that averages out over a passage shows in a question.
SAMPLES = (*PASSAGES, *SENTENCES, "parental leave", "4.3.1", "")
