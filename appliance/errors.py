"""Everything that can go wrong and that a person can do something about.

ApplianceError
├── UsageError            the request itself is wrong
│   └── QuestionError     an empty or oversized question
├── ConfigError           a setting is unknown, missing or contradictory
├── ShareError            the share does not exist or cannot be read
├── ModelError            a model cannot be used
│   ├── ModelMissing      its file is not in the model folder
│   ├── HashMismatch      its file is not what the manifest says
│   └── SourceError       no source of it could be reached
├── StoreError            the index or the catalogue cannot be used
│   └── IndexMismatch     it was built by another embedder or chunker
├── LogError              an entry cannot be written, or the log is damaged
├── EngineError           the generator failed
│   └── PromptTooLong     the prompt does not fit the context
├── HomeInUse             another process works on this home
├── StorageFull           the disk is full
├── Unavailable           a part is not running, not ready, or does not answer
├── Denied                the caller lacks the credential
└── NotFound              no such thing, or none that the caller may see

A message says what happened, with the value; a hint says what to do. Adapters translate the exceptions of their
libraries into these and chain them. A bad file is a result in the ingest report, not an exception.
"""

from __future__ import annotations


class ApplianceError(Exception):
    """What happened (`message`) and what to do about it (`hint`, an imperative, possibly empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(ApplianceError):
    """The request itself is wrong."""


class QuestionError(UsageError):
    """The question is empty or too long."""


class ConfigError(ApplianceError):
    """A setting is unknown, missing or contradictory."""


class ShareError(ApplianceError):
    """The share does not exist or cannot be read."""


class ModelError(ApplianceError):
    """A model cannot be used."""


class ModelMissing(ModelError):
    """The model's file is not in the model folder."""


class HashMismatch(ModelError):
    """The model's file is not what the manifest says."""


class SourceError(ModelError):
    """No source of the model could be reached."""


class StoreError(ApplianceError):
    """The index or the catalogue cannot be used."""


class IndexMismatch(StoreError):
    """The index was built by another embedder or chunker."""


class LogError(ApplianceError):
    """An entry cannot be written, or the log is damaged."""


class EngineError(ApplianceError):
    """The generator failed."""


class PromptTooLong(EngineError):
    """The prompt does not fit the model's context."""


class HomeInUse(ApplianceError):
    """Another process works on this home."""


class StorageFull(ApplianceError):
    """The disk is full."""


class Unavailable(ApplianceError):
    """A part is not running, not ready, or does not answer."""


class Denied(ApplianceError):
    """The caller lacks the credential for this."""


class NotFound(ApplianceError):
    """There is no such thing, or none that the caller may see."""
