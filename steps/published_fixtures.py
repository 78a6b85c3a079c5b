"""Test fixtures: known clips, published by ffmpeg under names of their own, and ended."""

from __future__ import annotations

import os

from environment.bring_up import DUAL_TAG
from environment.expectations import expect
from environment.measuring.transcript import normalise
from environment.proofs.exchange_proofs import COUNTING_TOLERANCE
from environment.proofs.nested_proofs import prove_started_once
from environment.proofs.output_proofs import prove_dubbed
from environment.proofs.publication_proofs import (
    prove_active_within,
    prove_all_but_one_passed,
    prove_alone,
    prove_control_yielded,
    prove_counts,
    prove_fresh_streams,
    prove_known_clip,
    prove_one_after_another,
    prove_process_started,
    prove_same_media,
    prove_stream_published,
    prove_torn_down,
    prove_tracks,
)
from environment.proofs.speech_proofs import (
    prove_dubs_say_their_translation,
    prove_translated_to,
)
from environment.proofs.transcript_proofs import prove_transcript_of_clip
from environment.proofs.validation_proofs import prove_complete
from environment.publishing import FIXTURES, STREAM, publish_rtmp_stream
from environment.runs.fixture_trial import GONE_TIMEOUT_S, try_fixture
from environment.runs.media_urls import protocol_of
from environment.runs.nested import FEATURES, NestedRun
from environment.runs.nested_tests import ContainerWatch, PublisherWatch, published_by_tests
from environment.runs.process_table import has_ended, publishers
from environment.runs.publisher import Publication, is_ready
from environment.vocabulary import Context, fixture_layer, given, then, use_fixture, when
from fixtures.sidecar import read_sidecar

NESTED = "publishing.feature"
DUAL_NESTED = "dual_publishing.feature"
SEQUENCE = "sequence"
# Its tests are over before a segment could be dubbed: the engines that load fastest will do.
NOBODY_SPEAKS = {"STS_PROFILE": "embedded"}
FAILING = "a test that fails while its stream is on the air"


@given("test fixture `{name}` (H.264 video, AAC audio, {seconds:d}s duration)")
@given(
    "test fixture `{name}` (H.264 video, AAC audio, {seconds:d}s duration with counting phrases)"
)
def fixture_known(context: Context, name: str, seconds: int) -> None:
    """Find the clip to be the very bytes that its description is about, and to count."""
    clip = context.session.clip(name)
    prove_known_clip(clip, seconds)
    prove_counts(clip, seconds)
    context.run.notes["clip"] = clip


@when("ffmpeg publishes to `{url}`")
def ffmpeg_publishes(context: Context, url: str) -> None:
    """Start an ffmpeg that publishes the clip there, under this scenario's own stream name."""
    said = "/".join(url.rsplit("/", 3)[1:])
    publication = context.run.publish(context.run.notes["clip"], said)
    context.run.notes["publication"] = publication
    expect(
        publication.url == context.run.url(url) and publication.running,
        expected=f"ffmpeg at work, publishing to {context.run.url(url)}",
        seen=f"{publication.url}; ffmpeg said: {publication.log[-500:]}",
        hint="environment/runs/publisher.py has its command line.",
    )


@then("MediaMTX reports stream active within {limit_s:d} seconds")
def active_within(context: Context, limit_s: int) -> None:
    """Ask the Control API until it does; hold time, tracks, and what ffprobe sees, to the clip."""
    publication: Publication = context.run.notes["publication"]
    timeout_s = context.session.settings.timeout(10)
    took_s = prove_active_within(publication, limit_s, timeout_s=timeout_s)
    context.session.log_event("stream_active", path=publication.path, after_s=round(took_s, 3))
    server = context.session.stack().media_server
    over = protocol_of(publication.url)
    prove_tracks(server.path(publication.path), publication.path, over=over)
    prove_same_media(publication.clip, publication.url, timeout_s=timeout_s)


@given("pytest fixture `{name}()`")
def fixture_named(_context: Context, name: str) -> None:
    """Find a fixture of that name among those that scenarios can ask for."""
    expect(
        FIXTURES.get(f"fixture.{name}") is publish_rtmp_stream,
        expected=f"a fixture {name}",
        seen=sorted(FIXTURES),
        hint="environment/publishing.py lists the fixtures.",
    )


