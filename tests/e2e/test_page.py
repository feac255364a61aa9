"""The page in a real browser, against a scripted service: what a reader sees, and what leaves (nothing).

`PAGE_SCREENSHOTS=DIR` keeps pictures of every state, to be looked at.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.e2e import browser as b
from tests.ui import fake_service as fake
from ui.text import displayable

pytestmark = pytest.mark.browser

OUTSIDE = "http://outside.example"
# Ways to make a page fetch, run or pretend something, as they stand in documents, names and answers.
PAYLOADS = [
    f"![pixel]({OUTSIDE}/a.png)",
    f"![pixel][r]\n\n[r]: {OUTSIDE}/a.png",
    f"[click]({OUTSIDE}/b)",
    f"[click][r]\n\n[r]: {OUTSIDE}/b",
    f"<{OUTSIDE}/auto>",
    f"{OUTSIDE}/bare and www.outside.example and a@outside.example",
    "[click](javascript:window.hit=1)",
    f"<img src={OUTSIDE}/c.png onerror='window.hit=1'>",
    "<script>window.hit=1</script>",
    f"<iframe src='{OUTSIDE}/d'></iframe>",
    f"<style>@import url({OUTSIDE}/e.css);</style>",
    f"<svg><image href='{OUTSIDE}/f.svg'/></svg>",
    f"<form action='{OUTSIDE}/g'><input name=p><button>go</button></form>",
    f"<link rel=stylesheet href={OUTSIDE}/h.css>",
    "<details open ontoggle='window.hit=1'>",
    rf"$\href{{{OUTSIDE}/i}}{{x}}$ and $$\includegraphics{{{OUTSIDE}/j.png}}$$",
    "$\\htmlData{x=1}{y}$ costs $5 to $9",
    ":material/home: :streamlit: :smile: :heart:",
    ":red[alarm] :blue-background[calm] :red-badge[x] :small[y]",
    f"```mermaid\ngraph TD; A-->B; click A '{OUTSIDE}/k'\n```",
    "# Heading\n\nTitle\n=====",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "Footnote[^1]\n\n[^1]: below",
    "- [x] done\n- item\n\n1. one\n\n> quoted\n\n---",
    "**bold** _it_ ~~gone~~ `code` \\*escaped\\* &copy; -> <- --",
    "`` ` ``` unbalanced ` fences ``` `",
    '=HYPERLINK("http://outside.example/l","x")',
    "name\nwith \udce4 broken \x1b[31m bytes \u202efdp.exe",
]
# Elements that only an interpreted payload could have made; the page's own code spans and icons are not among them.
MADE = (
    "img[src*=outside], iframe, form, .katex, svg image, table:not([role=grid]), h1:not(:has-text('Library')), h2, h3"
)
LINKS = "a[href*=outside], a[href^=javascript], a[href^=mailto], [data-testid=stMarkdownContainer] a"


@pytest.fixture(scope="module")
def service() -> fake.Service:
    return fake.Service()


@pytest.fixture(scope="module")
def address(service: fake.Service) -> Iterator[str]:
    """The page's address; one page serves all tests of this file."""
    with TemporaryDirectory(prefix="page-") as folder:
        server = fake.Server(Path(folder) / "api.sock", service)
        with b.serving(server.path) as url:
            yield url
        server.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with b.chromium() as chromium:
        yield chromium


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    """Every test starts with the service that says what it says by default."""
    service: fake.Service = request.getfixturevalue("service")
    service.__init__()  # type: ignore[misc]


