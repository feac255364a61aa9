"""Word documents (DOCX).

Read `parser` first, then `story`: blocks in reading order. `styles` says how text looks, `lists` what stands before
list items, `tables` how cells look, `boxes` what floats over the page.
"""
