"""Rules of the pages, run by Streamlit without a browser against a real service on a Unix socket."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui import fake_service as fake
from tests.ui.fake_service import Service
from ui.views.library import _finding

APP = Path(__file__).parents[2] / "ui" / "app.py"


LIBRARY = "from ui.views import library\nlibrary.draw()"


def opened(api_socket: Path, page: str = "ask") -> AppTest:
    """Run a page once."""
    # A test run of Streamlit cannot switch to pages that are functions: the library is run by itself.
    app = AppTest.from_file(str(APP)) if page == "ask" else AppTest.from_string(LIBRARY)
    app.default_timeout = 30
    app.secrets["api"] = {"socket": str(api_socket)}
    app.run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    """Return everything that the page says."""
    return "\n".join(str(element.value) for kind in (app.text, app.markdown, app.caption) for element in kind)


def asked(api_socket: Path, question: str) -> AppTest:
    """Ask one question and run until its answer is drawn."""
    app = opened(api_socket)
    app.chat_input[0].set_value(question).run()
    assert not app.exception
    return app


def test_an_answer_is_drawn_with_numbers_quotes_and_footer(api_socket: Path) -> None:
    """Sentences, numbers, passages with headings, and what it was made by."""
    app = asked(api_socket, "How much leave?")
    assert [element.value for element in app.text if element.value in fake.QUOTE] == [fake.QUOTE]
    assert [expander.label for expander in app.expander] == [
        r"\[1\] `people/leave.md`",
        r"\[2\] `contracts/annex.pdf` · page 3",
    ]
    assert "small-model · log entry 7" in texts(app)
    assert "\\[1\\]]" in texts(app)


def test_two_sentences_with_one_quote_share_its_number(api_socket: Path, service: Service) -> None:
    """A source is listed once, however often it is cited."""
    statements = [fake.statement(text, [fake.citation(text.strip(), fake.QUOTE)]) for text in fake.ANSWER]
    service.scripts["q"] = fake.answering(statements, [fake.passage()])
    app = asked(api_socket, "q")
    assert len(app.expander) == 1
    assert texts(app).count("\\[1\\]]") == 2


def test_a_quote_that_is_in_no_passage_is_shown_by_itself(api_socket: Path, service: Service) -> None:
    """A citation never unfolds to nothing, and never to a passage that does not hold it."""
    statement = fake.statement(fake.ANSWER[0], [fake.citation(fake.ANSWER[0], "Something else.")])
    service.scripts["q"] = fake.answering([statement], [fake.passage()])
    app = asked(api_socket, "q")
    assert [element.value for element in app.expander[0].text] == ["Something else."]


def test_a_contradicted_sentence_shows_both_sides(api_socket: Path, service: Service) -> None:
    """The sentence says that the documents disagree; under it both quotes stand side by side, each with its place."""
    service.scripts["q"] = fake.answering([*disputed(), fake.statement(" More.", [])], [fake.passage()])
    app = asked(api_socket, "q")
    assert [r"\[the documents disagree\]", r"\[no document supports this\]"] == [
        element.value for element in app.markdown if element.value.startswith(r"\[") and "`" not in element.value
    ]
    assert "**The documents disagree**" in texts(app)
    sides = [(column.caption[0].value, column.markdown[0].value, column.text[0].value) for column in app.columns]
    assert sides == [
        ("Quoted for the answer", r"\[1\] `people/leave.md`", fake.QUOTE),
        ("Quoted against it", r"\[2\] `old/leave.pdf` · page 2", "Employees have 25 days."),
    ]
    assert [expander.label for expander in app.expander] == [side[1] for side in sides]


def disputed() -> list[dict[str, Any]]:
    """Return one sentence that a quote supports and another one denies."""
    against = fake.citation(fake.ANSWER[0], "Employees have 25 days.", "old/leave.pdf", 2)
    return [fake.statement(fake.ANSWER[0], [fake.citation(fake.ANSWER[0], fake.QUOTE)], [against])]


def test_a_stopped_answer_keeps_its_marks(api_socket: Path, service: Service) -> None:
    """What was written before an answer broke off is shown as it would have been in a complete one."""
    broken = {"error": "disk full", "hint": "", "kind": "LogError"}
    passages = {"id": "a1", "passages": [fake.passage()], "search_ms": 4.0}
    service.scripts["q"] = [("passages", passages), ("token", disputed()[0]), ("error", broken)]
    app = asked(api_socket, "q")
    assert "**The documents disagree**" in texts(app)
    assert "The answer is not complete" in texts(app)
    assert len(app.expander) == 2


def test_missing_parts_are_named(api_socket: Path, service: Service) -> None:
    """A partial answer says in the question's words what it leaves out; a whole one says nothing of it."""
    whole = fake.leave()[1][1]
    service.scripts["part"] = fake.answering([whole], [fake.passage()], missing=["Madrid", "Oslo"])
    assert "This answer leaves out: Madrid, Oslo" in texts(asked(api_socket, "part"))
    assert "leaves out" not in texts(asked(api_socket, "whole"))


