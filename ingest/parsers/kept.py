"""Keeps count of the text that a parser leaves out because a person would not see it."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.types import Finding, FindingKind

# A file that hides a thousand paragraphs is one fact with examples, not a thousand facts.
_PLACES = 50
_ELSEWHERE = "further places"


class Kept:
    """What was kept out of one file, by kind and place."""

    def __init__(self) -> None:
        self._characters: dict[tuple[FindingKind, str], int] = {}
        self._places: dict[FindingKind, int] = {}

    def out(self, kind: FindingKind, where: str, text: str) -> None:
        """Count a text that was kept out. White space alone hides nothing."""
        characters = sum(map(len, text.split()))
        if not characters:
            return
        if (kind, where) not in self._characters:
            self._places[kind] = self._places.get(kind, 0) + 1
            if self._places[kind] > _PLACES:
                where = _ELSEWHERE
        self._characters[kind, where] = self._characters.get((kind, where), 0) + characters

    def findings(self) -> Iterator[Finding]:
        """Yield one finding per kind and place; past the fiftieth place of a kind, one for all the rest."""
        for (kind, where), characters in self._characters.items():
            yield Finding(kind, where, characters)
