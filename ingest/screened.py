"""What a person would see of a document, and what was found in it beside that: the last step before it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from appliance.types import Finding, FindingKind, Section
from ingest.files import BadFile
from ingest.screen import addresses_model, clean

# Findings of one file, and among them those that stand for all that are too many, one for each kind.
_MOST = 100
_SUMMED = 10
_ELSEWHERE = "elsewhere"
_WHERE_CHARACTERS = 200
# Text is judged page by page; where there are no pages, in stretches of this many characters.
_JUDGED_CHARACTERS = 20_000


class Screened:
    """Takes a document's sections in reading order. `most` is the number of characters that they may have."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._characters = 0
        self._sections: list[Section] = []
        self._judged = 0  # sections before this one have been looked at
        self._waiting = 0
        self._found: dict[tuple[FindingKind, str], int] = {}

    def add(self, section: Section) -> None:
        """Keep a section without the characters that nobody sees. Raises BadFile past the most."""
        # Sections cost memory even where they are empty.
        self._characters += len(section.text) + 1
        if self._characters > self._most:
            reason = f"it holds more than {self._most} characters"
            raise BadFile("too_large", reason, "Split it, or raise ingest.text_characters.")
        text, unseen = clean(section.text)
        if unseen:
            self.note(Finding("invisible_characters", _place(section.page), unseen))
        last = self._sections[-1] if self._sections else section
        if section.page != last.page or self._waiting > _JUDGED_CHARACTERS:
            self._judge()
        self._sections.append(section if text == section.text else replace(section, text=text))
        self._waiting += len(text)

    def note(self, finding: Finding) -> None:
        """Add a finding to those of the same kind in the same place."""
        where = finding.where[:_WHERE_CHARACTERS]
        if (finding.kind, where) not in self._found and len(self._found) >= _MOST - _SUMMED:
            where = _ELSEWHERE
        self._found[finding.kind, where] = self._found.get((finding.kind, where), 0) + finding.characters

    def finish(self) -> list[Section]:
        """Return all sections. Nothing may be added afterwards."""
        self._judge()
        return self._sections

    def findings(self) -> Iterator[Finding]:
        """Yield what was found, one for each kind and place."""
        for (kind, where), characters in self._found.items():
            yield Finding(kind, where, characters)

    def _judge(self) -> None:
        """Look at what is visible of a page, or of a stretch of text, as a whole: orders may run over paragraphs."""
        sections = self._sections[self._judged :]
        if sections and addresses_model("\n".join(section.text for section in sections)):
            self.note(Finding("addresses_model", _place(sections[0].page), 0))
        self._judged, self._waiting = len(self._sections), 0


def _place(page: int | None) -> str:
    return f"page {page}" if page else ""
