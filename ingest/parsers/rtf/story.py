"""One stream of RTF text, the body, a header or a note, as it becomes sections."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.types import Section, SectionKind
from ingest.parsers import tables


@dataclass(frozen=True, slots=True)
class Ending:
    """What a paragraph is, which is known at its end: inside a table, a heading of a level from 1, in a list."""

    in_table: bool = False
    level: int = 0
    listed: bool = False


@dataclass(slots=True)
class Story:
    """Takes text and the signs that end paragraphs, cells and rows. `name` is for findings, "" for the body."""

    name: str = ""
    sections: list[Section] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    sign: str = ""
    paragraphs: int = 0
    tables: int = 0
    # Sections of what hangs on the paragraph that is being read: text boxes.
    hanging: list[Section] = field(default_factory=list)
    header: bool = False
    _cell: list[str] = field(default_factory=list)
    _row: list[str] = field(default_factory=list)
    _rows: list[list[str]] = field(default_factory=list)
    _headed: bool = False

    def where(self, in_table: bool) -> str:
        """Name the place that is being read."""
        if self.name:
            return self.name
        return f"table {self.tables + 1}" if in_table else f"paragraph {self.paragraphs + 1}"

    def column(self) -> int:
        """Return the number of cells that the row has so far."""
        return len(self._row)

    def end_paragraph(self, ending: Ending) -> None:
        """Take the text so far as a paragraph."""
        text, sign = _tidy("".join(self.text)), self.sign
        self.text.clear()
        self.sign = ""
        self.paragraphs += 1
        if sign or ending.listed:
            # Bullets are signs of special fonts; numbers are text.
            sign = sign if any(map(str.isalnum, sign)) else "-"
        if ending.in_table:
            if text:
                self._cell.append(f"{sign} {text}" if sign else text)
            return
        self.end_table()
        if text:
            kind: SectionKind = "heading" if ending.level else "list_item" if sign else "paragraph"
            text = text.replace("\n", " ") if ending.level else text
            prefix = "" if not sign or (ending.level and sign == "-") else f"{sign} "
            self.sections.append(Section(prefix + text, None, kind, level=ending.level))
        self.sections += self.hanging
        self.hanging.clear()

    def end_cell(self) -> None:
        """Take the text so far as the end of a cell."""
        self.end_paragraph(Ending(in_table=True))
        self._row.append("\n".join(self._cell))
        self._cell.clear()

    def end_inner(self, sign: str) -> None:
        """Take the text so far as the end of a cell (" | ") or row of a table inside a cell."""
        self.text.append(sign)

    def end_row(self) -> None:
        """Take the cells so far as a row."""
        if "".join(self.text).strip():
            self.end_cell()
        if self._row:
            self._headed = self._headed or (self.header and not self._rows)
            self._rows.append(self._row)
            self._row = []

    def end_table(self) -> None:
        """Take the rows so far as a table."""
        self.end_row_of_rest()
        if self._rows:
            self.tables += 1
            text = tables.render(self._rows, True if self._headed else None)
            if text:
                self.sections.append(Section(text, None, "table"))
            self._rows, self._headed = [], False

    def end_row_of_rest(self) -> None:
        """Take up cells whose row never ended."""
        if self._cell:
            self._row.append("\n".join(self._cell))
            self._cell.clear()
        if self._row:
            self._rows.append(self._row)
            self._row = []

    def end(self, ending: Ending) -> list[Section]:
        """Take what is left and return all sections."""
        self.end_paragraph(ending)
        self.end_table()
        return self.sections


def _tidy(text: str) -> str:
    # Characters beyond the first plane come as two halves.
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
