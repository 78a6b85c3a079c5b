"""Bad payloads are bad in exactly the way their name says; good ones are good."""

from typing import Any

import pytest

from environment.runs import bad_data
from services.contracts import parse_event

OF_SHAPE = [
    ("stream:init", "no config"),
    ("stream:init", "an unknown field"),
    ("fragment:data", "audio that is not base64"),
    ("fragment:data", "a duration it has not got"),
    ("fragment:data", "a number below zero"),
]
OF_MEANING = [
    ("stream:init", "target language xx"),
    ("fragment:data", "a stream never opened"),
    ("fragment:data", "11 MB of audio"),
]


def test_the_faultless_ones_pass() -> None:
    parse_event("media", "stream:init", bad_data.opening("s"))
    parse_event("media", "fragment:data", bad_data.fragment("s"))


@pytest.mark.parametrize(("event", "fault"), OF_SHAPE)
def test_faults_of_shape_break_the_contract(event: str, fault: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse_event("media", event, bad_data.broken(event, fault, "s"))


@pytest.mark.parametrize(("event", "fault"), OF_MEANING)
def test_faults_of_meaning_have_the_right_shape(event: str, fault: str) -> None:
    parse_event("media", event, bad_data.broken(event, fault, "s"))


def test_the_large_one_is_over_the_limit() -> None:
    payload: dict[str, Any] = bad_data.broken("fragment:data", "11 MB of audio", "s")
    assert len(payload["audio"]["data_base64"]) * 3 / 4 > 10_000_000


def test_an_unknown_fault_is_an_error() -> None:
    with pytest.raises(KeyError):
        bad_data.broken("stream:init", "too green", "s")


def test_garbage_repeats() -> None:
    assert len(bad_data.GARBAGE["4 KiB of random bytes"]) == 4096
    assert bad_data.GARBAGE["4 KiB of random bytes"][0] == 0xFF
