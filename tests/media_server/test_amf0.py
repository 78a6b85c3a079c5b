"""AMF0: what goes in comes out, and nothing but ``Refused`` comes of rubbish."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server import amf0
from media_server.amf0 import Value
from media_server.errors import Refused

_LEAVES: st.SearchStrategy[Value] = (
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(_VALUES, max_size=4))
def test_values_survive_the_round_trip(values: list[Value]) -> None:
    assert amf0.decode(amf0.encode(*values)) == values


@given(st.binary(max_size=200))
def test_rubbish_is_decoded_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        amf0.decode(data)


def test_a_long_string_uses_its_own_type() -> None:
    assert amf0.decode(amf0.encode("x" * 70_000)) == ["x" * 70_000]


def test_an_ecma_array_reads_as_an_object_whatever_its_count_says() -> None:
    encoded = b"\x08\x00\x00\x00\x63\x00\x05width" + amf0.encode(1280) + b"\x00\x00\x09"
    assert amf0.decode(encoded) == [{"width": 1280.0}]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x0a\x00\x00\x00\x01" * 1000, id="nested arrays"),
        pytest.param(b"\x0a\xff\xff\xff\xff", id="a huge array"),
        pytest.param(b"\x0a\x00\x00\x0f\xff" + b"\x05" * 4095 + b"\x05" * 4095, id="many values"),
        pytest.param(b"\x02\x00\x05abc", id="a truncated string"),
        pytest.param(b"\x03\x00\x00\x05", id="an object without an end"),
        pytest.param(b"\x11", id="the AMF3 marker"),
    ],
)
def test_what_amf0_cannot_be_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="invalid AMF0"):
        amf0.decode(data)
