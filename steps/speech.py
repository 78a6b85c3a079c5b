"""Speech: fragments that go straight to sts-service, and what comes back for them."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.exchange_proofs import (
    COUNTING_TOLERANCE,
    most_wrong,
    prove_answered,
    prove_equivalent,
    prove_fitted,
    prove_in_time,
    prove_named,
    prove_nothing_said,
    prove_says,
    prove_transcripts,
)
from environment.proofs.speech_proofs import (
    prove_another_voice,
    prove_dubs_say_their_translation,
)
from environment.proofs.witness_proofs import (
    prove_named_models_asked,
    prove_same_translation,
    prove_same_voice,
    prove_same_words_heard,
)
from environment.runs.engine_contract import RESULTS, run_contract
from environment.runs.exchange import cut_speech, exchange, silence
from environment.runs.wire_client import WireClient
from environment.runs.witness import take_statement
from environment.vocabulary import Context, given, then, when

COUNTING = "30s-english-counting.mp4"
HELLO = "6s-english-hello.mp4"


@given('audio fragment containing English speech "{text}"')
def fragment_containing(context: Context, text: str) -> None:
    """Cut the first six seconds of the clip that says these words; its description must have them.

    "Hello world" has a clip of its own, and nothing else in it.
    """
    clip = context.session.clip(HELLO if text == "Hello world" else COUNTING)
    prove_says(clip, text)
    context.run.notes["speech"] = cut_speech(clip, 1)


@given("the {count:d} fragments of `{clip}`")
def fragments_of(context: Context, count: int, clip: str) -> None:
    """Cut that many times six seconds of the clip."""
    context.run.notes["speech"] = cut_speech(context.session.clip(clip), count)


@given("a fragment of silence")
@given("audio fragment with no speech (silence)")
def fragment_of_silence(context: Context) -> None:
    """Take six seconds of zeros."""
    context.run.notes["speech"] = silence()


@when("STS-service processes with source={source}, target={target}")
@when("STS service processes it with source={source}, target={target}")
def processes(context: Context, source: str, target: str) -> None:
    """Send the fragments over a Socket.IO connection of their own; each must be answered well."""
    stack, notes, settings = context.session.stack(), context.run.notes, context.session.settings
    speech = notes["speech"].between(source, target)
    stream_id = context.run.stream_name("speech")
    with WireClient(stack.sts_url, api_key=settings.sts_api_key) as client:
        notes["exchange"] = exchange(
            client, speech, stream_id, context.run.artifacts / "speech", settings.timeout
        )
    prove_answered(notes["exchange"], len(speech.sounds))


@then("transcript is accurate")
def transcript_accurate(context: Context) -> None:
    """Compare the words with those that were said; FR-030's tolerance is the profile's."""
    profile = context.session.system().sts["profile"]
    _prove_words(context, COUNTING_TOLERANCE[profile])


@then("translated_text is Spanish equivalent")
@then("each translation is Spanish for its transcript")
def spanish_equivalent(context: Context) -> None:
    """Find Spanish in it, naming the same; the pocket models must give their world's own words."""
    profile = context.session.system().sts["profile"]
    prove_equivalent(context.run.notes["exchange"], profile)


@then("dubbed_audio contains Spanish TTS output")
def spanish_speech_in_time(context: Context) -> None:
    """Prove the dub, as for every clip, and that it was there within US4's bound."""
    prove_in_time(context.run.notes["exchange"])
    spanish_speech(context)


@then("each dub is Spanish speech that says its translation")
def spanish_speech(context: Context) -> None:
    """Prove length, format and level; another voice than the original; its own translation."""
    made = context.run.notes["exchange"]
    prove_fitted(made)
    prove_another_voice(made)
    prove_dubs_say_their_translation(made)


@then("at most {pocket:g} percent of the words are wrong under pocket, {embedded:g} under embedded")
def words_wrong_at_most(context: Context, pocket: float, embedded: float) -> None:
    """Hold the share of wrong words against the running profile's; neural has its own."""
    profile = str(context.session.system().sts["profile"])
    _prove_words(context, most_wrong(profile, pocket=pocket, embedded=embedded))


@then("stream and results name the engines and models of this run")
def engines_named(context: Context) -> None:
    """Compare the names with those of /health."""
    prove_named(context.run.notes["exchange"], context.session.system().sts)


@when("the engines that it names are asked without it")
def engines_asked(context: Context) -> None:
    """Run their libraries in a container of sts-service's image, with the very files it names."""
    session, notes, health = context.session, context.run.notes, context.session.system().sts
    notes["statement"] = take_statement(
        notes["exchange"],
        health,
        session.stack().sts_service.image,
        session.settings,
        session.progress,
    )
    prove_named_models_asked(notes["exchange"], notes["statement"], health["models"])


@then("they hear the same words")
def same_words_heard(context: Context) -> None:
    """Compare the transcripts."""
    prove_same_words_heard(context.run.notes["exchange"], context.run.notes["statement"])


@then("they translate them in the same way")
def same_translation(context: Context) -> None:
    """Compare the translations of the same transcripts."""
    prove_same_translation(context.run.notes["exchange"], context.run.notes["statement"])


@then("they say the translations in the same voice")
def same_voice(context: Context) -> None:
    """Compare the dubs with the named voice's own rendering of the same translations."""
    prove_same_voice(context.run.notes["exchange"], context.run.notes["statement"])


@when("the contract tests run against the engines of the profile {profile}")
def contract_tested(context: Context, profile: str) -> None:
    """Run tests/engines in the workbench, where the engines' packages are."""
    session = context.session
    context.run.notes["contract"] = run_contract(session.settings, profile, session.progress)


@then("all of them passed, and none was left out")
def contract_kept(context: Context) -> None:
    """Look at the outcome and at the results."""
    ran = context.run.notes["contract"]
    expect(
        ran.status == 0 and ran.tally.passed and not ran.tally.failed and not ran.tally.skipped,
        expected=f"every test of tests/engines passed with the engines of {ran.profile}",
        seen=f"{ran.tally}, exit status {ran.status}: {ran.tail[-1500:]}",
        evidence=RESULTS,
        hint=f'`make engines ARGS="-x"` runs them for {ran.profile} and the other profile.',
    )
    context.session.log_event("engines_tested", profile=ran.profile, result=str(ran.tally))


@then("it is a success without a word, and quiet sound of the same length")
def nothing_said(context: Context) -> None:
    """Find both texts empty, and no sound in the dub."""
    prove_nothing_said(context.run.notes["exchange"])


def _prove_words(context: Context, tolerance: float) -> None:
    words = prove_transcripts(context.run.notes["exchange"], tolerance)
    context.session.log_event("words_compared", result=str(words), tolerance=tolerance)
