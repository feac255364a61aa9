"""What commands print for people, against a scripted service on a Unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from appliance.client import Client
from appliance.commands import _show_answer
from tests.ui import fake_service as fake

SUPPORTED = fake.statement("It is 30 days.", [fake.citation("It is 30 days.", "30 days.")])
OLD = fake.citation("It is 30 days.", "25\ndays.", "old/leave.pdf", 2)
DISPUTED = {**SUPPORTED, "support": "contradicted", "against": [OLD]}
QUOTE = "\n  people/leave.md\n    “30 days.”\n"


@pytest.fixture
def service() -> fake.Service:
    return fake.Service()


@pytest.fixture
def client(service: fake.Service) -> Iterator[Client]:
    with TemporaryDirectory(prefix="commands-") as folder:
        server = fake.Server(Path(folder) / "api.sock", service)
        client = Client(server.path)
        yield client
        client.close()
        server.close()


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        (fake.answering([SUPPORTED], []), f"It is 30 days.\n{QUOTE}"),
        (
            fake.answering([DISPUTED], []),
            f"It is 30 days.\n{QUOTE}\n  but: old/leave.pdf, page 2\n    “25\n    days.”\n",
        ),
        (fake.answering([SUPPORTED], [], missing=["Madrid"]), f"It is 30 days.\n(not answered: Madrid)\n{QUOTE}"),
        (
            fake.answering([SUPPORTED, fake.statement(" Ask early.")], []),
            f"It is 30 days. Ask early. (no document supports this)\n{QUOTE}",
        ),
        (fake.refusal(), f"{fake.REFUSAL}\n"),
    ],
    ids=["supported", "contradicted", "partial", "unsupported", "refused"],
)
def test_an_answer_is_printed_with_what_it_rests_on(
    client: Client, service: fake.Service, capsys: pytest.CaptureFixture[str], script: Any, printed: str
) -> None:
    """Quotes for it, quotes against it after "but:", what it leaves open; a refusal is its text alone."""
    service.scripts["q"] = script
    _show_answer(client, "q", "ada")
    assert printed == capsys.readouterr().out
