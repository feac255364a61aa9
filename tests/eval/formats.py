"""The status of every file of a folder of test files, and whether it is right where somebody looked at the file.

    python -m tests.eval.formats FOLDER TOKENIZER [--report FILE.csv] [--labels FILE.csv] [--workers 2]

Parses each file of FOLDER as ingest does it, and what is in it as documents of their own (`archive.zip/inner`). Prints
how many ended with each status, what crashed or hung a child, the slowest, what was flagged, and what changed meanwhile
outside the work folder: in FOLDER, in the folder it was started in, in HOME and in TMPDIR (others may write there; give
it a HOME and a TMPDIR of its own to be sure).

`formats.csv` beside this file is the sample: path in FOLDER, right status (several with "|" between them where more
than one can be defended), what the file is, and what shows it. The labels were decided file by file with other means
than our own code. Exit code 1 if a file ended without a status, or a labelled one with another than its own.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from appliance.types import Finding
from ingest.files import BadFile
from ingest.pool import Budget, Limits, Parsed, Source, Worker

LIMITS = Limits(seconds=120, memory_bytes=2_000_000_000, text_characters=20_000_000, ocr_languages=("eng",))
BUDGET = Budget(files=10_000, size_bytes=2_000_000_000, depth=3, ratio=200)
LABELS = Path(__file__).with_suffix(".csv")
_SLOWEST = 10
_UNFORESEEN = "it cannot be parsed ("


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one document. `status` is empty where it got none, and `reason` says then why."""

    path: str
    status: str
    reason: str
    seconds: float
    media_type: str = ""
    passages: int = 0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """What somebody found a file to be, and the statuses that are right for it."""

    path: str
    statuses: tuple[str, ...]
    kind: str
    why: str


def main() -> int:
    options = _arguments().parse_args()
    labels = read_labels(options.labels)
    paths = sorted(path for path in options.folder.rglob("*") if path.is_file())
    if not paths:
        sys.exit(f"{options.folder} holds no files")
    places = (options.folder, Path.cwd(), Path.home(), Path(tempfile.gettempdir()))
    before = {place: _listing(place, whole=place == options.folder) for place in places}
    lines = _parse_all(paths, options)
    after = {place: _listing(place, whole=place == options.folder) for place in places}
    if options.report:
        _write(options.report, lines)
    _show_statuses(len(paths), lines)
    _show_findings(lines)
    _show_outside(before, after)
    wrong = disagreements(labels, lines)
    _show_sample(labels, wrong)
    return 1 if wrong or any(not line.status for line in lines) else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("tokenizer", type=Path, help="tokenizer.json of the embedder")
    parser.add_argument("--report", type=Path, help="write a line per document to this file")
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--workers", type=int, default=2)
    return parser


def read_labels(file: Path) -> list[Label]:
    """Return the labelled sample."""
    with file.open(encoding="utf-8", newline="") as rows:
        return [
            Label(row["path"], tuple(row["status"].split("|")), row["kind"], row["why"]) for row in csv.DictReader(rows)
        ]


def disagreements(labels: Iterable[Label], lines: Iterable[Line]) -> list[tuple[Label, Line]]:
    """Return the labelled files that did not end with a status that is right for them."""
    by_path = {line.path: line for line in lines}
    gone = Line("", "", "there is no such file", 0.0)
    pairs = ((label, by_path.get(label.path, gone)) for label in labels)
    return [(label, line) for label, line in pairs if line.status not in label.statuses]


