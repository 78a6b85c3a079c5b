"""The table of paths, where publishers of any protocol meet readers of any protocol.

A protocol takes part by implementing ``Publisher`` and ``Reader``: RTMP does so in
``rtmp_session``, RTSP in ``rtsp_session``.
"""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

from media_server.amf0 import Value
from media_server.config import PathConfig
from media_server.errors import Reason, Refused
from media_server.log import LOGGER
from media_server.media import MediaTag, TagType, Track, declared_types, describe
from media_server.recorder import Recorder, Recording

ANALYZE_S = 1.0
"""How long the tracks that were announced, or both, are waited for before a path is ready."""

_NAME = re.compile(r"[0-9a-zA-Z_\-/.~:]+")
_MAX_NAME_CHARACTERS = 255


class Client(Protocol):
    """A session as the Control API names it."""

    @property
    def kind(self) -> str:
        """MediaMTX's name for this kind of session, such as ``rtmpConn``."""
        ...

    @property
    def id(self) -> str:
        """A UUID, new for every session."""
        ...


class Publisher(Client, Protocol):
    """A session that a path's media comes from."""

    def on_taken_over(self) -> None:
        """Another publisher has the path now; end the session."""
        ...


class Reader(Client, Protocol):
    """A session that a path's media goes to."""

    def on_tag(self, tag: MediaTag) -> None:
        """Take one tag; must neither wait nor raise."""
        ...

    def on_end(self) -> None:
        """The publication is over: tell the peer and end the session."""
        ...


class Publication:
    """One publisher's time on a path, from its first packet to its end."""

    def __init__(self, name: str, conf_name: str, publisher: Publisher) -> None:
        self.name = name
        self.conf_name = conf_name
        self.publisher: Publisher | None = publisher
        self.ready_at: datetime | None = None
        self.received_bytes = 0
        self.sent_bytes = 0
        self.recording: Recording | None = None
        self._metadata: MediaTag | None = None
        self._properties: Mapping[str, Value] = {}
        self._headers: dict[TagType, MediaTag] = {}
        self._last_timestamp_ms = 0
        self._first_media_s: float | None = None
        self._zero_at_s: float | None = None
        # Each reader with whether it still waits for a keyframe.
        self._readers: dict[Reader, bool] = {}

    @property
    def readers(self) -> tuple[Reader, ...]:
        """The sessions that the media goes to now."""
        return tuple(self._readers)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks that are known, video first."""
        return tuple(describe(header, self._properties) for header in self.configurations)

    @property
    def configurations(self) -> tuple[MediaTag, ...]:
        """The decoder configurations that are known, video first."""
        order = (TagType.VIDEO, TagType.AUDIO)
        return tuple(self._headers[kind] for kind in order if kind in self._headers)

    @property
    def language(self) -> str:
        """The language of the sound by the publisher's word; empty where it has not said."""
        said = self._properties.get("language")
        return said if isinstance(said, str) else ""

    def sent_at_s(self, timestamp_ms: int) -> float:
        """Return the time (Unix) that a timestamp stands for: the first one for when it was ready.

        A reader that compares it with the time of readiness, which the Control API tells, learns
        exactly how much of the stream it has missed.
        """
        return self._fix_zero(timestamp_ms) + timestamp_ms / 1000

    def push_metadata(self, tag: MediaTag, properties: Mapping[str, Value]) -> None:
        """Take the publisher's ``onMetaData``: recorded, kept for readers that come later."""
        self.received_bytes += len(tag.body)
        self._metadata, self._properties = tag, properties
        if self.recording is not None:
            self.recording.write(tag)

    def push(self, tag: MediaTag) -> None:
        """Take one audio or video tag and hand it to the recording and to every reader."""
        self.received_bytes += len(tag.body)
        self._last_timestamp_ms = tag.timestamp_ms
        if self.recording is not None:
            self.recording.write(tag)
        if tag.is_sequence_header:
            self._headers[tag.type] = tag
        elif self._first_media_s is None:
            self._first_media_s = time.monotonic()
            self._fix_zero(tag.timestamp_ms)
        if self.ready_at is None:
            self._become_ready()
        for reader, waits in list(self._readers.items()):
            if waits and tag.type is TagType.VIDEO and not tag.is_sequence_header:
                if not tag.is_keyframe:
                    continue
                self._readers[reader] = False
            self.sent_bytes += len(tag.body)
            reader.on_tag(tag)

    def attach(self, reader: Reader) -> None:
        """Start handing tags to ``reader``: decoder configurations first, video from a keyframe."""
        if self._metadata is not None:
            reader.on_tag(self._metadata)
        for header in self._headers.values():
            reader.on_tag(MediaTag(header.type, self._last_timestamp_ms, header.body))
        self._readers[reader] = True

    def detach(self, reader: Reader) -> None:
        """Stop handing tags to ``reader``."""
        self._readers.pop(reader, None)

    def close(self) -> None:
        """End the publication: every reader is told, nothing is handed out any more."""
        self.publisher = None
        self.ready_at = None
        readers, self._readers = tuple(self._readers), {}
        for reader in readers:
            reader.on_end()

    def _fix_zero(self, timestamp_ms: int) -> float:
        if self._zero_at_s is None:
            began_at_s = time.time() if self.ready_at is None else self.ready_at.timestamp()
            self._zero_at_s = began_at_s - timestamp_ms / 1000
        return self._zero_at_s

    def _become_ready(self) -> None:
        wanted = declared_types(self._properties) or {TagType.VIDEO, TagType.AUDIO}
        waited_s = 0.0
        if self._first_media_s is not None:
            waited_s = time.monotonic() - self._first_media_s
        if self._headers and (wanted <= self._headers.keys() or waited_s >= ANALYZE_S):
            self.ready_at = datetime.now(UTC)
            codecs = [track.codec for track in self.tracks]
            count = "1 track" if len(codecs) == 1 else f"{len(codecs)} tracks"
            LOGGER.info(
                "[path %s] stream is available and online, %s (%s)",
                self.name,
                count,
                ", ".join(codecs),
            )


