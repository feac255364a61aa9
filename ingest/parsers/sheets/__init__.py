"""Workbooks of Excel: XLSX and XLS.

Read `parser` first, then `xlsx`: its `cells`, `styles`, number `formats`, `extras` (merged cells, filters, comments)
and `drawings`. `xls` reads the old format into the same rows; `ingest.parsers.grid` makes sections of them.
"""
