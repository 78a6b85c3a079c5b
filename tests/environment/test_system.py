from __future__ import annotations

from environment.stack.system import System


def test_profile_engines_and_models_are_named() -> None:
    health = {
        "profile": "pocket",
        "asr": "whisper",
        "translation": "marian",
        "tts": "coqui",
        "models": {
            "asr": "pocket/whisper-en@1a2b3c4d",
            "translation": "pocket/marian-en-es@0123abcd",
            "tts": "pocket/coqui-es@4d3c2b1a",
        },
    }

    assert System("MediaMTX", False, health).speech == (
        "profile pocket: asr whisper (pocket/whisper-en@1a2b3c4d), "
        "translation marian (pocket/marian-en-es@0123abcd), tts coqui (pocket/coqui-es@4d3c2b1a)"
    )


def test_what_is_not_said_is_said_to_be_unknown() -> None:
    assert System("MediaMTX", False, {}).speech == (
        "profile ?: asr ? (model unknown), translation ? (model unknown), tts ? (model unknown)"
    )
