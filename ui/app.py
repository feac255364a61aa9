"""The script that Streamlit runs for every change on the page: frame, navigation, then the chosen page."""

from __future__ import annotations

import streamlit as st

from ui.theme import MARK, STYLE, WORDMARK
from ui.views import ask, library

st.set_page_config(page_title="Appliance", page_icon=MARK, layout="wide")
st.logo(WORDMARK, size="medium")
st.html(STYLE)
# Governance and Administration take their places here, after these two.
st.navigation(
    [
        st.Page(ask.draw, title="Ask", icon=":material/chat:", url_path="ask", default=True),
        st.Page(library.draw, title="Library", icon=":material/library_books:", url_path="library"),
    ],
    position="top",
).run()
