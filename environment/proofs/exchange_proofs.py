"""Proofs about fragments that the harness itself sent to sts-service.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from environment.errors import HarnessError
from environment.expectations import expect
from environment.measuring.correlation import SILENCE_DBFS
from environment.measuring.sound import level_dbfs
from environment.measuring.transcript import Alignment, align, normalise
from environment.proofs import spoken
from environment.proofs.equivalents import NotOfThisWorld, spanish_of, words_of
from environment.proofs.speech_proofs import prove_translated_to
from environment.runs.exchange import FRAGMENT_S, Exchange
from fixtures.sidecar import read_sidecar

FRAGMENT_LIMIT_S: Final = 15.0
"""US4's success criterion for a fragment of six seconds."""
COUNTING_TOLERANCE: Final = {"pocket": 0.0, "embedded": 0.0, "neural": 0.1}
"""Share of words wrong on 30s-english-counting, by profile (FR-030)."""

NEURAL_PERCENT: Final = 10.0
"""Of the words of any clip that may be wrong, as speech_models.feature asks of the full models."""

_EXACT_PROFILE: Final = "pocket"


def most_wrong(profile: str, *, pocket: float, embedded: float) -> float:
    """Return the share of words that may be wrong under a profile, of bounds in percent.

    Raises HarnessError for a profile that has no bound: none is held to another's.
    """
    percent = {"pocket": pocket, "embedded": embedded, "neural": NEURAL_PERCENT}
    if profile not in percent:
        raise HarnessError(
            f"Nothing is said of the words that may be wrong under the profile {profile}.",
            remedy=f"STS_PROFILE is one of {', '.join(percent)}.",
        )
    return percent[profile] / 100


def prove_says(clip: Path, text: str) -> None:
    """The clip's first fragment contains these words, and no others."""
    said = read_sidecar(clip).transcript_between(0, FRAGMENT_S)
    expect(
        normalise(said) == normalise(text),
        expected=f"{text!r} in the first {FRAGMENT_S:g} s of {clip.name}",
        seen=repr(said),
        hint="the description beside the clip; `make fixtures` makes both.",
    )


def prove_answered(exchange: Exchange, count: int) -> None:
    """Each fragment was answered once, in order, as the contract has it (FR-033)."""
    answers = [(result["sequence_number"], result["status"]) for result in exchange.results]
    expect(
        answers == [(number, "success") for number in range(count)] and not exchange.violations,
        expected=f"{count} results with status success, in order, every event as the contract "
        "has it",
        seen=(answers, exchange.violations),
        evidence=exchange.folder / "events.jsonl",
        hint="sts-service's log tells why a fragment failed.",
    )


def prove_in_time(exchange: Exchange) -> None:
    """Each fragment was answered within US4's bound."""
    times_s = [fragment.round_trip_s for fragment in exchange.fragments]
    expect(
        all(time_s is not None and time_s <= FRAGMENT_LIMIT_S for time_s in times_s),
        expected=f"each result within {FRAGMENT_LIMIT_S:g} s",
        seen=[None if time_s is None else f"{time_s:.1f} s" for time_s in times_s],
        evidence=exchange.folder / "run.json",
        hint="stage_timings in events.jsonl; a busy machine, or too many workers for its cores.",
    )


def prove_transcripts(exchange: Exchange, tolerance: float) -> Alignment:
    """The transcripts are the clip's words; at most that share of them is wrong (FR-030)."""
    assert exchange.clip is not None
    end_s = len(exchange.fragments) * FRAGMENT_S
    words = align(read_sidecar(exchange.clip).transcript_between(0, end_s), exchange.transcript)
    expect(
        words.rate <= tolerance,
        expected=f"the clip's words, at most {100 * tolerance:g} % of them wrong (FR-030)",
        seen=words,
        evidence=exchange.folder / "run.json",
        hint="what was sent lies there as WAV files; docs/engines.md has the engines' limits.",
    )
    return words


