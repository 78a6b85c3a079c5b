"""Proofs about configuration: what the variables of another run have made of its system.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from socketio.exceptions import ConnectionError as ConnectionRefused

from environment.expectations import expect
from environment.proofs import inside
from environment.proofs.endpoints import published_ports, speaks_rtmp
from environment.proofs.network_proofs import prove_linked
from environment.runs.in_flight import most_in_flight
from environment.runs.nested import NestedRun, find_processes
from environment.runs.wire_client import WireClient
from environment.settings import Settings
from environment.stack.blueprint import RTMP_PORT
from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.proofs.validation_proofs import Fingerprints
    from environment.runs.run import PipelineRun
    from environment.stack.containers import ServiceContainer
    from environment.stack.production import ProductionStack

_SHOWN_CHARS: Final = 1500
_FFMPEG: Final = "ffmpeg "


def prove_default(name: str, value: str) -> None:
    """The variable's default is what the text says."""
    field = Settings.model_fields.get(name.lower())
    seen = None if field is None else str(field.default)
    expect(
        seen == value,
        expected=f"{name} with the default {value}",
        seen=seen,
        hint="environment/settings.py has the defaults.",
    )


def prove_variables_inside(container: ServiceContainer, wanted: Mapping[str, str]) -> None:
    """The process that runs in the container has these variables, by its kernel's word."""
    lines = container.exec("cat", "/proc/1/environ").output.split("\0")
    seen = dict(line.split("=", 1) for line in lines if "=" in line)
    expect(
        {name: seen.get(name) for name in wanted} == dict(wanted),
        expected=f"{dict(wanted)} in {container.name}",
        seen={name: seen.get(name) for name in wanted},
        hint="environment/stack/blueprint.py hands the containers their variables.",
    )


def prove_published(stack: ProductionStack, wanted: Mapping[tuple[str, int], int]) -> None:
    """The containers are published on these ports of the host.

    ``wanted``: the host's port by plain name and container port.
    """
    seen = {
        (name, port): published_ports(stack.containers[name]).get(port) for name, port in wanted
    }
    expect(
        seen == dict(wanted),
        expected=f"by container and port: {dict(wanted)}",
        seen=seen,
        hint="`docker port` shows the same.",
    )


def prove_publishes_on(nested: NestedRun, server: str, *, timeout_s: float) -> None:
    """An ffmpeg of that run publishes below that URL, by the command line that the host shows."""

    def probe() -> str:
        seen = [words for _pid, words in find_processes(nested.run_id) if words.startswith(_FFMPEG)]
        if not seen:
            raise NotYet("no ffmpeg of that run")
        return seen[0]

    seen = wait_for(f"{nested.run_id} to publish a clip", probe, timeout_s=timeout_s)
    expect(
        f" {server}live/" in seen,
        expected=f"ffmpeg publishing below {server}live/",
        seen=seen,
        hint="environment/stack/production.py: rtmp_url.",
    )


def prove_rtmp_beside(mine: ProductionStack, port: int) -> None:
    """RTMP is spoken on that port of the host and on this run's own, which is another."""
    host = urlsplit(mine.media_server.url()).hostname or "localhost"
    own = mine.media_server.host_port(RTMP_PORT)
    expect(
        own != port and speaks_rtmp(host, port) and speaks_rtmp(host, own),
        expected=f"a media server on port {port}, and this run's on another, {own}",
        seen=f"{mine.media_server.name} {mine.media_server.status}",
        hint="`docker ps` shows who is published where.",
    )


def prove_joined(stack: ProductionStack, name: str) -> None:
    """Its containers are that network's only members, are in no other, and talk there.

    Inside of each, the names of the others lead to their addresses on that network.
    """
    wanted = {container.name for container in stack.containers.values()}
    networks = {
        container.name: sorted(container.inspect()["NetworkSettings"]["Networks"])
        for container in stack.containers.values()
    }
    expect(
        stack.network.name == name
        and set(stack.network.members()) == wanted
        and all(joined == [name] for joined in networks.values()),
        expected=f"{sorted(wanted)} on {name}, and on no other network",
        seen=f"{networks}; members of {stack.network.name}: {sorted(stack.network.members())}",
        hint="`docker network inspect` lists the members.",
    )
    members = stack.network.members()
    for asked in stack.containers.values():
        for other in stack.containers.values():
            address = inside.resolve(asked, other.spec.aliases[0])
            expect(
                address == members[other.name],
                expected=f"{other.spec.aliases[0]} at {members[other.name]}",
                seen=f"{address}, by the resolver inside {asked.name}",
                hint="the aliases that the containers have on the network.",
            )
    prove_linked(stack)


