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
        self._places: dict[FindingKind, set[str]] = {}

    def out(self, kind: FindingKind, where: str, text: str) -> None:
        """Count the characters of a text that was kept out. White space alone hides nothing, and does not count."""
        characters = sum(map(len, text.split()))
        if not characters:
            return
        places = self._places.setdefault(kind, set())
        if where not in places:
            if len(places) < _PLACES:
                places.add(where)
            else:
                where = _ELSEWHERE
        self._characters[kind, where] = self._characters.get((kind, where), 0) + characters

    def findings(self) -> Iterator[Finding]:
        """Yield what has been counted since the last call, one finding per kind and place; past the fiftieth place of
        a kind in the file, one for all the rest.
        """
        counted, self._characters = self._characters, {}
        for (kind, where), characters in counted.items():
            yield Finding(kind, where, characters)

    def whole(self, kind: FindingKind, where: str) -> Iterator[Finding]:
        """Yield what has been counted since the last call as one finding, whatever the kinds and places: the slide or
        sheet around it is not seen either.
        """
        characters = sum(finding.characters for finding in self.findings())
        if characters:
            yield Finding(kind, where, characters)
