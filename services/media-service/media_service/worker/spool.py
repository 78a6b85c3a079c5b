"""Keeps on disk what was read and has not gone out; never holds up who reads, or sends."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.atomic_file import write_all, write_atomically
from media_service.protocol import Result
from media_service.spool_dub import encode_dub
from media_service.spool_names import (
    DUB,
    HEAD,
    PICTURES,
    POSITION,
    SOUND,
    segment_file,
    segment_files,
)
from media_service.worker.spool_files import Position, encode_head, encode_picture
from media_service.worker.video_head import VideoHead

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

MAX_WAITING_BYTES = 64 << 20
"""What may wait for a disk that is slower than the stream."""
CLOSE_TIMEOUT_S = 2.0
POSITION_RETRY_S = 1.0
"""How soon a position that could not be noted is tried again: not with every packet."""
_Work = Callable[[], None]


class Spool:
    """The spool of one stream, written by a thread of its own.

    What cannot be written is given up a segment at a time: ``failed`` is called with the reason,
    and with None once a later segment is on disk again, and how far the output has come as well.
    Without a folder nothing is kept.
    """

    def __init__(self, folder: Path | None, failed: Callable[[str | None], None]) -> None:
        self._folder = folder
        self._failed = failed
        self._work: queue.SimpleQueue[tuple[int, _Work] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._given_up: set[int] = set()
        self._oldest = 0
        self._error: str | None = None
        self._open: dict[str, int] = {}
        self._position: int | None = None
        self._closed = False
        self._position_failed_at: float | None = None
        self._noting = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start writing."""
        if self._folder is None:
            return
        self._thread = threading.Thread(target=self._write, name="spool", daemon=True)
        self._thread.start()

    def head(self, head: VideoHead) -> None:
        """Keep the pictures' parameters."""
        self._later(None, 0, lambda folder: write_atomically(folder / HEAD, encode_head(head)))

    def sound(self, number: int, start_samples: int, pcm: bytes) -> None:
        """Keep some more of a segment's sound."""
        name = segment_file(number, SOUND, start_samples=start_samples)
        self._later(number, len(pcm), lambda folder: self._append(folder, name, pcm))

    def picture(self, number: int, packet: Packet[VideoStream]) -> None:
        """Keep one more of a segment's pictures."""
        if self._folder is None:
            return
        record, name = encode_picture(packet), segment_file(number, PICTURES)
        self._later(number, len(record), lambda folder: self._append(folder, name, record))

    def cut(self, number: int) -> None:
        """Have a segment, which is complete, on the disk itself."""
        self._later(number, 0, lambda _: self._sync(number))

    def answer(self, result: Result) -> None:
        """Keep what goes out for a segment."""
        path = segment_file(result.number, DUB)
        self._later(
            result.number,
            len(result.pcm),
            lambda folder: write_atomically(folder / path, encode_dub(result)),
        )

    def sent(self, position: Position) -> None:
        """Note how far the output has come; at once, since the next moment may be the last."""
        if self._folder is None:
            return
        with self._noting:
            failed_at, now = self._position_failed_at, time.monotonic()
            if self._closed or (failed_at is not None and now < failed_at + POSITION_RETRY_S):
                return
            try:
                self._note(self._folder / POSITION, position)
            except OSError as error:
                self._close_position()
                self._position_failed_at = now
                self._give_up(None, error)
            else:
                self._position_failed_at = None

    def drop_before(self, number: int) -> None:
        """Remove what has gone out: all segments before ``number``."""
        self._later(None, 0, lambda folder: self._drop_before(folder, number))

    def close(self) -> None:
        """Write what waits, for ``CLOSE_TIMEOUT_S`` at most, and stop."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(CLOSE_TIMEOUT_S)
        with self._noting:
            self._closed = True
            self._close_position()

    def _close_position(self) -> None:
        descriptor, self._position = self._position, None
        if descriptor is not None:
            os.close(descriptor)

    def _note(self, path: Path, position: Position) -> None:
        if self._position is None:
            self._position = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(self._position, position.encode(), 0)

    def _later(self, number: int | None, size: int, work: Callable[[Path], None]) -> None:
        folder = self._folder
        if folder is None or self._is_given_up(number):
            return

        def guarded() -> None:
            if number is not None and (self._is_given_up(number) or number < self._oldest):
                return
            try:
                work(folder)
            except OSError as error:
                self._give_up(number, error)
                self._forget(folder, number)
            else:
                self._recovered(number)

        with self._lock:
            full = self._waiting_bytes + size > MAX_WAITING_BYTES
            if not full:
                self._waiting_bytes += size
        if full:
            self._give_up(number, OSError("the disk is slower than the stream"))
            self._work.put((0, lambda: self._forget(folder, number)))
        else:
            self._work.put((size, guarded))

    def _write(self) -> None:
        while (work := self._work.get()) is not None:
            size, guarded = work
            guarded()
            with self._lock:
                self._waiting_bytes -= size
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _append(self, folder: Path, name: str, data: bytes) -> None:
        descriptor = self._open.get(name)
        if descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            descriptor = self._open[name] = os.open(folder / name, flags, 0o644)
        write_all(descriptor, data)

    def _sync(self, number: int) -> None:
        for name, descriptor in self._open.items():
            if name.startswith(f"{number:08d}"):
                os.fsync(descriptor)

    def _drop_before(self, folder: Path, number: int) -> None:
        self._oldest = max(self._oldest, number)
        for known, _, path in segment_files(folder):
            if known < number:
                self._remove(path)
        with self._lock:
            self._given_up = {one for one in self._given_up if one >= number}

    def _remove(self, path: Path) -> None:
        descriptor = self._open.pop(path.name, None)
        if descriptor is not None:
            os.close(descriptor)
        path.unlink(missing_ok=True)

    def _is_given_up(self, number: int | None) -> bool:
        with self._lock:
            return number in self._given_up

    def _give_up(self, number: int | None, error: OSError) -> None:
        with self._lock:
            if number is not None:
                # A segment with a hole in it is worth nothing.
                self._given_up.add(number)
            if self._error is None:
                self._error = error.strerror or str(error)
                self._failed(self._error)

    def _forget(self, folder: Path, number: int | None) -> None:
        try:
            for known, _, path in list(segment_files(folder)):
                if known == number:
                    self._remove(path)
        except OSError as error:
            self._give_up(None, error)

    def _recovered(self, number: int | None) -> None:
        with self._lock:
            if number is None or self._error is None or self._position_failed_at is not None:
                return
            if number > max(self._given_up, default=-1):
                self._error = None
                self._failed(None)
