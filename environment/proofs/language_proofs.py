"""Proofs about the language that an output says its sound is in.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping

from environment.expectations import expect
from environment.measuring.media import MediaInfo


def prove_language(seen: Mapping[str, MediaInfo], source: MediaInfo, language: str) -> None:
    """Wherever the output was looked at it names the language, which its source did not."""
    named = {place: info.audio_language for place, info in seen.items()}
    expect(
        named and set(named.values()) == {language} and source.audio_language != language,
        expected=f"{language!r} as the language of the sound, wherever ffprobe reads the output",
        seen=f"{named}; of the source: {source.audio_language!r}",
        hint="`language` in onMetaData comes out of media-service's TARGET_LANGUAGE; MediaMTX "
        "writes metadata of its own, the stand-in hands on what it was given.",
    )
