"""What a real player made of a stream or a recording, read from what it left behind."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

from pydantic import BaseModel, ConfigDict

SILENT_DBFS: Final = -120.0
"""What the players' measures say of digital silence."""

# Coding noise changes less of a small copy of the picture by ten levels.
_MOVES_FROM: Final = 0.001
# Luma of the brightest point of what nobody can tell from black.
_BLACK_UP_TO: Final = 40.0
# Each look at the sound spans what was heard in the last third of a second.
_HEARD_S: Final = 0.35
# What gathered while mpv found out what it was reading is played out of step at first.
_SETTLE_S: Final = 1.0

_NUMBER: Final = r"(-?[\d.]+)"
_STATUS: Final = re.compile(rf"STATUS {_NUMBER} {_NUMBER} (\d+) (\d+) (\d+)")
_TRACK: Final = re.compile(r"\(\+\) (Video|Audio) .*?\((\w+)")
_COMPLAINT: Final = re.compile(r"^\[ *[\d.]+\]\[[ef]\]\[(.*)$", re.MULTILINE)
_LOUDEST: Final = re.compile(rf"max_volume: {_NUMBER} dB")
_STILL_OR_BLACK: Final = re.compile(r"(?:freeze_start: |black_start:)[\d.]+")


class Look(BaseModel):
    """One look at the page, four times a second.

    ``brightest`` is the luma (0 to 255) of the brightest point of a small copy of the picture,
    ``changed_share`` how much of it differs from the look before (None: there was none),
    ``level_dbfs`` the RMS level of what was heard since.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_s: float
    brightest: float
    changed_share: float | None
    level_dbfs: float


class BrowserPlayback(BaseModel):
    """A recording as Chromium played it, by the word of the page that it was played on.

    ``trouble`` is why it was not played to its end, where the page knows. ``shown`` are the
    pictures as they came to the screen: when, by the page's clock, and which, by the recording's.
    ``pictures`` were decoded, ``dropped`` of them too late to be shown, ``corrupted`` damaged.
    ``unreadable`` is what ffmpeg could not read of the recording when it copied it for Chromium.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trouble: str | None
    ended: bool
    duration_s: float | None
    played_until_s: float
    width: int
    height: int
    decoded_audio_bytes: int
    pictures: int
    dropped: int
    corrupted: int
    shown: tuple[tuple[float, float], ...]
    samples: tuple[Look, ...]
    events: tuple[tuple[float, str], ...]
    browser: str
    unreadable: tuple[str, ...] = ()

    @property
    def dropped_share(self) -> float:
        """The share of the pictures that came too late; 1 when there were none."""
        return self.dropped / self.pictures if self.pictures else 1.0

    def longest_hold_s(self, after_s: float = 0.0) -> float:
        """For how long one picture stayed on the screen at most, from that place on.

        By the clock that went further: the page's when playback hung, the recording's where it
        has a hole. Infinite when nothing was shown.
        """
        shown = [(at_s, media_s) for at_s, media_s in self.shown if media_s >= after_s]
        if not shown:
            return float("inf")
        at_the_end = self.played_until_s - shown[-1][1]
        between = (
            max(later_s - at_s, later_media_s - media_s)
            for (at_s, media_s), (later_s, later_media_s) in pairwise(shown)
        )
        return max(chain(between, [at_the_end]))

    def longest_still_s(self, after_s: float = 0.0) -> float:
        """For how long what was seen did not change at most, from that place on."""
        return self._longest_s(after_s, lambda look: (look.changed_share or 0.0) < _MOVES_FROM)

    def longest_black_s(self, after_s: float = 0.0) -> float:
        """For how long nothing but black was seen at most, from that place on."""
        return self._longest_s(after_s, lambda look: look.brightest <= _BLACK_UP_TO)

    def loudest_dbfs(self, start_s: float, end_s: float) -> float:
        """The RMS level of the loudest third of a second between two places."""
        heard = (s.level_dbfs for s in self.samples if start_s <= s.at_s - _HEARD_S / 2 < end_s)
        return max(heard, default=SILENT_DBFS)

    def _longest_s(self, after_s: float, is_so: Callable[[Look], bool]) -> float:
        """Infinite when nobody looked."""
        looks = [look for look in self.samples if look.at_s >= after_s]
        if not looks:
            return float("inf")
        longest_s, since_s = 0.0, looks[0].at_s
        for look in looks:
            if is_so(look):
                longest_s = max(longest_s, look.at_s - since_s)
            else:
                since_s = look.at_s
        return longest_s


@dataclass(frozen=True)
class LivePlayback:
    """A live stream as mpv played it.

    ``codecs`` are those of the tracks it chose, by kind; ``played_s`` is how far it came from its
    first picture. Of its ``pictures`` so many were ``dropped``, by the decoder or too late for the
    screen. ``apart_s`` is how far sound and picture were apart at most, once it had settled;
    ``loudest_dbfs`` the sound's peak, None where there was none; ``complaints`` the errors of its
    log; ``stills`` what its filters said of a picture that stood still or was black for a second.
    """

    exit_status: int
    codecs: Mapping[str, str]
    played_s: float
    pictures: int
    dropped: int
    apart_s: float
    loudest_dbfs: float | None
    complaints: tuple[str, ...]
    stills: tuple[str, ...]

    @property
    def dropped_share(self) -> float:
        """The share of the pictures that were dropped; 1 when there were none."""
        return self.dropped / self.pictures if self.pictures else 1.0


def read_live_playback(exit_status: int, said: str, log: str) -> LivePlayback:
    """Read what mpv said on its terminal, with our status lines, and in its log file.

    A status line is ``STATUS``, the place (s), how far sound and picture are apart (s), pictures
    dropped before the screen, pictures dropped by the decoder, number of the picture.
    """
    moments = [tuple(map(float, found)) for found in _STATUS.findall(said)]
    settled = [apart_s for at_s, apart_s, *_ in moments if at_s >= moments[0][0] + _SETTLE_S]
    at_s, _, late, lost, number = moments[-1] if moments else (0.0, 0.0, 0.0, 0.0, 0.0)
    peaks = [float(peak) for peak in _LOUDEST.findall(log)]
    return LivePlayback(
        exit_status=exit_status,
        codecs={kind.lower(): codec for kind, codec in _TRACK.findall(said)},
        played_s=at_s - moments[0][0] if moments else 0.0,
        pictures=int(number),
        dropped=int(late + lost),
        apart_s=max(map(abs, settled), default=float("inf")),
        loudest_dbfs=max(peaks, default=None),
        complaints=tuple(f"[{complaint}" for complaint in _COMPLAINT.findall(log)),
        stills=tuple(_STILL_OR_BLACK.findall(log)),
    )
