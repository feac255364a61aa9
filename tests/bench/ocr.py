"""How much of a page OCR finds, and how fast: `python -m tests.bench.ocr CONTRACTS_FOLDER --pages 40 --seed 1`.

Renders a sample of pages that have text at 200 dpi, reads them by OCR, and compares with PDFium's text of the page:
word recall is the share of its words (a multiset, casefolded) that were read. --noise and --skew add lines for pages
as a bad scanner gives them. Runs on one core; processor seconds are this process's own.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
from PIL import Image, ImageFilter

from ingest.parsers.images import ocr
from tests.bench.common import load, skip_unless

DPI = 200
WORDS_AT_LEAST = 50
WORST = 5
WORD = re.compile(r"\w+")
Page = tuple[str, Image.Image, Counter[str]]


def main() -> None:
    """Read a sample of pages and print what was found of them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="a folder of PDF files with a text layer")
    arguments.add_argument("--pages", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--languages", default="eng")
    arguments.add_argument("--noise", action="store_true", help="also with blur, grain and specks")
    arguments.add_argument("--skew", action="store_true", help="also turned by up to 2 degrees")
    options = arguments.parse_args()
    skip_unless(options.folder)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    start = time.perf_counter()
    pages = sample(options.folder, options.pages, options.seed)
    rendering = time.perf_counter() - start
    languages = tuple(options.languages.split("+"))
    generator = np.random.default_rng(options.seed)
    report("as rendered", pages, lambda image: image, languages, rendering)
    if options.noise:
        report("noise", pages, lambda image: noisy(image, generator), languages, rendering)
    if options.skew:
        report("skew", pages, lambda image: skewed(image, generator.uniform(-2, 2)), languages, rendering)
    print(load())


def sample(folder: Path, pages: int, seed: int) -> list[Page]:
    """Return pages of the folder's PDF files at random: name, image, words."""
    places = []
    for path in sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".pdf"):
        with pypdfium2.PdfDocument(path) as document:
            places.extend((path, number) for number in range(len(document)))
    random.Random(seed).shuffle(places)
    found: list[Page] = []
    for path, number in places:
        if len(found) == pages:
            break
        with pypdfium2.PdfDocument(path) as document:
            page: Any = document[number]
            # PDFium puts U+FFFE where a hyphen ended a line; OCR finds the hyphen, so both are two words here.
            words = Counter(WORD.findall(page.get_textpage().get_text_range().replace("\ufffe", "-\n").casefold()))
            if words.total() >= WORDS_AT_LEAST:
                image = page.render(scale=DPI / 72, grayscale=True).to_pil()
                found.append((f"{path.name} page {number + 1}", image, words))
    return found


def noisy(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Return the image as a worn copier gives it: blurred, on greyish paper with grain, with specks of both colours."""
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32) * 0.82 + 25
    pixels += generator.normal(0, 14, pixels.shape)
    specks = generator.random(pixels.shape)
    pixels[specks < 0.0007] = 30
    pixels[specks > 0.9993] = 245
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def skewed(image: Image.Image, degrees: float) -> Image.Image:
    """Return the image of a page that was put on the glass askew."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)


def report(
    name: str,
    pages: Sequence[Page],
    scan: Callable[[Image.Image], Image.Image],
    languages: tuple[str, ...],
    rendering: float,
) -> None:
    """Read all pages and print recall, precision, speed and the worst pages."""
    hits = read = total = 0
    processor = wall = 0.0
    worst = []
    for place, image, words in pages:
        scanned = scan(image)
        wall -= time.perf_counter()
        processor -= time.process_time()
        lines = ocr.read(scanned, languages, 72 / DPI)
        processor += time.process_time()
        wall += time.perf_counter()
        found = Counter(word for line in lines for word in WORD.findall(line.text.casefold()))
        same = (found & words).total()
        hits, read, total = hits + same, read + found.total(), total + words.total()
        worst.append((same / words.total(), place))
    print(
        f"{name}: word recall {hits / total:.4f}, precision {hits / max(1, read):.4f}, {len(pages)} pages, "
        f"{len(pages) / processor:.2f} pages/s of processor time, {len(pages) / wall:.2f} pages/s by the clock, "
        f"{len(pages) / (wall + rendering):.2f} with rendering"
    )
    for share, place in sorted(worst)[:WORST]:
        print(f"  {share:.3f} {place}")


if __name__ == "__main__":
    main()
