"""Evidence: what a run tells of itself, and what it leaves to look at."""

from __future__ import annotations

from environment.evidence.artifacts import RUN_LOG
from environment.evidence.log_lines import read_log
from environment.proofs.log_proofs import (
    prove_publication_logged,
    prove_segments_logged,
    prove_starts_logged,
)
from environment.vocabulary import Context, then, when


@when("this run's log is read")
def log_read(context: Context) -> None:
    """Read run.log as it is now."""
    context.run.notes["log"] = read_log(context.session.artifacts / RUN_LOG)


@then("it has the start of each container, before any of its streams")
def has_starts(context: Context) -> None:
    """Find each container started and healthy before the clip was published."""
    stack = context.session.stack()
    names = [container.name for container in stack.containers.values()]
    prove_starts_logged(context.run.notes["log"], context.session.pipeline_run(), names)


@then("it has the publication of the clip, from its start to its end")
def has_publication(context: Context) -> None:
    """Compare its lines with the times that the recorded run has."""
    prove_publication_logged(context.run.notes["log"], context.session.pipeline_run())


@then("it has each segment cut, sent, processed and released, when the observer saw it")
def has_segments(context: Context) -> None:
    """Compare its lines with the order of things, and with what was seen on the wire."""
    prove_segments_logged(context.run.notes["log"], context.session.pipeline_run())
