"""What the source may not contain: ways to the network, and ways from data to code.

A rule of this kind says what nobody wrote; that nothing happens is shown in test_silence.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("appliance", "ingest", "ui") for path in (ROOT / folder).rglob("*.py"))

# What the source may not do, each with a line that does it and the modules that may.
HUB, SERVER, SAMPLES = "appliance/sources.py", "appliance/index_server.py", "appliance/sample_texts.py"
NETWORK = {"requests", "urllib3", "aiohttp", "ftplib", "smtplib", "xmlrpc", "telnetlib", "huggingface_hub", "posthog"}
NETWORK |= {"urllib.request", "http.client", "websockets", "sentry_sdk", "opentelemetry", "openvino_telemetry"}
UNPICKLING = {"pickle", "joblib", "marshal", "shelve", "dill", "cloudpickle"}
RESOLVING = {"create_connection", "connect_ex", "getaddrinfo", "gethostbyname", "sendto"}
TRUSTING = {"shell", "trust_remote_code", "unsafe_allow_html", "allow_pickle", "allow_dangerous_deserialization"}
# Hosts that stand in the source: this machine, the name that requests over a Unix socket bear, names of XML formats.
NO_PLACES = {
    "127.0.0.1",
    "localhost",
    "appliance",
    "www.w3.org",
    "schemas.openxmlformats.org",
    "openoffice.org",
    "purl.org",
}
ADDRESS = re.compile(r"(?:https?|wss?|ftp)://([\w.-]+)|\b(\d{1,3}(?:\.\d{1,3}){3})\b")


def imports(node: ast.AST) -> set[str]:
    """Return the modules that a statement imports, and the packages they are in."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    if isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}


def called(node: ast.AST) -> str:
    """Return the name of what is called, as it is written."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def given(node: ast.AST) -> dict[str | None, ast.expr]:
    """Return the named arguments of a call."""
    return {word.arg: word.value for word in node.keywords} if isinstance(node, ast.Call) else {}


def trusts(node: ast.AST) -> bool:
    """Tell whether a call switches off what keeps data from being run."""
    return any(word in TRUSTING and ast.unparse(value) != "False" for word, value in given(node).items())


def places(node: ast.AST) -> set[str]:
    """Return the hosts named in a text."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return {name or number for name, number in ADDRESS.findall(text)} - NO_PLACES


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that no module but the `allowed` does; `example` is a line that does it."""

    name: str
    example: str
    breaks: Callable[[ast.AST], bool]
    allowed: tuple[str, ...] = ()


CLIENTS = {"httpx.Client", "httpx.AsyncClient"}
LOOSE = {f"httpx.{verb}" for verb in ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")}
LOADING = {"torch.load", "yaml.load", "yaml.full_load", "yaml.unsafe_load"}

RULES = (
    Rule("network library", "from urllib import request", lambda n: bool(imports(n) & NETWORK)),
    Rule("Qdrant client", "import qdrant_client.models", lambda n: "qdrant_client" in imports(n), (SERVER,)),
    Rule("renamed client", "from httpx import Client", lambda n: isinstance(n, ast.ImportFrom) and n.module == "httpx"),
    Rule("open client", "httpx.Client()", lambda n: called(n) in CLIENTS and "transport" not in given(n), (HUB,)),
    Rule("loose request", "httpx.get(url)", lambda n: called(n) in LOOSE),
    Rule("open transport", "httpx.HTTPTransport()", lambda n: "Transport" in called(n) and "uds" not in given(n)),
    Rule("look-up", "socket.getaddrinfo(name, 80)", lambda n: called(n).rpartition(".")[2] in RESOLVING),
    Rule(
        "connection",
        "s.connect(a)",
        lambda n: called(n).endswith(".connect") and called(n) != "sqlite3.connect",
        ("ingest/probe.py",),
    ),
    Rule("pip", "run([python, '-m', 'pip'])", lambda n: isinstance(n, ast.Constant) and n.value == "pip", (HUB,)),
    Rule("unpickling", "import joblib", lambda n: bool(imports(n) & UNPICKLING)),
    Rule("unsafe loading", "torch.load(file)", lambda n: called(n) in LOADING),
    Rule("running text", "eval(text)", lambda n: called(n) in {"eval", "exec", "os.system", "os.popen"}),
    Rule("trust", "run(line, shell=True)", trusts),
    Rule("address", "x = 'https://192.0.2.1/'", lambda n: bool(places(n)), (HUB, SAMPLES)),
)


def broken(rule: Rule, source: str) -> list[int]:
    """Return the lines of a source that break a rule. Docstrings break none."""
    tree = ast.parse(source)
    said = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [getattr(node, "lineno", 0) for node in ast.walk(tree) if node not in said and rule.breaks(node)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_source_keeps_the_rule(rule: Rule) -> None:
    """No module does it, but those whose purpose it is."""
    found = {
        f"{name}:{line}"
        for path in SOURCES
        if (name := str(path.relative_to(ROOT))) not in rule.allowed
        for line in broken(rule, path.read_text(encoding="utf-8"))
    }
    assert set() == found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_can_be_broken(rule: Rule) -> None:
    """The example breaks the rule, and every exception is still one."""
    assert [1] == broken(rule, rule.example)
    assert all(broken(rule, (ROOT / name).read_text(encoding="utf-8")) for name in rule.allowed)
