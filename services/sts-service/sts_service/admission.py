"""Whether a stream takes a fragment, and what is said where it does not."""

import time

from services.contracts import ErrorCode, FragmentData, Severity
from sts_service.budget import Share
from sts_service.errors import Refused
from sts_service.fragments import Fragment, ReplayCache
from sts_service.ordering import OutOfSequence, Sequencer
from sts_service.stream_options import StreamOptions


def check(
    data: FragmentData, options: StreamOptions, *, ending: bool, paused: bool, waiting: int
) -> None:
    """Raise ``Refused`` where a new fragment does not fit the stream, or the stream's state."""
    config, audio = options.config, data.audio
    if ending:
        raise refusal(ErrorCode.STREAM_NOT_FOUND, "the stream has ended", data)
    if paused:
        raise refusal(ErrorCode.STREAM_PAUSED, "the stream is paused", data)
    if (audio.sample_rate_hz, audio.channels) != (config.sample_rate_hz, config.channels):
        raise refusal(
            ErrorCode.INVALID_AUDIO_FORMAT,
            f"the stream has {config.sample_rate_hz} Hz and {config.channels} channels, the "
            f"fragment {audio.sample_rate_hz} Hz and {audio.channels}",
            data,
        )
    if not audio.data_base64:
        raise refusal(ErrorCode.INVALID_AUDIO_FORMAT, "the audio is empty", data)
    capacity = options.thresholds.capacity
    if waiting >= capacity:
        raise refusal(ErrorCode.QUEUE_FULL, f"{capacity} fragments are waiting already", data)


class Admission:
    """Takes new fragments into a stream's order, and into its share of the memory."""

    def __init__(
        self,
        options: StreamOptions,
        sequencer: Sequencer[Fragment],
        share: Share,
        replay: ReplayCache,
    ) -> None:
        self._options = options
        self._sequencer = sequencer
        self._share = share
        self._replay = replay

    def take(
        self, data: FragmentData, *, ending: bool, paused: bool, waiting: int
    ) -> tuple[Fragment, range]:
        """Return the fragment and the numbers that it skipped, or raise ``Refused``."""
        check(data, self._options, ending=ending, paused=paused, waiting=waiting)
        # As it came, and its answer, which is as long.
        held_bytes = 2 * len(data.audio.data_base64)
        if not self._taken(held_bytes):
            message = (
                f"the stream holds {self._share.held_bytes} bytes of sound already, and may hold "
                f"{self._share.left_bytes} more; remedy: acknowledge results as received"
            )
            raise refusal(ErrorCode.QUEUE_FULL, message, data)
        try:
            skipped = self._sequencer.admit(data.sequence_number, now=time.monotonic())
        except OutOfSequence as error:
            self._share.give_back(held_bytes)
            raise refusal(ErrorCode.INVALID_SEQUENCE, str(error), data) from error
        fragment = Fragment(
            data.fragment_id, data.sequence_number, data.audio.duration_ms, held_bytes
        )
        return fragment, skipped

    def _taken(self, size_bytes: int) -> bool:
        while not self._share.take(size_bytes):
            # A client that goes on has read what it was sent a while ago, also where it never says
            # so. What it was sent just now may be lost with the connection, and is asked for again.
            a_while_ago = time.monotonic() - self._options.gap_timeout_s
            if not self._replay.give_up(answered_before=a_while_ago):
                return False
        return True


def refusal(code: ErrorCode, message: str, data: FragmentData) -> Refused:
    """Return the refusal of one fragment."""
    return Refused(code, message, stream_id=data.stream_id, fragment_id=str(data.fragment_id))


def gap_warning(skipped: range, options: StreamOptions) -> Refused:
    """Return the report of numbers that were skipped, which refuses nothing."""
    first, last = skipped[0], skipped[-1]
    numbers = f"sequence {first} is" if first == last else f"sequences {first} to {last} are"
    return Refused(
        ErrorCode.INVALID_SEQUENCE,
        f"{numbers} missing; what follows waits {options.gap_timeout_s:g} s for it",
        stream_id=options.stream_id,
        severity=Severity.WARNING,
        metadata={"missing_from": first, "missing_to": last},
    )