class PathTable:
    """Every path that has a publisher, and those whose recording is still being closed."""

    def __init__(self, configs: tuple[PathConfig, ...], recorder: Recorder) -> None:
        self._configs = configs
        self._recorder = recorder
        self._live: dict[str, Publication] = {}
        self._ending: dict[str, Publication] = {}
        self._endings: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Publication]:
        """Iterate by name over what the Control API shows."""
        for name in sorted(self._live.keys() | self._ending.keys()):
            yield self._live.get(name) or self._ending[name]

    def get(self, name: str) -> Publication | None:
        """Return what the Control API shows of a path; None when it does not exist."""
        return self._live.get(name) or self._ending.get(name)

    def publish(self, name: str, publisher: Publisher) -> Publication:
        """Give the path to ``publisher``; whoever had it is ended.

        Raises:
            Refused: the name is invalid or not configured, or the path may not be taken over.
        """
        config = self._config(name)
        current = self._live.get(name)
        if current is not None:
            if not config.override_publisher:
                raise Refused(Reason.PATH_TAKEN, f"someone is already publishing to path '{name}'")
            LOGGER.info("[path %s] closing existing publisher", name)
            previous = current.publisher
            self.unpublish(current)
            if previous is not None:
                previous.on_taken_over()
        publication = Publication(name, config.name, publisher)
        if config.record:
            publication.recording = self._recorder.open(name, config.record_path)
        self._live[name] = publication
        return publication

    def unpublish(self, publication: Publication) -> None:
        """End a publication; the path stays listed, not ready, until its recording is closed."""
        if self._live.get(publication.name) is not publication:
            return
        del self._live[publication.name]
        publication.close()
        if publication.recording is not None:
            self._ending[publication.name] = publication
            task = asyncio.create_task(self._finish(publication, publication.recording))
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)

    def find(self, name: str) -> Publication:
        """Return the publication to read from.

        Raises:
            Refused: the name is invalid, or nobody publishes there.
        """
        self._config(name)
        publication = self._live.get(name)
        if publication is None or publication.ready_at is None:
            raise Refused(Reason.NO_STREAM, f"no stream is available on path '{name}'")
        return publication

    async def settle(self) -> None:
        """Wait until the recordings of all ended publications are closed."""
        await asyncio.gather(*self._endings)

    async def _finish(self, publication: Publication, recording: Recording) -> None:
        await self._recorder.finish(recording)
        if self._ending.get(publication.name) is publication:
            del self._ending[publication.name]

    def _config(self, name: str) -> PathConfig:
        if not _is_valid(name):
            raise Refused(Reason.INVALID_PATH, f"invalid path name {name[:80]!r}")
        for config in self._configs:
            if config.name == name:
                return config
        for config in self._configs:
            if config.name.startswith("~") and re.search(config.name[1:], name):
                return config
        for config in self._configs:
            if config.name in ("all", "all_others"):
                return config
        raise Refused(Reason.INVALID_PATH, f"path '{name}' is not configured")


def _is_valid(name: str) -> bool:
    """MediaMTX's rule, and no step out of the recordings' folder."""
    return (
        len(name) <= _MAX_NAME_CHARACTERS
        and _NAME.fullmatch(name) is not None
        and all(segment not in ("", ".", "..") for segment in name.split("/"))
    )
