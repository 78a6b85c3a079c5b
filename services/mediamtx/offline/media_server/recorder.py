"""Recordings: each publication of a recorded path as one FLV file, written off the event loop."""

import asyncio
import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from media_server.log import LOGGER
from media_server.media import MediaTag, TagType

_T = TypeVar("_T")

MAX_PENDING_BYTES = 32 << 20
"""How far the disk may lag behind before a recording is given up; the stream itself goes on."""

_HEADER = b"FLV\x01%c\x00\x00\x00\x09\x00\x00\x00\x00"
_FLAGS_OFFSET = 4
_FLAGS = {TagType.AUDIO: 0x04, TagType.VIDEO: 0x01, TagType.METADATA: 0x00}


def encode_tag(tag: MediaTag) -> bytes:
    """Return the tag as it stands in an FLV file, with the size of itself behind it."""
    timestamp = tag.timestamp_ms & 0xFFFFFFFF
    header = (
        bytes([tag.type])
        + len(tag.body).to_bytes(3, "big")
        + (timestamp & 0xFFFFFF).to_bytes(3, "big")
        + bytes([timestamp >> 24, 0, 0, 0])
    )
    return b"".join((header, tag.body, struct.pack(">I", len(header) + len(tag.body))))


def recording_file(template: str, path_name: str, at: datetime) -> Path:
    """Expand MediaMTX's ``recordPath`` variables and add the extension."""
    expanded = template.replace("%f", f"{at.microsecond:06d}").replace(
        "%s", str(int(at.timestamp()))
    )
    for variable in "YmdHMSz":
        expanded = expanded.replace(f"%{variable}", at.strftime(f"%{variable}"))
    return Path(expanded.replace("%path", path_name) + ".flv")


class Recorder:
    """Opens recordings and sees all of them closed at the end."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="recorder")
        self._recordings: set[Recording] = set()

    def open(self, path_name: str, template: str) -> "Recording":
        """Start a recording; its file is made when the first tag comes."""
        recording = Recording(self._pool, path_name, template)
        self._recordings.add(recording)
        return recording

    async def finish(self, recording: "Recording") -> None:
        """Write what is pending and close the file."""
        await recording.finish()
        self._recordings.discard(recording)

    async def close(self) -> None:
        """Finish every recording that is still open."""
        await asyncio.gather(*(self.finish(recording) for recording in list(self._recordings)))
        self._pool.shutdown(wait=False)


class Recording:
    """One FLV file: tags go in without waiting, one task at a time takes them to the disk."""

    def __init__(self, pool: ThreadPoolExecutor, path_name: str, template: str) -> None:
        self._pool = pool
        self._path_name = path_name
        self._template = template
        self._file: _FlvFile | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flags = 0
        self._failed = False
        self._writing: asyncio.Task[None] | None = None

    def write(self, tag: MediaTag) -> None:
        """Append a tag; after a failure of the disk tags are dropped, the stream is unharmed."""
        if self._failed:
            return
        encoded = encode_tag(tag)
        self._pending.append(encoded)
        self._pending_bytes += len(encoded)
        self._flags |= _FLAGS[tag.type]
        if self._pending_bytes > MAX_PENDING_BYTES:
            self._fail("the disk cannot keep up")
        elif self._writing is None:
            self._writing = asyncio.create_task(self._write_pending())

    async def flush(self) -> None:
        """Wait until every tag so far is in the file, or the recording has failed."""
        if self._writing is not None:
            await self._writing

    async def finish(self) -> None:
        """Write what is pending, note in the header which tracks came, and close the file."""
        await self.flush()
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            await self._in_pool(file.close, self._flags)
        except OSError as error:
            self._fail(str(error))
        else:
            self._log_info(f"closed segment {file.path}")

    async def _write_pending(self) -> None:
        try:
            while self._pending and not self._failed:
                batch, self._pending = self._pending, []
                if self._file is None:
                    path = recording_file(
                        self._template, self._path_name, datetime.now(UTC).astimezone()
                    )
                    self._file = await self._in_pool(_FlvFile, path)
                    self._log_info(f"creating segment {path}")
                await self._in_pool(self._file.append, batch)
                self._pending_bytes -= sum(map(len, batch))
        except OSError as error:
            self._fail(str(error))
        finally:
            self._writing = None

    async def _in_pool(self, function: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *args)

    def _fail(self, problem: str) -> None:
        self._failed = True
        self._pending.clear()
        LOGGER.error("[path %s] [recorder] stopped: %s", self._path_name, problem)

    def _log_info(self, message: str) -> None:
        LOGGER.info("[path %s] [recorder] %s", self._path_name, message)


class _FlvFile:
    """The file itself; every method blocks and belongs in a thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self._size_bytes = 0
        try:
            self.append([_HEADER % 0x05])
        except OSError:
            os.close(self._descriptor)
            raise

    def append(self, tags: Sequence[bytes]) -> None:
        data = memoryview(b"".join(tags))
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            # Leave whole tags only: a full disk must not make the file unreadable.
            os.ftruncate(self._descriptor, self._size_bytes)
            raise
        self._size_bytes += len(data)

    def close(self, flags: int) -> None:
        try:
            os.pwrite(self._descriptor, bytes([flags]), _FLAGS_OFFSET)
        finally:
            os.close(self._descriptor)
