"""The configuration is documented: what the annotated file says is what the program does."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from appliance.config import Settings, load
from appliance.errors import ConfigError

ANNOTATED = Path(__file__).parents[2] / "compose" / "appliance.toml"


def fields() -> dict[str, tuple[str, object]]:
    """Return every setting's description and default, by its dotted name."""
    found: dict[str, tuple[str, object]] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel):
            for key, inner in type(field.default).model_fields.items():
                found[f"{name}.{key}"] = (inner.description or "", inner.default)
        elif name != "home":
            found[name] = (field.description or "", "" if field.default is None else field.default)
    return found


def test_every_setting_stands_in_the_annotated_file_with_its_description_and_default() -> None:
    """compose/appliance.toml lists each setting once, commented out, under its description."""
    text = ANNOTATED.read_text(encoding="utf-8")
    described, section, comment = {}, "", []
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]") + "."
        elif setting := re.fullmatch(r"#(\w+) = (.*)", line):
            value = tomllib.loads(f"v = {setting[2]}")["v"]
            described[section + setting[1]] = (" ".join(comment), tuple(value) if isinstance(value, list) else value)
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        else:
            comment = []
    assert fields() == described


def test_every_setting_has_a_description() -> None:
    """A setting that nobody explains is a setting that nobody can use."""
    assert [] == [name for name, (description, _) in fields().items() if len(description) < 10]


def test_the_annotated_file_is_accepted_as_it_is(tmp_path: Path) -> None:
    """Copying the whole file changes nothing."""
    assert load(tmp_path).model_dump() == load(tmp_path, ANNOTATED).model_dump()


def test_arguments_come_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Precedence: arguments > environment > file > defaults."""
    (tmp_path / "appliance.toml").write_text("[service]\nport = 1001\n[answer]\npassages = 3\ncandidates = 7\n")
    monkeypatch.setenv("APPLIANCE_SERVICE__PORT", "1002")
    monkeypatch.setenv("APPLIANCE_ANSWER__PASSAGES", "4")
    settings = load(tmp_path, arguments={"service": {"port": 1003}})
    assert (1003, 4, 7, 256) == (
        settings.service.port,
        settings.answer.passages,
        settings.answer.candidates,
        settings.answer.output_tokens,
    )


@pytest.mark.parametrize(
    "name", ["APPLIANCE_FOO", "APPLIANCE_FOO__BAR", "APPLIANCE_INDEX__UR", "APPLIANCE_INDEX__URL__X"]
)
def test_a_stranger_in_the_environment_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is an error that names it, not a setting that silently does nothing."""
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigError, match=name):
        load(tmp_path)


@pytest.mark.parametrize("text", ["[indx]\nurl = 'x'\n", "[index]\nurk = 'x'\n", "colour = 1\n", "home = '/x'\n"])
def test_a_stranger_in_the_file_is_refused(text: str, tmp_path: Path) -> None:
    """A misspelt key in the file is an error; the home cannot stand in a file inside the home."""
    (tmp_path / "appliance.toml").write_text(text)
    with pytest.raises(ConfigError):
        load(tmp_path)


def test_a_configuration_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """A named file that is missing would otherwise mean the defaults, silently."""
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path, tmp_path / "nowhere.toml")


def test_a_broken_file_is_refused_with_its_place(tmp_path: Path) -> None:
    """A syntax error says where it is."""
    (tmp_path / "appliance.toml").write_text("[service\nport = 1\n")
    with pytest.raises(ConfigError, match="line 1"):
        load(tmp_path)


def test_a_home_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    """Unix sockets have short paths; that is said at start, not at bind."""
    with pytest.raises(ConfigError, match="too deep"):
        load(tmp_path / ("x" * 120))