def _parse_all(paths: list[Path], options: argparse.Namespace) -> list[Line]:
    """Return what became of files and of everything in them, in order."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.workers) as threads:
        made = [Worker(lambda: options.tokenizer, 200, LIMITS, Path(scratch)) for _ in range(options.workers)]
        idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in made:
            idle.put(worker)

        def one(path: Path) -> list[Line]:
            worker = idle.get()
            try:
                return list(_File(worker).lines(path, str(path.relative_to(options.folder))))
            finally:
                idle.put(worker)

        try:
            return [line for lines in threads.map(one, paths) for line in lines]
        finally:
            for worker in made:
                worker.close()


class _File:
    """One file of the folder while it is parsed: it has one budget for all that is in it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._files, self._bytes = BUDGET.files, BUDGET.size_bytes

    def lines(self, path: Path, name: str) -> Iterator[Line]:
        """Yield what became of the file, then of what is in it."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from self._parse(Source(descriptor, name), 0)
        finally:
            os.close(descriptor)

    def _parse(self, source: Source, depth: int) -> Iterator[Line]:
        start = time.monotonic()
        budget = Budget(max(0, self._files), max(0, self._bytes), BUDGET.depth - depth, BUDGET.ratio)
        try:
            parsed = self._worker.parse(source, budget)
        except BadFile as problem:
            taken = time.monotonic() - start
            yield Line(source.path, problem.status, problem.reason, taken, problem.media_type)
            return
        except Exception as error:
            # The run is to show whether anything that a file does gets through to here.
            yield Line(source.path, "", f"{type(error).__name__}: {error}", time.monotonic() - start)
            return
        try:
            yield _line(source.path, parsed, time.monotonic() - start)
            yield from self._members(parsed, source.path, depth + 1)
        finally:
            if parsed.spool is not None:
                os.close(parsed.spool)

    def _members(self, parsed: Parsed, parent: str, depth: int) -> Iterator[Line]:
        self._files -= len(parsed.members)
        self._bytes -= sum(each.size_bytes for each in parsed.members)
        for each in parsed.members:
            path = f"{parent}/{each.name}"
            if each.problem is not None or parsed.spool is None:
                problem = each.problem or BadFile("damaged", "its bytes could not be got out")
                yield Line(path, problem.status, problem.reason, 0.0)
            else:
                yield from self._parse(Source(parsed.spool, path, each.offset, each.size_bytes), depth)


def _line(path: str, parsed: Parsed, seconds: float) -> Line:
    """Return the line of a document that was parsed. The status follows as in `ingest.read`."""
    status = "indexed" if parsed.drafts or parsed.members else "empty"
    reason = "" if parsed.drafts else f"{len(parsed.members)} files in it" if parsed.members else "it holds no text"
    return Line(path, status, reason, seconds, parsed.media_type, len(parsed.drafts), parsed.findings)


def _listing(place: Path, whole: bool) -> dict[str, tuple[int, int]]:
    """Return the size and time of what lies in a folder, of all that is under it when `whole`."""
    found = {}
    for path in place.rglob("*") if whole else place.iterdir():
        try:
            info = path.lstat()
        except OSError:  # gone since it was listed, so it was not there before, or is not there after
            continue
        found[str(path)] = (info.st_size, info.st_mtime_ns)
    return found


def _write(file: Path, lines: Iterable[Line]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(("path", "status", "seconds", "media_type", "passages", "findings", "reason"))
        for line in lines:
            findings = "; ".join(f"{each.kind} {each.where} ({each.characters})" for each in line.findings)
            seconds = f"{line.seconds:.2f}"
            table.writerow((line.path, line.status, seconds, line.media_type, line.passages, findings, line.reason))


def _show_statuses(files: int, lines: list[Line]) -> None:
    print(f"{files} files, {len(lines)} documents with those inside them")
    for status, count in Counter(line.status for line in lines).most_common():
        print(f"    {status or 'NO STATUS':12} {count:5}")
    _list("without a status", (line for line in lines if not line.status))
    _list("crashed a child", (line for line in lines if "crashed" in line.reason))
    _list("hung a child", (line for line in lines if line.status == "timed_out"))
    _list("raised what its parser does not foresee", (line for line in lines if line.reason.startswith(_UNFORESEEN)))
    print(f"slowest {_SLOWEST}:")
    for line in sorted(lines, key=lambda line: -line.seconds)[:_SLOWEST]:
        print(f"    {line.seconds:7.2f} s  {line.status:11}  {line.path}")


def _list(title: str, lines: Iterable[Line]) -> None:
    found = list(lines)
    print(f"{title}: {len(found)}")
    for line in found:
        print(f"    {line.path}: {line.reason}")


def _show_findings(lines: list[Line]) -> None:
    flagged = [line for line in lines if line.findings]
    print(f"findings: {sum(len(line.findings) for line in flagged)} in {len(flagged)} documents")
    kinds = Counter(finding.kind for line in flagged for finding in line.findings)
    for kind, count in kinds.most_common():
        documents = sum(any(finding.kind == kind for finding in line.findings) for line in flagged)
        print(f"    {kind:22} {count:5} in {documents} documents")
    for line in flagged:
        one = Counter(finding.kind for finding in line.findings)
        characters = sum(finding.characters for finding in line.findings)
        print(
            f"    {line.path}: {', '.join(f'{kind} {count}' for kind, count in one.items())} ({characters} characters)"
        )


def _show_outside(
    before: dict[Path, dict[str, tuple[int, int]]], after: dict[Path, dict[str, tuple[int, int]]]
) -> None:
    for place, there in after.items():
        changed = sorted(path for path in there | before[place] if there.get(path) != before[place].get(path))
        print(f"changed in {place} meanwhile: {len(changed)}")
        for path in changed[:_SLOWEST]:
            print(f"    {path}")


def _show_sample(labels: list[Label], wrong: list[tuple[Label, Line]]) -> None:
    unsure = sum(len(label.statuses) > 1 for label in labels)
    share = 1 - len(wrong) / max(1, len(labels))
    print(
        f"sample: {len(labels) - len(wrong)} of {len(labels)} as labelled ({share:.1%}), {unsure} with several labels"
    )
    for label, line in wrong:
        print(f"    {label.path}: expected {'|'.join(label.statuses)}, got {line.status or 'no status'}: {line.reason}")
        print(f"        {label.kind}: {label.why}")


if __name__ == "__main__":
    sys.exit(main())
