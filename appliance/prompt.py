"""The prompt: a versioned template, the passages as data, the question.

A template is a TOML file in `appliance/prompts`; the model's chat family is another, chosen by `Generator.chat`. Both
are named by sha256 in the log. What we wrote is trusted; paths, headings and texts of documents and the question are
not: an engine tokenises them without special tokens, and here they lose whatever would read as one of our frames
(appliance/fence.py).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from appliance.errors import ConfigError
from appliance.fence import Fence, is_quote, without_lone
from appliance.types import Json, Passage, Prompt, Segment

# The longest path or heading that is worth its tokens; what is cut is still in the citation.
LABEL_CHARACTERS = 200
# Stands in a heading for the sign that we put between two.
NO_JOINT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
FRAMES = {
    "passage": ("open", "headings", "between_headings", "text", "close"),
    "closest": ("open", "each", "close"),
    "question": ("open", "close"),
    "output": ("stop",),
    "fence": ("marks", "instead_of_first", "lines", "instead_of_last"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands behind the passages: the question, the sentences of the passages that are nearest to it, and the
    order to answer in a language, where it has to be given.
    """

    question: str
    closest: tuple[str, ...] = ()
    answer_in: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """Our side of a prompt, by its version. `refusal` is what the model is told to say when the documents do not."""

    name: str
    sha256: str
    refusal: str
    _body: Mapping[str, Any] = field(repr=False)

    def for_chat(self, chat: str) -> Prompter:
        """Return what writes prompts for models of one chat family. Raises ConfigError for an unknown one."""
        roles, sha256 = _read(chat, "chat family", "Choose a generator whose manifest entry names a known family.")
        body, identity = self._body, {"name": self.name, "sha256": self.sha256, "chat": chat, "chat_sha256": sha256}
        try:
            prefix = (roles["system_open"], body["system"].strip(), roles["system_close"], roles["user_open"])
            return Prompter(
                identity=identity,
                stop=(*body["output"]["stop"], *roles["stop"]),
                _prefix="".join(prefix) + body["passages_open"],
                _passage=dict(body["passage"]),
                _closest=dict(body["closest"]),
                _open=body["question"]["open"],
                _task=body["question"]["close"],
                _end=roles["user_close"],
                _fence=Fence(
                    *(body["fence"][key] for key in ("marks", "lines", "instead_of_first", "instead_of_last"))
                ),
            )
        except KeyError as error:
            raise ConfigError(f"chat family {chat} lacks {error}", "Add the key.") from error


@dataclass(frozen=True, slots=True)
class Prompter:
    """Writes prompts. `identity` names template and chat family in the log; each of `stop` ends an output."""

    identity: Mapping[str, Json]
    stop: tuple[str, ...]
    _prefix: str = field(repr=False)
    _passage: Mapping[str, str] = field(repr=False)
    _closest: Mapping[str, str] = field(repr=False)
    _open: str = field(repr=False)
    _task: str = field(repr=False)
    _end: str = field(repr=False)
    _fence: Fence = field(repr=False)

    def build(self, passages: Sequence[Passage], asked: Asked) -> Prompt:
        """Return the prompt. A passage's part depends on the passage alone, not on its place or on the question."""
        return Prompt(self.prefix(), tuple(self.passage(passage) for passage in passages), self.question(asked))

    def prefix(self) -> tuple[Segment, ...]:
        """Return what stands before the passages: the same for every question."""
        return (_ours(self._prefix),)

    def passage(self, passage: Passage) -> tuple[Segment, ...]:
        """Return one passage in its frame: path, headings, text."""
        chunk, frame = passage.chunk, self._passage
        label = [_ours(frame["open"]), self._theirs(_one_line(chunk.document.path))]
        if chunk.headings:
            headings = frame["between_headings"].join(self._heading(heading) for heading in chunk.headings)
            label += [_ours(frame["headings"]), self._theirs(headings[-LABEL_CHARACTERS:])]
        return (*label, _ours(frame["text"]), self._theirs(chunk.text), _ours(frame["close"]))

    def question(self, asked: Asked) -> tuple[Segment, ...]:
        """Return what stands after the passages."""
        again = [_ours(self._closest["open"])] if asked.closest else []
        for sentence in asked.closest:
            again += [_ours(self._closest["each"]), self._theirs(f" {sentence}"), _ours(self._closest["close"])]
        task = f"{self._task} {asked.answer_in}" if asked.answer_in else self._task
        return (*again, _ours(self._open), self._theirs(f" {asked.question}"), _ours(task + self._end))

    def _heading(self, heading: str) -> str:
        """Return a heading that cannot be taken for two, and is a line of its own to the fence."""
        return self._fence.broken(without_lone(_one_line(heading), self._passage["between_headings"].strip(), NO_JOINT))

    def _theirs(self, text: str) -> Segment:
        return Segment(self._fence.broken(text), trusted=False)


def load_template(name: str) -> Template:
    """Read the template `name`. Raises ConfigError when it is missing or incomplete."""
    body, sha256 = _read(name, "prompt template", "Set answer.prompt to the name of a file in appliance/prompts.")
    try:
        # Everything is asked for here, so that a gap shows at start and not in the middle of an answer.
        _ = [body[frame][key] for frame, keys in FRAMES.items() for key in keys], body["system"], body["passages_open"]
        return Template(name, sha256, body["refusal"], body)
    except KeyError as error:
        raise ConfigError(f"prompt template {name} lacks {error}", "Add the key.") from error


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
    visible = ("'" if is_quote(c) else c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join("".join(visible).split())[-LABEL_CHARACTERS:]
