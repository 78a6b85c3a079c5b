"""RTSP: a stream that is published, or read by media-service, over RTSP instead of RTMP."""

from __future__ import annotations

from environment.proofs.clip_proofs import prove_cut
from environment.proofs.ingest_proofs import prove_carried_over
from environment.proofs.wire_proofs import prove_results_in_order
from environment.runs.media_urls import protocol_named
from environment.runs.pipeline import run_pipeline
from environment.vocabulary import Context, then, when


@when("`{clip}` is published over {protocol}, and all of it has come out")
def published_and_came_out(context: Context, clip: str, protocol: str) -> None:
    """Publish the clip over RTMP or RTSP, and record everything until its output has ended."""
    run = run_pipeline(
        context.session,
        context.session.clip(clip),
        name=f"over-{protocol.lower()}",
        protocol=protocol_named(protocol),
    )
    context.run.pipeline_folder = run.folder
    context.run.notes |= {"clip": clip, "run": run}


@then("the media server had it over {published}, and media-service read it over {read}")
def carried_over(context: Context, published: str, read: str) -> None:
    """See what kinds of sessions the path had while the stream was processed."""
    prove_carried_over(
        context.run.notes["run"], published=protocol_named(published), read=protocol_named(read)
    )


@then(
    "{count:d} fragments were cut one after another, from within {limit_ms:d} ms of the source's "
    "beginning, and came back in order"
)
def fragments_cut_from(context: Context, count: int, limit_ms: int) -> None:
    """Find each fragment's sound in the recorded source, all by one distance from their places.

    Where the source began is not told over RTSP: it follows from the clocks, within some tenths.
    """
    run = context.run.notes["run"]
    prove_results_in_order(run, count)
    prove_cut(run, count, zero_within_s=limit_ms / 1000)