@when("fixture is invoked")
def fixture_invoked(context: Context) -> None:
    """Set it up in a layer of its own, look around as a test, leave the layer, look again."""
    context.run.notes["trial"] = try_fixture(
        context.session.stack(),
        fixture_layer(context),
        lambda: use_fixture(publish_rtmp_stream, context),
    )


@then("ffmpeg process starts")
def process_starts(context: Context) -> None:
    """Find it in the process table, as it was when the test had control."""
    prove_process_started(context.run.notes["trial"])


@then("stream publishes")
def stream_publishes(context: Context) -> None:
    """Find it in the media server's Control API, as it was at that moment."""
    prove_stream_published(context.run.notes["trial"])


@then("fixture yields control to test")
def yields_control(context: Context) -> None:
    """See more media come in while the test had control."""
    prove_control_yielded(context.run.notes["trial"])


@then("and cleans up ffmpeg on teardown")
def cleans_up(context: Context) -> None:
    """Find neither process nor path behind the teardown."""
    trial = context.run.notes["trial"]
    prove_torn_down(trial, GONE_TIMEOUT_S)
    _prove_gone(trial.pid)


@then("fixture yields control to test, and kills ffmpeg on teardown")
def yields_and_kills(context: Context) -> None:
    """See more media come in while the test had control, and neither process nor path after it."""
    trial = context.run.notes["trial"]
    prove_control_yielded(trial)
    prove_torn_down(trial, GONE_TIMEOUT_S)
    _prove_gone(trial.pid)


@given("test fixture with known speech content")
def words_known(context: Context) -> None:
    """Find the recorded run's clip to be as described: counting, a number a second."""
    clip = context.session.pipeline_run().clip
    said = normalise(read_sidecar(clip).transcript)
    prove_known_clip(clip, len(said))
    prove_counts(clip, len(said))


@given('test fixture with known speech content (counting "{text}")')
def speech_known(context: Context, text: str) -> None:
    """Find the recorded run's clip to count, beginning with these words."""
    clip = context.session.pipeline_run().clip
    said = normalise(read_sidecar(clip).transcript)
    prove_known_clip(clip, len(said))
    prove_counts(clip, len(said))
    expect(
        said[: len(normalise(text))] == normalise(text),
        expected=f"a clip that begins with {text!r}",
        seen=said,
        evidence=clip.with_suffix(".json"),
        hint="the description beside the clip; `make fixtures` makes both.",
    )


@when("E2E test completes")
def test_completes(context: Context) -> None:
    """Find the recorded run's stream finished, with the whole clip published."""
    prove_complete(context.session.pipeline_run())


@then("output transcript matches expected text (allowing for ASR variance)")
def transcript_matches(context: Context) -> None:
    """Hold all transcripts against the description; FR-030's tolerance is the profile's."""
    run = context.session.pipeline_run()
    words = prove_transcript_of_clip(run, COUNTING_TOLERANCE[str(run.sts.get("profile"))])
    context.session.log_event("words_compared", stream=run.stream_name, result=str(words))


@then("validating end-to-end correctness")
def correct_from_end_to_end(context: Context) -> None:
    """Find the words translated, and spoken in the output, which holds nothing but the dubs."""
    run = context.session.pipeline_run()
    prove_translated_to(run, "es")
    prove_dubs_say_their_translation(run)
    prove_dubbed(run)


@given("multiple tests using fixtures")
@given("multiple tests using same fixture")
def tests_using_fixtures(context: Context) -> None:
    """Find them in a feature of their own: another run of the suite is to run it."""
    asking = (FEATURES / _nested(context)).read_text().count(f"@{SEQUENCE} @fixture.publish_")
    expect(
        asking > 1,
        expected="more than one scenario that asks for the fixture",
        seen=asking,
        evidence=FEATURES / _nested(context),
        hint="its scenarios ask for it by a tag.",
    )
    context.run.notes["tests"] = asking


@when("tests run sequentially")
def tests_run(context: Context) -> None:
    """Start that run; look at the process table, and at its containers, until it has ended."""
    notes, log = context.run.notes, context.run.artifacts / "nested.log"
    run = NestedRun(_nested(context), SEQUENCE, log, variables=NOBODY_SPEAKS)
    nested = context.run.cleanup.enter_context(run)
    notes["nested"], notes["watch"] = nested, PublisherWatch(nested.pid)
    notes["lives"] = ContainerWatch(nested.containers)

    def look() -> None:
        notes["watch"].look()
        notes["lives"].look()

    nested.wait_ended(timeout_s=context.session.settings.timeout(120), meanwhile=look)


