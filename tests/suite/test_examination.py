"""What an examination makes of logs, words and recordings."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from unittest import mock

import pytest

from environment.measuring.sound import read_audio
from environment.proofs import examination
from environment.runs.run import PipelineRun
from environment.runs.watching import watch
from environment.settings import REPO_ROOT

CLIP = REPO_ROOT / "fixtures" / "streams" / "30s-english-counting.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    words = [{"text": "one", "start_s": 0.6}, {"text": "two", "start_s": 1.2}]
    (tmp_path / "clip.json").write_text(json.dumps({"words": words}))
    return tmp_path / "clip.mp4"


def heard(clip: Path, transcript: str, missed_until_s: float = 0.0) -> examination.Words:
    run = SimpleNamespace(clip=clip, transcript=transcript)
    with mock.patch.object(examination, "missed_until_s", return_value=missed_until_s):
        return examination.words_against_clip(cast("PipelineRun", run))


def joined(missed_s: float) -> PipelineRun:
    """A run whose live join missed that much of the clip."""
    sound = read_audio(CLIP).cut(0, 6)
    sound[: round(missed_s * 48_000)] = 0
    fragment = SimpleNamespace(sequence_number=0, source_audio=sound, rate_hz=48_000)
    return cast("PipelineRun", SimpleNamespace(fragments=(fragment,), source=CLIP))


def test_a_join_that_missed_only_silence_missed_nothing() -> None:
    assert examination.missed_until_s(joined(0.0)) == 0
    assert examination.missed_until_s(joined(0.5)) == 0


def test_a_join_that_missed_sound_is_seen_in_the_first_fragment() -> None:
    assert examination.missed_until_s(joined(0.8)) == pytest.approx(0.8, abs=0.001)


def test_a_first_fragment_without_any_sound_missed_all_of_it() -> None:
    assert examination.missed_until_s(joined(6.0)) == pytest.approx(6.0)


def test_all_words_are_faultless(clip: Path) -> None:
    assert heard(clip, "One, 2").faultless


def test_a_word_cut_by_the_join_is_named_and_forgiven(clip: Path) -> None:
    words = heard(clip, "two", missed_until_s=0.7)
    assert words.faultless
    assert "cut by the join: one" in str(words)


def test_a_first_word_that_was_on_the_air_must_be_there(clip: Path) -> None:
    assert not heard(clip, "two", missed_until_s=0.4).faultless


@pytest.mark.parametrize("transcript", ["one", "one two three", "one too"])
def test_missing_added_and_wrong_words_are_faults(clip: Path, transcript: str) -> None:
    assert not heard(clip, transcript, missed_until_s=5.0).faultless


def test_transcripts_are_read_from_json_lines_only() -> None:
    log = 'started\n{"event": "x"}\n{"transcript": "one two"}\n{"transcript": ""}\n[1]\n'
    assert examination.logged_transcripts(log) == {"one two", ""}


def test_a_sound_clip_decodes_and_a_damaged_one_does_not(tmp_path: Path) -> None:
    assert examination.decoding_faults(CLIP) == ""
    damaged = bytearray(CLIP.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 4000] = bytes(4000)
    (tmp_path / "damaged.mp4").write_bytes(damaged)
    assert examination.decoding_faults(tmp_path / "damaged.mp4") != ""


def test_watching_sees_first_and_last() -> None:
    numbers = iter(range(100))
    seen = watch(lambda: next(numbers), duration_s=0.2, interval_s=0.05)
    assert seen[0] == 0
    assert 3 <= len(seen) <= 6
