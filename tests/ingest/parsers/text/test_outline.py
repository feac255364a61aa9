from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.types import Finding, Section
from ingest import media
from ingest.parsers.options import Options
from ingest.parsers.text.outline import OutlineParser


def parsed(text: str, media_type: str) -> list[Section | Finding]:
    return list(OutlineParser(Options(1, (), Path())).parse(io.BytesIO(text.encode("utf-8", "replace")), media_type))


def sections(text: str, media_type: str) -> list[tuple[str, int, str]]:
    return [(one.kind, one.level, one.text) for one in parsed(text, media_type) if isinstance(one, Section)]


def test_rst_keeps_its_structure() -> None:
    """Levels follow the order in which adornments appear; lists, tables and code are what they are."""
    text = """
======
Manual
======

See :ref:`setup <x>`, `the site <http://a.example>`_ and ``code``; *now*.

Steps
-----

- install
  the pump
- start it

1. first

+------+-------+
| City | Limit |
+======+=======+
| Bern | 10    |
+------+-------+

=====  =====
Name   Value
=====  =====
a      1
b      2
=====  =====

Example::

    run
      --now

.. note:: Careful.

.. code-block:: sh

   ls

Parts
-----

Inner
~~~~~

End.
"""
    assert sections(text, media.RST) == [
        ("heading", 1, "Manual"),
        ("paragraph", 0, "See setup, the site and code; now."),
        ("heading", 2, "Steps"),
        ("list_item", 0, "- install the pump"),
        ("list_item", 0, "- start it"),
        ("list_item", 0, "1. first"),
        ("table", 0, "City: Bern | Limit: 10"),
        ("table", 0, "Name: a | Value: 1\nName: b | Value: 2"),
        ("paragraph", 0, "Example:"),
        ("code", 0, "run\n  --now"),
        ("paragraph", 0, "Careful."),
        ("code", 0, "ls"),
        ("heading", 2, "Parts"),
        ("heading", 3, "Inner"),
        ("paragraph", 0, "End."),
    ]


def test_org_keeps_its_structure() -> None:
    """Stars are levels; states, tags, drawers and keywords are for Org, not for readers."""
    text = """#+TITLE: Manual
* TODO [#A] Steps :work:
:PROPERTIES:
:ID: 1
:END:
Some *bold* [[http://a.example][link]] and =code=.
- install
  the pump
- start
| City | Limit |
|------+-------|
| Bern | 10 |
** Code
#+BEGIN_SRC sh
ls
#+END_SRC
"""
    assert sections(text, media.ORG) == [
        ("heading", 1, "Manual"),
        ("heading", 1, "Steps"),
        ("paragraph", 0, "Some bold link and code."),
        ("list_item", 0, "- install the pump"),
        ("list_item", 0, "- start"),
        ("table", 0, "City: Bern | Limit: 10"),
        ("heading", 2, "Code"),
        ("code", 0, "ls"),
    ]


@pytest.mark.parametrize(
    ("media_type", "source"),
    [
        (media.RST, ".. include:: /etc/hostname\n"),
        (media.RST, ".. literalinclude:: /etc/hostname\n   :language: sh\n"),
        (media.RST, ".. raw:: html\n   :file: /etc/hostname\n"),
        (media.RST, ".. csv-table::\n   :file: /etc/hostname\n"),
        (media.RST, ".. |x| image:: /etc/hostname\n"),
        (media.ORG, '#+INCLUDE: "/etc/hostname" src sh\n'),
        (media.ORG, "#+SETUPFILE: /etc/hostname\n"),
    ],
)
def test_nothing_is_fetched_from_elsewhere(media_type: str, source: str) -> None:
    """What a file asks to be put in its place is left as nothing."""
    assert parsed(f"Before.\n\n{source}\nAfter.\n", media_type) == [
        Section("Before.", None, "paragraph"),
        Section("After.", None, "paragraph"),
    ]


LONG = "These words stand in a comment, which neither format shows to anybody who reads the finished page. " * 2


@pytest.mark.parametrize(
    ("media_type", "source"),
    [
        (media.RST, f".. {LONG}\n   and more\n"),
        (media.RST, f"..\n   {LONG}\n"),
        (media.ORG, f"# {LONG}\n"),
        (media.ORG, f"#+begin_comment\n{LONG}\n#+end_comment\n"),
        (media.ORG, f"* COMMENT Later\n{LONG}\n** Deeper\n{LONG}\n* Shown\n"),
    ],
)
def test_comments_are_kept_out_and_reported(media_type: str, source: str) -> None:
    """A long comment is a finding, and no word of it a section."""
    found = parsed(f"Before.\n\n{source}\nAfter.\n", media_type)
    assert "comment," not in str([one for one in found if isinstance(one, Section)])
    assert [(one.kind, one.where) for one in found if isinstance(one, Finding)] == [("hidden", "comments")]
    assert "After." in [one.text for one in found if isinstance(one, Section)]


LINES = st.sampled_from(
    ["", "a", "===", "---", "== ==", "a  b", "+--+", "|a|", "- x", "  y", ".. note::", "..", "* h", "a::", "| a | b |",
     "#+begin_src", "#+end_src", ":END:", "*b* `c`_", ".. code::"]
)  # fmt: skip


@given(st.lists(LINES, max_size=30), st.sampled_from([media.RST, media.ORG]))
def test_no_outline_is_too_broken(lines: list[str], media_type: str) -> None:
    """Any lines in any order are read to their end."""
    last = sections("\n".join([*lines, "", "#+end_src", "", ":END:", "", "", "Last words."]), media_type)
    assert "Last words." in last[-1][2]
