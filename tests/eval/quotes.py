"""How well grounding quotes and how well it tells, on the gold answers of CLAP NQ. Needs no model.

    python -m tests.eval.quotes QA/clapnq-half-answerable.jsonl

Each sentence of a gold answer is taken for what a model said, with its own passage and four others as the evidence.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.figures import numbers_missing
from appliance.grounding import Evidence
from appliance.language import load_languages
from appliance.sentences import split
from appliance.types import EVERYONE, Chunk, Document, Passage, chunk_id, document_id
from appliance.words import words

OTHERS = 4


@dataclass(slots=True)
class Figures:
    """What was counted over one half of the set: sentences of the documents quoted, selected, and both; sentences of
    answers said and supported; and of each kind of false sentence, how many were made and how many supported.
    """

    quoted: int = 0
    selected: int = 0
    both: int = 0
    said: int = 0
    supported: int = 0
    loose: int = 0
    whys: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)


def measure(file: Path, seed: int) -> None:
    """Print the figures of the even half, which may be tuned on, and of the odd half, which is the test."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    library = _passages(rows)
    chance = random.Random(seed)
    halves = (Figures(), Figures())
    for number, row in enumerate(rows):
        _count(row, library, chance, halves[number % 2])
    for name, figures in zip(("even (tuning)", "odd (test)"), halves, strict=True):
        _print(name, figures)


def _passages(rows: list[Any]) -> dict[str, list[Passage]]:
    """Return the set's passages by title, as of documents."""
    texts: dict[str, list[str]] = {}
    for row in rows:
        texts.setdefault(row["passages"][0]["title"], []).append(row["passages"][0]["text"])
    made = {}
    for title, parts in texts.items():
        sha256 = hashlib.sha256(title.encode()).hexdigest()
        readers = frozenset({EVERYONE})
        document = Document(document_id("eval", title), f"{title}.txt", sha256, "text/plain", readers)
        chunks = [Chunk(chunk_id(document, i), document, i, text, None, (title,)) for i, text in enumerate(parts)]
        made[title] = [Passage(chunk, 1.0) for chunk in chunks]
    return made


def _count(row: Any, library: dict[str, list[Passage]], chance: random.Random, figures: Figures) -> None:
    title = row["passages"][0]["title"]
    others = [p for other in chance.sample(sorted(set(library) - {title}), OTHERS) for p in library[other]]
    evidence = Evidence([*library[title], *others], row["input"])
    selected = {_plain(sentence) for sentence in row["output"][0]["selected_sentences"]}
    sentences = [_plain(sentence) for sentence in row["passages"][0]["sentences"]]
    quoted: set[str] = set()
    for sentence in _sentences(row["output"][0]["answer"]):
        grounded = evidence.ground(sentence)
        figures.said += 1
        figures.supported += grounded.supported
        figures.whys[grounded.why] += 1
        figures.loose += bool(
            grounded.supported and numbers_missing(grounded.sentence, [c.quote for c in grounded.citations])
        )
        for quote in (_plain(citation.quote) for citation in grounded.citations):
            # A quote from elsewhere counts as one wrong sentence.
            quoted |= {known for known in sentences if known and (known in quote or quote in known)} or {quote}
        for kind, change in CHANGES.items():
            if (changed := change(sentence, others[0].chunk.text, chance)) != sentence:
                figures.made[kind] += 1
                figures.kept[kind] += evidence.ground(changed).supported
    figures.quoted += len(quoted)
    figures.selected += len(selected)
    figures.both += len(quoted & selected)


def _print(name: str, figures: Figures) -> None:
    precision, recall = figures.both / max(1, figures.quoted), figures.both / max(1, figures.selected)
    print(f"{name}: {figures.said} gold sentences, {figures.supported / max(1, figures.said):.3f} supported")
    print(f"  quoted sentences against selected ones: precision {precision:.3f}, recall {recall:.3f}")
    print(f"  supported with a number that is in no quote: {figures.loose}")
    print(f"  not supported for: { {why: count for why, count in figures.whys.items() if why} }")
    for kind, made in figures.made.items():
        print(f"  {kind}: {made} false sentences, {figures.kept[kind] / made:.3f} supported")


def _another_number(sentence: str, elsewhere: str, chance: random.Random) -> str:
    numbers = [word for word in words(sentence) if word.readings and word.key.isdigit()]
    if not numbers:
        return sentence
    word = chance.choice(numbers)
    return sentence[: word.start] + str(int(word.key) + chance.randint(1, 9)) + sentence[word.end :]


def _another_name(sentence: str, elsewhere: str, chance: random.Random) -> str:
    own = [word for word in words(sentence)[1:] if word.name and len(word.key) > 3]
    foreign = [word for word in words(elsewhere)[1:] if word.name and len(word.key) > 3]
    if not own or not foreign:
        return sentence
    out, into = chance.choice(own), chance.choice(foreign)
    if out.key[:4] == into.key[:4]:
        return sentence
    return sentence[: out.start] + elsewhere[into.start : into.end] + sentence[out.end :]


def _the_opposite(sentence: str, elsewhere: str, chance: random.Random) -> str:
    english = next(language for language in load_languages() if language.code == "en")
    if english.negation.search(sentence.lower()):
        return sentence.replace(" not ", " ").replace(" never ", " ").replace(" no ", " ")
    for verb in (" is ", " are ", " was ", " were ", " can ", " may ", " will ", " has been "):
        if verb in sentence:
            return sentence.replace(verb, f"{verb}not ", 1)
    return sentence


def _a_foreign_word(sentence: str, elsewhere: str, chance: random.Random) -> str:
    own = [word for word in words(sentence) if len(word.key) >= 5 and not word.readings]
    known = {word.key for word in own}
    foreign = [word for word in words(elsewhere) if len(word.key) >= 5 and word.key not in known and not word.readings]
    if not own or not foreign:
        return sentence
    out, into = chance.choice(own), chance.choice(foreign)
    return sentence[: out.start] + elsewhere[into.start : into.end] + sentence[out.end :]


CHANGES: dict[str, Callable[[str, str, random.Random], str]] = {
    "another number": _another_number,
    "another name": _another_name,
    "the opposite": _the_opposite,
    "a foreign word": _a_foreign_word,
}


def _sentences(text: str) -> Iterator[str]:
    return (text[start:end] for start, end in split(text, wrapped=True))


def _plain(text: str) -> str:
    return " ".join(text.split())


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="clapnq-half-answerable.jsonl")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not given.file.is_file():
        sys.exit(f"SKIPPED: {given.file} does not exist. Name a question set.")
    measure(given.file, given.seed)


if __name__ == "__main__":
    main()
