"""The control words of RTF that say where text goes, or stand for text (RTF 1.9.1)."""

from __future__ import annotations

# Where text goes: into the story (0), nowhere, into a table of the file's head, or into the sign before a list item.
TEXT, SKIP, FONTS, COLOURS, STYLES, SIGN, PASS, TWICE = range(8)
DESTINATIONS = {
    "fonttbl": FONTS, "colortbl": COLOURS, "stylesheet": STYLES, "listtext": SIGN, "pntext": SIGN,
    # These hold text in groups of their own.
    "shpinst": PASS, "do": PASS, "nesttableprops": PASS, "shptxt": TEXT, "dptxbxtext": TEXT, "fldrslt": TEXT,
    # The same twice, the second time in Unicode.
    "upr": TWICE,
} | dict.fromkeys((
    "info", "pict", "objdata", "objclass", "objname", "fldinst", "themedata", "colorschememapping", "datastore",
    "latentstyles", "listtable", "listoverridetable", "revtbl", "rsidtbl", "filetbl", "generator", "userprops",
    "nonshppict", "shprslt", "nonesttables", "xe", "tc", "rxe", "txe", "pntxta", "pntxtb", "ftnsep", "ftnsepc",
    "aftnsep", "aftnsepc", "ftncn", "aftncn", "formfield", "private", "xmlnstbl", "annotation", "atnid", "atnauthor",
    "atrfstart", "atrfend", "bkmkstart", "bkmkend", "sp", "background", "template", "mmathPr", "blipuid", "docvar",
    "falt",
), SKIP)  # fmt: skip
STORIES = {
    "footnote": "footnotes", "header": "header", "headerl": "header", "headerr": "header", "headerf": "header",
    "footer": "footer", "footerl": "footer", "footerr": "footer", "footerf": "footer", "shptxt": "text box",
    "dptxbxtext": "text box",
}  # fmt: skip
WORDS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "page": "\n", "column": "\n", "emdash": "—", "endash": "–", "lquote": "‘",
    "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ",
    "zwj": "\u200d", "zwnj": "\u200c", "ltrmark": "\u200e", "rtlmark": "\u200f",
}  # fmt: skip
SIGNS = {"~": "\u00a0", "_": "-", "-": "", "\\": "\\", "{": "{", "}": "}", "\t": "\t"}
ENCODINGS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
