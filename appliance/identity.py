"""What an index was built with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from appliance.errors import IndexMismatch, StoreError

REBUILD = 'Run "appliance ingest DIR --rebuild", which builds the index again from the share.'

# The rules by which sparse vectors are made (appliance/sparse.py follows them): change it with every change to what
# comes out there.
SPARSE = "bm25-six-letters-1"


@dataclass(frozen=True, slots=True)
class Identity:
    """What an index was built with: an index answers only to the same.

    `embedder` is the model's name, `sha256` that of its weights; `chunker` and `sparse` are versions of code.
    """

    embedder: str
    sha256: str
    dimensions: int
    chunker: str
    sparse: str = SPARSE

    def __str__(self) -> str:
        return f"{self.embedder}@{self.sha256}/{self.dimensions}/{self.chunker}/{self.sparse}"

    def stored(self) -> dict[str, str | int]:
        """Return the identity as plain data."""
        return asdict(self)

    def check(self, stored: object, name: str) -> None:
        """Raise IndexMismatch if the index `name` was built with another identity, StoreError if that is unreadable."""
        found = _identity(stored)
        if found is None:
            raise StoreError(f'index "{name}" does not say what it was built with', REBUILD)
        if found != self:
            raise IndexMismatch(
                f'index "{name}" was built with {found.described()}, the configuration names {self.described()}',
                'Run "appliance ingest DIR --rebuild", or put the old embedder and version back.',
            )

    def described(self) -> str:
        """Return the identity for a message."""
        return (
            f"{self.embedder} (sha256 {self.sha256[:4]}…, {self.dimensions} dimensions), "
            f"chunker {self.chunker}, {self.sparse}"
        )


def _identity(stored: object) -> Identity | None:
    if not isinstance(stored, Mapping):
        return None
    values = {field.name: stored.get(field.name) for field in fields(Identity)}
    dimensions = values.pop("dimensions")
    if not isinstance(dimensions, int) or not all(isinstance(value, str) for value in values.values()):
        return None
    return Identity(dimensions=dimensions, **{name: str(value) for name, value in values.items()})
