"""What H.264's sequence parameter set says of the pictures, before one of them has been seen.

Source: ITU-T H.264, 7.3.2.1.1, 7.4.2.1.1 and annex E; the container's form of it is ISO/IEC
14496-15.
"""

from __future__ import annotations

from dataclasses import dataclass

_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_SPS_TYPE = 7
_PROFILE_WITHOUT_REORDERING = 66
_USUAL_REORDERING = 2
_MAX_REORDERING = 16
_SAR_GIVEN = 255
_AVCC_HEAD_BYTES = 8
"""Version, profile, level and counts, up to the length of the first parameter set."""


@dataclass(frozen=True)
class SequenceParameters:
    """Size in pixels, cropped, and order: decoding and showing differ by ``reordered`` pictures.

    ``frame_s`` is how long a picture is shown, None where it is not said. ``formats`` is what the
    avcC record of a high profile says of the samples, empty for other profiles.
    """

    width: int
    height: int
    reordered: int
    frame_s: float | None
    formats: bytes = b""


class _Bits:
    """Reads a parameter set bit by bit; raises ``ValueError`` at its end."""

    def __init__(self, payload: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in payload.replace(b"\0\0\3", b"\0\0"))
        self._at = 0

    def take(self, count: int) -> int:
        bits = self._bits[self._at : self._at + count]
        if len(bits) < count:
            raise ValueError("the parameter set ends early")
        self._at += count
        return int(bits, 2) if bits else 0

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb code (9.1)."""
        zeros = 0
        while self.take(1) == 0:
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """Read a signed Exp-Golomb code (9.1.1)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def picture_size(extradata: bytes | None) -> tuple[int, int]:
    """Return width and height in pixels, cropped, out of an avcC record; (0, 0) if it has none."""
    parameters = sequence_parameters(extradata)
    return (parameters.width, parameters.height) if parameters is not None else (0, 0)


def sequence_parameters(extradata: bytes | None) -> SequenceParameters | None:
    """Read the first parameter set of an avcC record; None if it has none that can be read."""
    if not extradata or extradata[0] != 1 or len(extradata) <= _AVCC_HEAD_BYTES:
        return None
    length = int.from_bytes(extradata[6:8], "big")
    return parameters_of(extradata[_AVCC_HEAD_BYTES : _AVCC_HEAD_BYTES + length])


def parameters_of(sps: bytes) -> SequenceParameters | None:
    """Read a sequence parameter set; None if it is none that can be read."""
    if not sps or sps[0] & 0x1F != _SPS_TYPE:
        return None
    try:
        return _read(_Bits(sps[1:]))
    except ValueError:
        return None


def _read(bits: _Bits) -> SequenceParameters:
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    bits.golomb()  # the set's id
    chroma, formats = _chroma_format(bits) if profile in _HIGH_PROFILES else (1, b"")
    bits.golomb()  # log2 of the largest frame number
    shown_as_decoded = _picture_order(bits)
    bits.golomb()  # reference frames
    bits.take(1)  # gaps in frame numbers
    width_blocks, height_units = bits.golomb() + 1, bits.golomb() + 1
    frames_only = bits.take(1)
    if not frames_only:
        bits.take(1)  # fields of one frame may be mixed
    bits.take(1)  # direct inference
    left = right = top = bottom = 0
    if bits.take(1):
        left, right, top, bottom = (bits.golomb() for _ in range(4))
    unit_x = 2 if chroma in {1, 2} else 1
    unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    width = 16 * width_blocks - unit_x * (left + right)
    height = 16 * height_units * (2 - frames_only) - unit_y * (top + bottom)
    reordered, frame_s = _usability(bits)
    if reordered is None:
        reordered = 0 if profile == _PROFILE_WITHOUT_REORDERING else _USUAL_REORDERING
    reordered = 0 if shown_as_decoded else min(reordered, _MAX_REORDERING)
    return SequenceParameters(width, height, reordered, frame_s, formats)


def _chroma_format(bits: _Bits) -> tuple[int, bytes]:
    """Return the number of the format (1 is 4:2:0), and what the avcC record says of it."""
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)  # separate planes
    depths = (bits.golomb(), bits.golomb())  # of luma and chroma, over 8 bits
    if chroma > 3 or max(depths) > 6:
        raise ValueError("no such format of samples")
    bits.take(1)  # transform bypass
    if bits.take(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.take(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma, bytes([0xFC | chroma, *(0xF8 | depth for depth in depths), 0])


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last


def _picture_order(bits: _Bits) -> bool:
    """Skip how pictures are ordered; return whether they are shown in the order of decoding."""
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.signed_golomb()
        bits.signed_golomb()
        for _ in range(bits.golomb()):
            bits.signed_golomb()
    return kind == 2


def _usability(bits: _Bits) -> tuple[int | None, float | None]:
    """Read annex E: by how many pictures they are reordered, and how long each is shown.

    What it does not say, or breaks off before, is None: the size counts all the same.
    """
    frame_s = None
    try:
        if not bits.take(1):
            return None, None
        if bits.take(1) and bits.take(8) == _SAR_GIVEN:
            bits.take(32)
        if bits.take(1):
            bits.take(1)  # overscan
        if bits.take(1):
            bits.take(4)  # video format and range
            if bits.take(1):
                bits.take(24)  # colours
        if bits.take(1):
            bits.golomb()  # where chroma is sampled, for either field
            bits.golomb()
        if bits.take(1):
            ticks, per_second = bits.take(32), bits.take(32)
            bits.take(1)
            frame_s = 2 * ticks / per_second if ticks and per_second else None
        if sum(_skip_buffer(bits) for _ in range(2) if bits.take(1)):
            bits.take(1)  # low delay
        bits.take(1)  # structure of the pictures
        if not bits.take(1):
            return None, frame_s
        bits.take(1)
        for _ in range(4):
            bits.golomb()
        return bits.golomb(), frame_s
    except ValueError:
        return None, frame_s


def _skip_buffer(bits: _Bits) -> int:
    count = bits.golomb() + 1
    bits.take(8)
    for _ in range(min(count, 32)):
        bits.golomb()
        bits.golomb()
        bits.take(1)
    bits.take(20)
    return 1
