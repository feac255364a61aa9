"""OpenDocument files: texts, presentations, spreadsheets.

Read `parser` first, then `styles` (what is seen) and `text` (running text, which stands in all three); `slides` and
`sheets` are the other two.
"""
