"""The verifier's own canonical JSON, against RFC 8785 and another implementation of it."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance import verify
from appliance.verify import Damaged

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=150, deadline=None)
@given(value=values)
def test_what_another_implementation_writes_is_canonical(value: Any) -> None:
    """Every text of the library that the log uses is accepted, and written the same here."""
    text = rfc8785.dumps(value)
    assert text == verify.canonical(verify.parse(text))


@pytest.mark.parametrize(
    ("double", "text"),
    [(5e-324, "5e-324"), (-5e-324, "-5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (-0.0, "0"),
     (9007199254740992.0, "9007199254740992"), (295147905179352830000.0, "295147905179352830000"),
     (9.999999999999997e22, "9.999999999999997e+22"), (1e23, "1e+23"), (1e21, "1e+21"),
     (999999999999999900000.0, "999999999999999900000"),
     (9.999999999999997e-7, "9.999999999999997e-7"), (0.000001, "0.000001"), (333333333.3333332, "333333333.3333332"),
     (1424953923781206.2, "1424953923781206.2"), (0.00001, "0.00001"), (123e-20, "1.23e-18")],
)  # fmt: skip
def test_numbers_are_written_as_the_rfc_lists_them(double: float, text: str) -> None:
    """The samples of RFC 8785, appendix B, and the borders of the notations."""
    assert text == verify.canonical(double).decode()
    if text != "0":
        verify.parse(text.encode())


@pytest.mark.parametrize(
    "text",
    [b"{} ", b" {}", b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"a": 1}', b"1.0", b"1e2", b"-0", b"0.0", b"1E5", b"1e21",
     b"1e-07", b"9007199254740993", b"10000000000000001", b"1e400", b'"\\u0041"', b'"\\/"', b'"\\u000A"', b'"\\u00e9"',
     b'{"\\ud83d\\ude00":1}', '{"\ufb01":1,"😀":2}'.encode(), b"NaN", b"Infinity", b"", b"\xff", b'"\\ud800"',
     b"[" * 5000, b"01", b'"\t"', b"True"],
    ids=repr,
)  # fmt: skip
def test_what_is_not_canonical_is_refused(text: bytes) -> None:
    """Spaces, order, escapes, notations, doubles that are none: each raises Damaged."""
    with pytest.raises(Damaged):
        verify.parse(text)
