"""What our parsers find of what unstructured finds: `python -m tests.eval.fidelity FOLDER`.

Reads every DOCX, PPTX, XLSX, HTML and EML file below a folder twice, by the parser of ours that would get it and by
unstructured, and prints for each kind how many of the words that unstructured yields are in our sections (multisets of
casefolded runs of letters and digits; what we keep out as hidden counts as missing), and the seconds that each took.

unstructured reports to its makers while it is imported unless DO_NOT_TRACK is set by then, and downloads a spaCy model
at the first text that it classifies: a blank pipeline takes that model's place here. Neither is in the appliance.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from appliance.types import Section
from ingest import media
from ingest.files import BadFile
from ingest.parsers import parser_for
from ingest.parsers.options import Options

READ_BY = {media.DOCX: "docx", media.PPTX: "pptx", media.XLSX: "xlsx", media.HTML: "html", media.MAIL: "email"}
_WORD = re.compile(r"[^\W_]+")


@dataclass
class Compared:
    """Totals of one kind of file."""

    files: int = 0
    wanted: int = 0
    found: int = 0
    ours_s: float = 0.0
    theirs_s: float = 0.0
    worst: list[tuple[float, str]] = field(default_factory=list)


def silence() -> None:
    """Make unstructured work without a network and without telling anyone."""
    os.environ.update(DO_NOT_TRACK="1", SCARF_NO_ANALYTICS="1", UNSTRUCTURED_DISABLE_NOTICE="1")
    import spacy
    from unstructured.nlp import tokenize

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    tokenize._load_spacy_model = lambda: pipeline


def theirs(file: BinaryIO, kind: str) -> str:
    module = importlib.import_module(f"unstructured.partition.{kind}")
    # Attachments are documents of their own with us.
    options = {"process_attachments": False} if kind == "email" else {}
    elements = getattr(module, f"partition_{kind}")(file=file, languages=[""], **options)
    return "\n".join(element.text for element in elements)


def ours(file: BinaryIO, media_type: str, options: Options) -> str:
    found = parser_for(media_type, options).parse(file, media_type)
    return "\n".join(part.text for part in found if isinstance(part, Section))


def compare(folder: Path, options: Options) -> dict[str, Compared]:
    """Return the totals by kind. Files that either cannot read are left out."""
    totals: dict[str, Compared] = {}
    for path, media_type in _files(folder):
        with path.open("rb") as file:
            try:
                own, own_s = _timed(partial(ours, file, media_type, options))
                file.seek(0)
                other, other_s = _timed(partial(theirs, file, READ_BY[media_type]))
            except Exception as error:
                print(f"left out: {path}: {type(error).__name__}: {str(error)[:80]}", file=sys.stderr)
                continue
        wanted, found = _words(other), _words(own)
        common = sum((wanted & found).values())
        total = totals.setdefault(READ_BY[media_type], Compared())
        total.files += 1
        total.wanted += sum(wanted.values())
        total.found += common
        total.ours_s += own_s
        total.theirs_s += other_s
        if wanted:
            total.worst.append((common / sum(wanted.values()), str(path)))
    return totals


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            try:
                media_type = media.sniff(file, path.name)
            except BadFile:
                continue
        if media_type in READ_BY:
            yield path, media_type


def _timed(task: Callable[[], str]) -> tuple[str, float]:
    start = time.process_time()
    return task(), time.process_time() - start


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        sys.exit(f"SKIPPED: {arguments.folder} is no folder")
    silence()
    with tempfile.TemporaryDirectory() as scratch:
        totals = compare(arguments.folder, Options(5000, (), Path(scratch)))
    for kind, total in sorted(totals.items()):
        print(
            f"{kind:6} {total.files:4} files, {total.found / max(1, total.wanted):.4f} of {total.wanted} words; "
            f"ours {total.ours_s:.1f} s, unstructured {total.theirs_s:.1f} s"
        )
        for recall, path in sorted(total.worst)[:3]:
            print(f"       {recall:.3f} {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
