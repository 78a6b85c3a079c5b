"""Reliability: the suite, run again and again."""

from __future__ import annotations

from environment.bring_up import DUAL_TAG
from environment.proofs.reliability_proofs import prove_reliable
from environment.runs.configured import CLIP
from environment.runs.soaked import CONTAINERS, soak
from environment.vocabulary import Context, then, when


@when("`make soak` has a short clip dubbed by a new system, {count:d} times")
def soaked(context: Context, count: int) -> None:
    """Run it to its end, on ports and with names of its own; the clip is made beforehand."""
    context.session.clip(CLIP)
    tag = DUAL_TAG if DUAL_TAG in context.scenario.effective_tags else CONTAINERS
    log = context.run.artifacts / "soak.log"
    context.run.notes["soaked"] = soak(context.session.settings, log, tag, count)


@then("at least {percent:d} percent of {count:d} runs have passed, and its sum has each of them")
def runs_passed(context: Context, percent: int, count: int) -> None:
    """Count them in the sum that it wrote."""
    prove_reliable(context.run.notes["soaked"], percent, count)
