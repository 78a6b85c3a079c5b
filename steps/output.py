"""The output stream: in sync, as long as the input, playable, and dubbed."""

from __future__ import annotations

from environment import examination
from environment.expectations import expect
from environment.media import probe, timeline
from environment.vocabulary import Context, given, then, when

# The first picture of a late join is held until its time by sending it again this often.
LONGEST_HOLD_S = 0.5


@given("dubbed audio received")
def dubbed_audio_received(context: Context) -> None:
    """Find dubbed audio in the result of every fragment of the recorded run."""
    run = context.session.pipeline_run()
    without = [f.sequence_number for f in run.fragments if f.dubbed_audio is None]
    expect(
        run.fragments and not without,
        expected="dubbed audio for every fragment",
        seen=f"{len(run.fragments)} fragments, none for {without}",
        evidence=run.folder / "run.json",
        hint="the error of a failed fragment is in run.json.",
    )


@when("media-service remuxes A/V segments")
def segments_remuxed(context: Context) -> None:
    """Find the packets of both tracks in the report of the output that media-service made."""
    run = context.session.pipeline_run()
    made = run.report["output"] or {}
    expect(
        made.get("video_packets") and made.get("audio_packets"),
        expected="an output with packets of picture and sound",
        seen=made,
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected, segment released.",
    )


@then("sync delta is less than {limit_ms:d}ms and output publishes to RTMP")
def in_sync_on_rtmp(context: Context, limit_ms: int) -> None:
    """Measure the skew of every segment in the output's bytes; find the output live on RTMP."""
    run = context.session.pipeline_run()
    report = examination.skew(run)
    context.run.evidence("skew.txt", str(report))
    context.session.log_event("skew_measured", worst_ms=report.worst_ms)
    expect(
        report.worst_ms is not None
        and abs(report.worst_ms) < limit_ms
        and [s.status for s in report.segments] == ["found"] * len(run.fragments),
        expected=f"the dub of every segment found, within {limit_ms} ms (SC-005)",
        seen=report,
        evidence=run.folder,
        hint="positive: the sound is late. Compare with skew_ms in run.json, the service's word.",
    )
    expect(
        run.ffprobe_live and run.report["output"]["url"].endswith(run.path_out),
        expected=f"{run.path_out} found on RTMP while the run was live",
        seen=run.ffprobe_live_error or run.report["output"]["url"],
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected.",
    )


@then("output duration matches input (+/- {tolerance_ms:d}ms)")
def duration_matches(context: Context, tolerance_ms: int) -> None:
    """Compare picture and sound of the recorded output with the clip; nothing may be missing."""
    run = context.session.pipeline_run()
    wanted_s, tracks = probe(run.clip).duration_s or 0.0, timeline(run.output)
    expect(
        {track.kind for track in tracks} == {"video", "audio"}
        and all(abs(t.duration_s - wanted_s) * 1000 <= tolerance_ms for t in tracks),
        expected=f"{wanted_s:.3f} s of picture and of sound, within {tolerance_ms} ms",
        seen=[f"{track.kind} {track.duration_s:.3f} s" for track in tracks],
        evidence=run.output,
        hint="the tail of the last segment, or the head that the join missed.",
    )
    gaps = [gap for track in tracks for gap in track.gaps if gap.duration_s > LONGEST_HOLD_S]
    expect(
        all(track.monotonic for track in tracks) and not gaps,
        expected="timestamps that only grow, without gaps",
        seen=tracks,
        evidence=run.output,
        hint="the pacer's clock moves at a stall, its timestamps must not.",
    )


@given("output stream available")
def output_available(context: Context) -> None:
    """Find the recording of the output that the media server made."""
    run = context.session.pipeline_run()
    expect(
        run.output.is_file() and run.output.stat().st_size > 0,
        expected="the media server's recording of the output",
        seen=f"nothing at {run.output}",
        hint="the `record` of its path in services/mediamtx/mediamtx.yml.",
    )


@when("ffprobe inspects `{url}`")
def ffprobe_inspects(context: Context, url: str) -> None:
    """Take what ffprobe saw at that URL, under this run's name for it, while it was live."""
    run = context.session.pipeline_run()
    expect(
        run.ffprobe_live is not None,
        expected=f"an answer of ffprobe for {url}, here {run.path_out}",
        seen=run.ffprobe_live_error,
        evidence=run.folder / "run.json",
        hint="the output must be on the air for some seconds: its times are in run.json.",
    )


@then("stream is playable with H.264 video and dubbed AAC audio")
def playable_and_dubbed(context: Context) -> None:
    """Check codecs, decode all of it, and find the dub in it rather than the original (SC-004)."""
    run = context.session.pipeline_run()
    codecs = {s["codec_type"]: s["codec_name"] for s in (run.ffprobe_live or {})["streams"]}
    expect(
        codecs == {"video": "h264", "audio": "aac"},
        expected="H.264 and AAC, and nothing else",
        seen=codecs,
        evidence=run.folder / "run.json",
        hint="ffprobe_live in run.json is all that ffprobe said.",
    )
    faults = examination.decoding_faults(run.output)
    expect(
        not faults,
        expected="a recording that decodes from end to end without a complaint",
        seen=faults,
        evidence=run.output,
        hint="`ffmpeg -v error -i <recording> -f null -` shows the same.",
    )
    segments = examination.output_segments(run)
    expect(
        segments
        and all(
            s.dub_found and s.against_source and s.against_source.verdict == "dubbed"
            for s in segments
        ),
        expected="in every segment: the dub of the wire, and not the original (SC-004)",
        seen=segments,
        evidence=run.output,
        hint="similarity over 0.90 is the original; a dub not found was replaced or cut.",
    )
