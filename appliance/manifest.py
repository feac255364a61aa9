"""The model manifest: which models exist, what their files are, and where each file comes from.

pydantic stays at the edge: `load_manifest` reads TOML, refuses what it does not know, and hands out frozen dataclasses.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from appliance.errors import ConfigError, ModelError
from appliance.types import ModelRecord, Role

# `compose` lies beside the package in a clone and in an installed wheel alike.
DEFAULT = Path(__file__).resolve().parent.parent / "compose" / "models.toml"
WEIGHTS = "model.safetensors"

ChatFamily = Literal["chatml", "mistral"]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository, at one commit."""

    repository: str
    revision: str
    file: str


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A member of a wheel on a Python package index."""

    project: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        return f"{self.project}=={self.version}"


@dataclass(frozen=True, slots=True)
class WheelMembers:
    """A file cut into members of wheels, to be joined in this order."""

    members: tuple[WheelMember, ...]


Source = HubFile | WheelMembers


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model. `name` is relative to the model's folder, "/"-separated, and never leads out of it."""

    name: str
    size_bytes: int
    sha256: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model.

    `context_tokens` is what the weights were trained for; `chat` names the control tokens of a generator
    (appliance/prompts/CHAT.toml) and is empty for other roles; `dimensions` is the length of an embedder's vectors and
    0 for other roles.
    """

    record: ModelRecord
    files: tuple[ModelFile, ...]
    context_tokens: int
    chat: str
    dimensions: int = 0

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Manifest:
    """All models that may be used, in the order of the file."""

    models: tuple[ModelSpec, ...]

    def spec(self, name: str) -> ModelSpec:
        """Return the model called `name`. Raises ModelError that lists the known names."""
        for model in self.models:
            if model.name == name:
                return model
        known = ", ".join(model.name for model in self.models) or "none"
        raise ModelError(f'model "{name}" is not in the manifest', f"Name one of: {known}.")


def load_manifest(path: Path | None = None) -> Manifest:
    """Read a manifest; without `path`, the one that comes with the appliance. Raises ConfigError with the place."""
    path = path or DEFAULT
    try:
        with path.open("rb") as file:
            read = _Manifest.model_validate(tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the model manifest {path} cannot be read: {error}", "Restore or correct it.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
        raise ConfigError(f"the model manifest {path} is wrong at {place}: {first['msg']}", "Correct it.") from error
    return Manifest(tuple(model.spec() for model in read.models))


def _inside(name: str) -> str:
    """Return `name` if it stays inside the folder it is relative to, on every system."""
    parts = PurePosixPath(name).parts
    if (
        name != "/".join(parts)
        or not parts
        or name.startswith("/")
        or ".." in parts
        or "\\" in name
        or ":" in name
        or not name.isprintable()
    ):
        raise ValueError(f"{name!r} leads out of its folder, or is no plain relative path")
    if any(part.startswith(".") for part in parts) or name.endswith((".part", ".part.json", ".part.json.new")):
        raise ValueError(f"{name!r} is a name that downloads in progress use")
    return name


def _once(names: Iterable[str], what: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f'{what} "{name}" is listed {count} times')


RelativePath = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# These three become arguments of a child process and parts of an address: nothing in them may look like an option,
# a path upwards or another host.
Project = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.!+]*$")]
Repository = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _HubFile(_Strict):
    repository: Repository
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    file: RelativePath


class _WheelMember(_Strict):
    project: Project
    version: Version
    member: RelativePath


class _Source(_Strict):
    huggingface: _HubFile | None = None
    pypi: Annotated[list[_WheelMember], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> _Source:
        if (self.huggingface is None) == (self.pypi is None):
            raise ValueError('a source is either "huggingface" or "pypi"')
        return self

    def source(self) -> Source:
        if self.huggingface is not None:
            return HubFile(self.huggingface.repository, self.huggingface.revision, self.huggingface.file)
        return WheelMembers(tuple(WheelMember(m.project, m.version, m.member) for m in self.pypi or ()))


class _File(_Strict):
    name: RelativePath
    size: Annotated[int, Field(gt=0)]
    sha256: Sha256
    sources: list[_Source]

    def file(self) -> ModelFile:
        return ModelFile(self.name, self.size, self.sha256, tuple(source.source() for source in self.sources))


class _Model(_Strict):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    role: Role
    license: Annotated[str, Field(min_length=1)]
    quantization: Annotated[str, Field(min_length=1)]
    context: Annotated[int, Field(gt=0)]
    chat: ChatFamily | None = None
    dimensions: Annotated[int, Field(gt=0)] | None = None
    parents: list[str] = []
    files: Annotated[list[_File], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> _Model:
        _once((file.name for file in self.files), "file")
        if len(self.files) > 1 and WEIGHTS not in {file.name for file in self.files}:
            raise ValueError(f'a model of several files keeps its weights in "{WEIGHTS}"')
        if (self.role == "generator") != (self.chat is not None):
            raise ValueError("generators, and only they, name their chat family")
        if (self.role == "embedder") != (self.dimensions is not None):
            raise ValueError("embedders, and only they, name the dimensions of their vectors")
        return self

    def spec(self) -> ModelSpec:
        files = tuple(file.file() for file in self.files)
        weights = files[0] if len(files) == 1 else next(file for file in files if file.name == WEIGHTS)
        record = ModelRecord(
            role=self.role,
            name=self.name,
            sha256=weights.sha256,
            quantization=self.quantization,
            license=self.license,
            parents=tuple(self.parents),
        )
        return ModelSpec(record, files, self.context, self.chat or "", self.dimensions or 0)


class _Manifest(_Strict):
    models: list[_Model]

    @model_validator(mode="after")
    def _names(self) -> _Manifest:
        _once((model.name for model in self.models), "model")
        return self