def prove_connected_to(
    stack: ProductionStack, url: str, server: ServiceContainer, address: str, timeout_s: float
) -> None:
    """Its media-service was told of that endpoint, and both kernels hold the connection.

    ``address`` is the server's on the network of that run.
    """
    service, port = stack.media_service, urlsplit(url).port or 80
    prove_variables_inside(service, {"STS_SERVICE_URL": url})
    connection = inside.wait_for_connection(service, port, timeout_s=timeout_s)
    held = inside.established_connections(server, timeout_s=timeout_s)
    expect(
        connection.remote_address == address and connection.reversed in held,
        expected=f"media-service connected to {server.name} at {address}:{port}, and to no other",
        seen=f"{connection}; held by {server.name}: {held}",
        hint="environment/stack/blueprint.py: STS_SERVICE_URL.",
    )


def prove_no_sts_of_its_own(nested: NestedRun, stack: ProductionStack, server: str) -> None:
    """That run has made a media server and a media-service, by the engine's lists, and no more.

    Its network has these two and ``server``, the container that it was given, as members.
    """
    made = {name.split()[1] for name in nested.objects() if name.startswith("container ")}
    members = set(stack.network.members())
    wanted = {stack.media_server.name, stack.media_service.name}
    expect(
        made == wanted and members == wanted | {server},
        expected=f"{sorted(wanted)}, with {server} for its speech, and no sts-service of its own",
        seen=f"made: {sorted(made)}; on {stack.network.name}: {sorted(members)}",
        hint="environment/stack/production.py: STS_SERVICE_URL names another's sts-service.",
    )


def prove_dub_heard(run: PipelineRun, found: Fingerprints) -> None:
    """The clip's own sound is nowhere in the output, where something is heard that is a dub."""
    verdicts = [window.verdict.verdict for window in found.output]
    expect(
        "dubbed" in verdicts and set(verdicts) <= {"dubbed", "silent"},
        expected="a dub, and nowhere the original",
        seen=verdicts,
        evidence=run.output,
        hint="environment/measuring/fingerprint.py says what each verdict means.",
    )


def prove_passed(nested: NestedRun, status: int) -> None:
    """That run has passed: one scenario, which dubbed a clip with its system, and no warning."""
    outcomes = [(result["outcome"], result["warnings"]) for result in nested.results]
    expect(
        status == 0 and outcomes == [("passed", [])],
        expected="exit status 0, one scenario, passed without a warning",
        seen=f"status {status}; {outcomes}; {nested.output[-_SHOWN_CHARS:]}",
        evidence=nested.log_file,
        hint="its own report says what failed, and where its evidence lies.",
    )


def prove_none_default(values: Mapping[str, str]) -> None:
    """None of the values is what the variable would be without it."""
    defaults = {
        variable.name: variable.default for variable in Settings.model_construct().variables()
    }
    same = {name: value for name, value in values.items() if defaults.get(name, value) == value}
    expect(
        not same,
        expected="variables that there are, each with another value than its default",
        seen=same,
        hint="`make config` prints the defaults.",
    )


def prove_refuses_without(url: str, key: str) -> None:
    """sts-service lets nobody in without the key, and lets in who brings it."""
    refused = ""
    try:
        with WireClient(url):
            pass
    except ConnectionRefused as error:
        refused = str(error)
    with WireClient(url, api_key=key):
        pass
    expect(
        refused,
        expected="no connection without the key that STS_API_KEY holds",
        seen="a connection without a key",
        hint="the log of that sts-service; environment/stack/blueprint.py: STS_API_KEY.",
    )


def prove_on_the_wire(nested: NestedRun, *, segment_ms: int, inflight: int, profile: str) -> None:
    """The clip that it dubbed went over the wire as those settings want it.

    So short a clip need not have many fragments in flight: that a limit is reached, and kept then,
    is for ``in_flight_proofs``.
    """
    events = wire_events(nested)
    payloads = {
        event: [seen["payload"] for seen in events if seen["event"] == event]
        for event in ("stream:init", "stream:ready", "fragment:data")
    }
    seen = {
        "chunk_duration_ms": [p["config"]["chunk_duration_ms"] for p in payloads["stream:init"]],
        "first fragment": [p["audio"]["duration_ms"] for p in payloads["fragment:data"]][:1],
        "max_inflight": [p["max_inflight"] for p in payloads["stream:ready"]],
        "never more": most_in_flight((e["event"], e["payload"]) for e in events) <= inflight,
        "profile": [p["capabilities"]["profile"] for p in payloads["stream:ready"]],
    }
    wanted = {
        "chunk_duration_ms": [segment_ms],
        "first fragment": [segment_ms],
        "max_inflight": [inflight],
        "never more": True,
        "profile": [profile],
    }
    expect(
        seen == wanted,
        expected=str(wanted),
        seen=seen,
        evidence=nested.evidence,
        hint="events.jsonl of that run's pipeline has every event of the wire.",
    )


def wire_events(nested: NestedRun) -> list[dict[str, Any]]:
    """What was seen on the wire of the clip that it dubbed: events as events.jsonl has them."""
    (path,) = nested.evidence.glob("pipeline-*/events.jsonl")
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
