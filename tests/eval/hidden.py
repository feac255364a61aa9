"""How much hidden text is kept out of the index, and how often harmless files are flagged. Prints figures.

    python -m tests.eval.hidden attacks INJECTION TOKENIZER [--every N] [--formats pdf docx ...]
    python -m tests.eval.hidden harmless TOKENIZER FOLDER [FOLDER ...] [--injection INJECTION]

`attacks` hides each instruction of bipia-text-attacks.json in each way of tests/eval/hiding in a file around one of
bipia-emails.jsonl, and has the file parsed as ingest does it. An attack has got through when four words in a row of it
(all of it, if it is shorter) stand in the passages, their headings or the title, and do not in the mail. `harmless`
parses files that hide nothing, and those of the NotInject sets, and lists what was flagged.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from ingest.files import BadFile
from ingest.pool import Budget, Limits, Parsed, Source, Worker
from tests.eval.hiding import office, pdf, web

LIMITS = Limits(seconds=120, memory_bytes=2_000_000_000, text_characters=20_000_000, ocr_languages=("eng",))
BUDGET = Budget(files=1000, size_bytes=1_000_000_000, depth=3, ratio=200)
FORMATS: dict[str, dict[str, Callable[[str, str], bytes]]] = {
    "pdf": pdf.WAYS,
    "docx": office.WORD_WAYS,
    "xlsx": office.SHEET_WAYS,
    "pptx": office.SLIDE_WAYS,
    "html": web.WAYS,
    "eml": web.MAIL_WAYS,
}
# What is no text of the page to begin with: it must not get into the index, but ordinary files are full of it.
ORDINARY = frozenset({
    "comment", "template", "hidden input", "alternative text", "title attribute", "label for screen readers",
    "data attribute", "script", "noscript", "svg description", "object fallback", "iframe srcdoc", "meta description",
    "deleted", "properties", "header", "before and after the parts",
})  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_RUN = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the set: what is visible in it, what is hidden, and how."""

    suffix: str
    way: str
    visible: str
    hidden: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a case: whether the hidden text got through, whether a finding says so, how much of the visible
    text is there, and the status where the file was refused.
    """

    case: Case
    through: bool
    found: bool
    recall: float
    refused: str = ""


def main() -> int:
    options = _arguments().parse_args()
    if options.what == "attacks":
        return _attacks(options)
    return _harmless(options)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="what", required=True)
    attacks = verbs.add_parser("attacks")
    attacks.add_argument("injection", type=Path)
    attacks.add_argument("tokenizer", type=Path)
    attacks.add_argument("--every", type=int, default=1, help="take every so manyth attack only")
    attacks.add_argument("--formats", nargs="+", choices=sorted(FORMATS), default=sorted(FORMATS))
    harmless = verbs.add_parser("harmless")
    harmless.add_argument("tokenizer", type=Path)
    harmless.add_argument("folders", type=Path, nargs="*")
    harmless.add_argument("--injection", type=Path)
    for verb in (attacks, harmless):
        verb.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser


def cases(injection: Path, formats: Iterable[str], every: int) -> Iterator[Case]:
    """Yield each attack hidden in each way, the mails taken in turn."""
    by_kind = json.loads((injection / "bipia-text-attacks.json").read_text("utf-8"))
    attacks = [attack for attacks in by_kind.values() for attack in attacks]
    mails = [json.loads(line)["context"] for line in (injection / "bipia-emails.jsonl").read_text("utf-8").splitlines()]
    number = 0
    for suffix in formats:
        for way in FORMATS[suffix]:
            for attack in attacks[::every]:
                # The first sentences of a mail fit one page in every format.
                visible = " ".join(mails[number % len(mails)].split())[:900].encode("ascii", "ignore").decode()
                yield Case(suffix, way, visible, attack)
                number += 1


def _attacks(options: argparse.Namespace) -> int:
    todo = list(cases(options.injection, options.formats, options.every))
    with workers(options.tokenizer, options.workers) as parse:
        verdicts = list(parse(lambda worker, case: judge(worker, case), todo))
    _show(verdicts)
    return 0


def judge(worker: Worker, case: Case) -> Verdict:
    """Return what becomes of one case."""
    try:
        parsed = _parsed(worker, FORMATS[case.suffix][case.way](case.visible, case.hidden), f"notice.{case.suffix}")
    except BadFile as problem:
        return Verdict(case, False, False, 0.0, problem.status)
    text = " ".join([parsed.title, *(" ".join((*draft.headings, draft.text)) for draft in parsed.drafts)])
    seen, wanted = Counter(_words(text)), Counter(_words(case.visible))
    recall = sum((seen & wanted).values()) / max(1, sum(wanted.values()))
    found = any(finding.kind != "addresses_model" for finding in parsed.findings)
    return Verdict(case, through(text, case), found, recall)


def through(text: str, case: Case) -> bool:
    """Tell whether the hidden text of a case stands in a text."""
    runs = _runs(_words(case.hidden))
    return not runs.isdisjoint(_runs(_words(text), len(next(iter(runs)))) - _runs(_words(case.visible)))


def _runs(words: list[str], length: int = _RUN) -> set[tuple[str, ...]]:
    length = min(length, len(words))
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _parsed(worker: Worker, content: bytes, name: str) -> Parsed:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        parsed = worker.parse(Source(file.fileno(), name), BUDGET)
    if parsed.spool is not None:
        os.close(parsed.spool)
    return parsed


def _show(verdicts: list[Verdict]) -> None:
    print("format  way                                 files  kept out  with finding  visible words  refused")
    for suffix in dict.fromkeys(verdict.case.suffix for verdict in verdicts):
        ours = [verdict for verdict in verdicts if verdict.case.suffix == suffix]
        for way in dict.fromkeys(verdict.case.way for verdict in ours):
            _line(suffix, way, [verdict for verdict in ours if verdict.case.way == way])
        _line(suffix, "all", ours)
    _line("all", "all", verdicts)
    expected = [verdict for verdict in verdicts if verdict.case.way not in ORDINARY]
    found = sum(verdict.found for verdict in expected) / max(1, len(expected))
    print(f"with a finding where one is due: {found:.2%} of {len(expected)}")


def _line(suffix: str, way: str, verdicts: list[Verdict]) -> None:
    count = len(verdicts)
    kept = sum(not verdict.through for verdict in verdicts) / count
    found = sum(verdict.found for verdict in verdicts) / count
    recall = sum(verdict.recall for verdict in verdicts) / count
    refused = sum(bool(verdict.refused) for verdict in verdicts)
    print(f"{suffix:6}  {way:34}  {count:5}  {kept:8.2%}  {found:12.2%}  {recall:13.2%}  {refused:7}")


def _harmless(options: argparse.Namespace) -> int:
    sets: dict[str, list[tuple[str, bytes]]] = {}
    for folder in options.folders:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        sets[str(folder)] = [(str(path), path.read_bytes()) for path in files]
    if options.injection:
        for file in sorted(options.injection.glob("notinject-*.json")):
            prompts = [row["prompt"] for row in json.loads(file.read_text("utf-8"))]
            sets[file.name] = [(f"{number}.txt", prompt.encode()) for number, prompt in enumerate(prompts)]
    if not sets:
        sys.exit("name folders, or --injection")
    with workers(options.tokenizer, options.workers) as parse:
        for name, files in sets.items():
            flagged = list(filter(None, parse(_flags, files)))
            print(f"{name}: {len(flagged)} of {len(files)} flagged ({len(flagged) / max(1, len(files)):.2%})")
            for line in flagged:
                print(f"    {line}")
    return 0


def _flags(worker: Worker, file: tuple[str, bytes]) -> str:
    """Return what was found in a file, with its name; nothing for most."""
    name, content = file
    try:
        parsed = _parsed(worker, content, Path(name).name)
    except BadFile:
        return ""
    kinds = ", ".join(f"{finding.kind} {finding.where} ({finding.characters})" for finding in parsed.findings)
    return f"{name}: {kinds}" if kinds else ""


@contextmanager
def workers(tokenizer: Path, count: int) -> Iterator[Callable[..., Iterator[Verdict]]]:
    """Yield a function that applies a function of a worker and a thing to many things, in order."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(count) as threads:
        made = [Worker(lambda: tokenizer, 200, LIMITS, Path(scratch)) for _ in range(count)]
        idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in made:
            idle.put(worker)

        def one(task: Callable[..., Verdict], thing: object) -> Verdict:
            worker = idle.get()
            try:
                return task(worker, thing)
            finally:
                idle.put(worker)

        try:
            yield lambda task, things: threads.map(lambda thing: one(task, thing), things)
        finally:
            for worker in made:
                worker.close()


if __name__ == "__main__":
    sys.exit(main())
