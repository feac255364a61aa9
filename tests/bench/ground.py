"""What grounding adds to an answer: `python -m tests.bench.ground FOLDER`.

Five passages of about 200 tokens from the Markdown files of the folder, three sentences of theirs as the answer:
the passages prepared, each sentence grounded, and what denies it looked for.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from pathlib import Path

from appliance.grounding import Evidence
from appliance.sentences import split
from tests.eval.alarms import sections

CHARACTERS = (700, 1000)
PASSAGES = 5
SENTENCES = 3


def main() -> int:
    """Print the median and the 95th percentile over some rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.environ.get("APPLIANCE_BENCH_SHARE"), help="Markdown files")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    if not given.folder or not Path(given.folder).is_dir():
        print("SKIPPED: no folder of Markdown files given (argument or APPLIANCE_BENCH_SHARE)", file=sys.stderr)
        return 2
    chance = random.Random(1)
    made = [each for each in sections(Path(given.folder)) if CHARACTERS[0] <= len(each.chunk.text) <= CHARACTERS[1]]
    times: dict[str, list[float]] = {"prepare": [], "ground": [], "against": [], "all": []}
    for _ in range(given.rounds):
        passages = chance.sample(made, PASSAGES)
        text = passages[0].chunk.text
        spans = split(text, wrapped=True)
        answer = [text[start:end] for start, end in chance.sample(spans, min(SENTENCES, len(spans)))]
        marks = [time.perf_counter()]
        evidence = Evidence(passages, answer[0])
        marks.append(time.perf_counter())
        grounded = [evidence.ground(sentence) for sentence in answer]
        marks.append(time.perf_counter())
        for each in grounded:
            evidence.against(each)
        marks.append(time.perf_counter())
        for name, taken in zip(times, (marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2]), strict=False):
            times[name].append(taken * 1000)
        times["all"].append((marks[3] - marks[0]) * 1000)
    for name, taken in times.items():
        print(f"{name:8} p50 {statistics.median(taken):6.1f} ms, p95 {sorted(taken)[int(0.95 * len(taken))]:6.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
