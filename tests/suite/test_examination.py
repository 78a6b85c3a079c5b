"""What an examination makes of logs, words and recordings."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

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


def heard(clip: Path, transcript: str, missed_head_s: float = 0.0) -> examination.Words:
    report = {"missed_head_s": missed_head_s}
    run = SimpleNamespace(clip=clip, transcript=transcript, report=report)
    return examination.words_against_clip(cast("PipelineRun", run))


def test_all_words_are_faultless(clip: Path) -> None:
    assert heard(clip, "One, 2").faultless


def test_a_word_cut_by_the_join_is_named_and_forgiven(clip: Path) -> None:
    words = heard(clip, "two", missed_head_s=0.7)
    assert words.faultless
    assert "cut by the join: one" in str(words)


def test_a_first_word_that_was_on_the_air_must_be_there(clip: Path) -> None:
    assert not heard(clip, "two", missed_head_s=0.4).faultless


@pytest.mark.parametrize("transcript", ["one", "one two three", "one too"])
def test_missing_added_and_wrong_words_are_faults(clip: Path, transcript: str) -> None:
    assert not heard(clip, transcript, missed_head_s=5.0).faultless


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
