"""Real speech through the sts project alone, in specification 019's words."""

from __future__ import annotations

from environment.expectations import expect
from environment.measuring.transcript import align, normalise
from environment.proofs.exchange_proofs import (
    most_wrong,
    prove_answered,
    prove_fitted,
    prove_nothing_said,
    prove_transcripts,
)
from environment.proofs.speech_proofs import prove_dubs_say_their_translation
from environment.runs.exchange import cut_speech, exchange
from environment.runs.wire_client import WireClient
from environment.vocabulary import Context, given, then, when

NOISY = "noise-20db.mp4"
NOISY_PERCENT_WRONG = {"pocket": 10.0, "embedded": 40.0}
"""Of the words under noise, as features/production/clips.feature asks of the same clip."""
HELLO_PERCENT_WRONG = {"pocket": 0.0, "embedded": 0.0}
"""Of two words, each of which the embedded engines know as well."""


@then('transcript is "{text}" (or close variant)')
def transcript_is(context: Context, text: str) -> None:
    """Compare the words; how close a variant has to be depends on the profile."""
    made, profile = context.run.notes["exchange"], str(context.session.system().sts["profile"])
    words = align(text, made.transcript)
    expect(
        words.rate <= most_wrong(profile, **HELLO_PERCENT_WRONG),
        expected=f"{text!r}, or a close variant",
        seen=words,
        evidence=made.folder / "run.json",
        hint="what was sent lies there as a WAV file; docs/engines.md has the engines' limits.",
    )


@then('translated_text is "{text}" (or equivalent)')
def translation_is(context: Context, text: str) -> None:
    """Find the text's Spanish, word for word, for what was heard."""
    made = context.run.notes["exchange"]
    said = " ".join(fragment.translated_text or "" for fragment in made.fragments)
    heard_all = normalise(made.transcript) == normalise("Hello world")
    wanted = normalise(text) if heard_all else normalise(text)[-1:]
    expect(
        wanted and set(wanted) <= set(normalise(said)),
        expected=f"{text!r}",
        seen=repr(said),
        evidence=made.folder / "run.json",
        hint="fixtures/world.py has what the clips' sentences mean.",
    )


@given("audio fragment with background noise and speech")
def noisy_fragment(context: Context) -> None:
    """Cut the first six seconds of the clip whose speech is 20 dB over noise."""
    context.run.notes["speech"] = cut_speech(context.session.clip(NOISY), 1)


@when("STS service processes it")
def sts_processes(context: Context) -> None:
    """Send what there is over a connection of its own, English to Spanish."""
    stack, notes, settings = context.session.stack(), context.run.notes, context.session.settings
    stream_id = context.run.stream_name("speech")
    with WireClient(stack.sts_url, api_key=settings.sts_api_key) as client:
        notes["exchange"] = exchange(
            client, notes["speech"], stream_id, context.run.artifacts / "speech", settings.timeout
        )
        notes["errors"] = client.received("error")


@then("ASR extracts speech successfully")
def speech_extracted(context: Context) -> None:
    """Compare the words with the clip's description, by the bound for such noise."""
    made, profile = context.run.notes["exchange"], str(context.session.system().sts["profile"])
    words = prove_transcripts(made, most_wrong(profile, **NOISY_PERCENT_WRONG))
    context.session.log_event("words_compared", result=str(words))


@then("dubbed audio is returned without errors")
def dubbed_without_errors(context: Context) -> None:
    """Find a success with a dub of the fragment's length that says its translation."""
    made = context.run.notes["exchange"]
    prove_answered(made, 1)
    _prove_no_errors(context)
    prove_fitted(made)
    prove_dubs_say_their_translation(made)


@then("ASR returns empty or near-empty transcript")
def transcript_empty(context: Context) -> None:
    """Find no word at all."""
    prove_nothing_said(context.run.notes["exchange"])


@then("TTS returns minimal audio")
def minimal_audio(context: Context) -> None:
    """Find a dub as long as the fragment, and silent: there is nothing to say."""
    prove_nothing_said(context.run.notes["exchange"])


@then("no errors raised")
def no_errors_raised(context: Context) -> None:
    """Find a success, and not one `error` event."""
    prove_answered(context.run.notes["exchange"], 1)
    _prove_no_errors(context)


@given("STS service processing multiple fragments concurrently")
def processes_concurrently(context: Context) -> None:
    """Find more than one worker at work, and room for as many fragments of one stream."""
    workers = context.session.stack().sts_service.get("/health")["workers"]
    expect(
        workers["total"] > 1 and not workers["down"] and context.session.settings.max_inflight > 1,
        expected="several workers, none of them down, several fragments in flight",
        seen=(workers, context.session.settings.max_inflight),
        hint="STS_WORKERS and MAX_INFLIGHT.",
    )


def _prove_no_errors(context: Context) -> None:
    errors, made = context.run.notes["errors"], context.run.notes["exchange"]
    expect(
        not errors,
        expected="no `error` event",
        seen=errors,
        evidence=made.folder / "events.jsonl",
        hint="sts-service's log tells why.",
    )
