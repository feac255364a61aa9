"""The configuration: one frozen model, read once at start.

Precedence: arguments > environment (`APPLIANCE_INDEX__URL`) > `HOME/appliance.toml` (or `--config FILE`) > defaults.
A key that is not listed here is refused wherever it stands: pydantic-settings by itself ignores an unknown section
in the environment and a TOML file that does not exist, so `load` closes both holes.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from appliance.errors import ConfigError

PREFIX = "APPLIANCE_"
# Variables of the same prefix that are read elsewhere: the home itself has to be known before the file in it.
RESERVED = frozenset({"APPLIANCE_HOME", "APPLIANCE_CONFIG"})
SOCKET_PATH_BYTES = 107


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class IndexSettings(Section):
    url: str = Field("", description="Address of a Qdrant server; empty: the embedded engine inside the home.")
    api_key: str = Field("", description="API key of that server.", repr=False)
    collection: str = Field("library", description="Name of the collection.", pattern=r"^[a-z0-9_-]{1,64}$")


class EmbedderSettings(Section):
    name: str = Field("all-minilm-l6-v2", description="Embedder, by its name in the model manifest.")
    backend: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description='How vectors are computed; "auto" measures once and keeps the fastest exact enough.'
    )
    threads: int = Field(0, ge=0, le=512, description="Threads of the embedder; 0: one per core.")


class GeneratorSettings(Section):
    name: str = Field("qwen2.5-coder-1.5b-instruct", description="Generator, by its name in the model manifest.")
    threads: int = Field(0, ge=0, le=512, description="Threads of the generator; 0: one per core.")
    context_tokens: int = Field(4096, ge=512, le=131072, description="Tokens that prompt and answer may take together.")
    gpu_layers: int = Field(0, ge=0, description="Layers given to a GPU, where llama.cpp was built for one.")


class RerankerSettings(Section):
    name: str = Field("", description="Reranker, by its name in the model manifest; empty: none.")
    depth: int = Field(20, ge=1, le=200, description="Passages at most that it looks at.")


class AnswerSettings(Section):
    candidates: int = Field(50, ge=1, le=1000, description="Candidates each of the two searches brings to the fusion.")
    passages: int = Field(4, ge=1, le=64, description="Passages at most that an answer is made from.")
    passage_tokens: int = Field(1500, ge=64, description="Tokens at most that these passages take in the prompt.")
    output_tokens: int = Field(256, ge=1, le=8192, description="Tokens at most that an answer may have.")
    question_characters: int = Field(4000, ge=1, le=100_000, description="Characters at most in a question.")
    least_confidence: float = Field(
        0.5, ge=0, le=1, description="Confidence below which an answer is refused; the evaluation report has the curve."
    )
    unsupported: Literal["withhold", "mark"] = Field(
        "withhold", description="Whether sentences that no passage supports are withheld, or shown and marked."
    )
    prompt: str = Field("answer.v2", description="Prompt template, by the name of its file in appliance/prompts.")


class IngestSettings(Section):
    chunk_tokens: int = Field(200, ge=32, le=2000, description="Tokens at most in a chunk, headings included.")
    workers: int = Field(0, ge=0, le=64, description="Processes that parse; 0: one less than there are cores.")
    file_bytes: int = Field(200_000_000, ge=1, description="Size in bytes above which a file is refused as too large.")
    text_characters: int = Field(20_000_000, ge=1, description="Characters of text at most taken from one file.")
    file_seconds: float = Field(120.0, gt=0, description="Seconds that parsing may take a file, or a page of a scan.")
    worker_memory_bytes: int = Field(2_000_000_000, ge=200_000_000, description="Memory a parsing process may take.")
    worker_files: int = Field(500, ge=1, description="Files after which a parsing process is replaced.")
    pages: int = Field(5000, ge=1, description="Pages at most in one file.")
    ocr_languages: tuple[str, ...] = Field(
        ("eng",), description='Languages of Tesseract for pages without usable text ("deu", "fra"); none: no OCR.'
    )
    archive_depth: int = Field(3, ge=0, le=10, description="Archives inside archives that are opened.")
    archive_files: int = Field(10_000, ge=1, description="Files at most that one archive or mail may hold, all depths.")
    archive_bytes: int = Field(2_000_000_000, ge=1, description="Bytes at most that one archive may unpack to.")
    archive_ratio: int = Field(200, ge=1, description="Times its own size at most that an archive may unpack to.")
    quarantine: bool = Field(False, description="Keep documents out whose text gives orders to the model.")
    scan_seconds: float = Field(900.0, ge=1, description="Seconds between two full scans of a share that is watched.")


class AccessSettings(Section):
    default_readers: tuple[str, ...] = Field(
        ("group:everyone",),
        description='Readers of a document about which the share says nothing ("user:…", "group:…").',
    )
    posix: bool = Field(False, description="Take readers from owner, group and mode where no rule file names them.")


class ServiceSettings(Section):
    port: int = Field(8501, ge=1, le=65535, description="Port of the web page, on 127.0.0.1.")
    api_port: int = Field(0, ge=0, le=65535, description="Port of the API, on 127.0.0.1; 0: the page's port plus one.")
    body_bytes: int = Field(1_000_000, ge=1000, description="Largest body of a request, the ingest credential's aside.")


class GateSettings(Section):
    required: bool = Field(
        False, description="Serve only what `appliance eval FOLDER --gate` has passed, model, prompt and parameters."
    )
    accuracy: float = Field(
        0.0, ge=0, le=1, description="Share of answerable questions that must be answered right; 0: not asked."
    )
    refusal_recall: float = Field(
        0.0, ge=0, le=1, description="Share of unanswerable questions that must be refused; 0: not asked."
    )
    refused_answerable: float = Field(
        1.0, ge=0, le=1, description="Share of answerable questions that may be refused; 1: not asked."
    )
    citation_precision: float = Field(
        0.0, ge=0, le=1, description="Share of quoted sentences that must be gold ones; 0: not asked."
    )
    ndcg: float = Field(0.0, ge=0, le=1, description="nDCG@10 that every search set must reach; 0: not asked.")


class LogSettings(Section):
    origin: str = Field(
        "appliance",
        description="Name of this log in its checkpoints; unique among your installations.",
        pattern=r"^[^\s+]{1,128}$",
    )


class Settings(BaseSettings):
    """Every setting there is. Frozen; adapters get plain values from it, never the object."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", case_sensitive=False
    )

    home: Path = Field(description="Folder that holds everything the appliance writes.")
    models_dir: Path | None = Field(None, description="Folder of the model files; unset: the home's models folder.")
    index: IndexSettings = IndexSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    reranker: RerankerSettings = RerankerSettings()
    generator: GeneratorSettings = GeneratorSettings()
    answer: AnswerSettings = AnswerSettings()
    ingest: IngestSettings = IngestSettings()
    access: AccessSettings = AccessSettings()
    service: ServiceSettings = ServiceSettings()
    log: LogSettings = LogSettings()
    gate: GateSettings = GateSettings()

    @property
    def models(self) -> Path:
        return self.models_dir or self.home / "models"

    @property
    def api_port(self) -> int:
        return self.service.api_port or self.service.port + 1

    @property
    def run(self) -> Path:
        """Folder of sockets, lock and credentials, readable by the owner alone."""
        return self.home / "run"

    @property
    def socket(self) -> Path:
        return self.run / "api.sock"

    @property
    def ingest_token(self) -> Path:
        return self.run / "ingest.token"


