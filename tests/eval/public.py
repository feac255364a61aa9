"""Folders for `appliance eval`, made from the public sets that the figures in the README are measured on.

    python -m tests.eval.public DATA OUT
    appliance eval OUT/company --split test

DATA holds `handbook/`, `qa/` and `retrieval/scifact/`. OUT/company has the handbook and the articles of SQuAD 2.0 as
one share, with questions about both: tests/eval/handbook/questions.jsonl, and of SQuAD's 200 with an answer and 200
without in each split. OUT/clapnq has the passages of CLAP NQ as documents, OUT/scifact the retrieval set. Splits are
made by document, so that nothing that was tuned on comes back in the test.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).parent / "handbook" / "questions.jsonl"
EACH = 200
SEED = 1

Row = dict[str, Any]


def split_of(name: str) -> str:
    """Return the half that a document belongs to."""
    return "tune" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 == 0 else "test"


def company(data: Path, out: Path) -> None:
    """Write the handbook and SQuAD's articles as one share, and the questions about both."""
    documents = out / "documents"
    shutil.copytree(data / "handbook", documents / "handbook")
    for file in [documents, *documents.rglob("*")]:
        file.chmod(0o755 if file.is_dir() else 0o644)
    articles = json.loads((data / "qa" / "squad2-half.json").read_text("utf-8"))["data"]
    (documents / "articles").mkdir()
    rows: list[Row] = []
    for article in articles:
        title = article["title"]
        paragraphs = [" ".join(paragraph["context"].split()) for paragraph in article["paragraphs"]]
        text = "\n\n".join([f"# {title.replace('_', ' ')}", *paragraphs])
        (documents / "articles" / f"{title}.md").write_text(text + "\n", "utf-8")
        rows += _squad_rows(article)
    _write(out / "questions" / "squad.jsonl", _sampled(rows))
    pages = [json.loads(line) for line in QUESTIONS.read_text("utf-8").splitlines()]
    _write(out / "questions" / "handbook.jsonl", [_below("handbook/", row) for row in pages])


def clapnq(data: Path, out: Path) -> None:
    """Write CLAP NQ's passages as text files, and its questions with the sentences that support their answers."""
    texts: dict[str, list[str]] = {}
    rows: list[Row] = []
    for kind in ("answerable", "unanswerable"):
        for line in (data / "qa" / f"clapnq-half-{kind}.jsonl").read_text("utf-8").splitlines():
            entry = json.loads(line)
            passage, output = entry["passages"][0], entry["output"][0]
            name = f"{re.sub(r'[^0-9A-Za-z ]', '_', passage['title'])}.txt"
            texts.setdefault(name, [])
            if passage["text"] not in texts[name]:
                texts[name].append(passage["text"])
            answers = [output["answer"]] if output["answer"] else []
            gold = {"document": name, "sentences": output["selected_sentences"]} if answers else {}
            rows.append(
                {
                    "id": entry["id"],
                    "question": entry["input"],
                    "answers": answers,
                    "kind": "long" if answers else "unanswerable",
                    "split": split_of(entry["id"]),
                    **gold,
                }
            )
    (out / "documents").mkdir(parents=True)
    for name, passages in texts.items():
        (out / "documents" / name).write_text("\n\n".join(passages) + "\n", "utf-8")
    _write(out / "questions" / "clapnq.jsonl", rows)


def scifact(data: Path, out: Path) -> None:
    """Copy the retrieval set."""
    shutil.copytree(data / "retrieval" / "scifact", out / "retrieval" / "scifact", copy_function=shutil.copyfile)


def _squad_rows(article: Mapping[str, Any]) -> Iterable[Row]:
    title = article["title"]
    for paragraph in article["paragraphs"]:
        context = " ".join(paragraph["context"].split())
        for entry in paragraph["qas"]:
            answers = sorted({answer["text"] for answer in entry["answers"]}) if not entry["is_impossible"] else []
            yield {
                "id": entry["id"],
                "question": entry["question"].strip(),
                "answers": answers,
                "document": f"articles/{title}.md" if answers else None,
                "sentences": [_sentence(context, answers[0])] if answers else [],
                "kind": "short" if answers else "unanswerable",
                "split": split_of(title),
            }


def _sentence(context: str, answer: str) -> str:
    """Return the first sentence of a paragraph that holds the answer; the paragraph, where borders are unclear."""
    for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", context):
        if answer in sentence:
            return sentence
    return context


def _sampled(rows: list[Row]) -> list[Row]:
    chance = random.Random(SEED)
    chosen = []
    for split in ("tune", "test"):
        for answerable in (True, False):
            group = sorted(
                (row for row in rows if row["split"] == split and bool(row["answers"]) == answerable),
                key=lambda row: row["id"],
            )
            chosen += chance.sample(group, min(EACH, len(group)))
    return chosen


def _below(folder: str, row: Row) -> Row:
    moved = {**row, "document": folder + row["document"] if row.get("document") else None}
    if row.get("also"):
        moved["also"] = [{**place, "document": folder + place["document"]} for place in row["also"]]
    return moved


def _write(file: Path, rows: Iterable[Row]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def main() -> None:
    """Read the arguments and write the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    if not (given.data / "qa").is_dir():
        sys.exit(f"SKIPPED: {given.data / 'qa'} does not exist. Name the folder of the public sets.")
    company(given.data, given.out / "company")
    clapnq(given.data, given.out / "clapnq")
    scifact(given.data, given.out / "scifact")


if __name__ == "__main__":
    main()