def test_a_follow_up_question_is_asked_with_the_conversation(api_socket: Path, service: Service) -> None:
    """Earlier questions and answers go along, and what was searched for is said where it is not the question."""
    meant = {"question": "And for contractors? (leave)", "documents": 889, "closest": []}
    service.scripts["And for contractors?"] = fake.answering(
        [fake.leave()[1][1]], [fake.passage()], question="And for contractors?", searched=meant
    )
    app = asked(api_socket, "How much leave?")
    assert "Searched for" not in texts(app)
    app.chat_input[0].set_value("And for contractors?").run()
    assert service.conversations[-1] == [{"question": "How much leave?", "answer": "".join(fake.ANSWER)}]
    assert "Searched for: And for contractors? (leave)" in texts(app)
    press(app, "New conversation")
    app.chat_input[0].set_value("Who?").run()
    assert service.conversations[-1] == []


def test_a_refusal_says_what_was_searched_and_what_came_closest(api_socket: Path, service: Service) -> None:
    """A refusal is no error: it says how much was searched, and each of the closest documents unfolds once."""
    service.scripts["q"] = fake.refusal()
    app = asked(api_socket, "q")
    assert fake.REFUSAL in texts(app)
    assert [element.value for element in app.caption][:1] == ["Closest, of 889 documents searched:"]
    assert [expander.label for expander in app.expander] == [
        "`people/leave.md`",
        "`contracts/annex.pdf` · page 3",
    ]
    opened = [element.value for element in app.expander[0].text]
    assert [fake.PASSAGE in opened, "Leave of absence is without pay." in opened] == [True, True]


def test_a_refusal_without_passages_is_the_sentence_alone(api_socket: Path, service: Service) -> None:
    """Where nothing came close, nothing is there to be opened, and no heading announces it."""
    nothing = {"question": "q", "documents": 889, "closest": []}
    service.scripts["q"] = fake.answering([], [], refused=True, answer=fake.REFUSAL, searched=nothing)
    app = asked(api_socket, "q")
    assert [len(app.expander), "Closest, of" in texts(app)] == [0, False]


def test_a_refused_request_shows_message_and_hint(api_socket: Path, service: Service) -> None:
    """What the service says no to is said to the reader, with the hint."""
    app = opened(api_socket)
    service.refuses = (422, {"error": "the question has 9,999 characters", "hint": "Shorten it.", "kind": ""})
    app.chat_input[0].set_value("q").run()
    assert [wanted in texts(app) for wanted in ("9,999 characters", "Shorten it.", "No answer")] == [True] * 3


def test_an_answer_with_missing_fields_is_still_drawn(api_socket: Path, service: Service) -> None:
    """A service of another version does not break the page."""
    service.scripts["q"] = [("passages", {}), ("answer", {"answer": "Yes.", "citations": [{}, 1], "model": "x"})]
    assert "Yes." in texts(asked(api_socket, "q"))


def test_a_new_conversation_starts_empty(api_socket: Path) -> None:
    """The button forgets what was asked."""
    app = asked(api_socket, "How much leave?")
    (button,) = (button for button in app.button if button.label == "New conversation")
    button.click().run()
    assert [len(app.chat_message), app.title[0].value] == [0, "Ask your documents"]


def test_no_question_is_taken_while_the_appliance_is_not_ready(api_socket: Path, service: Service) -> None:
    """The page says which part is missing and why, and takes nothing meanwhile."""
    service.readiness = {"ready": False, "parts": {"generator": {"ready": False, "reason": "loading"}}}
    app = opened(api_socket)
    assert app.chat_input[0].disabled
    assert "generator: loading" in texts(app)


