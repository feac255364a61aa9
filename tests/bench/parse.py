"""How fast files are parsed and cut into chunks, in this process: `python -m tests.bench.parse FOLDER TOKENIZER`.

TOKENIZER is the embedder's tokenizer.json. Prints files and chunks per second, and the seconds of each step.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from appliance.types import Section
from ingest.chunk import Chunker, token_counter
from ingest.files import BadFile, open_file, open_share
from ingest.media import sniff
from ingest.parsers import parser_for
from ingest.parsers.options import Options
from ingest.readers import Access
from ingest.walk import walk


def main() -> None:
    """Parse and chunk every file of a folder."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder")
    arguments.add_argument("tokenizer", type=Path)
    arguments.add_argument("--budget", type=int, default=200)
    arguments.add_argument("--dump", type=Path, help="write the chunks there, a JSON object a line")
    options = arguments.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    count = token_counter(options.tokenizer)
    chunker = Chunker(count, options.budget)
    share = open_share(options.folder)
    statuses: Counter[str] = Counter()
    sizes: list[int] = []
    parsing = chunking = 0.0
    lines = []
    told = Options(pages=5000, ocr_languages=(), scratch=Path(tempfile.gettempdir()))
    for found in walk(share, Access(("group:everyone",))):
        try:
            if found.problem:
                raise found.problem
            start = time.perf_counter()
            with os.fdopen(open_file(share, found.path), "rb") as file:
                media_type = sniff(file, found.path)
                parts = list(parser_for(media_type, told).parse(file, media_type))
            between = time.perf_counter()
            drafts = chunker.chunk([part for part in parts if isinstance(part, Section)], found.path).drafts
        except BadFile as problem:
            statuses[problem.status] += 1
            continue
        parsing += between - start
        chunking += time.perf_counter() - between
        statuses["indexed" if drafts else "empty"] += 1
        sizes.extend(count([draft.text for draft in drafts]))
        lines.extend(json.dumps({"path": found.path, "headings": d.headings, "text": d.text}) for d in drafts)
    files, seconds = sum(statuses.values()), parsing + chunking
    if not sizes:
        raise SystemExit(f"no file in {options.folder} yields text")
    sizes.sort()
    print(f"{files} files {dict(statuses)}, {len(sizes)} chunks in {seconds:.1f} s: ", end="")
    print(f"{files / seconds:.0f} files/s, {len(sizes) / seconds:.0f} chunks/s ", end="")
    print(f"(parsing {parsing:.1f} s, chunking {chunking:.1f} s)")
    print(f"tokens of a chunk's text: median {sizes[len(sizes) // 2]}, p5 {sizes[len(sizes) // 20]}, max {sizes[-1]}")
    if options.dump:
        options.dump.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
