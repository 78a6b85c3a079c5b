"""What was agreed about one stream when it was opened."""

from dataclasses import dataclass, field

from services.contracts import FragmentData, StreamConfig
from sts_service.job import FragmentJob, TimeLimits
from sts_service.pressure import Thresholds


@dataclass(frozen=True)
class StreamOptions:
    """What ``stream:init`` asked for, within what the service grants."""

    stream_id: str
    session_id: str
    config: StreamConfig
    max_inflight: int
    limits: TimeLimits
    next_sequence: int = 0
    gap_timeout_s: float = 2.0
    thresholds: Thresholds = field(default_factory=Thresholds)
    log_transcripts: bool = False
    debug_delays_s: tuple[float, ...] = ()

    def job(self, data: FragmentData) -> FragmentJob:
        """Return the work on a fragment, whose sound is left as it came: decoding takes time."""
        return FragmentJob(
            pcm=data.audio.data_base64.encode("ascii"),
            sample_rate_hz=self.config.sample_rate_hz,
            channels=self.config.channels,
            source_language=self.config.source_language,
            target_language=self.config.target_language,
            debug_delay_s=self.debug_delay_s(data.sequence_number),
            in_base64=True,
        )

    def debug_delay_s(self, sequence: int) -> float:
        """How much longer this fragment is to take: the delays take turns."""
        delays_s = self.debug_delays_s
        return delays_s[sequence % len(delays_s)] if delays_s else 0.0
