from __future__ import annotations

import hashlib
from itertools import pairwise

import av
import numpy as np
import numpy.typing as npt
import pytest

from environment.measuring.media import AudioTrack, probe, read_audio, read_video_packets
from environment.measuring.sound import level_dbfs
from environment.measuring.transcript import counting_words, word_error_rate
from fixtures.catalogue import CLIPS, COUNTING, SENTENCES_SAID, SPEECH, ClipPlan, find_plan
from fixtures.make_streams import main
from fixtures.picture import DARK_LUMA, FLASH_LUMA, Picture
from fixtures.sidecar import read_sidecar
from fixtures.world import HELLO_WORLD, SENTENCES

FORM = CLIPS[0].form
PICTURE = Picture(FORM.width, FORM.height, FORM.fps, CLIPS[0].first_number)
COUNTED = (COUNTING, SPEECH)
SEGMENT_S = 6


def named(plan: ClipPlan) -> str:
    return plan.name


@pytest.fixture(params=CLIPS, ids=named)
def plan(request: pytest.FixtureRequest) -> ClipPlan:
    assert isinstance(request.param, ClipPlan)
    return request.param


def heard(plan: ClipPlan) -> AudioTrack:
    return read_audio(plan.path, 48_000)


def test_clip_is_the_one_described(plan: ClipPlan) -> None:
    sidecar = read_sidecar(plan.path)

    assert hashlib.sha256(plan.path.read_bytes()).hexdigest() == sidecar.sha256
    assert sidecar.voice == f"flite {plan.voice}"
    assert plan.path.stat().st_size < 1_000_000


def test_codecs_and_duration(plan: ClipPlan) -> None:
    info, length_s = probe(plan.path), plan.form.duration_s

    assert info.duration_s == length_s
    assert info.start_s == 0
    assert info.video is not None
    assert (info.video.codec, info.video.has_b_frames) == ("h264", 0)
    assert (info.video.width, info.video.height, info.video.fps) == (1280, 720, 30)
    assert info.video.pixel_format == "yuv420p"
    assert info.audio is not None
    assert (info.audio.codec, info.audio.profile) == ("aac", "LC")
    assert info.audio.sample_rate_hz == 48_000
    assert (info.video.duration_s, info.audio.duration_s) == (length_s, length_s)


def test_keyframe_every_two_seconds_and_no_reordering(plan: ClipPlan) -> None:
    packets, length_s = read_video_packets(plan.path), int(plan.form.duration_s)

    assert len(packets) == 30 * length_s
    assert [p.pts_s for p in packets if p.keyframe] == pytest.approx(list(range(0, length_s, 2)))
    assert all(packet.pts_s == packet.dts_s for packet in packets)
    assert len({packet.slice_hash for packet in packets}) == len(packets)


def test_voices_differ() -> None:
    assert len({plan.voice for plan in CLIPS}) == len(CLIPS)


@pytest.mark.parametrize("plan", COUNTED, ids=named)
def test_words_are_the_numbers_in_order(plan: ClipPlan) -> None:
    sidecar = read_sidecar(plan.path)

    assert [word.number for word in sidecar.words] == list(range(1, 31))
    assert word_error_rate(" ".join(counting_words(1, 30)), sidecar.transcript) == 0
    assert not sidecar.phrases


@pytest.mark.parametrize("plan", COUNTED, ids=named)
def test_each_number_sounds_inside_its_own_second(plan: ClipPlan) -> None:
    said = heard(plan)
    for second, word in enumerate(read_sidecar(plan.path).words):
        assert second < word.start_s < word.end_s < second + 1
        spoken = said.cut(word.start_s, word.end_s - word.start_s)
        before = said.cut(second, word.start_s - second)
        after = said.cut(word.end_s, second + 1 - word.end_s)
        assert level_dbfs(spoken) > -30, word
        assert max(level_dbfs(before), level_dbfs(after)) < -55, word


