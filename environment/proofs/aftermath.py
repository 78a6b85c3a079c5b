"""What is left of a stream in which something was broken: recordings, fragments, fates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from environment.evidence.artifacts import write_events, write_json
from environment.measuring.account import Fate, Part, tell_fates
from environment.measuring.correlation import find
from environment.measuring.lost_pictures import lost_pictures
from environment.measuring.sendings import Sending, find_sending
from environment.measuring.sound import Samples
from environment.measuring.steadiness import Stretch, stretches
from environment.measuring.sync import resample, source_zero
from environment.measuring.takes import RATE_HZ, Take, one_clock, own_clocks
from environment.runs.fragments import FragmentRecord, collect_fragments
from environment.runs.recorder import fetch_recordings

if TYPE_CHECKING:
    from environment.runs.live_stream import LiveStream
    from environment.session import Session

# After these the source is read on another clock, that of its next publication.
_INPUT_BROKEN: Final = frozenset({"input_lost", "media_server_lost"})
_ENDS_WITHIN_S: Final = 60.0
_RECORDED_WITHIN_S: Final = 30.0


@dataclass(frozen=True)
class Aftermath:
    """A stream that has ended: what was published, what came out, and what was said of it.

    ``fragments`` are those of the wire by number. ``began_at`` and ``output_bytes`` as the harness
    saw them. All sound is mono at 48 kHz.
    """

    report: Mapping[str, Any]
    fragments: Mapping[int, FragmentRecord]
    sources: tuple[Path, ...]
    outputs: tuple[Path, ...]
    folder: Path
    began_at: float
    longest_silence_s: float = 0.0
    output_bytes: tuple[tuple[float, int], ...] = field(default=(), repr=False)
    blind: tuple[tuple[float, float | None], ...] = field(default=())

    @property
    def segments(self) -> list[Mapping[str, Any]]:
        """The segments of the report, by number, without a tail that is not dubbed by rule."""
        known = sorted(self.report["segments"], key=lambda segment: int(segment["number"]))
        return [segment for segment in known if segment["reason"] != "tail"]

    @property
    def seen_dubs(self) -> frozenset[int]:
        """The numbers of the segments whose dub was seen on the wire."""
        return frozenset(
            number
            for number, fragment in self.fragments.items()
            if fragment.dubbed_audio is not None
        )

    @property
    def wordless(self) -> frozenset[int]:
        """The numbers of the segments in which, by its result on the wire, STS heard nobody."""
        return frozenset(
            number
            for number, fragment in self.fragments.items()
            if fragment.status == "success" and not fragment.transcript
        )

    @cached_property
    def source(self) -> Take:
        """All that was published."""
        return own_clocks(self.sources)

    @cached_property
    def output(self) -> Take:
        """All that came out, on its own clock."""
        return one_clock(self.outputs)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Where each segment lies in the source, with its dub."""
        return tuple(
            part
            for piece, segments in zip(self.source.pieces, self._by_publication(), strict=False)
            for part in self._placed(piece.zero_s + source_zero(piece.path), segments)
        )

    @cached_property
    def fates(self) -> Mapping[int, Fate]:
        """What the output has in place of each segment, by number. ``PictureUnmappable``."""
        return {f.number: f for f in tell_fates(self.source, self.output, self.parts)}

    @cached_property
    def lost_pictures(self) -> tuple[float, ...]:
        """When, in the source, pictures were that ought to be in the output and are not."""
        return lost_pictures(self.source, self.output, self.parts)

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """How evenly the pictures come, wherever nothing broke. ``PictureUnmappable``."""
        return stretches(self.source, self.output, self.parts)

    @cached_property
    def sent(self) -> tuple[Sending, ...]:
        """Where in the source the sound lies that was sent for each segment, silence left out."""
        found = (find_sending(self.source, part) for part in self.parts)
        return tuple(sending for sending in found if sending is not None)

    def _by_publication(self) -> list[list[Mapping[str, Any]]]:
        breaks = sorted(
            int(i["number"])
            for i in self.report.get("interruptions", [])
            if i["reason"] in _INPUT_BROKEN and i["number"] is not None
        )
        edges = [-1, *breaks, 1 << 62]
        return [
            [s for s in self.segments if first <= int(s["number"]) < end]
            for first, end in pairwise(edges)
        ]

    def _placed(self, zero_s: float, segments: Sequence[Mapping[str, Any]]) -> list[Part]:
        """Segments of one publication; the first that was sent tells where they really lie."""
        late_s = 0.0 if self._is_first(segments) else self._found_late_s(zero_s, segments)
        parts = []
        for segment in segments:
            number = int(segment["number"])
            fragment = self.fragments.get(number)
            parts.append(
                Part(
                    number,
                    zero_s + float(segment["start_s"]) + late_s,
                    float(segment["duration_s"]),
                    dub=_at_48_khz(fragment, fragment.dubbed_audio) if fragment else None,
                    sent=_at_48_khz(fragment, fragment.source_audio) if fragment else None,
                )
            )
        return parts

    def _is_first(self, segments: Sequence[Mapping[str, Any]]) -> bool:
        return bool(segments) and int(segments[0]["number"]) == 0

    def _found_late_s(self, zero_s: float, segments: Sequence[Mapping[str, Any]]) -> float:
        """By how much the publication's own clock is behind that of the stream."""
        begins_s = float(segments[0]["start_s"]) if segments else 0.0
        for segment in segments:
            fragment = self.fragments.get(int(segment["number"]))
            if fragment is None:
                continue
            wanted = resample(fragment.source_audio, fragment.rate_hz)
            into_s = float(segment["start_s"]) - begins_s
            audio = self.source.audio
            match = find(wanted, audio.samples, RATE_HZ, expected_s=zero_s + into_s - audio.start_s)
            if match is not None and match.found:
                return audio.start_s + match.offset_s - zero_s - float(segment["start_s"])
        return -begins_s