def picture(page: Any, name: str) -> None:
    folder = os.environ.get("PAGE_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(700)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def clean(visit: b.Visit) -> None:
    """Assert that nothing was asked of another host, and that nothing was blocked or failed."""
    assert visit.hosts == {"127.0.0.1"}
    assert visit.complaints == []


def test_an_answer_streams_and_its_citation_unfolds(service: fake.Service, address: str, chromium: Any) -> None:
    """Sentences appear one after the other; each has its number; a citation unfolds to the quote in its passage."""
    service.gate = threading.Semaphore(0)
    with b.visit(chromium, address) as visit:
        page = visit.page
        picture(page, "start")
        b.ask(page, "How much leave do I get?")
        answer = b.last_answer(page)
        answer.get_by_text("Searching the documents").wait_for()
        service.gate.release()
        answer.get_by_text("Reading 2 passages").wait_for()
        service.gate.release()
        answer.get_by_text(fake.ANSWER[0], exact=True).wait_for()
        picture(page, "writing")
        assert not page.get_by_test_id("stChatInputTextArea").is_enabled()
        assert fake.ANSWER[1].strip() not in answer.inner_text()
        service.gate.release(2)
        text = b.wait_for_answer(page)
        assert [fake.ANSWER[0] in text, "[1]" in text, "[2]" in text] == [True, True, True]
        assert "small-model · log entry 7" in text
        shown = b.unfold(page, 1)
        assert fake.PASSAGE in shown.replace("\u200b", "")
        assert "People › Leave" in shown
        assert answer.locator('[class*="st-key-quote-"]').first.inner_text() == fake.QUOTE
        b.unfold(page, 2)
        assert "annex.pdf · page 3" in answer.get_by_test_id("stExpander").nth(1).inner_text()
        picture(page, "answer")
        assert service.asked == ["How much leave do I get?"]
        clean(visit)


@pytest.mark.parametrize(("name", "size", "dark"), [("dark", b.LAPTOP, True), ("phone", b.PHONE, False)])
def test_an_answer_fits_every_screen(address: str, chromium: Any, name: str, size: tuple[int, int], dark: bool) -> None:
    """Nothing is wider than the screen, on a laptop in the dark and on a phone."""
    with b.visit(chromium, address, size, dark) as visit:
        page = visit.page
        b.ask(page, "How much leave do I get?")
        b.wait_for_answer(page)
        b.unfold(page, 1)
        picture(page, f"answer-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.goto(f"{address}/library")
        page.get_by_test_id("stDataFrame").wait_for()
        picture(page, f"library-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert visit.hosts == {"127.0.0.1"}


def test_a_refusal_says_what_was_searched(service: fake.Service, address: str, chromium: Any) -> None:
    """A refusal is its text and the documents that came closest, whose passages unfold."""
    service.scripts["Who won?"] = fake.refusal()
    with b.visit(chromium, address) as visit:
        b.ask(visit.page, "Who won?")
        text = b.wait_for_answer(visit.page)
        assert fake.REFUSAL in text
        closest = b.last_answer(visit.page).get_by_test_id("stExpander")
        assert closest.count() == 2
        closest.first.locator("summary").click()
        closest.first.get_by_text("Leave of absence is without pay.").wait_for()
        picture(visit.page, "refusal")
        clean(visit)


def test_a_follow_up_question_is_asked_with_the_conversation(
    service: fake.Service, address: str, chromium: Any
) -> None:
    """The second question goes with the first and its answer; what was searched for is said above the answer."""
    question, meant = "And for contractors?", "And for contractors? (leave, year)"
    searched = {"question": meant, "documents": 889, "closest": []}
    service.scripts[question] = fake.answering(
        [fake.leave()[1][1]], [fake.passage()], question=question, searched=searched, missing=["Madrid"]
    )
    with b.visit(chromium, address) as visit:
        page = visit.page
        b.ask(page, "How much leave do I get?")
        b.wait_for_answer(page)
        b.ask(page, question)
        text = b.wait_for_answer(page)
        assert f"Searched for: {meant}" in text
        assert "This answer leaves out: Madrid" in text
        sent = [{"question": "How much leave do I get?", "answer": "".join(fake.ANSWER)}]
        assert service.conversations == [[], sent]
        picture(page, "follow-up")
        clean(visit)


@pytest.mark.parametrize(("name", "size"), [("laptop", b.LAPTOP), ("phone", b.PHONE)])
def test_what_contradicts_an_answer_stands_beside_it(
    service: fake.Service, address: str, chromium: Any, name: str, size: tuple[int, int]
) -> None:
    """Both quotes stand under the sentence: side by side where there is room, one above the other on a phone."""
    against = fake.citation(fake.ANSWER[0], "Employees have 25 days of leave.", "old/leave-2019.pdf", 2)
    sure, carried = fake.leave()[1][1], fake.leave()[2][1]
    disputed = {**sure, "support": "contradicted", "against": [against]}
    service.scripts["q?"] = fake.answering([disputed, carried, fake.statement(" Ask early.")], [fake.passage()])
    with b.visit(chromium, address, size) as visit:
        page = visit.page
        b.ask(page, "q?")
        text = b.wait_for_answer(page)
        for wanted in ("[the documents disagree]", "[no document supports this]", "old/leave-2019.pdf · page 2"):
            assert wanted in text
        sides = page.locator('[class*="st-key-notice-disagree-"] [class*="st-key-quote-"] .stText')
        assert sides.all_inner_texts() == [fake.QUOTE, "Employees have 25 days of leave."]
        left, right = (sides.nth(number).bounding_box() for number in range(2))
        # A page that is still settling may put them a few pixels apart.
        beside = left["x"] < right["x"] and abs(left["y"] - right["y"]) < 10
        assert beside == (name == "laptop")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        picture(page, f"contradicted-{name}")
        clean(visit)


def test_an_error_shows_message_and_hint(service: fake.Service, address: str, chromium: Any) -> None:
    """What was written before an error stays, marked as incomplete, with what to do."""
    broken = {"error": "the log cannot be written", "hint": "Free some space.", "kind": "LogError"}
    service.scripts["q?"] = [*fake.leave()[:2], ("error", broken)]
    with b.visit(chromium, address) as visit:
        b.ask(visit.page, "q?")
        text = b.wait_for_answer(visit.page)
        for wanted in (fake.ANSWER[0], "not complete", "the log cannot be written", "Free some space."):
            assert wanted in text
        picture(visit.page, "error")


def test_stopping_keeps_what_was_written(service: fake.Service, address: str, chromium: Any) -> None:
    """Stop ends the answer at once, says so, and lets the next question in."""
    service.gate = threading.Semaphore(2)
    with b.visit(chromium, address) as visit:
        page = visit.page
        b.ask(page, "How much leave do I get?")
        b.last_answer(page).get_by_text(fake.ANSWER[0]).wait_for()
        page.get_by_role("button", name="Stop").click()
        assert "Stopped." in b.wait_for_answer(page)
        service.gate = None
        b.ask(page, "And now?")
        assert "log entry" in b.wait_for_answer(page)


def test_an_answer_survives_a_look_at_another_page(service: fake.Service, address: str, chromium: Any) -> None:
    """Whoever leaves for the library while an answer is written finds it complete on return."""
    service.gate = threading.Semaphore(2)
    with b.visit(chromium, address) as visit:
        page = visit.page
        b.ask(page, "How much leave do I get?")
        b.last_answer(page).get_by_text(fake.ANSWER[0]).wait_for()
        page.get_by_role("link", name="Library").click()
        page.get_by_test_id("stDataFrame").wait_for()
        service.gate.release(2)
        page.get_by_role("link", name="Ask").click()
        assert fake.ANSWER[1].strip() in b.wait_for_answer(page)
        assert service.asked == ["How much leave do I get?"]
        clean(visit)


def test_the_library_shows_and_filters(service: fake.Service, address: str, chromium: Any) -> None:
    """Every file has a row; filters narrow them; a chosen row shows all of itself."""
    service.documents = [fake.document(f"people/{number:03}.md") for number in range(900)]
    reason, hint = "the file is damaged", "Ask its owner for a whole one."
    service.documents.append(fake.document("scans/old.pdf", "damaged", reason=reason, hint=hint))
    with b.visit(chromium, f"{address}/library") as visit:
        page = visit.page
        page.get_by_test_id("stDataFrame").wait_for()
        page.get_by_text("901 files.").wait_for()
        picture(page, "library")
        page.get_by_role("button", name="damaged 1").click()
        page.get_by_text("1 file.").wait_for()
        page.locator(".dvn-scroller").click(position={"x": 20, "y": 55})
        details = page.locator(".st-key-details")
        details.get_by_text("sha256").wait_for()
        assert [text in details.inner_text() for text in ("scans/old.pdf", reason, hint)] == [True, True, True]
        picture(page, "library-row")
        assert visit.hosts == {"127.0.0.1"}


def test_the_page_says_why_it_cannot_answer(service: fake.Service, address: str, chromium: Any) -> None:
    """While the model loads the page says so, takes no question, and goes on by itself when it is ready."""
    loading = {"ready": False, "reason": "loading the model"}
    service.readiness = {"ready": False, "parts": {"generator": loading}}
    service.documents = []
    with b.visit(chromium, address) as visit:
        page = visit.page
        page.get_by_text("generator: loading the model").wait_for()
        assert not page.get_by_test_id("stChatInputTextArea").is_enabled()
        picture(page, "not-ready")
        service.readiness = {"ready": True, "parts": {}}
        page.get_by_text("No documents yet").wait_for()
        picture(page, "empty")


def test_a_service_that_is_down_is_said_to_be_down(chromium: Any, tmp_path: Path) -> None:
    """Without a service the page still comes, and says what to do."""
    with b.serving(tmp_path / "none.sock") as url, b.visit(chromium, url) as visit:
        visit.page.get_by_text("The appliance does not answer").wait_for()
        visit.page.get_by_text("appliance up").wait_for()
        picture(visit.page, "down")
        clean(visit)


def test_payloads_in_answers_are_text(service: fake.Service, address: str, chromium: Any) -> None:
    """Whatever stands in a question, an answer, a quote, a heading, a path or an error is shown as it stands."""
    passages = [{**fake.passage(text, 1, f"Before. {text} After."), "headings": [text]} for text in PAYLOADS]
    citations = [fake.citation(text, text, text, 1) for text in PAYLOADS]
    everything = "\n".join(PAYLOADS)
    model = {"name": everything, "sha256": ""}
    statements = [fake.statement(text, [cited]) for text, cited in zip(PAYLOADS, citations, strict=True)]
    disputed = [fake.statement(text, [cited], [cited]) for text, cited in zip(PAYLOADS, citations, strict=True)]
    disputed += [fake.statement(text) for text in PAYLOADS]
    searched = {"question": everything, "documents": 1, "closest": passages}
    service.scripts["harmless"] = fake.answering(statements, passages, model=model)
    service.scripts["disputed"] = fake.answering(disputed, passages, missing=PAYLOADS, searched=searched)
    service.scripts["refused"] = fake.answering([], passages, refused=True, answer=everything, searched=searched)
    service.scripts["broken"] = [("error", {"error": everything, "hint": everything, "kind": ""})]
    with b.visit(chromium, address) as visit:
        page = visit.page
        for question in ("harmless", "disputed", "refused", "broken"):
            b.ask(page, question)
            b.wait_for_answer(page)
        box = page.get_by_test_id("stChatInputTextArea")
        box.fill(everything.encode("utf-8", "replace").decode())
        box.press("Enter")
        page.get_by_test_id("stChatMessage").nth(9).wait_for()
        b.wait_for_answer(page)
        page.evaluate("document.querySelectorAll('summary').forEach(fold => fold.click())")
        page.wait_for_timeout(1000)
        _assert_inert(page, visit)
        answer = page.get_by_test_id("stChatMessage").nth(1)
        sentences = answer.locator(".st-key-flow-1 > .stElementContainer .stText").all()
        assert [_text(node) for node in sentences] == [displayable(text) for text in PAYLOADS]
        quotes = answer.locator('[class*="st-key-quote-"] .stText').all()
        assert [_text(node) for node in quotes] == [displayable(text) for text in PAYLOADS]
        labels = answer.locator("summary code").all()
        assert [_text(node) for node in labels] == [_on_one_line(text) for text in PAYLOADS]
        picture(page, "answer-payloads")


def test_payloads_in_the_library_are_text(service: fake.Service, address: str, chromium: Any) -> None:
    """Names, reasons, hints, types, shares and statuses are shown as they stand, in the table and beside it."""
    service.documents = [
        fake.document(text, text, reason=text, hint=text, media_type=text, share=text, sha256=text) for text in PAYLOADS
    ]
    service.runs = [fake.run(share=PAYLOADS[0], counts={PAYLOADS[7]: 1}, started=PAYLOADS[2], finished=PAYLOADS[5])]
    with b.visit(chromium, f"{address}/library") as visit:
        page = visit.page
        page.get_by_text(f"{len(PAYLOADS)} files.").wait_for()
        table = page.locator(".dvn-scroller")
        table.click(position={"x": 20, "y": 55})
        page.locator(".st-key-details").wait_for()
        table.dblclick(position={"x": 200, "y": 90})
        page.wait_for_timeout(500)
        _assert_inert(page, visit)
        picture(page, "library-payloads")


def _text(node: Any) -> str:
    return str(node.evaluate("node => node.textContent")).strip("\u200b")


def _on_one_line(text: str) -> str:
    return re.sub(r"[\n\r\t]+", " ", displayable(text)).replace(":material/", ":material\N{DIVISION SLASH}")


def _assert_inert(page: Any, visit: b.Visit) -> None:
    assert page.evaluate("window.hit") is None
    assert page.locator(f"[data-testid=stMain] :is({MADE})").count() == 0
    assert page.locator(LINKS).count() == 0
    assert visit.hosts == {"127.0.0.1"}
    assert [said for said in visit.complaints if "Content Security Policy" in said] == []


def test_the_process_stops_cleanly_while_a_browser_is_connected(chromium: Any, tmp_path: Path) -> None:
    """SIGTERM ends the page within five seconds, with exit code 0, whoever is looking."""
    port = b.free_port()
    command = [sys.executable, "-m", "ui", "--socket", str(tmp_path / "none.sock"), "--port", str(port)]
    process = subprocess.Popen(command, cwd=b.ROOT, stderr=subprocess.PIPE)
    try:
        b.wait_for_port(process, port)
        with b.visit(chromium, f"http://127.0.0.1:{port}") as visit:
            visit.page.get_by_text("The appliance does not answer").wait_for()
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=5)
            assert process.returncode == 0, time.monotonic() - started
            assert b"Traceback" not in said
    finally:
        process.kill()