def test_a_service_that_is_down_is_said_to_be_down(tmp_path: Path) -> None:
    """The page comes without a service and says what to do."""
    app = opened(tmp_path / "none.sock")
    assert app.chat_input[0].disabled
    assert "appliance up" in texts(app)


@pytest.mark.parametrize("page", ["ask", "library"])
def test_without_documents_the_page_says_what_to_do(api_socket: Path, service: Service, page: str) -> None:
    """An empty appliance names the command that fills it."""
    service.documents, service.runs = [], []
    assert "appliance ingest" in texts(opened(api_socket, page))


def test_documents_that_are_on_their_way_are_said_to_be(api_socket: Path, service: Service) -> None:
    """While the first run goes on, nobody is told to start one."""
    service.documents, service.runs = [], [fake.run(finished=None, counts=None)]
    assert "being taken in" in texts(opened(api_socket))


def test_the_library_counts_and_filters(api_socket: Path, service: Service) -> None:
    """Totals count everything; text, statuses and the view on what needs attention narrow the table."""
    service.documents = [fake.document(f"{n:03}.md") for n in range(900)]
    service.documents.append(fake.document("zz\udce4.pdf", "too_large", reason="over 200 MB"))
    app = opened(api_socket, "library")
    assert {metric.label: metric.value for metric in app.metric} == {
        "Files": "901",
        "Searchable": "900",
        "Need attention": "1",
        "With findings": "0",
        "Passages": "3,600",
        "Size": "3.7 MiB",
    }
    assert len(app.dataframe[0].value) == 901
    app.text_input[0].set_value("200 mb").run()
    assert list(app.dataframe[0].value["Path"]) == ["zz�.pdf"]
    app.text_input[0].set_value("no such thing").run()
    assert [len(app.dataframe), "0 files" in texts(app)] == [0, True]
    app.text_input[0].set_value("").run()
    app.button_group[0].set_value("Need attention").run()
    assert list(app.dataframe[0].value["Status"]) == ["too large"]


def test_findings_are_told_in_words(api_socket: Path, service: Service) -> None:
    """Files with findings have a view of their own, and a finding says what, where and how much."""
    found = [{"kind": "background_colour", "where": "page 3", "characters": 1234}]
    service.documents.append(fake.document("bid.pdf", findings=found))
    app = opened(api_socket, "library")
    app.button_group[0].set_value("With findings").run()
    assert list(app.dataframe[0].value["Findings"]) == [1]
    assert "Found: text in the colour of what it stands on (page 3), 1,234 characters kept out" == _finding(found[0])
    assert "Found: text that gives orders to a language model" == _finding({"kind": "addresses_model"})


def test_a_large_library_comes_in_pages(api_socket: Path, service: Service) -> None:
    """No table grows without bound; what is not shown is said to be there, and one can go there and back."""
    service.documents = [fake.document(f"{n:04}.md") for n in range(2500)]
    app = opened(api_socket, "library")
    assert len(app.dataframe[0].value) == 1000
    assert "2,500 files, 1 to 1,000 shown" in texts(app)
    press(app, "Next")
    press(app, "Next")
    assert (500, "2000.md") == (len(app.dataframe[0].value), app.dataframe[0].value["Path"][0])
    assert "2,001 to 2,500 shown" in texts(app)
    press(app, "Previous")
    assert "1001 to 2,000 shown".replace("1001", "1,001") in texts(app)


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_the_last_run_is_summed_up(api_socket: Path, service: Service) -> None:
    """A finished run says what it did; one that was interrupted says that it has not finished."""
    service.runs = [fake.run(removed=3, findings=2), fake.run()]
    said = texts(opened(api_socket, "library"))
    assert "Run finished" in said
    assert "2 indexed, 1 damaged, 3 removed, 2 findings" in said
    service.runs = [fake.run(finished="", counts=None, done=40, total=90)]
    assert "has not finished, 40 of 90 files done" in texts(opened(api_socket, "library"))


def test_a_run_that_goes_on_shows_how_far_it_is(api_socket: Path, service: Service) -> None:
    """While files are read, the page counts them."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    service.runs = [fake.run(started=now, finished="", seen=now, counts=None, done=40, total=90)]
    app = opened(api_socket, "library")
    assert "A run goes on" in texts(app)
    assert ["40 of 90 files"] == [bar.text for bar in app.get("progress")]
