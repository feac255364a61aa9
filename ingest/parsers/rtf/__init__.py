"""Rich Text Format.

Read `tokens` first, then `state` (what a group says about how text looks), `words` (where text goes), `story` (text to
sections), and `parser`, which puts them together.
"""
