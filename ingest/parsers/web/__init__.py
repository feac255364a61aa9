"""Pages: HTML, and the e-books made of it. Mail and Markdown show their HTML through this too.

Read `html` first: what is displayed is decided there, by `css` (which declarations hold) and `visibility` (how text
looks then: `lengths`, `colours`); `markup` turns what is left into sections. `epub` is pages in a container.
"""