def default_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder used when neither `--home` nor APPLIANCE_HOME says otherwise."""
    if environment.get("APPLIANCE_HOME"):
        return Path(environment["APPLIANCE_HOME"]).absolute()
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "appliance"


def load(home: Path | None = None, config: Path | None = None, arguments: Mapping[str, Any] | None = None) -> Settings:
    """Read the configuration.

    `arguments` are settings by nested name (`{"service": {"port": 9000}}`). Raises ConfigError that names the setting.
    """
    home = (home or default_home()).absolute()
    if config is None and os.environ.get("APPLIANCE_CONFIG"):
        config = Path(os.environ["APPLIANCE_CONFIG"])
    if config is not None and not config.is_file():
        raise ConfigError(
            f"configuration file {config} does not exist", "Name an existing file, or leave the option out."
        )
    _refuse_strangers()
    file = config or home / "appliance.toml"
    try:
        if "home" in TomlConfigSettingsSource(Settings, toml_file=file)():
            raise ConfigError(f"setting home stands in {file}", "Use --home or APPLIANCE_HOME.")
        settings = _reader(file)(**{**(arguments or {}), "home": home})
    except ValidationError as error:
        raise ConfigError(_explain(error), "See compose/appliance.toml, which describes every setting.") from error
    except (SettingsError, OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the configuration cannot be read: {error}", "Correct the file or the variable.") from error
    if len(os.fsencode(settings.socket)) > SOCKET_PATH_BYTES:
        raise ConfigError(
            f"home {home} is too deep: Unix sockets in it would need a path over {SOCKET_PATH_BYTES} bytes",
            "Choose a shorter --home.",
        )
    return settings


def _reader(file: Path) -> type[Settings]:
    """Return Settings that take what neither the arguments nor the environment say from `file`, if it exists."""

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)

    return FromFile


def _refuse_strangers() -> None:
    for name in os.environ:
        if not name.upper().startswith(PREFIX) or name.upper() in RESERVED:
            continue
        section, _, key = name[len(PREFIX) :].lower().partition("__")
        field = Settings.model_fields.get(section)
        fields = getattr(field.annotation, "model_fields", None) if field else None
        if field is None or (key and (fields is None or key not in fields)):
            raise ConfigError(f"environment variable {name} is not a setting", "Unset it, or correct its name.")


def _explain(error: ValidationError) -> str:
    problems = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            problems.append(f"setting {name} does not exist")
        else:
            problems.append(f"setting {name}: {item['msg'].lower()} (given: {item['input']!r})")
    return "; ".join(problems)
