"""The prompt: a versioned template, the passages as data, the question.

A template is a TOML file in `appliance/prompts`; the model's chat family is another, chosen by `Generator.chat`. Both
are named by sha256 in the log. What we wrote is trusted; paths, headings and texts of documents and the question are
not: an engine tokenises them without special tokens, and here they lose whatever would read as one of our frames.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from appliance.errors import ConfigError
from appliance.types import Json, Passage, Prompt, Segment

# The longest path or heading that is worth its tokens; what is cut is still in the citation.
LABEL_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Template:
    """Our side of a prompt. `identity` names it in the log; `refusal` is what a reader is told when nothing is found.

    `stop` ends an output; `refusals` are phrases, casefolded and without punctuation, that give a refusal away.
    """

    identity: dict[str, Json]
    refusal: str
    stop: tuple[str, ...]
    refusals: tuple[str, ...]
    _prefix: str = field(repr=False)
    _passage: dict[str, str] = field(repr=False)
    _question: tuple[str, str] = field(repr=False)
    _marks: re.Pattern[str] = field(repr=False)

    def build(self, passages: Sequence[Passage], question: str) -> Prompt:
        """Return the prompt. A passage's part depends on the passage alone, not on its place or on the question."""
        return Prompt(self.prefix(), tuple(self.passage(passage) for passage in passages), self.question(question))

    def prefix(self) -> tuple[Segment, ...]:
        """Return what stands before the passages: the same for every question."""
        return (_ours(self._prefix),)

    def passage(self, passage: Passage) -> tuple[Segment, ...]:
        """Return one passage in its frame: path, headings, text."""
        chunk, frame = passage.chunk, self._passage
        label: list[Segment] = [_ours(frame["open"]), self._theirs(_one_line(chunk.document.path))]
        if chunk.headings:
            headings = frame["between_headings"].join(_one_line(heading) for heading in chunk.headings)
            label += [_ours(frame["headings"]), self._theirs(headings[-LABEL_CHARACTERS:])]
        return (*label, _ours(frame["text"]), self._theirs(chunk.text), _ours(frame["close"]))

    def question(self, question: str) -> tuple[Segment, ...]:
        """Return what stands after the passages."""
        before, after = self._question
        return (_ours(before), self._theirs(question), _ours(after))

    def is_refusal(self, sentence: str) -> bool:
        """Return whether a sentence of a model says that the documents do not have the answer."""
        words = _plain(sentence)
        return words == _plain(self.refusal) or any(f" {phrase} " in f" {words} " for phrase in self.refusals)

    def _theirs(self, text: str) -> Segment:
        return Segment(self._marks.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text), trusted=False)


def load(name: str, chat: str) -> Template:
    """Read the template `name` for the chat family `chat`. Raises ConfigError when either is missing or incomplete."""
    body, body_sha256 = _read(name, "prompt template", "Set answer.prompt to the name of a file in appliance/prompts.")
    roles, roles_sha256 = _read(chat, "chat family", "Choose a generator whose manifest entry names a known family.")
    try:
        passage = {key: str(body["passage"][key]) for key in ("open", "headings", "between_headings", "text", "close")}
        question = body["question"]
        system = str(body["system"]).strip()
        return Template(
            identity={"name": name, "sha256": body_sha256, "chat": chat, "chat_sha256": roles_sha256},
            refusal=body["refusal"],
            stop=(*body["output"]["stop"], *roles["stop"]),
            refusals=tuple(_plain(phrase) for phrase in body["output"]["refusals"]),
            _prefix=f"{roles['system_open']}{system}{roles['system_close']}{roles['user_open']}{body['passages_open']}",
            _passage=passage,
            _question=(question["open"], question["close"] + roles["user_close"]),
            _marks=re.compile("|".join(re.escape(mark) for mark in body["fence"]["marks"]), re.IGNORECASE),
        )
    except KeyError as error:
        raise ConfigError(f"prompt template {name} or chat family {chat} lacks {error}", "Add the key.") from error


def _read(name: str, what: str, hint: str) -> tuple[dict[str, Any], str]:
    file = resources.files("appliance").joinpath("prompts", f"{name}.toml")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name) or not file.is_file():
        raise ConfigError(f'there is no {what} "{name}"', hint)
    data = file.read_bytes()
    try:
        return tomllib.loads(data.decode()), hashlib.sha256(data).hexdigest()
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{what} {name} cannot be read: {error}", "Correct the file.") from error


def _ours(text: str) -> Segment:
    return Segment(text, trusted=True)


def _one_line(text: str) -> str:
    """Return a path or heading that cannot leave its place in the frame: no line breaks, no controls, no quotes."""
    visible = ("'" if c == '"' else c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join("".join(visible).split())[-LABEL_CHARACTERS:]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
