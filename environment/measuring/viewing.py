"""What is seen in a file once it is decoded, and whether it decodes to its end."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from environment.errors import ToolUnavailable
from environment.measuring.media import read_video_packets
from environment.measuring.once import once_per_file
from environment.measuring.sound import MediaUnreadable

WIDTH: Final = 160
HEIGHT: Final = 90
_DECODE_TIMEOUT_S: Final = 120.0

Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Viewing:
    """All pictures of a file in the order in which they are shown.

    `times_s` (shape (pictures,)) is when each is shown; `luma` (shape (pictures, 90, 160)) what it
    looks like from afar: the mean brightness of each part, 0 (black) to 255 (white). `end_s` is
    when the last one has been shown for as long as usual. `faults` is what the decoder complained
    about, in picture or sound, or that pictures were lost in it; empty when all is well.
    """

    times_s: npt.NDArray[np.float64]
    luma: Luma
    end_s: float
    faults: str


@once_per_file
def view(path: Path | str) -> Viewing:
    """Decode all of a file with H.264 in it, picture and sound, at once.

    Raises MediaUnreadable where there is no such picture, or not one can be decoded.
    """
    times_s = np.sort([packet.pts_s for packet in read_video_packets(path)])
    if len(times_s) == 0:
        raise MediaUnreadable(f"{path} has a video stream without a single picture")
    luma, complaints = _decode(path)
    if len(luma) == 0:
        raise MediaUnreadable(f"not one picture of {path} can be decoded: {complaints}")
    if len(luma) != len(times_s):
        lost = f"{len(luma)} pictures come out of {len(times_s)} packets"
        complaints = f"{complaints}\n{lost}".strip()
    shown = min(len(luma), len(times_s))
    usual_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0
    return Viewing(times_s[:shown], luma[:shown], float(times_s[-1]) + usual_s, complaints)


def _decode(path: Path | str) -> tuple[Luma, str]:
    argv = [
        *("ffmpeg", "-nostdin", "-v", "error", "-i", str(path)),
        *("-map", "0:v:0", "-vf", f"scale={WIDTH}:{HEIGHT}:flags=area", "-pix_fmt", "gray"),
        # Each picture once, whatever its timestamp says, and on its own clock: two that are held
        # for less than a frame would have the same time on that of the frame rate.
        *("-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "rawvideo", "pipe:1"),
        *("-map", "0:a?", "-f", "null", "-"),
    ]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_DECODE_TIMEOUT_S, check=False)
    except FileNotFoundError as missing:
        raise ToolUnavailable("ffmpeg is not installed.", remedy="install ffmpeg") from missing
    except subprocess.TimeoutExpired as late:
        raise MediaUnreadable(f"{path} is not decoded in {_DECODE_TIMEOUT_S:g} s") from late
    complaints = done.stderr.decode(errors="replace").strip()
    if done.returncode and not complaints:
        complaints = f"ffmpeg: exit code {done.returncode}"
    size = WIDTH * HEIGHT
    whole = len(done.stdout) // size
    return np.frombuffer(done.stdout, np.uint8, whole * size).reshape(-1, HEIGHT, WIDTH), complaints
