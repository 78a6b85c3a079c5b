"""The picture's size is known before any picture is."""

import io
from fractions import Fraction

import av
import pytest

from media_service.worker.sps import picture_size


def _extradata(width: int, height: int, pixels: str, options: dict[str, str]) -> bytes:
    with av.open(io.BytesIO(), "w", format="flv") as container:
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = Fraction(1, 30)
        container.start_encoding()
        extradata = stream.codec_context.extradata
    assert extradata
    return _as_avcc(extradata)


def _as_avcc(annex_b: bytes) -> bytes:
    units = [unit.strip(b"\0") for unit in annex_b.split(b"\0\0\1") if unit.strip(b"\0")]
    sps = next(unit for unit in units if unit[0] & 0x1F == 7)
    return b"\1" + sps[1:4] + b"\xff\xe1" + len(sps).to_bytes(2, "big") + sps


@pytest.mark.parametrize(
    ("width", "height", "pixels", "options"),
    [
        (1280, 720, "yuv420p", {"profile": "baseline"}),
        (1920, 1080, "yuv420p", {"profile": "high"}),
        (640, 360, "yuv420p", {"profile": "main"}),
        (854, 480, "yuv422p", {}),
        (322, 182, "yuv444p", {}),
        (720, 576, "yuv420p", {"x264-params": "interlaced=1"}),
        (1280, 720, "yuv420p", {"x264-params": "cqm=jvt"}),
    ],
)
def test_size_of_what_an_encoder_made(
    width: int, height: int, pixels: str, options: dict[str, str]
) -> None:
    assert picture_size(_extradata(width, height, pixels, options)) == (width, height)


@pytest.mark.parametrize("extradata", [None, b"", b"\1", b"\1" * 8, b"\1" * 40, b"\0\0\0\1\x67"])
def test_anything_else_has_no_size(extradata: bytes | None) -> None:
    assert picture_size(extradata) == (0, 0)


def test_a_parameter_set_that_ends_early_has_no_size() -> None:
    whole = _extradata(1280, 720, "yuv420p", {})
    assert picture_size(whole[:12]) == (0, 0)
