"""How often a share that nobody planted contradictions in is said to contradict itself. Prints figures and the alarms.

    python -m tests.eval.alarms HANDBOOK --count 300

Sentences with a number, drawn at random from the Markdown files of the folder, are taken for what a model said; the
passages are those of their own page's section, of five near pages (most rare words in common) and of five random ones.
No model is needed. What is printed is to be read by a person: an alarm may be right.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import random
import re
import sys
from collections import Counter
from pathlib import Path

from appliance.grounding import Evidence
from appliance.sentences import split
from appliance.types import Chunk, Document, Passage, chunk_id, document_id
from appliance.words import words

CHARACTERS = 1200
NEAR = 5
RANDOM = 5


def sections(root: Path) -> list[Passage]:
    """Return the sections of all Markdown files under `root` as passages, long ones cut between lines."""
    made = []
    for file in sorted(root.rglob("*.md")):
        path = file.relative_to(root).as_posix()
        text = file.read_text("utf-8", "replace")
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        document = Document(document_id("eval", path), path, sha256, "text/markdown", frozenset({"group:everyone"}))
        headings: list[str] = []
        ordinal = 0
        for part in re.split(r"(?m)^(?=#{1,6} )", text):
            heading = re.match(r"(#{1,6}) (.*)", part)
            if heading:
                headings = [*headings[: len(heading[1]) - 1], heading[2].strip()]
                part = part[heading.end() :]
            for body in _cut(part.strip()):
                chunk = Chunk(chunk_id(document, ordinal), document, ordinal, body, None, tuple(headings))
                made.append(Passage(chunk, 1.0))
                ordinal += 1
    return made


def _cut(text: str) -> list[str]:
    parts = [""]
    for line in text.splitlines():
        if len(parts[-1]) + len(line) > CHARACTERS and parts[-1]:
            parts.append("")
        parts[-1] += ("\n" if parts[-1] else "") + line
    return [part for part in parts if part.strip()]


def measure(root: Path, count: int, seed: int) -> None:
    """Print the share of claims that something is said to be against, and each alarm."""
    chance = random.Random(seed)
    made = sections(root)
    keys = [frozenset(word.key for word in words(each.chunk.text) if not word.readings) for each in made]
    frequency = Counter(key for each in keys for key in each)
    claims = [
        (i, each.chunk.text[start:end])
        for i, each in enumerate(made)
        for start, end in split(each.chunk.text, wrapped=True)
        if any(word.readings for word in words(each.chunk.text[start:end])) and end - start > 30
    ]
    supported = alarms = 0
    for i, claim in chance.sample(claims, min(count, len(claims))):
        asked = {word.key for word in words(claim)}
        weight = {key: math.log(len(made) / frequency[key]) for key in asked if key in frequency}
        order = sorted(range(len(made)), key=lambda j: -sum(weight.get(key, 0.0) for key in asked & keys[j]))
        near = [j for j in order if j != i][:NEAR]
        evidence = Evidence([made[j] for j in (i, *near, *chance.sample(range(len(made)), RANDOM))], "")
        grounded = evidence.ground(claim)
        against = evidence.against(grounded)
        supported += grounded.supported
        alarms += bool(against)
        for citation in against[:1]:
            path = made[i].chunk.document.path
            print(f"{path}: {' '.join(claim.split())}\n   {citation.passage.chunk.document.path}: {citation.quote!r}")
    print(
        f"{count} sentences with a number: {supported} supported by their own pages, {alarms} said to be contradicted"
    )


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of Markdown files")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not given.folder.is_dir():
        sys.exit(f"SKIPPED: {given.folder} does not exist. Name a folder of Markdown files.")
    measure(given.folder, given.count, given.seed)


if __name__ == "__main__":
    main()
