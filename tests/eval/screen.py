"""How well `ingest.screen` tells texts that address the model from texts for people.

    python -m tests.eval.screen INJECTION_FOLDER HANDBOOK CONTRACTS_TXT

INJECTION_FOLDER holds BIPIA's text attacks and e-mails and NotInject's prompts, HANDBOOK a tree of Markdown files and
CONTRACTS_TXT a folder of text files. `orders.json` beside this file holds attacks and harmless sentences that the
project wrote. The rules were tuned on the first, third, … attack of each set; the second, fourth, … were left alone and
are reported beside them. Harmless texts have no such halves: none of them may be flagged.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ingest.screen import addresses_model, clean

# BIPIA's first five categories are questions and tasks such as a user might have ("Explain the theory of relativity");
# they name neither a machine nor its answer, so that nothing tells them from a text for people.
_TASKS = frozenset({
    "Information Retrieval", "Content Creation", "Learning and Tutoring", "Language Translation", "Programming Help",
})  # fmt: skip


def main(injection: Path, handbook: Path, contracts: Path) -> int:
    own = json.loads((Path(__file__).parent / "orders.json").read_text(encoding="utf-8"))
    mails = [json.loads(line)["context"] for line in _lines(injection / "bipia-emails.jsonl")]
    attacks: dict[str, list[str]] = json.loads((injection / "bipia-text-attacks.json").read_text(encoding="utf-8"))
    print(f"{'attacks':<44}{'tuned on':>12}{'left alone':>12}")
    for language, texts in own["attacks"].items():
        _halves(f"own, {language}", texts)
    for name, tasks in (("BIPIA, about the answer", False), ("BIPIA, plain tasks", True)):
        chosen = {category: texts for category, texts in attacks.items() if (category in _TASKS) == tasks}
        _halves(name, [text for texts in chosen.values() for text in texts], len(next(iter(chosen.values()))))
        for category, texts in chosen.items():
            _halves(f"  {category}", texts)
    planted = [f"{mail}\n\n{text}" for mail in mails[::5] for texts in attacks.values() for text in texts]
    print(f"{'BIPIA, planted in 10 e-mails':<44}{_share(planted):>12}")
    print(f"\n{'harmless':<44}{'flagged':>12}{'suspicious':>12}")
    _harmless("own", own["harmless"])
    _harmless(
        "NotInject", [one["prompt"] for name in ("one", "two") for one in _json(injection / f"notinject-{name}.json")]
    )
    _harmless("BIPIA's e-mails", mails)
    _harmless("handbook", [_text(path) for path in sorted(handbook.rglob("*.md"))])
    _harmless("contracts", [_text(path) for path in sorted(contracts.glob("*.txt"))])
    return 0


def _halves(name: str, texts: Sequence[str], period: int = 0) -> None:
    """Print the share of attacks flagged in both halves. `period`: the halves begin anew after so many texts."""
    even = [text for i, text in enumerate(texts) if (i % period if period else i) % 2 == 0]
    odd = [text for i, text in enumerate(texts) if (i % period if period else i) % 2 == 1]
    print(f"{name:<44}{_share(even):>12}{_share(odd):>12}")


def _share(texts: Sequence[str]) -> str:
    return f"{sum(_flagged(text) for text in texts)} of {len(texts)}"


def _harmless(name: str, texts: Sequence[str]) -> None:
    begun = time.perf_counter()
    flagged = [text for text in texts if _flagged(text)]
    seconds = time.perf_counter() - begun
    invisible = sum(clean(text)[1] > 0 for text in texts)
    speed = sum(map(len, texts)) / seconds / 1e6
    print(f"{name:<44}{len(flagged):>6} of {len(texts)}{invisible:>10}   {speed:.1f} million characters/s")


def _flagged(text: str) -> bool:
    return addresses_model(clean(text)[0])


def _lines(path: Path) -> Iterable[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _json(path: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*map(Path, sys.argv[1:])))
