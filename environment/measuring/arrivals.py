"""When the packets of a live stream arrive, and how steadily they do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import av

from environment.measuring.sound import MediaUnreadable

# What gathered while the player found out what it was reading comes at once.
SETTLE_S: Final = 1.0


@dataclass(frozen=True)
class Arrival:
    """One packet: its kind, its decoding time on the stream's clock, when it came (monotonic)."""

    kind: str
    dts_s: float
    at_s: float


@dataclass(frozen=True)
class Reception:
    """What a player received, from when the stream was open to when it stopped (monotonic)."""

    arrivals: tuple[Arrival, ...]
    begun_at_s: float
    ended_at_s: float


@dataclass(frozen=True)
class Steadiness:
    """How one track came in, once the player had settled.

    ``media_s`` is how far its clock went in ``elapsed_s`` seconds of waiting;
    ``longest_silence_s`` the longest time in which nothing of it came.
    """

    kind: str
    media_s: float
    elapsed_s: float
    longest_silence_s: float

    @property
    def rate(self) -> float:
        """Seconds of media for each second; 0 when nothing came."""
        return self.media_s / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def __str__(self) -> str:
        return (
            f"{self.kind}: {self.media_s:.2f} s in {self.elapsed_s:.2f} s ({self.rate:.3f}), "
            f"longest silence {self.longest_silence_s:.3f} s"
        )


def receive(url: str, duration_s: float, *, timeout_s: float) -> Reception:
    """Play a live URL for ``duration_s`` from the moment it is open, noting each arrival.

    A stream that ends earlier ends the reception. Raises ``MediaUnreadable`` when it cannot be
    opened, or nothing comes for ``timeout_s``.
    """
    arrivals: list[Arrival] = []
    try:
        with av.open(
            url, options={"rtmp_live": "live", "fpsprobesize": "0"}, timeout=(timeout_s, timeout_s)
        ) as container:
            begun_at_s = time.monotonic()
            for packet in container.demux():
                at_s = time.monotonic()
                if packet.dts is not None and packet.size:
                    dts_s = float(packet.dts * packet.time_base)
                    arrivals.append(Arrival(packet.stream.type, dts_s, at_s))
                if at_s - begun_at_s >= duration_s:
                    break
    except (av.error.FFmpegError, OSError) as cause:
        raise MediaUnreadable(f"{url} cannot be played: {cause}") from cause
    return Reception(tuple(arrivals), begun_at_s, time.monotonic())


def steadiness(reception: Reception, kind: str, *, settle_s: float = SETTLE_S) -> Steadiness:
    """Judge one track, leaving out what came in the first ``settle_s`` seconds."""
    begun_s = reception.begun_at_s + settle_s
    came = [a for a in reception.arrivals if a.kind == kind and a.at_s >= begun_s]
    moments = [begun_s, *(arrival.at_s for arrival in came), reception.ended_at_s]
    return Steadiness(
        kind=kind,
        media_s=_advance(came),
        elapsed_s=came[-1].at_s - came[0].at_s if came else 0.0,
        longest_silence_s=max(after - before for before, after in pairwise(moments)),
    )


def _advance(arrivals: Sequence[Arrival]) -> float:
    return arrivals[-1].dts_s - arrivals[0].dts_s if arrivals else 0.0
