"""Proofs about the two compose projects: whose the containers are, and how they find each other.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from environment.expectations import expect
from environment.proofs import inside
from environment.proofs.configuration_proofs import prove_variables_inside
from environment.proofs.endpoints import ask, published_ports, speaks_rtmp, speaks_rtsp
from environment.proofs.examination import logged_translations
from environment.proofs.health_check_proofs import prove_checks_pass
from environment.proofs.ingest_proofs import prove_carried_over
from environment.proofs.output_proofs import prove_as_long_as_input
from environment.proofs.validation_proofs import fingerprints, prove_fingerprint_differs
from environment.stack.addresses import HOST_FROM_INSIDE

if TYPE_CHECKING:
    from environment.proofs.inside import TcpConnection
    from environment.runs.media_urls import Protocol
    from environment.runs.recorder import Recorded
    from environment.runs.run import PipelineRun
    from environment.stack.compose import ComposeStack
    from environment.stack.containers import ServiceContainer

PROJECT_LABEL: Final = "com.docker.compose.project"
FILES_LABEL: Final = "com.docker.compose.project.config_files"
AS_LONG_WITHIN_MS: Final = 500.0
"""FR-026."""
ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - looked for, not listened on


def prove_two_projects(stack: ComposeStack) -> None:
    """Each container is of its own compose project, made from that project's file (FR-001)."""
    wanted, seen = {}, {}
    for key, project in stack.projects.items():
        for container in stack.of_project(key):
            labels = container.inspect()["Config"]["Labels"]
            files = labels.get(FILES_LABEL, "")
            wanted[container.name] = (project.name, str(project.file))
            seen[container.name] = (labels.get(PROJECT_LABEL), files.split(",")[0])
    expect(
        seen == wanted and len({project for project, _ in wanted.values()}) == 2,
        expected=f"two projects, each from its own file: {wanted}",
        seen=seen,
        hint="`docker inspect` shows the labels that compose puts on what it makes.",
    )


def prove_project_started(stack: ComposeStack, key: str) -> None:
    """Every container of that project runs, made by compose from its file; the other has none.

    The health checks of the file pass, SC-006's time after `up` at the latest (FR-009).
    """
    own = {each.name: each.status for each in stack.of_project(key)}
    others = {
        each.name: each.status
        for other in stack.projects
        if other != key
        for each in stack.of_project(other)
    }
    labels = [each.inspect()["Config"]["Labels"] for each in stack.of_project(key)]
    project = stack.projects[key]
    made_by = {
        (each.get(PROJECT_LABEL), each.get(FILES_LABEL, "").split(",")[0]) for each in labels
    }
    expect(
        set(own.values()) == {"running"}
        and set(others.values()) == {"absent"}
        and made_by == {(project.name, str(project.file))},
        expected=f"only the containers of {project.name}, running, made from {project.file}",
        seen=(own, others, made_by),
        hint="`docker ps -a`, and what `docker-compose up` says.",
    )
    prove_checks_pass(stack.of_project(key), stack.settings, since=stack.up_at(key))


def prove_running(stack: ComposeStack) -> None:
    """Every container of both projects runs."""
    statuses = {each.name: each.status for each in stack.containers.values()}
    expect(
        set(statuses.values()) == {"running"},
        expected="all containers of both projects running",
        seen=statuses,
        hint="`docker ps -a`, and `docker logs` of the one that does not run.",
    )


def prove_networks_apart(stack: ComposeStack) -> None:
    """The projects share no network: what one has of the other, it has over ports of the host."""
    members = {
        network.name: set(network.members()) for network in (stack.network, stack.sts_network)
    }
    wanted = {
        stack.network.name: {each.name for each in stack.of_project("media")},
        stack.sts_network.name: {each.name for each in stack.of_project("sts")},
    }
    expect(
        members == wanted and len(members) == 2,
        expected=f"a network for each project, with its own containers: {wanted}",
        seen=members,
        hint="E2E_MEDIA_NETWORK and E2E_STS_NETWORK in the compose files.",
    )


def prove_told(container: ServiceContainer, variables: Mapping[str, str]) -> None:
    """The container's environment has these variables with these values."""
    seen = {name: container.environment.get(name) for name in variables}
    expect(
        seen == dict(variables),
        expected=f"inside {container.name}: {dict(variables)}",
        seen=seen,
        hint="the `environment` of the compose file, and what the project was told.",
    )


def prove_exposed(container: ServiceContainer, ports: Mapping[int, int]) -> None:
    """These container ports are published on the host, for all its addresses (FR-002)."""
    bindings = container.inspect()["NetworkSettings"]["Ports"] or {}
    open_to = {
        inner: {binding["HostIp"] for binding in bindings.get(f"{inner}/tcp") or []}
        for inner in ports
    }
    published = published_ports(container)
    expect(
        all(published.get(inner) == outer for inner, outer in ports.items())
        and all(ANY_ADDRESS in addresses for addresses in open_to.values()),
        expected=f"{container.name} publishes {dict(ports)} on every address of the host",
        seen=(published, open_to),
        hint="the `ports` of the compose file.",
    )


def prove_protocols_spoken(*, api: int, rtsp: int, rtmp: int, timeout_s: float) -> None:
    """From the host, each of these ports speaks its protocol."""
    answers = {
        "api": ask(f"http://localhost:{api}/health", timeout_s=timeout_s).status,
        "rtsp": speaks_rtsp("localhost", rtsp, timeout_s=timeout_s),
        "rtmp": speaks_rtmp("localhost", rtmp, timeout_s=timeout_s),
    }
    expect(
        answers == {"api": 200, "rtsp": True, "rtmp": True},
        expected=f"HTTP, RTSP and RTMP spoken at {api}, {rtsp} and {rtmp}",
        seen=answers,
        hint="`docker ps` shows who holds which port.",
    )


