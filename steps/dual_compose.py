"""The two compose projects: started, told where the other is, and connected over the host."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs import inside
from environment.proofs.dual_proofs import (
    prove_exposed,
    prove_networks_apart,
    prove_no_host_network,
    prove_over_host_port,
    prove_running,
    prove_taken_from_outside,
    prove_told,
    prove_two_projects,
)
from environment.proofs.health_check_proofs import prove_all_healthy
from environment.proofs.network_proofs import prove_session
from environment.runs.bad_data import opening
from environment.runs.stream_reports import wait_for_output
from environment.runs.wire_client import WireClient
from environment.vocabulary import Context, given, then, when


@given("both docker-compose environments running (media-service + sts-service)")
def both_running(context: Context) -> None:
    """Find every container of both running, each of its own project, on networks of their own."""
    stack = context.session.dual_stack()
    prove_running(stack)
    prove_two_projects(stack)
    prove_networks_apart(stack)


@given("media-service docker-compose started with `{name}={value}`")
def media_project_started_with(context: Context, name: str, value: str) -> None:
    """Find the variable inside the container: the text's endpoint, as a container writes it."""
    stack = context.session.dual_stack()
    wanted = stack.resolve_inside(value)
    prove_two_projects(stack)
    prove_told(stack.media_service, {name: wanted})
    context.run.notes["url"] = wanted


@then("connection succeeds via exposed port {port:d}")
def connected_over_port(context: Context, port: int) -> None:
    """Prove that it goes over the host's port, into the other project, and holds a session."""
    stack, notes = context.session.dual_stack(), context.run.notes
    prove_exposed(stack.sts_service, {stack.sts_service.spec.http_port: stack.outside(port)})
    prove_over_host_port(stack, notes["connection"], notes["url"], stack.media_service)
    prove_taken_from_outside(stack, stack.sts_service)
    prove_networks_apart(stack)
    prove_session(stack)


@given("sts-service docker-compose started with port {port:d} exposed")
def sts_project_started(context: Context, port: int) -> None:
    """Find that port published by the container of the sts project."""
    stack = context.session.dual_stack()
    prove_two_projects(stack)
    prove_exposed(stack.sts_service, {stack.sts_service.spec.http_port: stack.outside(port)})


@when("external client (media-service from host) connects")
def external_client_connects(context: Context) -> None:
    """Connect a Socket.IO client of media-service's kind from the host, and open a stream."""
    stack, notes = context.session.dual_stack(), context.run.notes
    notes["clients"] = stack.sts_service.metric("sts_connections")
    client = WireClient(stack.resolve("http://localhost:3000"), api_key=stack.settings.sts_api_key)
    notes["client"] = context.run.cleanup.enter_context(client)
    client.send("stream:init", opening(context.run.stream_name("from-host")))


@then("Socket.IO handshake completes successfully")
def handshake_completes(context: Context) -> None:
    """Find the stream opened on that connection, and one client more by the server's count."""
    stack, notes = context.session.dual_stack(), context.run.notes
    ready = notes["client"].wait_for("stream:ready", timeout_s=stack.settings.timeout(10))
    clients = stack.sts_service.metric("sts_connections")
    expect(
        ready["session_id"] and clients == notes["clients"] + 1,
        expected=f"a session, and {notes['clients'] + 1:g} clients",
        seen=(ready, clients),
        hint="sts-service's log: client_connected.",
    )


@given("MediaMTX started with RTSP port {rtsp:d} and RTMP port {rtmp:d} exposed")
def media_server_exposed(context: Context, rtsp: int, rtmp: int) -> None:
    """Find both ports published by the container of the media project."""
    stack = context.session.dual_stack()
    prove_exposed(stack.media_server, {port: stack.outside(port) for port in (rtsp, rtmp)})


@when("WorkerRunner connects from media-service container")
def worker_connects(context: Context) -> None:
    """Tell the project localhost URLs of the media server; publish, and wait for the output."""
    stack, notes = context.session.dual_stack(), context.run.notes
    notes["urls"] = {
        "MEDIAMTX_RTSP_URL": stack.resolve_inside("rtsp://localhost:8554"),
        "MEDIAMTX_RTMP_URL": stack.resolve_inside("rtmp://localhost:1935"),
    }
    stack.reconfigure("media", notes["urls"])
    stack.media_service.wait_ready()
    clip = context.session.clip(context.session.main_clip)
    publication = context.run.publish(clip, "live/test/in")
    timeout_s = stack.settings.timeout(40)
    notes["report"] = wait_for_output(stack, publication.path, 0, timeout_s=timeout_s)


@then("connection succeeds using host network mode or explicit localhost URLs")
def connected_by_localhost(context: Context) -> None:
    """Find the worker's connections to both ports of this host; no host network is needed."""
    stack, notes = context.session.dual_stack(), context.run.notes
    prove_told(stack.media_service, notes["urls"])
    prove_no_host_network(stack.media_service)
    read = "RTSP" if stack.settings.ingest_protocol == "rtsp" else "RTMP"
    for url in {notes["urls"][f"MEDIAMTX_{read}_URL"], notes["urls"]["MEDIAMTX_RTMP_URL"]}:
        port = int(url.rpartition(":")[2])
        connection = inside.wait_for_connection(stack.media_service, port)
        prove_over_host_port(stack, connection, url, stack.media_service)


@given("all services started")
def all_started(context: Context) -> None:
    """Find every container of both projects running."""
    prove_running(context.session.dual_stack())


@then("all services return 200 OK within {limit_s:d} seconds")
def all_healthy_within(context: Context, limit_s: int) -> None:
    """Hold each answer against the bound, the start of both projects against SC-006's.

    That start has waited for the health checks of the files, which still pass.
    """
    stack = context.session.dual_stack()
    prove_all_healthy(stack, context.run.notes["answers"], within_s=limit_s)
    prove_session(stack)
