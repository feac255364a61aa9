"""Images, and reading what stands on them; scanned pages of PDF files are read by the same `ocr`.

Read `ocr` first, the one door to Tesseract, then `parser`; `skew` straightens pages that lay askew.
"""
