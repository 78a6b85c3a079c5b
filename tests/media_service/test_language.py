"""The output says in which language its sound is."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from media_service.audio_format import SAMPLE_RATE_HZ
from media_service.worker.output import AudioEncoder, Output, OutputState
from media_service.worker.video_head import VideoHead


@pytest.mark.parametrize("language", ["es", "pt-BR", ""])
def test_metadata_name_the_language(clip: Path, tmp_path: Path, language: str) -> None:
    with av.open(str(clip)) as container:
        head = VideoHead.of(container.streams.video[0], width=64, height=64)
    made = tmp_path / "made.flv"
    output = Output(str(made), head, language)
    with output.container:
        muxer = output.begin(OutputState())
        for packet, _ in AudioEncoder(muxer.audio).encode(bytes(4 * SAMPLE_RATE_HZ)):
            muxer.send_audio(packet)
    with av.open(str(made)) as container:
        assert container.metadata.get("language", "") == language