def prove_ports_of_file(pair: ComposeStack, wanted: Mapping[str, int]) -> None:
    """Every port is published where the variables say, by setting, and speaks its protocol."""
    rtmp, rtsp = wanted["mediamtx_rtmp_port"], wanted["mediamtx_rtsp_port"]
    media_api, sts = wanted["media_service_port"], wanted["sts_port"]
    server = {1935: rtmp, 8554: rtsp, 9997: wanted["mediamtx_api_port"]}
    prove_exposed(pair.media_server, server)
    prove_exposed(pair.media_service, {8080: media_api})
    prove_exposed(pair.sts_service, {sts: sts})
    timeout_s = pair.settings.timeout(5)
    prove_protocols_spoken(api=media_api, rtsp=rtsp, rtmp=rtmp, timeout_s=timeout_s)


def prove_over_host_port(
    stack: ComposeStack, connection: TcpConnection, url: str, client: ServiceContainer
) -> None:
    """A connection of the client goes to the host, at the port that the URL names (FR-005)."""
    gateway = inside.resolve(client, HOST_FROM_INSIDE, timeout_s=stack.settings.timeout(10))
    parts = urlsplit(url)
    expect(
        parts.hostname == HOST_FROM_INSIDE
        and (connection.remote_address, connection.remote_port) == (gateway, parts.port)
        and gateway not in stack.network.members().values(),
        expected=f"connected to this host, {gateway}, at port {parts.port}",
        seen=(url, connection),
        hint="`host.docker.internal` in the compose file's `extra_hosts`; /proc/net/tcp inside.",
    )


def prove_meet_at(pair: ComposeStack, port: int) -> None:
    """The processes of both services were told of that port of the host, and meet there.

    By their kernels' word, and by the connection that media-service's has.
    """
    url = f"http://{HOST_FROM_INSIDE}:{port}"
    prove_variables_inside(pair.sts_service, {"PORT": str(port)})
    prove_variables_inside(pair.media_service, {"STS_SERVICE_URL": url})
    connection = inside.wait_for_connection(pair.media_service, port)
    prove_over_host_port(pair, connection, url, pair.media_service)


def prove_ingested_over(stack: ComposeStack, run: PipelineRun, protocol: Protocol) -> None:
    """The clip was published over RTSP, and media-service, told of that protocol, read it over it.

    By the media server's description of the path while it was read.
    """
    prove_told(stack.media_service, {"INGEST_PROTOCOL": protocol})
    prove_carried_over(run, published="rtsp", read=protocol)


def prove_translations_logged(run: PipelineRun, log: str) -> None:
    """The log of sts-service holds each translation that was seen on the wire (US1-6)."""
    logged = logged_translations(log)
    missing = [f.translated_text for f in run.fragments if f.translated_text not in logged]
    expect(
        run.fragments and not missing,
        expected="each translation of the wire in the log of sts-service",
        seen=f"not logged: {missing}",
        evidence=run.folder / "run.json",
        hint="LOG_TRANSCRIPTS is on in the compose file.",
    )


def prove_no_host_network(container: ServiceContainer) -> None:
    """The container has a network of its own, not the host's (decision 2)."""
    mode = container.inspect()["HostConfig"]["NetworkMode"]
    expect(
        mode != "host" and container.address,
        expected="a bridge network",
        seen=mode,
        hint="the `networks` of the compose file.",
    )


def prove_taken_from_outside(stack: ComposeStack, server: ServiceContainer) -> None:
    """The server's kernel holds a connection whose other end is no member of its network."""
    port = server.spec.http_port
    held = inside.established_connections(server, timeout_s=stack.settings.timeout(10))
    peers = {each.remote_address for each in held if each.local_port == port}
    expect(
        peers - set(stack.sts_network.members().values()),
        expected=f"a connection to port {port} of {server.name} from outside of its network",
        seen=held,
        hint=f"`docker exec {server.name} cat /proc/net/tcp`",
    )


def prove_on_one_network(pair: ComposeStack, network: str, name: str) -> None:
    """All containers are on that network alone; ``name`` and the connection lead to STS."""
    members = {
        each.name: each.inspect()["NetworkSettings"]["Networks"]
        for each in pair.containers.values()
    }
    addresses = {key: nets.get(network, {}).get("IPAddress") for key, nets in members.items()}
    wanted = addresses[pair.sts_service.name]
    connection = inside.wait_for_connection(pair.media_service, pair.sts_service.spec.http_port)
    expect(
        all(addresses.values())
        and {len(nets) for nets in members.values()} == {1}
        and inside.resolve(pair.media_service, name) == wanted
        and connection.remote_address == wanted,
        expected=f"all on {network}, {name} resolved to {wanted} and connected to",
        seen=(addresses, connection),
        hint="`docker network inspect` lists the members' addresses and aliases.",
    )


def prove_dubbed_to_its_end(report: Mapping[str, Any], run: Recorded, segments: int) -> None:
    """The recorded output is as long as the clip, and all of it dubbed, and reported so.

    What is heard in it the media server's recordings say, six seconds at a time; media-service's
    report has so many segments, each dubbed, and besides them a tail that is too short at most.
    """
    outcomes = [(s["number"], s["outcome"], s["reason"]) for s in report["segments"]]
    spoken = [outcome for _number, outcome, reason in outcomes if reason != "tail"]
    expect(
        spoken == ["dubbed"] * segments,
        expected=f"{segments} segments, every one dubbed",
        seen=outcomes,
        evidence=run.output,
        hint="media-service's /v1/streams of that pair.",
    )
    prove_as_long_as_input(run, AS_LONG_WITHIN_MS)
    prove_fingerprint_differs(run, fingerprints(run))