@pytest.mark.parametrize("plan", COUNTED, ids=named)
def test_first_number_is_late_and_the_others_centred(plan: ClipPlan) -> None:
    first, *others = read_sidecar(plan.path).words
    assert first.start_s > 0.3
    for word in others:
        assert (word.start_s + word.end_s) / 2 % 1 == pytest.approx(0.5, abs=0.001)


def test_sentences_are_those_of_the_world_in_order() -> None:
    sidecar = read_sidecar(SENTENCES_SAID.path)

    said = [phrase.text for phrase in sidecar.phrases]
    assert said == [phrase.english for phrase in (HELLO_WORLD, *SENTENCES)]
    assert sidecar.transcript == " ".join(said)
    assert all(word.number is None for word in sidecar.words)


def test_no_sentence_is_cut_and_each_segment_has_some() -> None:
    phrases = read_sidecar(SENTENCES_SAID.path).phrases

    assert phrases[0].start_s > 0.5
    for phrase in phrases:
        within_s = phrase.start_s % SEGMENT_S
        assert within_s >= 0.15
        assert within_s + phrase.end_s - phrase.start_s <= SEGMENT_S - 0.15
    assert {int(phrase.start_s // SEGMENT_S) for phrase in phrases} == set(range(5))


def test_sentences_sound_and_the_pauses_between_them_do_not() -> None:
    said, phrases = heard(SENTENCES_SAID), read_sidecar(SENTENCES_SAID.path).phrases
    ends = [0.0, *(phrase.end_s for phrase in phrases)]
    begins = [*(phrase.start_s for phrase in phrases), float(SENTENCES_SAID.form.duration_s)]

    for phrase in phrases:
        assert level_dbfs(said.cut(phrase.start_s, phrase.end_s - phrase.start_s)) > -30, phrase
    for end_s, begin_s in zip(ends, begins, strict=True):
        assert begin_s - end_s > 0.4
        assert level_dbfs(said.cut(end_s, begin_s - end_s)) < -55


def test_words_of_a_sentence_follow_each_other_within_it() -> None:
    sidecar = read_sidecar(SENTENCES_SAID.path)
    words = iter(sidecar.words)

    for phrase in sidecar.phrases:
        its = [next(words) for _ in phrase.text.split()]
        assert [word.text for word in its] == phrase.text.split()
        assert phrase.start_s <= its[0].start_s < phrase.start_s + 0.1
        assert phrase.end_s - 0.15 < its[-1].end_s <= phrase.end_s
        for one, other in pairwise(its):
            assert one.end_s - one.start_s > 0.02
            assert 0 <= other.start_s - one.end_s < 0.3


def test_flashes_are_where_the_sidecar_says(plan: ClipPlan) -> None:
    sidecar = read_sidecar(plan.path)
    lit: list[bool] = []
    with av.open(str(plan.path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            corner = _luma(frame)[PICTURE.flash_box].mean()
            lit.append(bool(corner > (DARK_LUMA + FLASH_LUMA) / 2))

    said_lit = [
        any(flash.start_s <= number / 30 < flash.end_s - 1e-4 for flash in sidecar.flashes)
        for number in range(len(lit))
    ]
    assert lit == said_lit
    assert len(sidecar.flashes) == plan.form.duration_s
    assert len(lit) == plan.form.frames


def _luma(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    plane = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
    return plane.reshape(frame.height, -1)[:, : frame.width]


def test_drawn_frames_differ_and_keep_their_shape() -> None:
    first, second = PICTURE.draw(0), PICTURE.draw(1)

    assert first.shape == (720 * 3 // 2, 1280)
    assert (first != second).any()


def test_unknown_clip_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["no-such-clip"])

    assert stopped.value.code == 2
    assert "30s-english-counting" in capsys.readouterr().err
    assert find_plan("30s-english-counting") == CLIPS[0]
