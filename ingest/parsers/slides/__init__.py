"""Presentations (PPTX).

Read `parser` first, then `page`: one slide. `shapes` says what lies where and covers what, `text` and `tables` how
letters and cells look.
"""
