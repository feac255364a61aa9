"""How the page looks: Streamlit's settings for it, and the few rules of style that they cannot express."""

from __future__ import annotations

from typing import Any, Final

_SHARED: Final[dict[str, Any]] = {
    "baseRadius": "0.5rem",
    "buttonRadius": "0.5rem",
    "baseFontSize": 16,
    "headingFontSizes": ["1.75rem", "1.25rem", "1.05rem"],
    "headingFontWeights": [650, 620, 600],
    "codeFontSize": "0.85em",
    "showWidgetBorder": True,
}
_LIGHT: Final[dict[str, Any]] = {
    "primaryColor": "#1f5f8b",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f3f6f8",
    "textColor": "#1c2833",
    "borderColor": "#d7dee4",
    "linkColor": "#1f5f8b",
    "codeTextColor": "#1c2833",
    "codeBackgroundColor": "#eaf0f4",
    "dataframeHeaderBackgroundColor": "#f3f6f8",
}
_DARK: Final[dict[str, Any]] = {
    "primaryColor": "#4b9fd0",
    "backgroundColor": "#12181e",
    "secondaryBackgroundColor": "#1b242c",
    "textColor": "#e6ebef",
    "borderColor": "#303c46",
    "linkColor": "#7cc0ea",
    "codeTextColor": "#e6ebef",
    "codeBackgroundColor": "#26323c",
    "dataframeHeaderBackgroundColor": "#1b242c",
}

THEME: Final[dict[str, Any]] = {
    **{f"theme.{key}": value for key, value in _SHARED.items()},
    **{f"theme.light.{key}": value for key, value in _LIGHT.items()},
    **{f"theme.dark.{key}": value for key, value in _DARK.items()},
}

# Streamlit names a container's class after its key. Without these rules everything is there and readable, in blocks:
# "flow" lets pieces of plain text run on in one paragraph, "quote" marks the quoted one among them.
STYLE: Final = """<style>
.stMainBlockContainer { max-width: 56rem; padding-top: 4.5rem; }
.stMainBlockContainer:has(.st-key-wide) { max-width: 80rem; }
[class*="st-key-flow-"], [class*="st-key-flow-"] .stVerticalBlock { display: block; }
[class*="st-key-flow-"] .stElementContainer, [class*="st-key-flow-"] .stElementContainer *,
[class*="st-key-flow-"] .stLayoutWrapper, [class*="st-key-flow-"] [class*="st-key-quote-"] { display: inline; }
.stText, [class*="st-key-flow-"] .stText { white-space: pre-wrap; overflow-wrap: anywhere; }
[class*="st-key-flow-"] .stMarkdown, [class*="st-key-flow-"] .stMarkdown * { font-size: .8em; font-weight: 650; }
[class*="st-key-flow-"] .stMarkdown { margin-inline: .2em .1em; vertical-align: .25em; line-height: 1; }
[class*="st-key-quote-"] .stText {
  background: color-mix(in srgb, currentColor 14%, transparent);
  box-shadow: 0 0 0 .15em color-mix(in srgb, currentColor 14%, transparent);
  font-weight: 600; border-radius: .1em;
}
[class*="st-key-quiet-"] .stText, [class*="st-key-quiet-"] p { font-size: .875rem; opacity: .75; }
[class*="st-key-notice-"] { border-left: .25rem solid color-mix(in srgb, currentColor 45%, transparent); }
.stExpander summary code { white-space: normal; overflow-wrap: anywhere; background: none; padding: 0; }
@media (max-width: 40rem) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  .stChatMessage { padding-left: 0; padding-right: 0; }
}
</style>"""
