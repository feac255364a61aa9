"""Files that are text as they are: plain text, Markdown, outlines (reStructuredText, Org), data, and tables in text.

Read `plain` first: how bytes become text and text becomes paragraphs, which nearly every family uses; then any other.
`outline` is `rst` and `org`, which share `lines`.
"""
