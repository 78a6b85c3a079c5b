"""The segments of one worker: each one's way to STS and back, until it goes out or is lost."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID, uuid4

import structlog

from media_service.audio_format import CHANNELS, SAMPLE_RATE_HZ
from media_service.metrics import Metrics
from media_service.protocol import Released, Result, SegmentCut
from media_service.report import FallbackReason, SegmentReport
from media_service.sts_errors import StsError
from media_service.sts_exchange import Fragment
from media_service.sts_stream import StsStream
from media_service.worker_process import WorkerProcess
from services.contracts import FragmentProcessed

LAST_WORDS_S = 1.0
"""How long the acknowledgement of the last segments may take."""


class SegmentDubbing:
    """Has the segments of ``worker`` dubbed; ``close`` lets go of what has not gone out."""

    def __init__(
        self,
        worker: WorkerProcess,
        sts_stream: StsStream,
        *,
        within_s: float,
        metrics: Metrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self.released = 0
        self._worker = worker
        self._sts_stream = sts_stream
        self._within_s = within_s
        self._metrics = metrics
        self._log = log
        self._waiting: dict[int, SegmentReport] = {}
        self._dubs: set[asyncio.Task[None]] = set()
        self._words: set[asyncio.Task[None]] = set()

    def take_cut(self, cut: SegmentCut, segment: SegmentReport | None) -> None:
        """Send a segment that has just been cut on its way."""
        self._log.info(
            "segment_cut",
            number=cut.number,
            start_s=cut.start_s,
            duration_s=round(cut.duration_s, 3),
            tail=cut.tail,
        )
        if segment is not None:
            self._waiting[cut.number] = segment
        if not cut.pcm or segment is None:
            # Too short to be dubbed, or its dub was on disk.
            return
        task = asyncio.create_task(self._dub(cut, segment))
        self._dubs.add(task)
        task.add_done_callback(self._dubs.discard)

    def take_release(self, released: Released) -> None:
        """Count a segment that has gone out, and tell STS where its dub was used."""
        self.released += 1
        segment = self._waiting.pop(released.number, None)
        if segment is None:
            return
        if released.outcome == "dubbed":
            self._thank(segment)
        elif segment.reason != "tail":
            # Without a word of the supervisor's, the worker's own time limit was over.
            reason = segment.reason = segment.reason or "timeout"
            if segment.released_at == released.at:
                # Not the rest of one that went out in part before its worker died.
                self._metrics.fragments_fallback.labels(reason).inc()
        self._log.info(
            "segment_released",
            number=released.number,
            outcome=released.outcome,
            reason=segment.reason,
            skew_ms=None if released.skew_ms is None else round(released.skew_ms, 3),
        )

    async def last_words(self) -> None:
        """Let the last acknowledgements go out."""
        if self._words:
            await asyncio.wait(self._words, timeout=LAST_WORDS_S)

    async def close(self) -> None:
        """Let go of what has not gone out: it is on disk, or lost with its worker."""
        tasks = (*self._dubs, *self._words)
        for task in tasks:
            task.cancel()
        self._waiting.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _thank(self, segment: SegmentReport) -> None:
        if segment.fragment_id is None:
            return
        task = asyncio.create_task(self._sts_stream.applied(UUID(segment.fragment_id)))
        self._words.add(task)
        task.add_done_callback(self._words.discard)

    async def _dub(self, cut: SegmentCut, segment: SegmentReport) -> None:
        # A segment that comes from disk keeps its id: STS may know the answer already.
        known = uuid4() if segment.fragment_id is None else UUID(segment.fragment_id)
        fragment = Fragment(cut.number, cut.start_s, cut.cut_at, cut.pcm, known)
        segment.fragment_id = str(fragment.fragment_id)

        def sent() -> None:
            event = "fragment_sent" if segment.sent_at is None else "fragment_resent"
            segment.sent_at = segment.sent_at or time.time()
            self._log.info(event, number=cut.number, fragment_id=segment.fragment_id)

        def acked() -> None:
            segment.acked_at = segment.acked_at or time.time()

        try:
            result = await self._sts_stream.dub(
                fragment, within_s=self._within_s, sent=sent, acked=acked
            )
        except StsError as error:
            self._log.warning("fragment_not_dubbed", number=cut.number, error=str(error))
            answer: Result = _original(cut.number)
            segment.reason = error.reason
        else:
            segment.processed_at = time.time()
            segment.processing_time_ms = result.processing_time_ms
            segment.transcript = result.transcript
            segment.translated_text = result.translated_text
            self._log.info(
                "fragment_processed",
                number=segment.number,
                fragment_id=segment.fragment_id,
                status=result.status,
                processing_time_ms=result.processing_time_ms,
                error=None if result.error is None else result.error.wire(),
            )
            answer, segment.reason = _answer(cut.number, result)
        await self._worker.send(answer)


def _answer(number: int, result: FragmentProcessed) -> tuple[Result, FallbackReason | None]:
    audio = result.dubbed_audio
    if result.status == "failed" or audio is None:
        return _original(number), "sts_failed"
    if result.status == "success" and not (result.transcript or "").strip():
        return _original(number), "no_speech"
    pcm = audio.pcm()
    if not pcm.strip(b"\0"):
        # A text that cannot be spoken, such as "...": what it was heard in would vanish.
        return _original(number), "no_speech"
    return Result(number, "dubbed", audio.sample_rate_hz, audio.channels, pcm), None


def _original(number: int) -> Result:
    return Result(number, "original", SAMPLE_RATE_HZ, CHANNELS)
