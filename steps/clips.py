"""Clips of every kind: what became of each, held against the description beside it."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.clip_proofs import (
    describe,
    prove_cut,
    prove_given_up,
    prove_in_step,
    prove_lasts,
    prove_no_word,
    prove_only_dubs_heard,
    prove_original_passed,
    prove_others_went_on,
    prove_sound_alone,
    prove_words_described,
)
from environment.proofs.container_proofs import prove_healthy
from environment.proofs.exchange_proofs import most_wrong
from environment.proofs.output_proofs import (
    prove_decodes,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.proofs.wire_proofs import prove_contract_kept, prove_results_in_order
from environment.runs.run import PipelineRun
from environment.runs.side_by_side import expect_run
from environment.vocabulary import Context, given, then, when
from fixtures.recipes import group_of


@given("`{clip}` was published, the others of its group beside it")
def published_in_a_group(context: Context, clip: str) -> None:
    """Have the group published and recorded, or take up what became of this clip."""
    context.run.notes |= {"clip": clip, "outcome": context.session.clip_run(clip)}


@when("all of it has come out")
def all_came_out(context: Context) -> None:
    """Find the run recorded to its end; a failure is this clip's alone."""
    context.run.notes["run"] = expect_run(context.run.notes["outcome"])


@then("the output lasts as long as the clip's description says, within {tolerance_ms:d} ms")
def lasts_as_described(context: Context, tolerance_ms: int) -> None:
    """Measure picture and sound of the recording, and that it decodes from end to end."""
    run = _run(context)
    prove_lasts(run, tolerance_ms)
    prove_decodes(run)


@then("{count:d} fragments were cut at their places, and came back in order")
def fragments_cut(context: Context, count: int) -> None:
    """Find each fragment's sound in the recorded source, and its one result on the wire."""
    run = _run(context)
    prove_results_in_order(run, count)
    prove_cut(run, count)


@then("each dub lies within {limit_ms:d} ms of its picture, with nothing else beside it")
def dubs_in_their_places(context: Context, limit_ms: int) -> None:
    """Measure every segment's skew from the recordings' bytes; the conversation was whole."""
    run = _run(context)
    prove_contract_kept(run)
    context.run.notes["skew"] = prove_in_step(run, limit_ms)
    prove_only_dubs_heard(run, context.run.notes["skew"])


@then("its picture is untouched, without a gap")
def picture_untouched(context: Context) -> None:
    """Find the clip's own pictures in the output, each at its time."""
    run = _run(context)
    prove_picture_untouched(run)
    prove_nothing_missing(run)


@then(
    "of the words described at most {pocket:g} percent are wrong under pocket, "
    "{embedded:g} under embedded"
)
def described_words_heard(context: Context, pocket: float, embedded: float) -> None:
    """Hold the transcripts against the description, by the bound of the profile that runs."""
    run, notes = _run(context), context.run.notes
    profile = str(context.session.system().sts["profile"])
    share = most_wrong(profile, pocket=pocket, embedded=embedded)
    words = prove_words_described(run, share)
    context.session.log_event("clip_measured", **describe(run, notes.get("skew"), words))


@then("no word was heard in it")
def no_word_heard(context: Context) -> None:
    """Find every result a success with empty texts."""
    prove_no_word(_run(context))


@then("its own sound has passed through")
def own_sound_passed(context: Context) -> None:
    """Find every segment gone out as it came, the track unbroken and silent."""
    prove_original_passed(_run(context))


@then("the output is sound alone, as long as described, within {tolerance_ms:d} ms")
def sound_alone(context: Context, tolerance_ms: int) -> None:
    """Find no picture in the recording, none in media-service's count, and its word for it."""
    prove_sound_alone(_run(context), tolerance_ms)


@then('media-service has given that stream up: "{reason}"')
def stream_given_up(context: Context, reason: str) -> None:
    """Find the run failed, and the reason in media-service's last report of the stream."""
    outcome = context.run.notes["outcome"]
    expect(
        not isinstance(outcome, PipelineRun),
        expected="a stream that cannot be dubbed",
        seen="a run that came to its end",
        evidence=outcome.folder,
        hint="media-service's log: stream failed.",
    )
    prove_given_up(outcome, reason)


@then("media-service has gone on as the process it was, and dubbed others to their end")
def others_dubbed(context: Context) -> None:
    """Find it never started again, and another stream of the group finished after this failed."""
    session, failed = context.session, context.run.notes["outcome"]
    prove_healthy(session.stack().media_service)
    others = [
        session.clip_run(recipe.name)
        for recipe in group_of(context.run.notes["clip"].removesuffix(".mp4"))
    ]
    prove_others_went_on(failed, [run for run in others if isinstance(run, PipelineRun)])


def _run(context: Context) -> PipelineRun:
    run: PipelineRun = context.run.notes["run"]
    return run
