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
from appliance.types import Status


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AskBody(Body):
    question: str
    user: str = ""


class SearchBody(Body):
    question: str
    user: str = ""
    limit: int = Field(10, ge=1, le=100)


class EmbedderBody(Body):
    name: str
    sha256: str


# A file name is bytes: what is no UTF-8 in it travels as lone surrogates, which pydantic's own check of text refuses.
FileName = Annotated[str, InstanceOf[str]]


class RunBody(Body):
    share: FileName
    chunker: str
    embedder: EmbedderBody


class FinishBody(Body):
    counts: dict[str, int]
    removed: int
    passages: int
    seconds: float


class ChunkBody(Body):
    text: str
    page: int | None
    headings: tuple[str, ...] = ()


class DocumentBody(Body):
    run: str
    share: FileName
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
    chunks: tuple[ChunkBody, ...] | None = None
    vectors: str | None = None  # base64 of little-endian float32, row by row

    def upload(self) -> Upload:
        """Return what ingest says of the file."""
        chunks = None if self.chunks is None else tuple(ChunkText(c.text, c.page, c.headings) for c in self.chunks)
        fields = {name: getattr(self, name) for name in Upload.__dataclass_fields__ if name != "chunks"}
        return Upload(**fields, chunks=chunks)

    def rows(self, dimensions: int) -> NDArray[np.float32] | None:
        """Return the vectors, shape (chunks, dimensions), or None. Raises UsageError when they are not that."""
        if self.vectors is None:
            return None
        try:
            flat = np.frombuffer(base64.b64decode(self.vectors, validate=True), dtype="<f4")
            return flat.reshape(-1, dimensions)
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"vectors are not rows of {dimensions} float32: {error}", "Send float32 rows.") from error
