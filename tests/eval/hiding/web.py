"""Ways to hide a text in a web page or a mail, each a function from visible and hidden text to the file's bytes."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from functools import partial
from html import escape

# Between the head's style and the element: {} stands for what is hidden.
_ELEMENTS = {
    "display none": '<p style="display:none">{}</p>',
    "display none !important by class": '<p class="gone">{}</p>',
    "display none by id": '<div id="gone"><p>{}</p></div>',
    "display none by descendant": '<div class="outer"><span>{}</span></div>',
    "visibility hidden": '<p style="visibility: hidden">{}</p>',
    "hidden attribute": "<p hidden>{}</p>",
    "opacity": '<p style="opacity:0">{}</p>',
    "font size 0": '<p style="font-size:0">{}</p>',
    "font size 1px": '<p style="font-size:1px">{}</p>',
    "font size by class": '<p class="small">{}</p>',
    "white": '<p style="color:#fff">{}</p>',
    "white by name": '<font color="white">{}</font>',
    "near-white": '<p style="color:rgb(252,253,252)">{}</p>',
    "transparent colour": '<p style="color:transparent">{}</p>',
    "dark on dark": '<div style="background:#123"><p style="color:#112234">{}</p></div>',
    "off to the left": '<p style="position:absolute;left:-9999px">{}</p>',
    "indented away": '<p style="text-indent:-9999px">{}</p>',
    "clipped": '<p style="position:absolute;clip:rect(0,0,0,0);width:1px;height:1px;overflow:hidden">{}</p>',
    "clip-path": '<p style="clip-path: inset(100%)">{}</p>',
    "no height": '<div style="height:0;overflow:hidden">{}</div>',
    "no width": '<div style="width:0;max-height:0;overflow:hidden">{}</div>',
    "scaled away": '<p style="transform:scale(0)">{}</p>',
    "moved away": '<p style="position:fixed;top:-5000px">{}</p>',
    "comment": "<!-- {} -->",
    "template": "<template><p>{}</p></template>",
    "hidden input": '<input type="hidden" value="{}">',
    "alternative text": '<p>Logo <img src="x.png" alt="{}"></p>',
    "title attribute": '<p title="{}">About us</p>',
    "label for screen readers": '<p aria-label="{}">About us</p>',
    "data attribute": '<p data-note="{}">About us</p>',
    "script": '<script type="text/plain">{}</script>',
    "noscript": "<noscript>{}</noscript>",
    "svg description": "<svg><desc>{}</desc></svg>",
    "object fallback": '<object data="x.swf">{}</object>',
    "iframe srcdoc": '<iframe srcdoc="{}"></iframe>',
}
_STYLE = """<style>
.gone { display: none !important } #gone { display: none } .outer > span { display:none }
@media screen { .small { font-size: 0.1pt } }
</style>"""


def _page(visible: str, hidden: str, element: str) -> bytes:
    body = f"<p>{escape(visible)}</p>{element.format(escape(hidden))}<p>Kind regards</p>"
    head = f'<meta charset="utf-8"><title>Notice</title>{_STYLE}'
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>".encode()


def _meta(visible: str, hidden: str) -> bytes:
    return _page(visible, "", "").replace(
        b"<title>", f'<meta name="description" content="{escape(hidden)}"><title>'.encode()
    )


def in_tags(text: str) -> str:
    """Return an ASCII text in the tag characters of Unicode, which no font shows."""
    return "".join(chr(0xE0000 + ord(sign)) for sign in text if sign.isascii())


def in_zero_width(text: str) -> str:
    """Return a text as bits in zero-width characters."""
    return "".join("\u200b\u200c"[int(bit)] for sign in text.encode() for bit in f"{sign:08b}")


def _tags(visible: str, hidden: str) -> bytes:
    return _page(f"{visible} {in_tags(hidden)}", "", "")


def _zero_width(visible: str, hidden: str) -> bytes:
    return _page(f"{visible} {in_zero_width(hidden)}", "", "")


WAYS: dict[str, Callable[[str, str], bytes]] = {
    **{name: partial(_page, element=element) for name, element in _ELEMENTS.items()},
    "meta description": _meta,
    "tag characters": _tags,
    "zero-width characters": _zero_width,
}


def _mail(visible: str, plain: str, page: str = "") -> bytes:
    message = EmailMessage()
    message["From"], message["To"] = "office@example.com", "ada@example.com"
    message["Subject"], message["Date"] = "Notice", "Mon, 02 Nov 2026 10:00:00 +0000"
    message.set_content(plain or visible)
    if page:
        message.add_alternative(page, subtype="html")
    return message.as_bytes()


def _mail_of_page(visible: str, hidden: str, element: str) -> bytes:
    return _mail(visible, visible, _page(visible, hidden, element).decode())


def _only_in_the_plain_part(visible: str, hidden: str) -> bytes:
    return _mail(visible, f"{visible}\n\n{hidden}\n", f"<html><body><p>{escape(visible)}</p></body></html>")


def _header(visible: str, hidden: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "office@example.com", "ada@example.com", "Notice"
    message["X-Note"] = " ".join(hidden.split())
    message.set_content(visible)
    return message.as_bytes()


def _preamble(visible: str, hidden: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "office@example.com", "ada@example.com", "Notice"
    message.set_content(visible)
    message.add_alternative(f"<p>{escape(visible)}</p>", subtype="html")
    message.preamble = hidden
    message.epilogue = hidden
    return message.as_bytes()


_IN_MAIL = (
    "display none", "display none by id", "font size 0", "white", "near-white", "opacity", "no height", "comment",
    "off to the left", "alternative text", "dark on dark", "hidden attribute",
)  # fmt: skip
MAIL_WAYS: dict[str, Callable[[str, str], bytes]] = {
    **{name: partial(_mail_of_page, element=_ELEMENTS[name]) for name in _IN_MAIL},
    "only in the plain part": _only_in_the_plain_part,
    "header": _header,
    "before and after the parts": _preamble,
    "tag characters": lambda visible, hidden: _mail(visible, f"{visible} {in_tags(hidden)}"),
    "zero-width characters": lambda visible, hidden: _mail(visible, f"{visible} {in_zero_width(hidden)}"),
}
