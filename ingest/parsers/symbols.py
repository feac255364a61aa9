"""Characters of the fonts Symbol and Wingdings, which stand where other signs are in Unicode."""

from __future__ import annotations

_GREEK = dict(
    zip(
        range(0x41, 0x5B),
        "ΑΒΧ∆ΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ",
        strict=True,
    )
) | dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλµνοπθρστυϖωξψζ", strict=True))
_SYMBOL = _GREEK | {
    0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°", 0xB1: "±", 0xB3: "≥",
    0xB4: "×", 0xB6: "∂", 0xB7: "•", 0xB8: "÷", 0xB9: "≠", 0xBA: "≡", 0xBB: "≈", 0xBC: "…", 0xCE: "∈", 0xD2: "®",
    0xD3: "©", 0xD4: "™", 0xD6: "√", 0xDE: "⇒", 0xE5: "∑", 0xF2: "∫", 0xA2: "′", 0xB2: "″", 0xA4: "/",
}  # fmt: skip
_WINGDINGS = {
    0x6C: "●", 0x6E: "■", 0x6F: "□", 0x71: "❑", 0x76: "❖", 0x9F: "•", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢", 0xE0: "→",
    0xDF: "←", 0xE8: "➔", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓", 0xFD: "☒", 0xFE: "☑", 0x4A: "☺", 0x4C: "☹",
}  # fmt: skip
_ASCII = range(0x20, 0x7F)


def symbol(code: str, font: str) -> str:
    """Return the sign that a font shows for a code in hexadecimal digits; "" for one that has no place in Unicode."""
    try:
        value = int(code, 16)
    except ValueError:
        return ""
    low = value & 0xFF if value < 0x100 or 0xF000 <= value <= 0xF0FF else 0
    match font.lower():
        case "symbol":
            return _SYMBOL.get(low, chr(low) if low in _ASCII else "")
        case "wingdings" | "wingdings 2" | "wingdings 3" | "webdings":
            return _WINGDINGS.get(low, "")
        case _:
            return "" if low or not 0x20 <= value < 0xD800 else chr(value)