def prove_equivalent(exchange: Exchange, profile: str) -> None:
    """Each translation is the Spanish equivalent of its transcript (FR-031).

    It is Spanish; where only numbers are said, it names the same; and the pocket models give, word
    for word, what their world has for it.
    """
    prove_translated_to(exchange, "es")
    faults = []
    for fragment in exchange.fragments:
        said, translated = spoken.numbers_of(fragment)
        if len(said) == len(normalise(fragment.transcript or "")) and said != translated:
            faults.append(f"numbers {said} became {translated}")
        if profile == _EXACT_PROFILE:
            faults += _not_of_the_world(fragment.transcript or "", fragment.translated_text or "")
    expect(
        not faults,
        expected="in each translation what its transcript says (FR-031)",
        seen="; ".join(faults),
        evidence=exchange.folder / "run.json",
        hint="the translation engine; fixtures/world.py has what the clips' sentences mean.",
    )


def prove_fitted(exchange: Exchange) -> None:
    """Each dub is as long as its fragment, to the sample, in the same format, and not silent."""
    faults = []
    for result, fragment in zip(exchange.results, exchange.fragments, strict=True):
        dub, samples = result["dubbed_audio"], fragment.dubbed_audio
        if (dub["sample_rate_hz"], dub["channels"]) != _format_sent(exchange):
            faults.append(f"{dub['sample_rate_hz']} Hz, {dub['channels']} channels")
        if samples is None or len(samples) != len(fragment.source_audio):
            faults.append(f"{0 if samples is None else len(samples)} samples")
        elif level_dbfs(samples) < SILENCE_DBFS:
            faults.append(f"silence in fragment {fragment.sequence_number}")
    expect(
        exchange.fragments and not faults,
        expected="dubs as long as their fragments, in their format, with sound in them (FR-032)",
        seen="; ".join(faults) or "no fragment",
        evidence=exchange.folder,
        hint="the dubbed audio lies there as WAV files: listen.",
    )


def prove_nothing_said(exchange: Exchange) -> None:
    """Silence comes back as success, with no words, and quiet sound of its own length."""
    (fragment,) = exchange.fragments
    dub = fragment.dubbed_audio
    expect(
        (fragment.status, fragment.transcript, fragment.translated_text) == ("success", "", "")
        and dub is not None
        and len(dub) == len(fragment.source_audio)
        and level_dbfs(dub) < SILENCE_DBFS,
        expected="success without a word, and quiet sound as long as the fragment",
        seen=(
            fragment.status,
            fragment.transcript,
            fragment.translated_text,
            None if dub is None else f"{len(dub)} samples at {level_dbfs(dub):.0f} dBFS",
        ),
        evidence=exchange.folder,
        hint="recognisers hear words in silence: the engines' base class keeps it from them.",
    )


def prove_named(exchange: Exchange, health: dict[str, Any]) -> None:
    """Stream and results name the profile, engines and models that /health names."""
    engines = {stage: f"{health[stage]}:{model}" for stage, model in health["models"].items()}
    names = {"profile": health["profile"], **engines}
    models = {f"{stage}_model": engine for stage, engine in engines.items()}
    said = [result.get("metadata") for result in exchange.results]
    expect(
        names.items() <= exchange.capabilities.items() and all(each == models for each in said),
        expected=f"{names} in stream:ready, {models} in each result",
        seen=(exchange.capabilities, said),
        evidence=exchange.folder / "events.jsonl",
        hint="the registry of sts-service's engines.",
    )


def _format_sent(exchange: Exchange) -> tuple[int, int]:
    sent = next(seen for seen in exchange.events if seen.event.event == "fragment:data")
    audio = sent.payload["audio"]
    return audio["sample_rate_hz"], audio["channels"]


def _not_of_the_world(transcript: str, translated: str) -> list[str]:
    try:
        wanted = spanish_of(transcript)
    except NotOfThisWorld as error:
        return [str(error)]
    if words_of(wanted) == words_of(translated):
        return []
    return [f"{transcript!r} became {translated!r}, wanted {wanted!r}"]
