"""Over which protocol a stream was read is judged by the media server's own words."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.ingest_proofs import prove_carried_over
from environment.runs.run import PipelineRun

RTMP, RTSP = {"type": "rtmpConn", "id": "a"}, {"type": "rtspSession", "id": "b"}


def run(**input_state: Any) -> PipelineRun:
    return cast(PipelineRun, SimpleNamespace(input_state=input_state, folder=Path("run")))


def test_a_stream_that_came_and_was_read_as_told_is_accepted() -> None:
    prove_carried_over(run(source=RTSP, readers=[RTSP]), published="rtsp", read="rtsp")
    prove_carried_over(run(source=RTMP, readers=[RTSP]), published="rtmp", read="rtsp")


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"source": RTSP, "readers": []},
        {"source": RTSP, "readers": [RTMP]},
        {"source": RTMP, "readers": [RTSP]},
        {"source": RTSP, "readers": [RTSP, RTMP]},
        {"source": None, "readers": None},
    ],
)
def test_another_protocol_or_another_reader_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ExpectationFailed, match="rtspSession"):
        prove_carried_over(run(**state), published="rtsp", read="rtsp")
