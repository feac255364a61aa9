"""The bodies of requests: the edge where JSON becomes data of ours."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, InstanceOf

from appliance.errors import UsageError
from appliance.library import ChunkText, Upload
from appliance.types import Box, Finding, FindingKind, Place, Status


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TurnBody(Body):
    question: str
    answer: str


class AskBody(Body):
    question: str
    user: str = ""
    conversation: tuple[TurnBody, ...] = Field((), max_length=20)


class SearchBody(Body):
    question: str
    user: str = ""
    limit: int = Field(10, ge=1, le=100)


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GateBody(Body):
    """What the log keeps of an evaluation that has passed the gate."""

    digest: Digest
    record: Digest
    report: Digest
    figures: dict[str, float]


class EmbedderBody(Body):
    name: str
    sha256: str


# A file name is bytes: what is no UTF-8 in it travels as lone surrogates, which pydantic's own check of text refuses.
FileName = Annotated[str, InstanceOf[str]]


class RunBody(Body):
    share: FileName
    chunker: str
    embedder: EmbedderBody


class ProgressBody(Body):
    done: int = Field(ge=0)
    total: int = Field(ge=0)


class FinishBody(Body):
    counts: dict[str, int]
    removed: int
    passages: int
    findings: int = 0
    seconds: float


class ListBody(Body):
    share: FileName
    under: FileName = ""
    cursor: str = ""
    limit: int = Field(2000, ge=1, le=10_000)


class ReadersBody(Body):
    path: FileName
    readers: tuple[str, ...]


class RegrantBody(Body):
    share: FileName
    changes: tuple[ReadersBody, ...] = Field(max_length=10_000)


class ChunkBody(Body):
    text: str
    page: int | None
    headings: tuple[str, ...] = ()
    # Each is [start, end, left, top, right, bottom].
    places: tuple[tuple[int, int, float, float, float, float], ...] = ()

    def chunk(self) -> ChunkText:
        places = tuple(Place(start, end, Box(*edges)) for start, end, *edges in self.places)
        return ChunkText(self.text, self.page, self.headings, places)


class FindingBody(Body):
    kind: FindingKind
    where: str
    characters: int = Field(ge=0)


class StateBody(Body):
    """What ingest says of a file, its passages aside. Without `owner` the file lies in the share itself."""

    run: str
    share: FileName
    owner: FileName = ""
    path: FileName
    sha256: str
    size_bytes: int
    modified_ns: int
    media_type: str
    readers: tuple[str, ...]
    status: Status
    reason: str = ""
    hint: str = ""
    pages: int | None = None
    title: str = ""
    findings: tuple[FindingBody, ...] = ()

    def upload(self) -> Upload:
        """Return what ingest says of the file."""
        return self._upload(None)

    def _upload(self, chunks: tuple[ChunkText, ...] | None) -> Upload:
        fields = {name: getattr(self, name) for name in _STATE_FIELDS}
        findings = tuple(Finding(f.kind, f.where, f.characters) for f in self.findings)
        return Upload(**fields, owner=self.owner or self.path, findings=findings, chunks=chunks)


_STATE_FIELDS = tuple(name for name in Upload.__dataclass_fields__ if name not in ("owner", "findings", "chunks"))


class DocumentBody(StateBody):
    chunks: tuple[ChunkBody, ...] | None = None
    vectors: str | None = None  # base64 of little-endian float32, row by row

    def upload(self) -> Upload:
        """Return what ingest says of the file, and its passages."""
        return self._upload(None if self.chunks is None else tuple(chunk.chunk() for chunk in self.chunks))

    def rows(self, dimensions: int) -> NDArray[np.float32] | None:
        """Return the vectors, shape (chunks, dimensions), or None. Raises UsageError when they are not that."""
        if self.vectors is None:
            return None
        try:
            flat = np.frombuffer(base64.b64decode(self.vectors, validate=True), dtype="<f4")
            return flat.reshape(-1, dimensions)
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"vectors are not rows of {dimensions} float32: {error}", "Send float32 rows.") from error
