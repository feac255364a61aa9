"""Rich Text Format.

Read `tokens` first, then `state` (what a group says about its text), `story` (text to sections) and `parser`, which
puts them together.
"""
