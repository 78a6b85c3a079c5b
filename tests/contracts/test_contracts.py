"""The wire's models: schemas current, unknown refused, bytes and durations in agreement."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.contracts import (
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AudioPayload,
    FragmentAck,
    FragmentProcessed,
    parse_event,
)
from services.contracts.export import SCHEMAS, rendered


def _audio(ms: int = 100) -> dict[str, object]:
    return AudioPayload.from_pcm(bytes(ms * 48 * 4), sample_rate_hz=48_000, channels=2).wire()


def _fragment(**changes: object) -> dict[str, object]:
    return {
        "fragment_id": str(uuid.uuid4()),
        "stream_id": "s",
        "sequence_number": 0,
        "timestamp": 1,
        "audio": _audio(),
        **changes,
    }


def test_exported_schemas_are_current() -> None:
    on_disk = {path.name: path.read_text() for path in SCHEMAS.glob("*.json")}
    assert on_disk == rendered(), "run: python -m services.contracts.export"


def test_every_event_has_a_schema_that_refuses_unknown_fields() -> None:
    for model in {*CLIENT_EVENTS.values(), *SERVER_EVENTS.values()}:
        assert model.model_json_schema()["additionalProperties"] is False


@given(st.binary(max_size=4000).map(lambda b: b[: len(b) // 4 * 4]))
def test_pcm_survives_the_wire(pcm: bytes) -> None:
    payload = AudioPayload.from_pcm(pcm, sample_rate_hz=48_000, channels=2)
    assert AudioPayload.model_validate(payload.wire()).pcm() == pcm


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"sequence_number": -1},
        {"sequence_number": "0"},
        {"fragment_id": "no-uuid"},
        {"stream_id": ""},
        {"audio": {**_audio(), "duration_ms": 103}},
        {"audio": {**_audio(), "data_base64": "***"}},
        {"audio": {**_audio(), "data_base64": "AAA="}},
        {"audio": {**_audio(), "data_base64": "****"}},
        {"audio": {**_audio(), "data_base64": "A==="}},
        {"audio": {**_audio(), "data_base64": "AA\n="}},
        {"audio": {**_audio(), "channels": 3}},
        {"audio": {**_audio(), "format": "mp3"}},
    ],
)
def test_a_broken_fragment_is_refused(change: dict[str, object]) -> None:
    parse_event("media", "fragment:data", _fragment())
    with pytest.raises(ValidationError):
        parse_event("media", "fragment:data", _fragment(**change))


def test_success_needs_transcript_translation_and_audio() -> None:
    base: dict[str, object] = {
        "fragment_id": str(uuid.uuid4()),
        "stream_id": "s",
        "sequence_number": 0,
        "status": "success",
        "processing_time_ms": 1,
        "transcript": "",
        "translated_text": "",
        "dubbed_audio": _audio(),
    }
    FragmentProcessed.model_validate(base)
    for part in ("transcript", "translated_text", "dubbed_audio"):
        with pytest.raises(ValidationError, match=part):
            FragmentProcessed.model_validate({k: v for k, v in base.items() if k != part})
    with pytest.raises(ValidationError, match="without an error"):
        FragmentProcessed.model_validate({**base, "status": "failed"})
    error = {"code": "MODEL_ERROR", "message": "deaf", "retryable": True}
    FragmentProcessed.model_validate({**base, "status": "partial", "error": error})
    with pytest.raises(ValidationError, match="success with an error"):
        FragmentProcessed.model_validate({**base, "error": error})


@pytest.mark.parametrize(("field", "limit"), [("message", 500), ("stream_id", 200)])
def test_an_error_says_no_more_than_it_needs(field: str, limit: int) -> None:
    base = {"code": "TIMEOUT", "message": "late", "severity": "error", "retryable": True}
    parse_event("sts", "error", {**base, field: "x" * limit})
    with pytest.raises(ValidationError, match=field):
        parse_event("sts", "error", {**base, field: "x" * (limit + 1)})


def test_each_side_may_only_send_its_own_events() -> None:
    with pytest.raises(KeyError):
        parse_event("media", "stream:ready", {})
    ack = FragmentAck(fragment_id=uuid.uuid4(), status="queued", timestamp=1).wire()
    assert parse_event("sts", "fragment:ack", ack)
    with pytest.raises(ValueError, match="queued"):
        parse_event("media", "fragment:ack", ack)