def end_stream(session: Session, stream: LiveStream, folder: Path) -> Aftermath:
    """End the publisher in order, let the stream finish, and take up what is left of it.

    Raises ``WaitTimeout`` where it does not finish, and what ``gather_aftermath`` raises.
    """
    stream.publication.stop()
    stream.wait_ended(timeout_s=_ENDS_WITHIN_S)
    return gather_aftermath(session, stream, folder)


def gather_aftermath(session: Session, stream: LiveStream, folder: Path) -> Aftermath:
    """Fetch all that was recorded of a stream that has ended; leave the evidence in ``folder``.

    Raises ``WaitTimeout`` where nothing was recorded, or somebody publishes still.
    """
    stack, report, timeout_s = (
        session.stack(),
        stream.report,
        session.settings.timeout(_RECORDED_WITHIN_S),
    )
    folder.mkdir(parents=True, exist_ok=True)
    sources, outputs = (
        fetch_recordings(stack, path, folder, timeout_s=timeout_s)
        for path in (stream.path_in, stream.path_out)
    )
    events = session.observer().events(str(report["stream_id"]))
    write_events(folder / "wire.jsonl", events)
    found = collect_fragments(events, report["segments"])
    aftermath = Aftermath(
        report=report,
        fragments=_by_number(found),
        sources=sources,
        outputs=outputs,
        folder=folder,
        began_at=stream.began_at,
        longest_silence_s=stream.longest_silence_s,
        output_bytes=stream.output_bytes,
        blind=tuple(session.observer().outages),
    )
    write_json(
        folder / "aftermath.json",
        {
            "report": report,
            "changes": [vars(change) for change in stream.changes],
            "longest_silence_s": stream.longest_silence_s,
            "output_bytes": [[round(at, 3), count] for at, count in stream.output_bytes],
            "fragments": [fragment.document() for fragment in found],
        },
    )
    return aftermath


def _at_48_khz(fragment: FragmentRecord, samples: Samples | None) -> Samples | None:
    return None if samples is None else resample(samples, fragment.rate_hz)


def _by_number(found: Sequence[FragmentRecord]) -> dict[int, FragmentRecord]:
    """One record for each number; a result that was seen for any sending of it counts."""
    known: dict[int, FragmentRecord] = {}
    for fragment in found:
        before = known.get(fragment.sequence_number)
        if before is None or (before.dubbed_audio is None and fragment.dubbed_audio is not None):
            known[fragment.sequence_number] = replace(fragment)
    return known
