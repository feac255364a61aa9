"""What of a reference text is found in PDF files, and how fast: `python -m tests.bench.pdf FOLDER [--ocr eng]`.

FOLDER holds `pdf/` and `txt/` with the same names. Texts are compared as sequences of tokens: the casefolded runs of
word characters (`\\w+`) of both, nothing left out. Recall is the part of the reference's tokens, as a multiset, that
the PDF's text has too; order is the longest common subsequence of tokens, as a part of the reference. Prints each file
below the targets and the worst ones, then the whole, the findings, and pages per second of this process's CPU time,
screening included.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pypdfium2

from appliance.types import Finding, Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers.options import Options
from ingest.parsers.pdf.parser import PdfParser
from tests.bench.common import load, skip_unless

RECALL, ORDER = 0.995, 0.98
WORST = 5
PAGES = 100_000
_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Compared:
    """One file: how many tokens its reference has, how many of them were found, and how many in order."""

    name: str
    tokens: int
    found: int
    in_order: int

    @property
    def recall(self) -> float:
        """Return the part of the tokens that was found."""
        return self.found / max(self.tokens, 1)

    @property
    def order(self) -> float:
        """Return the part of the tokens that was found in order."""
        return self.in_order / max(self.tokens, 1)


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, exactly.

    Bit-parallel after Hyyrö, "Bit-parallel LCS-length computation revisited" (2004): one bit for each token of `one`.
    """
    places: dict[str, int] = {}
    for i, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << i
    everything = (1 << len(one)) - 1
    row = everything
    for token in other:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & everything
    return len(one) - row.bit_count()


def compare(name: str, reference: str, extracted: str) -> Compared:
    """Compare the text of a PDF with its reference."""
    wanted, got = (_TOKEN.findall(text.casefold()) for text in (reference, extracted))
    found = (Counter(wanted) & Counter(got)).total()
    return Compared(name, len(wanted), found, common_subsequence(wanted, got))


def main() -> None:
    """Extract and compare every pair of files."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--ocr", default="", help="languages of Tesseract, divided by commas; none: no OCR")
    options = arguments.parse_args()
    skip_unless(options.folder / "pdf", options.folder / "txt")
    texts = {path.stem.strip(): path for path in (options.folder / "txt").iterdir()}
    files = sorted(path for path in (options.folder / "pdf").iterdir() if path.stem.strip() in texts)
    if not files:
        sys.exit(f"SKIPPED: no file of {options.folder / 'pdf'} has a text beside it")
    compared, findings, pages, seconds = [], 0, 0, 0.0
    with TemporaryDirectory() as scratch:
        languages = tuple(language for language in options.ocr.split(",") if language)
        parser = PdfParser(Options(PAGES, languages, Path(scratch)))
        for path in files:
            with pypdfium2.PdfDocument(path) as document:
                pages += len(document)
            start = time.process_time()
            try:
                with path.open("rb") as file:
                    parts = list(parser.parse(file, media.PDF))
            except BadFile as problem:
                print(f"{path.name}: {problem.status}, {problem.reason}")
                parts = []
            seconds += time.process_time() - start
            kept_out = [part for part in parts if isinstance(part, Finding)]
            findings += bool(kept_out)
            for finding in kept_out:
                print(f"{path.name}: {finding}")
            text = "\n".join(part.text for part in parts if isinstance(part, Section))
            compared.append(compare(path.name, texts[path.stem.strip()].read_text("utf-8", "replace"), text))
    report(compared)
    print(f"files with findings: {findings} of {len(files)}")
    print(f"{pages} pages in {seconds:.1f} s of CPU time: {pages / seconds:.0f} pages/s; {load()}")


def report(compared: Sequence[Compared]) -> None:
    """Print the files below the targets, the worst ones, and the whole."""
    below = [one for one in compared if one.recall < RECALL or one.order < ORDER]
    worst = sorted(compared, key=lambda one: min(one.recall - RECALL, one.order - ORDER))[:WORST]
    for one in dict.fromkeys([*below, *worst]):
        print(f"recall {one.recall:.4f}, order {one.order:.4f}, {one.tokens} tokens: {one.name}")
    tokens = sum(one.tokens for one in compared)
    found, in_order = sum(one.found for one in compared), sum(one.in_order for one in compared)
    print(f"{len(compared)} files, {tokens} tokens, {len(below)} files below {RECALL} found or {ORDER} in order")
    print(f"all: recall {found / tokens:.4f}, in order {in_order / tokens:.4f}")


if __name__ == "__main__":
    main()
