"""What a model wrote, made inert: text that nobody's renderer turns into a link, an image or another shape.

An answer goes to a page that shows it as it stands, and to programs that render Markdown, some of which make links of
whatever looks like an address. So markup is taken off (its text stays), and what cannot be taken off is broken up:

* links, images, footnotes, emphasis, code marks, headings, quotes, fences, rules, HTML and LaTeX's delimiters go;
* an address that stands verbatim in one of the texts an answer may quote is information and stays, as a code span,
  which no renderer links; any other is written so that nothing recognises it: "https[://]example[.]com";
* characters that nobody sees, and those that reorder others, go.

Each sentence is made inert on its own and together with others: no construct may begin in one and end in the next
(CommonMark 0.31, GFM 0.29; linkify-it for what is taken for an address). Words and numbers stay the same words
(`appliance.words`), so that a sentence is held to what its writer said.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

# Constructs inside constructs are taken apart so many times; what is left after that is broken up like the rest.
_ROUNDS = 20
_BLANKS = re.compile(r"[ \t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
_NONE_OR_MANY_LINES = 2

# Not of a category that goes as a whole, but as invisible: fillers, a blank pattern, selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\U000e0000-\U000e0fff]")
_JOINERS, _SELECTORS = "\u200c\u200d", "\ufe0e\ufe0f"
# Signs that become emoji by a selector and are no symbols otherwise (emoji-variation-sequences.txt).
_VARIED = "0123456789#*‼⁉〰"

_ENTITY = re.compile(r"&(?:amp;)*(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});|&(?:amp;)+")
_ESCAPE = re.compile(r"\\(?=[\[\]()*$])")
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*|[^\s<>@]+@[^\s<>]+)>")
_COMMENT = re.compile(r"<!--(?:(?!<!--).)*?-->|<!\[CDATA\[|\]\]>")
_APART = (
    "address article blockquote br dd div dl dt figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol option "
)
_APART += "p pre section table tbody td tfoot th thead tr ul"
_INLINE = (
    "a abbr applet area audio b base basefont bdi bdo big body button canvas caption center cite code col colgroup "
)
_INLINE += (
    "data datalist del details dfn dialog dir em embed fieldset figcaption font frame frameset head hgroup html i "
)
_INLINE += "iframe img input ins kbd label legend link map mark marquee math menu meta meter noscript object optgroup "
_INLINE += "output param picture progress q rp rt ruby s samp script select slot small source span strike strong style "
_INLINE += "sub summary sup svg template textarea title track tt u use var video wbr xmp"
# Names of HTML only: "<String>" in a text about programs is a word of it.
_APART_TAG = re.compile(rf"</?(?:{'|'.join(_APART.split())})(?=[\s/>])[^<>]*>", re.IGNORECASE)
_INLINE_TAG = re.compile(rf"</?(?:{'|'.join(_INLINE.split())})(?=[\s/>])[^<>]*>", re.IGNORECASE)

_LABEL = r"((?:[^\[\]]|\[[^\[\]]*\])*)"
_TITLE = r"(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?"
_LINK = re.compile(rf"!?\[{_LABEL}\]\(\s*(?:<[^<>]*>|[^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*){_TITLE}\s*\)")
_WIKI_LINK = re.compile(r"!?\[\[([^\[\]]*)\]\]")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]:?")
_EMPHASIS = re.compile(r"`|(?<!\w)\*\*|\*\*(?!\w)|__(?=\S)|(?<=\S)__|(?<!\w)~~|~~(?!\w)")
_BEFORE, _AFTER = r"(?<![^\s(\"'“„«])", r"(?=[\s.,;:!?)\"'”»]|$)"
_STAR = re.compile(rf"{_BEFORE}\*(?=[^\s*])([^*]*?)(?<=[^\s*])\*{_AFTER}")
_UNDERLINE = re.compile(rf"{_BEFORE}_(?=[^\s_])([^_]*?)(?<=[^\s_])_{_AFTER}")
_MATH = re.compile(r"(?<![\w$])\$(?=[^\s\d$])([^$]*)(?<=[^\s$])\$(?![\w$])")
_MANY_DOLLARS = re.compile(r"\${2,}")

_MARKER = r"^((?:(?:[-*+•–·▪◦]|\(?(?:\d{1,9}|[a-zA-Z])[.)]) )*)"
_FENCE = re.compile(rf"{_MARKER}(?:`{{3,}}|~{{3,}})\s*[\w+#.-]*(?:\s*\{{[^{{}}]*\}})?$")
_HEADING = re.compile(rf"{_MARKER}#{{1,6}}(?: |$)")
_QUOTE = re.compile(rf"{_MARKER}>(?! ?\d) ?")
# "> 30 days" is a claim, not a quotation; this sign says the same and means nothing to Markdown.
_GREATER = re.compile(rf"{_MARKER}>(?= ?\d)")
_TASK = re.compile(rf"{_MARKER}(?<= )\[[ xX]\] ")
# Underlines a heading, draws a rule or makes a table of the rows around it.
_RULE = re.compile(r"(?:(?:[-*+]|\(?(?:\d{1,9}|[a-zA-Z])[.)]) )*[\s\-=_*~+#>|.:`]*")

# Ends of names that are taken for addresses without a scheme. linkify-it takes every country's and these first ones.
_ENDS = (
    "com net org edu gov biz info name pro web xxx aero asia coop museum shop int mil mobi jobs tel travel рф "
    "app arpa blog cloud club digital email link live media network news online page rocks site space store tech "
    "today tools top work world xyz zip"
)
_COUNTRIES = "|".join(
    """a[cdefgilmnoqrstuwxz] b[abdefghijmnorstvwyz] c[acdfghiklmnoruvwxyz] d[ejkmoz] e[ceghrstu] f[ijkmor]
    g[abdefghilmnpqrstuwy] h[kmnrtu] i[delmnoqrst] j[emop] k[eghimnprwyz] l[abcikrstuvy] m[acdeghklmnopqrstuvwxyz]
    n[acefgilopruz] om p[aefghklmnrstwy] qa r[eosuw] s[abcdeghijklmnortuvxyz] t[cdfghjklmnortvwz] u[agksyz]
    v[aceginu] w[fs] y[et] z[amw]""".split()  # noqa: SIM905
)
_DOT = re.compile(
    rf"(?<=[^\s.\\])\.(?=(?:{'|'.join(_ENDS.split())}|{_COUNTRIES}|xn--[a-z0-9-]+)(?![^\W_]))", re.IGNORECASE
)
_WWW = re.compile(r"(?<![^\W_])www\.(?=\w)", re.IGNORECASE)
# A backslash before a bracket would be taken for an escape.
_SCHEME = re.compile(r"\\*(:?//)(?![\s\](]|$)")
_OPAQUE = re.compile(
    r"(?<![^\W_])(javascript|vbscript|livescript|mailto|xmpp|tel|sms|cid|blob|data(?=:[\w,;/+-]))[ ]?:(?=\S)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"(?<=[^\s\[\\])@(?=[^\s\[\]@]{1,255}\.)")
_TOKEN = re.compile(r"[^\s<>\"'`\[\](){}|\\«»„“”,;]+")
_ENDINGS = ".:!?…*_~"

# What may not stand in an inert text: an inline link's joint, a definition's, the beginning of a tag, an entity.
_JOINT = re.compile(r"\](?=[(:])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def plain(sentence: str, allowed: Sequence[str] = ()) -> str:
    """Return `sentence` as inert text on one line, without blanks around it; "" where it was markup only.

    `allowed` are the texts that an address may be taken over from: the passages, or the quotes. Made inert a second
    time with the same ones, the text stays as it is. Takes time in proportion to the text, for all practical ones.
    """
    text = _visible(sentence)
    for _ in range(_ROUNDS):
        former, text = text, _without_markup(text)
        if text == former:
            break
    if _RULE.fullmatch(text):
        return ""
    text = _JOINT.sub("] ", _addresses(text, allowed))
    text = _TAG.sub("< ", text)
    return _ENTITY.sub(lambda match: f"& {match[0][1:]}" if html.unescape(match[0]) != match[0] else match[0], text)


def gap(lead: str) -> str:
    """Return the white space between two sentences so that it indents nothing: none, a blank, or line breaks."""
    lines = lead.count("\n")
    return "\n" * min(lines, _NONE_OR_MANY_LINES) if lines else " " if lead else ""


def _visible(text: str) -> str:
    """Return the text without what nobody sees, on one line."""
    spaced = _BLANKS.sub(" ", text)
    if spaced.isascii() and spaced.isprintable():
        return spaced.strip(" ")
    kept: list[str] = []
    for i, c in enumerate(spaced):
        if _is_seen(c, kept[-1] if kept else "", spaced[i + 1 : i + 2]):
            kept.append(c)
    return _BLANKS.sub(" ", "".join(kept)).strip(" ")


def _is_seen(c: str, before: str, after: str) -> bool:
    category = unicodedata.category(c)
    if c in _JOINERS:
        return _joins(c, before, after)
    if c in _SELECTORS:
        return bool(before) and (unicodedata.category(before) in {"So", "Sm"} or before in _VARIED)
    return category not in {"Cc", "Cf", "Cs", "Co"} and not _UNSEEN.match(c)


def _joins(c: str, before: str, after: str) -> bool:
    """Return whether a joiner decides how letters connect, as in Persian or Hindi, or makes one emoji of two."""
    if not before or not after:
        return False
    letters = all("\u0600" <= x < "\u1900" and unicodedata.category(x)[0] in "LM" for x in (before, after))
    emoji = unicodedata.category(after) == "So" and (
        before in _SELECTORS or unicodedata.category(before) in {"So", "Sk"}
    )
    return letters or (c == "\u200d" and emoji)


def _without_markup(text: str) -> str:
    text = _ENTITY.sub(lambda match: _decoded(match[0]), text)
    text = _ESCAPE.sub("", text)
    if "<" in text:
        text = _AUTOLINK.sub(r"\1", text)
        text = _INLINE_TAG.sub("", _APART_TAG.sub(" ", _COMMENT.sub("", text)))
    text = _blocks(_visible(text))
    if "[" in text:
        text = _FOOTNOTE.sub("", _WIKI_LINK.sub(r"\1", _LINK.sub(r"\1", text)))
    text = _MATH.sub(r"\1", _MANY_DOLLARS.sub("$", text))
    text = _UNDERLINE.sub(r"\1", _STAR.sub(r"\1", _EMPHASIS.sub("", text)))
    return _visible(text)


def _decoded(entity: str) -> str:
    return html.unescape(re.sub("^&(?:amp;)+", "&", entity))


def _blocks(text: str) -> str:
    """Return the text without what makes a block of a line, behind list markers too: a list may stay one."""
    text = _FENCE.sub(r"\1", text)
    text = _HEADING.sub(r"\1", text)
    text = _GREATER.sub("\\1\N{FULLWIDTH GREATER-THAN SIGN}", _QUOTE.sub(r"\1", text))
    return _TASK.sub(r"\1", text)


def _addresses(text: str, allowed: Sequence[str]) -> str:
    """Return the text with addresses that stand in `allowed` as code spans, and all others broken up."""
    if _broken(text) == text:
        return text
    parts, end = [], 0
    for start, token in _tokens(text):
        # A backslash would take away what the mark of the code span behind it means.
        if _broken(token) != token and text[max(start - 1, 0)] != "\\" and _stands(token, allowed):
            parts += [_broken(text[end:start]), f"`{token}`"]
            end = start + len(token)
    return "".join([*parts, _broken(text[end:])])


def _stands(token: str, texts: Sequence[str]) -> bool:
    """Return whether a token stands in one of the texts as a whole: one that only begins like it is another."""
    return any(token == other for text in texts if token in text for _, other in _tokens(text))


def _tokens(text: str) -> list[tuple[int, str]]:
    """Return what stands between blanks and brackets, with its place, without what ends a sentence."""
    found = []
    for match in _TOKEN.finditer(text):
        left = match[0].lstrip(_ENDINGS)
        if token := left.rstrip(_ENDINGS):
            found.append((match.end() - len(left), token))
    return found


def _broken(text: str) -> str:
    """Return the text with everything broken up that would be taken for an address."""
    text = _SCHEME.sub(r"[\1]", text)
    text = _OPAQUE.sub(r"\1[:]", text)
    text = _MAIL.sub("[@]", text)
    return _DOT.sub("[.]", _WWW.sub("www[.]", text))
