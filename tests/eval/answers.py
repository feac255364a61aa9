"""How good answers are, on question sets that nobody here made. Prints figures; decides nothing.

    python -m tests.eval.answers grounding QA/clapnq-half-answerable.jsonl
    python -m tests.eval.answers ask QA/squad2-half.json --home HOME --count 20

`grounding` needs no model: it takes the gold answers of a clapnq set for what a model said, compares the quoted
sentences with the selected ones, and shows how many sentences made false are still supported. `ask` runs the
whole way from search to released sentences with the models that HOME is configured for, the set's own texts as the
documents, as many unanswerable questions as answerable ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance import bootstrap, config
from appliance.answer import Answerer, Limits
from appliance.prompt import load_template
from appliance.retrieval import Retrieval
from appliance.types import Answer, Chunk, Document, Passage, chunk_id, document_id
from tests.eval import quotes
from tests.fakes import MemoryIndex, MemoryLog

READERS = frozenset({"group:everyone"})


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one text. No gold: the texts do not answer it. `support` are the sentences that do."""

    text: str
    gold: tuple[str, ...]
    document: str
    support: tuple[str, ...] = ()


def read(file: Path) -> tuple[dict[str, list[str]], list[Question]]:
    """Return the set's texts by document, and its questions."""
    if file.suffix == ".json":
        return _read_squad(json.loads(file.read_text("utf-8")))
    return _read_clapnq([json.loads(line) for line in file.read_text("utf-8").splitlines()])


def _read_squad(data: Any) -> tuple[dict[str, list[str]], list[Question]]:
    texts: dict[str, list[str]] = {}
    questions = []
    for article in data["data"] if isinstance(data, dict) else data:
        for paragraph in article["paragraphs"]:
            texts.setdefault(article["title"], []).append(paragraph["context"])
            for entry in paragraph["qas"]:
                gold = () if entry["is_impossible"] else tuple(answer["text"] for answer in entry["answers"])
                questions.append(Question(entry["question"], gold, article["title"]))
    return texts, questions


def _read_clapnq(rows: list[Any]) -> tuple[dict[str, list[str]], list[Question]]:
    texts: dict[str, list[str]] = {}
    questions = []
    for row in rows:
        texts.setdefault(row["passages"][0]["title"], []).append(row["passages"][0]["text"])
        output = row["output"][0]
        gold = (output["answer"],) if output["answer"] else ()
        questions.append(Question(row["input"], gold, row["passages"][0]["title"], tuple(output["selected_sentences"])))
    return texts, questions


def passages(texts: dict[str, list[str]]) -> dict[str, list[Passage]]:
    """Return the texts as passages of documents."""
    made = {}
    for title, parts in texts.items():
        sha256 = hashlib.sha256(title.encode()).hexdigest()
        document = Document(document_id("eval", title), f"{title}.txt", sha256, "text/plain", READERS)
        made[title] = [
            Passage(Chunk(chunk_id(document, i), document, i, text, None, (title.replace("_", " "),)), 1.0)
            for i, text in enumerate(parts)
        ]
    return made


def measure_answers(file: Path, home: Path, count: int, seed: int) -> None:
    """Print how many questions are answered right, and how many without an answer are refused."""
    texts, questions = read(file)
    chance = random.Random(seed)
    groups = [[q for q in questions if q.gold], [q for q in questions if not q.gold]]
    chosen = [question for group in groups for question in chance.sample(group, min(count, len(group)))]
    titles = {question.document for question in chosen}
    ask = _asker(config.load(home), {title: parts for title, parts in texts.items() if title in titles})
    right = refused = wrongly = 0
    for question in chosen:
        answer = ask(question.text)
        contained = any(gold.casefold() in answer.text.casefold() for gold in question.gold)
        right += contained and not answer.refused
        refused += answer.refused and not question.gold
        wrongly += answer.refused and bool(question.gold)
        mark = "right" if contained else "refused" if answer.refused else "other"
        print(f"{mark:8} {'' if question.gold else '(no answer)':12} {question.text} | {answer.text}", flush=True)
    answerable = sum(bool(question.gold) for question in chosen)
    print(f"answerable {answerable}: gold contained {right}, refused {wrongly}")
    print(f"unanswerable {len(chosen) - answerable}: refused {refused}")


def _asker(settings: config.Settings, texts: dict[str, list[str]]) -> Any:
    embedder, generator = bootstrap.embedder(settings), bootstrap.generator(settings)
    index = MemoryIndex()
    for found in passages(texts).values():
        chunks = [passage.chunk for passage in found]
        index.replace(chunks[0].document, chunks, embedder.embed([chunk.text for chunk in chunks]))
    limits = Limits(
        settings.answer.passages,
        settings.answer.passage_tokens,
        settings.answer.output_tokens,
        settings.answer.question_characters,
    )
    retrieval = Retrieval(embedder, index, lambda document: document)
    template = load_template(settings.answer.prompt)
    answerer = Answerer(retrieval, generator, MemoryLog(), template, limits, lambda _, text: str(len(text)))

    def ask(question: str) -> Answer:
        *_, answer = answerer.ask(question, READERS, "eval")
        assert isinstance(answer, Answer)
        return answer

    return ask


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["grounding", "ask"])
    parser.add_argument("file", type=Path, help="squad2-half.json or a clapnq .jsonl")
    parser.add_argument("--home", type=Path, default=config.default_home())
    parser.add_argument("--count", type=int, default=20, help="questions of each kind")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not given.file.is_file():
        sys.exit(f"SKIPPED: {given.file} does not exist. Name a question set.")
    if given.what == "grounding":
        quotes.measure(given.file, passages(read(given.file)[0]), given.seed)
    else:
        measure_answers(given.file, given.home, given.count, given.seed)


if __name__ == "__main__":
    main()
