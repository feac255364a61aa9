"""PDF files.

Read `parser` first: it goes through the pages. `page` is what PDFium says of one; `objects` finds what is drawn on it
and which text is doubtful (by `geometry` and `places`), `screen` judges that by its pixels, `text` makes paragraphs of
the rest. `scan` reads pages that are pictures, `form` what is filled in; `layers` and `attachments` are as they say.
"""
