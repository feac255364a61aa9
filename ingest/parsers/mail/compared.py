"""Tells how much of a text does not stand in another one: the plain version of a mail against the page that is shown.

Programs that write both differ in line breaks, links, tables and order, never in what they say. So words are compared,
three in a row at a time; what has no counterpart counts only where it goes on for a while and brings words of its own.
"""

from __future__ import annotations

import re

# Scripts without blanks between words count by character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_ROW = 3
_RUN_WORDS = 4
# Of a run that counts, this part at least are words which the other text does not have at all.
_NEW_PART = 0.25


def difference(text: str, other: str) -> int:
    """Return how many characters of `text` say what `other` does not. Linear in both."""
    mine, theirs = _words(text), _words(other)
    known = set(theirs)
    rows = {tuple(theirs[i : i + _ROW]) for i in range(len(theirs))}
    found = [False] * len(mine)
    for i in range(len(mine)):
        if tuple(mine[i : i + _ROW]) in rows:
            found[i : i + _ROW] = [True] * len(mine[i : i + _ROW])
    missing, run = 0, list[str]()
    for word, there in zip([*mine, ""], [*found, True], strict=True):
        if not there:
            run.append(word)
            continue
        new = sum(each not in known for each in run)
        if len(run) >= _RUN_WORDS and new >= _NEW_PART * len(run):
            missing += sum(map(len, run)) + len(run) - 1
        run = []
    return missing


def _words(text: str) -> list[str]:
    """Return the words of a text without addresses: a plain version spells out the links that a page hides."""
    found: list[str] = []
    for token in text.casefold().split():
        if "://" not in token and "@" not in token and not token.startswith(("www.", "mailto:", "tel:", "[cid:")):
            found.extend(_WORD.findall(token))
    return found
