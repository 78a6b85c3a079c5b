"""How loud a programme is to a listener: EBU R128's integrated loudness (ITU-R BS.1770-4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr
from scipy import signal

from environment.measuring.sound import AudioTrack, Samples

SILENT_LUFS: Final = -70.0
"""The recommendation's absolute gate: nothing below it counts."""

_RATE_HZ: Final = 48_000
_BLOCK_S: Final = 0.4
_OVERLAP: Final = 4
_RELATIVE_GATE_LU: Final = -10.0
# The recommendation's constant: 997 Hz at full scale on one channel reads -3.01 LUFS.
_OFFSET_LU: Final = -0.691
# The two stages of K-weighting at 48 kHz, as the recommendation prints them: the head's shelf,
# then the high-pass.
_SHELF: Final = (1.53512485958697, -2.69169618940638, 1.19839281085285)
_SHELF_FEEDBACK: Final = (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS: Final = (1.0, -2.0, 1.0)
_HIGH_PASS_FEEDBACK: Final = (1.0, -1.99004745483398, 0.99007225036621)
_K_WEIGHTING: Final = np.array([_SHELF + _SHELF_FEEDBACK, _HIGH_PASS + _HIGH_PASS_FEEDBACK])


def integrated_lufs(channels: Sequence[AudioTrack]) -> float:
    """Return the gated loudness of a recording's channels, -70 when all of it is silent.

    A single channel counts as heard from both speakers, as every player does it. Programmes
    shorter than a block of 0.4 s are padded with silence. ValueError without a channel.
    """
    if not channels:
        raise ValueError("loudness needs at least one channel")
    pair = channels if len(channels) > 1 else [channels[0], channels[0]]
    blocks = np.sum([_block_powers(_at_rate(channel)) for channel in pair], axis=0)
    loud = blocks[_lufs(blocks) > SILENT_LUFS]
    if len(loud) == 0:
        return SILENT_LUFS
    gate_lufs = float(_lufs(loud.mean())) + _RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate_lufs].mean()))


def _at_rate(channel: AudioTrack) -> Samples:
    if channel.rate_hz == _RATE_HZ:
        return channel.samples
    return np.asarray(soxr.resample(channel.samples, channel.rate_hz, _RATE_HZ, "HQ"), np.float32)


def _block_powers(samples: Samples) -> npt.NDArray[np.float64]:
    """Mean square of each K-weighted block of 0.4 s, one every 0.1 s."""
    hop = round(_BLOCK_S * _RATE_HZ) // _OVERLAP
    padded = np.pad(samples, (0, max(0, _OVERLAP * hop - len(samples))))
    weighted = signal.sosfilt(_K_WEIGHTING, padded.astype(np.float64))
    hops = weighted[: len(weighted) // hop * hop].reshape(-1, hop)
    return np.convolve(np.mean(hops**2, axis=1), np.full(_OVERLAP, 1 / _OVERLAP), "valid")


def _lufs(powers: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    return np.asarray(_OFFSET_LU + 10 * np.log10(np.maximum(powers, 1e-20)))
