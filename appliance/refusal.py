"""Whether what was written is an answer, or the documents do not say: a calibrated decision, without a model call.

A logistic model over what is known once the first supported sentence stands: how much the model would have liked to
refuse, how sure it was of its tokens, how near passages and sentences are to the question, how much of the question
stands in them, how well the sentence is supported. The weights are data (`appliance/calibrations`), fitted by
`python -m tests.eval.calibrate` for one prompt and generator; another generator takes the file's default.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources

from appliance.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Signals:
    """What the decision rests on.

    `avoided` is the log probability that the model would have begun to refuse, `mean_logprob` and `least_logprob` those
    of the tokens up to the end of the first supported sentence. `passage` and `sentence` are the greatest cosines of a
    passage and of a sentence to the question, `quote` that of the sentence quoted. `coverage` is the share of the
    question's weight in words that the best passage has, `quoted` the share that the sentence and its quotes have.
    `support` is the grounding's score of the sentence, `echoed` the share of the question's words in it that its quotes
    have, `withheld` how many sentences before it had no support. `opposed`, `undenied` and `strangers` hold the
    question against the quotes of the sentence (appliance/premise.py): words with their opposites there, whether a
    denial is missing, names and numbers that do not stand in the passages quoted.
    """

    avoided: float
    mean_logprob: float
    least_logprob: float
    passage: float
    sentence: float
    quote: float
    coverage: float
    quoted: float
    support: float
    echoed: float
    withheld: float
    opposed: float
    undenied: float
    strangers: float


NAMES = tuple(field.name for field in fields(Signals))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the signals, for one prompt and generator."""

    name: str
    bias: float
    weights: Mapping[str, float]

    def confidence(self, signals: Signals) -> float:
        """Return the probability, 0 to 1, that the question has an answer in the documents and this is it."""
        total = self.bias + sum(weight * getattr(signals, name) for name, weight in self.weights.items())
        return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, total))))


def load_calibration(prompt: str, generator: str) -> Calibration:
    """Return the weights for a prompt template and a generator, by their names; the template's default for a generator
    that was not measured. Raises ConfigError when there are none, or when they name something else than signals.
    """
    file = resources.files("appliance").joinpath("calibrations", f"{prompt}.toml")
    if not file.is_file():
        raise ConfigError(f"prompt template {prompt} was never calibrated", "Choose one that was, or calibrate it.")
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
        name = generator if generator in tables else str(tables["default"])
        weights = {key: float(value) for key, value in tables[name]["weights"].items()}
        if unknown := weights.keys() - set(NAMES):
            raise ConfigError(f"calibration {file.name} weighs {', '.join(sorted(unknown))}", "Correct the file.")
        return Calibration(name, float(tables[name]["bias"]), weights)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"calibration {file.name} cannot be used: {error!r}", "Correct the file.") from error
