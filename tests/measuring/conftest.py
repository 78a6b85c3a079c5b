from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from environment.measuring.media import AudioTrack, read_audio
from environment.measuring.sound import Samples
from environment.measuring.sync import SegmentAudio
from fixtures.catalogue import CLIPS
from tests.measuring.making import LENGTH_S, RATE_HZ, SEGMENT_S, silence, split_frames

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def source() -> Path:
    return CLIPS[0].path


@pytest.fixture(scope="session")
def said(source: Path) -> AudioTrack:
    return read_audio(source, RATE_HZ)


@pytest.fixture(scope="session")
def spanish() -> Samples:
    """espeak-ng counts from "uno" to "dieciocho", each number centred in its second."""
    return read_audio(DATA / "spanish_1_to_18.mp4", RATE_HZ).samples[: 18 * RATE_HZ]


@pytest.fixture(scope="session")
def other_voice() -> Samples:
    """flite's voice slt counts from one to six, placed as in the clip."""
    return read_audio(DATA / "other_voice_1_to_6.mp4", RATE_HZ).samples[: 6 * RATE_HZ]


@pytest.fixture(scope="session")
def dubs(spanish: Samples) -> list[SegmentAudio]:
    """Three dubbed segments of four seconds."""
    return [
        SegmentAudio(number, number * float(SEGMENT_S), np.ascontiguousarray(samples), RATE_HZ)
        for number, samples in enumerate(np.split(spanish[: LENGTH_S * RATE_HZ], 3))
    ]


@pytest.fixture(scope="session")
def encoded_again(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two seconds of the source, decoded and encoded anew."""
    path = tmp_path_factory.mktemp("again") / "again.mp4"
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        stream = made.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        audio = made.add_stream("aac", rate=RATE_HZ)
        for frame in itertools.islice(given.decode(video=0), 60):
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
        for sound in split_frames(np.stack([silence(2)] * 2)):
            made.mux(audio.encode(sound))
        made.mux(audio.encode(None))
    return path
