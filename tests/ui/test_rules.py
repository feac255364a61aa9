"""Rules of the page's own source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

UI = Path(__file__).parents[2] / "ui"
FILES = sorted(UI.rglob("*.py"))
# Calls that interpret Markdown in their first argument, Streamlit's and the page's own.
MARKDOWN = {
    *("markdown", "caption", "title", "header", "subheader", "expander", "status", "button", "metric", "pills"),
    *("text_input", "chat_input", "badge", "notice"),
}
FORBIDDEN = {"write", "html", "write_stream", "latex", "iframe", "error", "warning", "info", "success", "exception"}
# What a text that is interpreted may be put together from, beside our own words: numbers and texts through `literal`.
SAFE_CALLS = {"literal", "_label", "_page", "_doing", "plural", "len"}
SAFE_NAMES = {"label", "title", "number"}


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call in a file with the name of what is called."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id, node


def safe(node: ast.expr) -> bool:
    """Return whether an expression can hold nothing but our own words, numbers and `literal` texts."""
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr(values=parts):
            return all(safe(part) for part in parts)
        case ast.FormattedValue(value=value):
            # A number's format refuses everything that is not a number.
            return safe(value) or ast.unparse(node.format_spec or ast.Constant("")) == "f','"
        case ast.BinOp(left=left, right=right):
            return safe(left) and safe(right)
        case ast.IfExp(body=body, orelse=orelse):
            return safe(body) and safe(orelse)
        case ast.Call(func=ast.Name(id=name)):
            return name in SAFE_CALLS
        case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant()), args=[ast.GeneratorExp(elt=element)]):
            return safe(element)
        case ast.Name(id=name):
            return name in SAFE_NAMES or name.isupper()
        case _:
            return False


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(UI)))
def test_markdown_sees_nothing_of_others(file: Path) -> None:
    """What Streamlit interprets is put together from our own words, numbers and code spans only."""
    unsafe = [ast.unparse(call) for name, call in calls(file) if name in MARKDOWN and not safe(call.args[0])]
    assert unsafe == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(UI)))
def test_labels_and_titles_are_safe_where_they_are_made(file: Path) -> None:
    """The names that the rule above trusts are only ever given safe texts."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    given = [
        (target.id, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    given += [("title", call.args[2]) for name, call in calls(file) if name == "failure" and len(call.args) > 2]
    assert [ast.unparse(value) for name, value in given if name in {"label", "title"} and not safe(value)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(UI)))
def test_no_html_and_nothing_that_interprets(file: Path) -> None:
    """Nothing is drawn as HTML except the style sheet, a constant."""
    drawn = [call for _, call in calls(file) if ast.unparse(call.func).startswith("st.")]
    assert [call for call in drawn if "unsafe_allow_html" in {keyword.arg for keyword in call.keywords}] == []
    shown = {ast.unparse(call) for call in drawn if ast.unparse(call.func).removeprefix("st.") in FORBIDDEN}
    assert shown <= {"st.html(STYLE)"}


def test_only_the_client_knows_urls() -> None:
    """No other file names a path of the service."""
    knowing = {file.name for file in FILES if "/api/" in file.read_text(encoding="utf-8")}
    assert knowing == {"client.py"}
