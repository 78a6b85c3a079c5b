"""Models: brought into a volume, named, missing; each time an sts-service of the scenario's own."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from environment.errors import NotHealthy
from environment.expectations import expect
from environment.proofs.exchange_proofs import (
    prove_answered,
    prove_equivalent,
    prove_fitted,
    prove_named,
    prove_says,
    prove_transcripts,
)
from environment.proofs.model_proofs import (
    model_lacking,
    prove_complaint,
    prove_ended_unloaded,
    prove_models_named,
    wait_ended,
)
from environment.proofs.speech_proofs import (
    prove_another_voice,
    prove_dubs_say_their_translation,
    prove_translated_to,
)
from environment.runs import brought_models
from environment.runs.exchange import Exchange, Speech, cut_speech, exchange
from environment.runs.wire_client import WireClient
from environment.vocabulary import Context, given, then, when

COUNTING = "30s-english-counting.mp4"
SERVICE = "sts-service-with-models"
VOLUME = "e2e-models"


@given("a folder with the models `{asr}`, `{translation}` and `{tts}`")
def folder_with_models(context: Context, asr: str, translation: str, tts: str) -> None:
    """Unpack the pocket models; under these names they are as good as any."""
    folder = Path(context.run.cleanup.enter_context(TemporaryDirectory(prefix="models-")))
    for name in (asr, translation, tts):
        brought_models.unpack(name, folder)
    context.run.notes["folder"] = folder
    context.run.notes["names"] = {"asr": asr, "translation": translation, "tts": tts}


@given("a volume without a model")
def empty_volume(context: Context) -> None:
    """Make a volume of this run, and leave it empty."""
    volume = context.session.production_stack().own_volume(VOLUME)
    context.run.notes["volume"] = context.run.cleanup.enter_context(volume)


@when("`make pull-models FROM=<folder>` fills a volume with them")
def volume_filled(context: Context) -> None:
    """Do what the command does, with a volume of this run; it loads each model to see it whole."""
    session, folder = context.session, context.run.notes["folder"]
    empty_volume(context)
    settings = session.settings.model_copy(update=_chosen(context))
    outcome = brought_models.fill_volume(settings, folder, session.progress)
    expect(
        outcome.status == 0,
        expected=f"the volume {settings.e2e_models_volume} filled",
        seen=f"exit status {outcome.status}: {outcome.tail}",
        hint="the program `python3 -m sts_service.models pull` in sts-service's image.",
    )


@when("an sts-service is started with STS_PROFILE=neural that names them")
@when("an sts-service is started with STS_PROFILE=neural")
def service_started(context: Context) -> None:
    """Start it beside the stack's own, on the same network."""
    spare = context.session.production_stack().spare_sts_service(SERVICE, **_chosen(context))
    service = context.run.cleanup.enter_context(spare)
    context.run.on_failure(lambda: context.run.evidence(f"{SERVICE}.log", service.logs()))
    service.start()
    context.run.notes["service"] = service


@when("it has loaded the full models, where the volume of models has them")
def full_models_loaded(context: Context) -> None:
    """Wait for its health; skip the scenario where it says that the models are not there."""
    try:
        context.run.notes["service"].wait_healthy()
    except NotHealthy:
        lacking = model_lacking(context.run.notes["service"].logs())
        if lacking is None:
            raise
        context.scenario.skip(f"needs the full weights, but {lacking}")


@then("`/health` names each by its name and its content")
def models_named(context: Context) -> None:
    """Wait for its health, which it has once they are loaded."""
    service, notes = context.run.notes["service"], context.run.notes
    service.wait_healthy()
    names = notes["names"]
    prove_models_named(service.health(), names, notes["folder"] / f"{names['asr']}.pt")


@then('that service dubs "{text}" as the world has it')
def service_dubs(context: Context, text: str) -> None:
    """Send it the fragment that says so; words, translation and dub must all be right."""
    clip = context.session.clip(COUNTING)
    prove_says(clip, text)
    made = _dubbed(context, cut_speech(clip, 1))
    prove_named(made, context.run.notes["service"].health())
    prove_transcripts(made, 0)
    prove_equivalent(made, "pocket")


@then("it ends by itself with an error, and no other engine has taken the place")
def ended_unloaded(context: Context) -> None:
    """Wait for its end; nothing may have been loaded, by its log."""
    service = context.run.notes["service"]
    wait_ended(service, context.session.settings.timeout(service.health_timeout_s))
    prove_ended_unloaded(service)


@then("its log names the model `{model}`, the volume, and the remedy `{remedy}`")
def complaint(context: Context, model: str, remedy: str) -> None:
    """Find them in one line."""
    notes = context.run.notes
    prove_complaint(notes["service"].logs(), model, notes["volume"], remedy)


@then("that service speaks Spanish for each clip, with at most this share of its words wrong:")
def full_models_dub(context: Context) -> None:
    """Send it all fragments of each; hold words, language and dubs against the clip."""
    for row in context.table:
        made = _dubbed(context, cut_speech(context.session.clip(row["clip"])))
        prove_transcripts(made, float(row["percent"]) / 100)
        prove_translated_to(made, "es")


def _chosen(context: Context) -> dict[str, object]:
    """The settings of the scenario's own service: profile, volume, models by name."""
    notes = context.run.notes
    volume = notes.get("volume", context.session.settings.e2e_models_volume)
    names = {f"{stage}_model": name for stage, name in notes.get("names", {}).items()}
    providers = dict.fromkeys(("asr_provider", "translation_provider", "tts_provider"), "")
    chosen = dict.fromkeys(("asr_model", "translation_model", "tts_model"), "") | names
    return {"sts_profile": "neural", "e2e_models_volume": volume, **providers, **chosen}


def _dubbed(context: Context, speech: Speech) -> Exchange:
    service, settings = context.run.notes["service"], context.session.settings
    stream_id = context.run.stream_name(speech.clip.stem if speech.clip else "speech")
    folder = context.run.artifacts / stream_id
    with WireClient(service.url(), api_key=settings.sts_api_key) as client:
        made = exchange(client, speech, stream_id, folder, settings.timeout)
    prove_answered(made, len(speech.sounds))
    prove_fitted(made)
    prove_another_voice(made)
    prove_dubs_say_their_translation(made)
    return made
