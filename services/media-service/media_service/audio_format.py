"""The one audio format inside the service and on the wire: 48 kHz stereo signed 16-bit PCM."""

SAMPLE_RATE_HZ = 48_000
CHANNELS = 2
BYTES_PER_FRAME = 2 * CHANNELS
"""Bytes of one sampling instant, all channels."""


def frames_of(pcm: bytes | bytearray | memoryview) -> int:
    """Return how many sampling instants the interleaved PCM holds."""
    return len(pcm) // BYTES_PER_FRAME


def seconds_of(samples: int) -> float:
    """Return the duration of ``samples`` sampling instants, in seconds."""
    return samples / SAMPLE_RATE_HZ
