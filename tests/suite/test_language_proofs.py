"""The language of an output is read wherever its container has a place for it."""

from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.media import MediaInfo, parse_probe
from environment.proofs.language_proofs import prove_language


def seen(whole: dict[str, str], sound: dict[str, str]) -> MediaInfo:
    streams: list[dict[str, Any]] = [
        {"codec_type": "video", "tags": {"language": "xx"}},
        {"codec_type": "audio", "tags": sound},
    ]
    return parse_probe({"format": {"tags": whole}, "streams": streams})


SILENT = seen({}, {})
WHOLE, TRACK = seen({"language": "es"}, {}), seen({"title": "x"}, {"language": "es"})


def test_the_tracks_own_word_goes_before_that_on_the_whole() -> None:
    assert seen({"language": "en"}, {"language": "es"}).audio_language == "es"
    assert (WHOLE.audio_language, TRACK.audio_language, SILENT.audio_language) == ("es", "es", None)
    assert parse_probe({}).audio_language is None


def test_an_output_that_names_it_everywhere_is_accepted() -> None:
    prove_language({"RTMP": WHOLE, "RTSP": TRACK}, SILENT, "es")
    prove_language({"RTMP": WHOLE}, seen({}, {"language": "und"}), "es")


@pytest.mark.parametrize(
    ("outputs", "source", "language"),
    [
        ({}, SILENT, "es"),
        ({"RTMP": WHOLE, "file": SILENT}, SILENT, "es"),
        ({"RTMP": WHOLE}, SILENT, "pt"),
        ({"RTMP": WHOLE}, TRACK, "es"),
    ],
    ids=["never seen", "not in the file", "another", "the source's own"],
)
def test_one_that_does_not_is_refused(
    outputs: dict[str, MediaInfo], source: MediaInfo, language: str
) -> None:
    with pytest.raises(ExpectationFailed):
        prove_language(outputs, source, language)
