"""Proofs that services are healthy: by their answers, and by the checks that the engine runs.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.waiting import wait_within

if TYPE_CHECKING:
    from environment.proofs.endpoints import Answer
    from environment.settings import Settings
    from environment.stack.compose import ComposeStack
    from environment.stack.containers import ServiceContainer

HEALTHY_WITHIN_S: Final = 30.0
"""SC-006: from `up` to every health check passed."""


def prove_checks_pass(
    containers: Iterable[ServiceContainer], settings: Settings, *, since: float | None = None
) -> None:
    """Each container's own health check passes, by the engine's word, soon enough (SC-006).

    `since` is a monotonic time; by default the asking's.
    """
    for container in containers:
        wait_within(
            f"{container.name}'s own health check to pass",
            container.check_passes,
            limit_s=HEALTHY_WITHIN_S,
            settings=settings,
            since=since,
            evidence=container.evidence,
            hint="the `healthcheck` of the compose file; `docker inspect` has what it said.",
        )


def prove_all_healthy(
    stack: ComposeStack, answers: Mapping[str, Answer], *, within_s: float
) -> None:
    """Every container has answered in time, and passes the check of its compose file (FR-009).

    The start of both projects, which ended when the checks passed, took no longer than SC-006 has.
    """
    waited_s = max((each.after_s for each in answers.values()), default=0.0)
    expect(
        set(answers) == {each.name for each in stack.containers.values()}
        and waited_s <= within_s
        and stack.started_in_s is not None
        and stack.started_in_s <= HEALTHY_WITHIN_S,
        expected=f"200 from all within {within_s} s, {HEALTHY_WITHIN_S:g} s after `up` (SC-006)",
        seen=f"healthy {stack.started_in_s} s after `up`; {answers}",
        hint="run.log has the time of each project's `up` and first healthy answer.",
    )
    prove_checks_pass(stack.containers.values(), stack.settings)
