"""Rich Text Format (RTF 1.9.1), read by its own rules: no library keeps apart what is seen and what is hidden."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import BinaryIO

from appliance.types import Finding, FindingKind, Member, Section
from ingest import media
from ingest.parsers import zipped
from ingest.parsers.kept import Kept
from ingest.parsers.legible import RGB, TINY_POINTS, WHITE, near
from ingest.parsers.options import Options
from ingest.parsers.rtf import words
from ingest.parsers.rtf.state import BODY_TEXT, FAR_TWIPS, FORMATTING, State
from ingest.parsers.rtf.story import Ending, Story
from ingest.parsers.rtf.tokens import DEFAULT, Token, codec_of_charset, codec_of_page, tokens
from ingest.parsers.symbols import symbol

_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop) ([1-9])")
_TINY_HALF_POINTS = 2 * TINY_POINTS
# Left and top edge of a shape past the page, right and bottom edge before it: a page may begin half as far away.
_SIDES = {"shpleft": 1, "shptop": 1, "shpright": -2, "shpbottom": -2}
# Notes in notes in boxes; nobody writes more, and each costs as much as the text in it.
_STORIES_IN_STORIES = 8


class RtfParser:
    """Reads RTF files."""

    media_types = frozenset({media.RTF})

    def __init__(self, options: Options) -> None:
        self._options = options

    def parse(self, file: BinaryIO, media_type: str) -> Iterator[Section | Finding | Member]:
        """Yield headers, the text, footers and notes, then what was kept out. Raises BadFile."""
        data = file.read()
        if not data.lstrip().startswith(b"{\\rtf"):
            raise zipped.damaged("it does not begin as RTF files do")
        yield from _Reader().read(data)


class _Reader:
    def __init__(self) -> None:
        self._state = State()
        self._groups: list[State] = []
        self._stories: list[tuple[int, str, Story]] = []
        self._story = Story()
        self._apart: dict[str, list[Section]] = {"header": [], "footer": [], "footnotes": []}
        self._kept = Kept()
        self._codec = DEFAULT
        self._fonts: dict[int, list[str]] = {}
        self._colours: list[RGB | None] = []
        self._mixing: dict[str, int] = {}
        self._styles: dict[int, str] = {}
        self._name: list[str] = []
        self._bytes = bytearray()
        self._to_skip = 0
        self._starred = False
        self._cells: list[int] = []
        self._cell = 0

    def read(self, data: bytes) -> Iterator[Section | Finding]:
        """Yield everything in the file."""
        for token in tokens(data):
            if token.kind == "text":
                self._take(token.data, token.number is not None)
                continue
            if self._bytes:
                self._flush()
            if token.kind == "word":
                self._word(token)
            elif token.kind == "open":
                self._to_skip = 0
                self._groups.append(self._state)
            elif token.kind == "close":
                self._to_skip = 0
                if not self._close():
                    break
            else:
                self._sign(token.word)
        self._flush()
        while self._stories:
            self._end_story()
        body = self._story.end(self._ending())
        yield from self._all(body)
        yield from self._kept.findings()

    def _all(self, body: list[Section]) -> Iterator[Section]:
        """Yield all sections in order, headers and footers once."""
        for name in ("header", "body", "footer"):
            if name == "body":
                yield from body
            else:
                furniture = {s.text: s for s in self._apart[name] if any(map(str.isalpha, s.text))}
                yield from (Section(text, None, "paragraph") for text in furniture)
        notes = self._apart["footnotes"]
        if notes:
            # Level 1 would make it the title of a document without headings.
            yield Section("Footnotes", None, "heading", level=1 if any(s.kind == "heading" for s in body) else 2)
            yield from notes

    def _take(self, data: bytes, single: bool) -> None:
        if self._to_skip:
            # What stands here is for readers that do not know the character before.
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        if data and self._state.to not in (words.SKIP, words.PASS, words.TWICE):
            self._bytes += data

    def _flush(self) -> None:
        """Decode the bytes so far: characters of several bytes come as several tokens."""
        if not self._bytes:
            return
        data, self._bytes = bytes(self._bytes), bytearray()
        font = self._fonts.get(self._state.font)
        codec = font[0] if font and self._state.to != words.FONTS else ""
        if codec == "symbol" and font:
            text = "".join(symbol(f"{byte:02x}", font[1]) or chr(byte) for byte in data)
        else:
            text = data.decode(codec or self._codec, "replace")
        self._put(text)

    def _put(self, text: str) -> None:
        state = self._state
        if state.deleted and state.to in (words.TEXT, words.SIGN):
            # Deleted with changes tracked: ordinary, and no more reported than in DOCX.
            return
        if state.to == words.TEXT:
            kind = self._unseen() if text.strip() else None
            if kind is None:
                self._story.text.append(text)
            else:
                self._kept.out(kind, self._story.where(state.in_table), text)
        elif state.to == words.SIGN:
            self._story.sign += text.strip()
        elif state.to in (words.FONTS, words.STYLES):
            self._name.append(text)
            if ";" in text:
                self._named("".join(self._name).partition(";")[0].strip())
                self._name.clear()
        elif state.to == words.COLOURS:
            for _ in range(text.count(";")):
                mixed = self._mixing
                known = (mixed.get("red", 0) & 255, mixed.get("green", 0) & 255, mixed.get("blue", 0) & 255)
                self._colours.append(known if mixed else None)
                self._mixing = {}

    def _named(self, name: str) -> None:
        if self._state.to == words.STYLES:
            self._styles[self._state.style] = name.lower()
        elif self._state.font in self._fonts:
            self._fonts[self._state.font][1] = name

    def _unseen(self) -> FindingKind | None:
        """Return why a person does not see text in the present state."""
        state = self._state
        if state.vanish:
            return "hidden"
        if state.off or abs(state.indent) >= FAR_TWIPS or 0 < -state.exact < 10 * _TINY_HALF_POINTS:
            return "off_page"
        if state.half_points < _TINY_HALF_POINTS or state.half_points * state.width < 50 * _TINY_HALF_POINTS:
            return "tiny"
        letters = self._colour(state.colour)
        if letters is None:
            return None
        ground = self._colour(state.ground) or self._colour(state.shade)
        if ground is None and state.in_table:
            if state.depth > 1:
                # What a cell of an inner table is filled with is said after its text.
                return None
            column = self._story.column()
            ground = self._colour(self._cells[column]) if column < len(self._cells) else None
        return "background_colour" if near(letters, ground or WHITE) else None

    def _colour(self, place: int) -> RGB | None:
        # The first is the automatic colour, whatever stands there.
        return self._colours[place] if 0 < place < len(self._colours) else None

    def _close(self) -> bool:
        """End a group. Return whether the file goes on."""
        if self._stories and self._stories[-1][0] == len(self._groups):
            self._end_story()
        self._starred = False
        if self._groups:
            self._state = self._groups.pop()
        return bool(self._groups)

    def _own(self) -> State:
        """Return the state, no longer shared with the group around, so that it may be changed."""
        if self._groups and self._state is self._groups[-1]:
            self._state = copy.copy(self._state)
        return self._state

    def _sign(self, sign: str) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif sign == "*":
            self._starred = True
        elif sign in "\r\n":
            self._word(Token("word", "par"))
        elif sign in words.SIGNS and self._state.to in (words.TEXT, words.SIGN):
            self._put(words.SIGNS[sign])

    def _word(self, token: Token) -> None:
        word, value = token.word, token.number
        starred, self._starred = self._starred, False
        if self._to_skip and word != "u":
            self._to_skip -= 1
            return
        if word in words.STORIES and self._state.to in (words.TEXT, words.PASS):
            self._own().to = words.TEXT
            if len(self._stories) < _STORIES_IN_STORIES:
                self._begin_story(words.STORIES[word])
        elif self._state.to == words.TWICE:
            self._own().to = words.TEXT if word == "ud" else words.TWICE
        elif word in words.DESTINATIONS and self._state.to != words.SKIP:
            self._own().to = words.DESTINATIONS[word]
        elif starred and word not in ("cs", "ts", "ds"):
            self._own().to = words.SKIP
        elif self._state.to in (words.TEXT, words.SIGN, words.PASS) and self._text_word(word, value):
            pass
        elif self._state.to in (words.FONTS, words.COLOURS, words.STYLES):
            self._head_word(word, value or 0)
        else:
            self._formatting(word, value)

    def _text_word(self, word: str, value: int | None) -> bool:
        """Do what a word says that stands for text or ends a piece of it; return whether it was one."""
        story = self._story
        if word == "u":
            self._to_skip = self._state.skip
            self._put(chr((value or 0) & 0xFFFF))
        elif word in words.WORDS:
            self._put(words.WORDS[word])
        elif word in ("par", "sect"):
            story.end_paragraph(self._ending())
        elif word == "cell":
            story.end_cell()
        elif word == "row":
            story.end_row()
        elif word == "nestcell":
            story.end_inner(" | ")
        elif word == "nestrow":
            story.end_inner("\n")
        elif word == "trowd":
            self._cells, self._cell, story.header = [], 0, False
        elif word == "trhdr":
            story.header = True
        elif word == "clcbpat":
            self._cell = value or 0
        elif word == "cellx":
            self._cells.append(self._cell)
            self._cell = 0
        else:
            return False
        return True

    def _head_word(self, word: str, value: int) -> None:
        """Do what a word says in the tables of fonts, colours and styles."""
        if word in ("red", "green", "blue"):
            self._mixing[word] = value
        elif word == "f":
            self._own().font = value
            if self._state.to == words.FONTS:
                self._fonts.setdefault(value, ["", ""])
        elif word in ("fcharset", "cpg") and self._state.font in self._fonts:
            codec = "symbol" if word == "fcharset" and value == 2 else ""
            self._fonts[self._state.font][0] = codec or (codec_of_charset if word == "fcharset" else codec_of_page)(
                value
            )
        elif word == "s":
            self._own().style = value
        elif word == "u":
            self._put(chr(value & 0xFFFF))
            self._to_skip = self._state.skip

    def _formatting(self, word: str, value: int | None) -> None:
        if word in FORMATTING:
            self._own().take(word, value)
        elif word in words.ENCODINGS or word == "ansicpg":
            self._codec = words.ENCODINGS.get(word) or codec_of_page(value or 0)
        elif word == "deff":
            self._own().font = value or 0
        elif word in _SIDES:
            far = (value or 0) * _SIDES[word]
            if far >= FAR_TWIPS:
                self._own().off = True

    def _ending(self) -> Ending:
        state = self._state
        level = state.outline + 1 if 0 <= state.outline < BODY_TEXT else 0
        name = self._styles.get(state.style, "") if state.style else ""
        match = _HEADING.fullmatch(name)
        if not level and (match or name == "title"):
            level = int(match[1]) if match else 1
        return Ending(state.in_table, level, state.listed)

    def _begin_story(self, name: str) -> None:
        self._stories.append((len(self._groups), name, self._story))
        self._story = Story(name)

    def _end_story(self) -> None:
        _, name, outer = self._stories.pop()
        found = self._story.end(self._ending())
        self._story = outer
        if name == "text box":
            outer.hanging += found
        else:
            self._apart[name] += found
