"""H.264's parameter sets, held against what x264 was told when it wrote them."""

import time

import pytest

from media_server import h264, sps
from media_server.sps import SequenceParameters

X264 = {
    "720p": ("6764001facb200a00b7420000003002000000781e30649", (1280, 720, 0, 30)),
    "1080p, cropped": ("67640028acb403c0113f2c20000003002000000781e30654", (1920, 1080, 0, 30)),
    "25 fps": ("6764000cacb40a0cfcf0800000030080000019078a1550", (320, 180, 0, 25)),
    "29.97 fps": ("6764000dacb40a0cfcf0800001f480007530078a1550", (320, 180, 0, 30000 / 1001)),
    "b-frames": ("6764000dacd941419f9e10000003001000000303c0f1429960", (320, 180, 2, 30)),
}
PPS = bytes.fromhex("68ebc3cb22c0")


@pytest.mark.parametrize(("written", "told"), X264.values(), ids=X264)
def test_what_a_parameter_set_says(written: str, told: tuple[int, int, int, float]) -> None:
    width, height, reordered, rate = told
    found = sps.sequence_parameters(bytes.fromhex(written))
    assert (found.width, found.height, found.reordered) == (width, height, reordered)
    assert found.frame_s == pytest.approx(1 / rate)


def written(profile: int, order: str) -> bytes:
    """A set of 32x16 interlaced pictures, without a word on how they are used."""
    bits = f"{profile:08b}" + "0" * 8 + f"{30:08b}" + "1" + "1" + order + "1" + "0"
    bits += "010" + "1" + "00" + "0" + "0" + "0" + "1"
    bits += "0" * (-len(bits) % 8)
    return b"\x67" + int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(
    ("profile", "order", "reordered"),
    [(66, "1" + "1", 0), (77, "1" + "1", 2), (77, "011", 0), (77, "010" + "0111", 2)],
    ids=["baseline", "main", "main, shown as decoded", "main, in a cycle"],
)
def test_pictures_without_a_word_on_their_order(profile: int, order: str, reordered: int) -> None:
    found = sps.sequence_parameters(written(profile, order))
    assert found == SequenceParameters(32, 32, reordered, None)


@pytest.mark.parametrize("cut", [b"", b"\x68\x01", bytes.fromhex(X264["720p"][0])[:9], b"\x67" * 4])
def test_what_is_no_parameter_set_is_told(cut: bytes) -> None:
    with pytest.raises(ValueError, match=r"parameter set|format"):
        sps.sequence_parameters(cut)


def test_a_configuration_is_that_which_the_container_has() -> None:
    """The record of the committed clip, as FFmpeg wrote it into its MP4."""
    sequence_set = bytes.fromhex(X264["720p"][0])
    record = sps.configuration([sequence_set], [PPS])
    assert record.hex() == (
        "0164001fffe100176764001facb200a00b7420000003002000000781e3064901000668ebc3cb22c0fdf8f800"
    )
    assert h264.parameter_sets(record) == ((sequence_set,), (PPS,))


@pytest.mark.parametrize("size", [0, 5, 6, 8, 20, 33, 38])
def test_a_configuration_that_is_cut_off_is_told(size: int) -> None:
    record = sps.configuration([bytes.fromhex(X264["720p"][0])], [PPS])
    with pytest.raises(ValueError, match=r"ends early|cut off"):
        h264.parameter_sets(record[:size])


def test_units_and_their_lengths() -> None:
    joined = h264.join([b"ab", b"c"])
    assert joined == b"\x00\x00\x00\x02ab\x00\x00\x00\x01c"
    assert list(h264.units(joined + bytes(4))) == [b"ab", b"c"]
    for size in (3, 5):
        with pytest.raises(ValueError, match="ends"):
            list(h264.units(joined[:size]))


def golomb(number: int) -> str:
    return f"{number + 1:b}".zfill(2 * (number + 1).bit_length() - 1)


def set_of(head: bytes, number: int) -> bytes:
    """A set of that kind and number, and nothing behind it."""
    bits = golomb(number) + "1"
    bits += "0" * (-len(bits) % 8)
    return head + int(bits, 2).to_bytes(len(bits) // 8, "big")


@pytest.mark.parametrize(("head", "last"), [(b"\x67\x42\x00\x1e", 31), (b"\x68", 255)])
def test_a_number_that_no_set_can_have_is_told(head: bytes, last: int) -> None:
    """So there are only so many that anybody can have kept here."""
    assert sps.set_id(set_of(head, last)) == last
    with pytest.raises(ValueError, match=f"number {last + 1}"):
        sps.set_id(set_of(head, last + 1))


def test_a_set_that_is_longer_than_any_is_told() -> None:
    assert sps.set_id(PPS + bytes(4000)) == 0
    with pytest.raises(ValueError, match="5006 bytes"):
        sps.set_id(PPS + bytes(5000))


def test_a_set_without_an_end_costs_nothing() -> None:
    begun_s = time.process_time()
    with pytest.raises(ValueError, match="ends early"):
        sps.set_id(PPS[:1] + bytes(1 << 20) + b"\x01")
    assert time.process_time() - begun_s < 1
