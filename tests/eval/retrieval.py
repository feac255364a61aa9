"""How well documents are found, by words alone, by meaning alone, and by what answers are made from.

    python -m tests.eval.retrieval scifact DATA/retrieval/scifact MODELS/all-minilm-l6-v2 --cache FILE
    python -m tests.eval.retrieval handbook HANDBOOK tests/eval/handbook/questions.jsonl MODELS/all-minilm-l6-v2

Real embedder, real chunks, real index. A document is as good as its best passage. "old" is what the engine's fusion
gave: reciprocal ranks of 50 hits each, k = 60. Prints every figure for both halves of the questions, which the hash of
their id tells apart: what is tuned on the one has to hold on the other. With a cache of vectors a run takes a minute.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.embedder import SentenceEmbedder
from appliance.evaluation.bootstrap_ci import differences
from appliance.evaluation.measures import ndcg, recall, reciprocal_rank
from appliance.identity import Identity
from appliance.index_edge import EdgeIndex
from appliance.manifest import load_manifest
from appliance.retrieval import Retrieval
from appliance.types import Chunk, Document, Hit, Section, chunk_id, document_id
from ingest.chunk import Chunker, embedding_text, token_counter
from ingest.files import BadFile, open_file, open_share
from ingest.media import sniff
from ingest.parsers import parser_for
from ingest.parsers.options import Options
from ingest.readers import Access
from ingest.walk import walk

MODEL = "all-minilm-l6-v2"
CHUNK_TOKENS = 200
READERS = frozenset({"group:everyone"})
DEPTH = 200
OLD_DEPTH, OLD_K = 50, 60
LIMIT = 100
WINDOW = 256
SYSTEMS = ("words", "meaning", "old", "find")
MEASURES: Mapping[str, Callable[[Sequence[str], Mapping[str, int]], float]] = {
    "nDCG@10": lambda ranking, relevant: ndcg(ranking, relevant, 10),
    "recall@10": lambda ranking, relevant: recall(ranking, relevant, 10),
    "recall@50": lambda ranking, relevant: recall(ranking, relevant, 50),
    "MRR": reciprocal_rank,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the paths of the documents that answer it, with their relevance."""

    id: str
    text: str
    relevant: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cached:
    """The port `Embedder` that computes a text's vector once, and keeps them in a file."""

    inner: SentenceEmbedder
    vectors: dict[str, NDArray[np.float32]]

    @property
    def record(self) -> object:
        return self.inner.record

    @property
    def dimensions(self) -> int:
        return self.inner.dimensions

    @property
    def max_tokens(self) -> int:
        return self.inner.max_tokens

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        missing = list(dict.fromkeys(text for text in texts if _key(text) not in self.vectors))
        for start in range(0, len(missing), WINDOW):
            window = missing[start : start + WINDOW]
            self.vectors.update(zip(map(_key, window), self.inner.embed(window), strict=True))
        return np.array([self.vectors[_key(text)] for text in texts], np.float32).reshape(len(texts), self.dimensions)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=["scifact", "handbook"])
    parser.add_argument("paths", nargs="+", type=Path, help="as above; the embedder's folder comes last")
    parser.add_argument("--cache", type=Path, help="file (.npz) of vectors, made if it is missing")
    arguments = parser.parse_args()
    *data, model = arguments.paths
    missing = [str(path) for path in arguments.paths if not path.exists()]
    if missing or len(data) != (1 if arguments.set == "scifact" else 2):
        print(f"SKIPPED: not there: {', '.join(missing) or 'a path that this set needs'}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        spec = load_manifest().spec(MODEL)
        embedder = SentenceEmbedder(model, spec.record, "auto", 0, Path(folder) / "embedder.json")
        cached = Cached(embedder, _load(arguments.cache))
        chunker = Chunker(token_counter(model / "tokenizer.json"), CHUNK_TOKENS)
        if arguments.set == "scifact":
            documents, questions = scifact_documents(data[0]), scifact_questions(data[0])
        else:
            documents, questions = share_documents(data[0]), handbook_questions(data[1])
        index = EdgeIndex(Path(folder) / "index", Identity(MODEL, spec.record.sha256, spec.dimensions, "eval"))
        _fill(index, cached, chunker, documents)
        rankings = _rank(index, cached, questions)
        _save(arguments.cache, cached.vectors)
        _report(questions, rankings)
        index.close()
    return 0


def scifact_documents(folder: Path) -> Iterator[tuple[str, list[Section]]]:
    """Yield the abstracts, their titles as headings."""
    for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        title = Section(entry["title"], None, "heading", level=1)
        yield entry["_id"], [title, Section(entry["text"], None, "paragraph")]


def scifact_questions(folder: Path) -> list[Question]:
    """Return the claims that a file of relevance judgements knows."""
    relevant: dict[str, dict[str, int]] = {}
    for file in sorted((folder / "qrels").glob("*.tsv")):
        for line in file.read_text("utf-8").splitlines()[1:]:
            query, document, grade = line.split("\t")
            if int(grade) > 0:
                relevant.setdefault(query, {})[document] = int(grade)
    entries = map(json.loads, (folder / "queries.jsonl").read_text("utf-8").splitlines())
    return [Question(e["_id"], e["text"], relevant[e["_id"]]) for e in entries if e["_id"] in relevant]


def share_documents(folder: Path) -> Iterator[tuple[str, list[Section]]]:
    """Yield the sections of every file of a share that can be parsed."""
    share = open_share(folder)
    told = Options(pages=5000, ocr_languages=(), scratch=Path(tempfile.gettempdir()))
    for found in walk(share, Access(tuple(READERS))):
        try:
            if found.problem:
                raise found.problem
            with os.fdopen(open_file(share, found.path), "rb") as file:
                media_type = sniff(file, found.path)
                parts = list(parser_for(media_type, told).parse(file, media_type))
        except BadFile as problem:
            print(f"left out: {found.path}: {problem.status}", file=sys.stderr)
            continue
        yield found.path, [part for part in parts if isinstance(part, Section)]


def handbook_questions(file: Path) -> list[Question]:
    """Return the questions with gold documents that stand alone."""
    questions = []
    for line in file.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if entry["document"] and not entry.get("conversation"):
            gold = [entry["document"], *(also["document"] for also in entry.get("also", []))]
            questions.append(Question(entry["id"], entry["question"], dict.fromkeys(gold, 1)))
    return questions


def _fill(index: EdgeIndex, embedder: Cached, chunker: Chunker, documents: Iterator[tuple[str, list[Section]]]) -> None:
    for path, sections in documents:
        of = Document(document_id("eval", path), path, hashlib.sha256(path.encode()).hexdigest(), "text/plain", READERS)
        drafts = chunker.chunk(sections, path).drafts
        chunks = [Chunk(chunk_id(of, i), of, i, d.text, d.page, d.headings) for i, d in enumerate(drafts)]
        index.replace(of, chunks, embedder.embed([embedding_text(d.headings, d.text) for d in drafts]))
    print(f"{len(index.versions())} documents, {index.count()} chunks")


def _rank(index: EdgeIndex, embedder: Cached, questions: Sequence[Question]) -> dict[str, list[list[str]]]:
    """Return what each way of searching finds for each question: paths of documents, the best first."""
    rankings: dict[str, list[list[str]]] = {system: [] for system in SYSTEMS}
    part = Retrieval(embedder, index, lambda document: document)  # type: ignore[arg-type]  # record is not asked for
    vectors, times = embedder.embed([question.text for question in questions]), []
    for question, vector in zip(questions, vectors, strict=True):
        hits = index.search(question.text, vector, READERS, DEPTH)
        near = sorted(hits, key=lambda hit: (-hit.cosine, hit.chunk.id))
        alike = sorted((hit for hit in hits if hit.words), key=lambda hit: (-hit.words, hit.chunk.id))
        started = time.perf_counter()
        found = part.find(question.text, READERS, LIMIT).passages
        times.append(time.perf_counter() - started)
        best = sorted(found, key=lambda passage: (-passage.score, passage.chunk.id))
        rankings["words"].append(_paths(hit.chunk for hit in alike))
        rankings["meaning"].append(_paths(hit.chunk for hit in near))
        rankings["old"].append(_paths(_by_ranks(near[:OLD_DEPTH], alike[:OLD_DEPTH])))
        rankings["find"].append(_paths(passage.chunk for passage in best))
    print(f"find without the question's vector: p50 {np.median(times) * 1000:.1f} ms")
    return rankings


def _by_ranks(*lists: Sequence[Hit]) -> Iterator[Chunk]:
    scores: dict[str, float] = {}
    chunks = {hit.chunk.id: hit.chunk for hits in lists for hit in hits}
    for hits in lists:
        for rank, hit in enumerate(hits):
            scores[hit.chunk.id] = scores.get(hit.chunk.id, 0.0) + 1 / (OLD_K + rank)
    return (chunks[name] for name in sorted(scores, key=lambda name: (-scores[name], name)))


def _paths(chunks: Iterator[Chunk]) -> list[str]:
    return list(dict.fromkeys(chunk.document.path for chunk in chunks))


def _report(questions: Sequence[Question], rankings: Mapping[str, list[list[str]]]) -> None:
    figures = {
        system: np.array(
            [
                [measure(ranking, question.relevant) for measure in MEASURES.values()]
                for question, ranking in zip(questions, rankings[system], strict=True)
            ]
        )
        for system in SYSTEMS
    }
    tune = np.array([hashlib.sha256(question.id.encode()).digest()[0] % 2 == 0 for question in questions])
    for name, rows in (("tune", tune), ("test", ~tune), ("all", tune | ~tune)):
        print(f"\n{name}, {rows.sum()} questions  " + "  ".join(f"{measure:>9}" for measure in MEASURES))
        means = {system: figures[system][rows].mean(axis=0) for system in SYSTEMS}
        for system in SYSTEMS:
            print(f"{system:>20}  " + "  ".join(f"{value:9.4f}" for value in means[system]))
        single = max(("words", "meaning"), key=lambda system: float(means[system][0]))
        terms = [np.stack([figures[s][rows], np.ones_like(figures[s][rows])], axis=2) for s in (single, "find")]
        gain = differences(terms[0], terms[1], [True] * len(MEASURES), seed=1)[0]
        print(
            f"nDCG@10, find minus {single}: {gain.difference:+.4f}, 95 % interval {gain.low:+.4f} to {gain.high:+.4f}"
        )


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _load(file: Path | None) -> dict[str, NDArray[np.float32]]:
    if not file or not file.exists():
        return {}
    with np.load(file, allow_pickle=False) as stored:
        return dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))


def _save(file: Path | None, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    if file and vectors:
        with file.open("wb") as open_cache:
            np.savez(open_cache, keys=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))


if __name__ == "__main__":
    sys.exit(main())
