"""Proofs about another run of the suite that had two compose projects of its own.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from environment.expectations import expect
from environment.proofs.nested_proofs import prove_no_traceback
from environment.stack.addresses import HOST_FROM_INSIDE

if TYPE_CHECKING:
    from environment.runs.nested import NestedRun
    from environment.stack.compose import ProjectContainer


def prove_coordinated(found: Mapping[str, ProjectContainer]) -> None:
    """media-service was told, as a variable, the host port that the other project publishes."""
    media, sts = found["media-service"], found["sts-service"]
    url = urlsplit(media.variables.get("STS_SERVICE_URL", ""))
    port = sts.variables.get("PORT", "")
    expect(
        media.project != sts.project
        and url.hostname == HOST_FROM_INSIDE
        and str(url.port) == port
        and sts.published.get(int(port or 0)) == url.port,
        expected="two projects, one told the host port of the other",
        seen=(media, sts),
        hint="STS_SERVICE_URL and STS_PORT in the compose files.",
    )


def prove_clip_dubbed(nested: NestedRun, status: int, *, segments: int) -> None:
    """Its one scenario passed; the run that it recorded has so many segments, all dubbed."""
    outcomes = [r["outcome"] for r in nested.summary.get("results", [])]
    ran = [outcome for outcome in outcomes if outcome != "not_selected"]
    ended = [line for line in nested.events if line.event == "segment_released"]
    expect(
        status == 0
        and ran == ["passed"]
        and [line.fields.get("outcome") for line in ended] == ["dubbed"] * segments,
        expected=f"exit status 0, one scenario passed, {segments} segments dubbed",
        seen=f"status {status}, {ran}, {ended}; {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="its own summary and run.log tell what failed.",
    )


def prove_taken_down(nested: NestedRun) -> None:
    """It took both projects down by compose, and nothing of it is on the engine."""
    down = [line.fields.get("project") for line in nested.events if line.event == "project_down"]
    left = nested.objects()
    expect(
        len(set(down)) == 2 and not left,
        expected="both projects down; no container, network or volume of that run",
        seen=(down, left),
        evidence=nested.log_file,
        hint="environment/stack/compose.py takes them down, the reaper what is left.",
    )


def prove_skipped_for_port(nested: NestedRun, status: int, port: int, holder: str) -> None:
    """Its scenario was skipped, the run successful, and it said which port, and who holds it."""
    said = " ".join(nested.output.split())
    outcomes = [result["outcome"] for result in nested.summary.get("results", [])]
    expect(
        [each for each in outcomes if each != "not_selected"] == ["skipped"]
        and status == 0
        and f"Port {port} of the host" in said
        and f"is taken by the container {holder}" in said,
        expected=f"one scenario skipped, with port {port} and {holder}, exit status 0",
        seen=f"status {status}, {outcomes}; {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="environment/stack/compose.py tells a port conflict, environment/vocabulary.py skips.",
    )
    prove_no_traceback(nested)


def prove_published_and_passed(
    nested: NestedRun, status: int, found: Mapping[str, ProjectContainer], ports: set[int]
) -> None:
    """Its services were published at these ports of the host and at no other, and it passed."""
    published = {port for each in found.values() for port in each.published.values()}
    outcomes = {result["outcome"] for result in nested.summary.get("results", [])}
    expect(
        status == 0
        and published == ports
        and outcomes <= {"passed", "not_selected"}
        and "passed" in outcomes,
        expected=f"the ports {sorted(ports)} published, the scenario passed",
        seen=f"{sorted(published)}, {outcomes}, status {status}",
        evidence=nested.log_file,
        hint="its own summary tells what failed.",
    )