@then("fixture cleanup ensures no stream conflicts")
def no_conflicts(context: Context) -> None:
    """Find all but the failing test content, one stream after another, and no ffmpeg left.

    The tests have looked at their media server themselves; its end is looked at here. All of them
    had the same containers, which were started once (FR-031 of specification 019).
    """
    nested, watch = context.run.notes["nested"], context.run.notes["watch"]
    outcomes = {result["name"]: result["outcome"] for result in _ran(nested)}
    prove_all_but_one_passed(nested, outcomes, context.run.notes["tests"], failing=FAILING)
    left = [pid for pid in watch.urls if not has_ended(pid)]
    published = published_by_tests(nested.events)
    prove_one_after_another(published, most_at_once=watch.most_at_once, left=left)
    projects = 2 if _nested(context) == DUAL_NESTED else 0
    lives = list(context.run.notes["lives"].lives.values())
    prove_started_once(nested.events, lives, published, projects=projects)


@then("each test gets fresh stream with unique name")
@then("each test gets fresh stream")
def fresh_streams(context: Context) -> None:
    """Compare what that run has noted with what was seen in the process table meanwhile."""
    nested, watch = context.run.notes["nested"], context.run.notes["watch"]
    tests = [result["name"] for result in _ran(nested)]
    prove_fresh_streams(published_by_tests(nested.events), tests, watch.urls)


@given("`publish_rtmp_stream` publishes `{clip}`")
def fixture_publishes(context: Context, clip: str) -> None:
    """Set the fixture up with that clip, for the rest of the scenario."""
    use_fixture(publish_rtmp_stream, context, clip)


@then("the stream of `publish_rtmp_stream` is the only one that is published")
def only_one_published(context: Context) -> None:
    """Look at all paths of the media server, and at this process's children."""
    paths = context.session.stack().media_server.paths()
    prove_alone(
        context.run.path(STREAM),
        [item["name"] for item in paths if is_ready(item)],
        [str(found.publishes_to) for found in publishers(os.getpid())],
    )


@given("another run of the suite asks `publish_rtmp_stream` for a clip that is missing")
def clip_missing(context: Context) -> None:
    """Start a run of the scenario that does."""
    log = context.run.artifacts / "nested.log"
    context.run.notes["nested"] = context.run.cleanup.enter_context(
        NestedRun(_nested(context), "missing", log)
    )


@then("its fixture failed during setup with FileNotFoundError")
def failed_during_setup(context: Context) -> None:
    """Find that error as the reason, and nothing started: no ffmpeg, no container."""
    nested: NestedRun = context.run.notes["nested"]
    reasons, events = [r["reason"] for r in _ran(nested)], {line.event for line in nested.events}
    expect(
        [str(reason).partition(":")[0] for reason in reasons] == ["FileNotFoundError"]
        and not events & {"publish_started", "stack_started", "container_started"},
        expected="FileNotFoundError before anything was started",
        seen=(reasons, sorted(events)),
        evidence=nested.log_file,
        hint="environment/runs/publisher.py: require_clip.",
    )


@then("its scenario was skipped, and its summary says which file is missing")
def skipped_with_message(context: Context) -> None:
    """Find it skipped, the run successful, and in what it printed the file and the remedy."""
    nested: NestedRun = context.run.notes["nested"]
    said = " ".join(nested.output.split())
    expect(
        [r["outcome"] for r in _ran(nested)] == ["skipped"]
        and context.run.notes["status"] == 0
        and "1 skipped" in said
        and "30s-that-nobody-made.mp4 is missing. Remedy: " in said,
        expected="one scenario skipped, with the file's name and the remedy, exit status 0",
        seen=f"status {context.run.notes['status']}; {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="environment/vocabulary.py skips; environment/evidence/report.py prints why.",
    )


def _prove_gone(pid: int) -> None:
    expect(
        has_ended(pid),
        expected=f"no process {pid} any more",
        seen="it is in the process table",
        hint="environment/runs/program.py ends what it started.",
    )


def _nested(context: Context) -> str:
    """The feature that another run is to run: on the topology that this scenario is about."""
    return DUAL_NESTED if DUAL_TAG in context.scenario.effective_tags else NESTED


def _ran(nested: NestedRun) -> list[dict[str, str]]:
    """The results of the scenarios that were run, from its summary.json."""
    results = nested.summary.get("results", [])
    return [result for result in results if result["outcome"] != "not_selected"]
