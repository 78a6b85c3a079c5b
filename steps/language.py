"""Language: what an output says of the language that its sound is in."""

from __future__ import annotations

from environment.measuring.media import parse_probe, probe
from environment.proofs.language_proofs import prove_language
from environment.runs.media_urls import media_url
from environment.runs.publisher import is_ready
from environment.runs.recorder import fetch_recording
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for

CLIP = "30s-english-counting.mp4"
PROBE_S = 15
NAMES = {"es": "Spanish"}


@when("ffprobe extracts audio language metadata")
def language_extracted(context: Context) -> None:
    """Read it in what ffprobe saw of the live output, and let it look at the recording."""
    run = context.session.pipeline_run()
    recording = probe(run.output, context.session.settings.timeout(PROBE_S))
    live = parse_probe(run.ffprobe_live or {})
    context.run.notes |= {"source": probe(run.clip), "seen": {"RTMP": live, "file": recording}}


@given("a stream is on the air, and its output with it")
def output_on_the_air(context: Context) -> None:
    """Publish the clip, and wait until its output can be read."""
    stack, path = context.session.stack(), context.run.path("live/test/out")
    publication = context.run.publish(context.session.clip(CLIP), "live/test/in")
    wait_for(
        f"{path} to be published",
        lambda: is_ready(stack.media_server.path(path) or {}),
        timeout_s=context.session.settings.timeout(30),
        alive=publication.check,
    )


@when("ffprobe looks at the output over RTMP and RTSP, and at its recording")
def output_looked_at(context: Context) -> None:
    """Have it read the live output over both, then the recording as far as it has come."""
    stack, path = context.session.stack(), context.run.path("live/test/out")
    timeout_s = context.session.settings.timeout(PROBE_S)
    urls = {protocol: media_url(stack, path, protocol) for protocol in ("rtmp", "rtsp")}
    seen = {name: probe(url, timeout_s) for name, url in urls.items()}
    recording = fetch_recording(stack, path, context.run.artifacts / "output", complete=False)
    seen["file"] = probe(recording)
    context.run.notes |= {"source": probe(context.session.clip(CLIP)), "seen": seen}


@then("metadata shows target language ({language} for {name})")
def shows_language(context: Context, language: str, name: str) -> None:
    """Find the language wherever ffprobe looked, and not in what was published."""
    assert NAMES[language] == name, f"{language} is {NAMES[language]}, not {name}"
    prove_language(context.run.notes["seen"], context.run.notes["source"], language)


@then("each names `{language}` as the language of its sound")
def each_names_language(context: Context, language: str) -> None:
    """Find it in all three, and not in what was published."""
    prove_language(context.run.notes["seen"], context.run.notes["source"], language)
