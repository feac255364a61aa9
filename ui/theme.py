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
# "flow" lets pieces of plain text run on in one paragraph, "quote" marks the quoted one among them, "doubt" a sentence
# that is contradicted or has no support.
STYLE: Final = """<style>
.stMainBlockContainer, [data-testid="stBottomBlockContainer"] { max-width: 56rem; padding-top: 4.5rem; }
[data-testid="stBottomBlockContainer"] { padding-top: 1rem; padding-bottom: 2rem; }
.stMainBlockContainer:has(.st-key-wide) { max-width: 80rem; }
[class*="st-key-flow-"], [class*="st-key-flow-"] .stVerticalBlock { display: block; }
[class*="st-key-flow-"] .stElementContainer, [class*="st-key-flow-"] .stElementContainer *,
[class*="st-key-flow-"] [data-testid="stLayoutWrapper"],
[class*="st-key-flow-"] [class*="st-key-quote-"],
[class*="st-key-flow-"] [class*="st-key-doubt-"] { display: inline; }
.stText, [class*="st-key-flow-"] .stText { white-space: pre-wrap; overflow-wrap: anywhere; }
[class*="st-key-flow-"] .stMarkdown { margin-inline: .2em .1em; vertical-align: .2em; line-height: 1; }
[class*="st-key-flow-"] .stMarkdown * { font-size: .75rem; font-weight: 650; line-height: 1; }
[class*="st-key-quote-"] .stText {
  background: color-mix(in srgb, currentColor 14%, transparent);
  box-shadow: 0 0 0 .15em color-mix(in srgb, currentColor 14%, transparent);
  font-weight: 600; border-radius: .1em;
}
[class*="st-key-doubt-"] .stText { text-decoration: underline dotted; text-underline-offset: .2em; }
[class*="st-key-quiet-"] .stText, [class*="st-key-quiet-"] p { font-size: .875rem; opacity: .75; }
[class*="st-key-notice-"] { border-left: .25rem solid color-mix(in srgb, currentColor 45%, transparent); }
.stExpander summary code, [class*="st-key-place-"] code {
  font: inherit; white-space: normal; overflow-wrap: anywhere; background: none; padding: 0; margin: 0;
}
.st-key-totals [data-testid="stMetricValue"] { font-size: 1.35rem; font-weight: 600; line-height: 1.3; }
@media (max-width: 40rem) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  .stChatMessage { padding-left: 0; padding-right: 0; }
}
</style>"""

# Drawn here, as Streamlit would fetch an icon for the browser's tab from a host of its makers.
MARK: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>"
    "<rect x='2' y='2' width='20' height='20' rx='5' fill='#2f7fb5'/>"
    "<path d='M7 8h10M7 12h10M7 16h6' stroke='#fff' stroke-width='2' stroke-linecap='round'/></svg>"
)
WORDMARK: Final = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 118 24'>"
    "<rect x='2' y='2' width='20' height='20' rx='5' fill='#2f7fb5'/>"
    "<path d='M7 8h10M7 12h10M7 16h6' stroke='#fff' stroke-width='2' stroke-linecap='round'/>"
    "<text x='30' y='18' font-family='Source Sans, sans-serif' font-size='16' font-weight='500' fill='#2f7fb5'>"
    "Appliance</text></svg>"
)
