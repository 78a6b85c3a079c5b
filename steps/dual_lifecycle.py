"""The life of the compose projects: each alone, both by another run, one with an echo beside it."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.dual_proofs import (
    prove_exposed,
    prove_project_started,
    prove_protocols_spoken,
    prove_running,
    prove_two_projects,
)
from environment.proofs.echo_proofs import prove_came_back_unchanged, prove_marked_as_echo
from environment.proofs.nested_dual_proofs import (
    prove_clip_dubbed,
    prove_coordinated,
    prove_taken_down,
)
from environment.runs.nested import NestedRun
from environment.runs.pipeline import run_pipeline
from environment.runs.sibling import sibling_projects
from environment.runs.wire_client import WireClient
from environment.settings import REPO_ROOT
from environment.vocabulary import Context, given, then, when

WHOLE = "dual_whole.feature"
SHORT_CLIP = "7s.mp4"
# What a nested run says is not the point: the engines that load fastest will do.
FAST = {"STS_PROFILE": "embedded"}


@given("`apps/{service}/docker-compose.e2e.yml` exists")
def compose_file_exists(context: Context, service: str) -> None:
    """Find it under this project's path, as the file of the session's own project too."""
    file = REPO_ROOT / "services" / service / "docker-compose.e2e.yml"
    projects = context.session.dual_stack().projects
    keys = [key for key, project in projects.items() if project.file == file]
    expect(
        file.is_file() and len(keys) == 1,
        expected=f"{file}, as the file of one of the projects",
        seen={key: str(project.file) for key, project in projects.items()},
        hint="apps/ of the text is services/ here.",
    )
    context.run.notes["key"] = keys[0]


@when("docker-compose up is run")
def up_is_run(context: Context) -> None:
    """Run it on that file alone, under names and ports of its own; the other is not started."""
    stack, notes = context.session.dual_stack(), context.run.notes
    pair = context.run.cleanup.enter_context(sibling_projects(stack, "alone"))
    pair.up(notes["key"])
    notes["pair"] = pair


@then("media-service and MediaMTX start")
def media_project_starts(context: Context) -> None:
    """Find both running, made by compose from that file, and nothing of the other project."""
    prove_project_started(context.run.notes["pair"], "media")


@then("ports {api:d} (media API), {rtsp:d} (RTSP), {rtmp:d} (RTMP) are exposed and accessible")
def media_ports_accessible(context: Context, api: int, rtsp: int, rtmp: int) -> None:
    """Find each published, and the right one answering at each from the host."""
    pair = context.run.notes["pair"]
    prove_exposed(pair.media_service, {api: pair.outside(api)})
    prove_exposed(pair.media_server, {port: pair.outside(port) for port in (rtsp, rtmp)})
    prove_protocols_spoken(
        api=pair.outside(api),
        rtsp=pair.outside(rtsp),
        rtmp=pair.outside(rtmp),
        timeout_s=pair.settings.timeout(5),
    )


@then("sts-service starts")
def sts_project_starts(context: Context) -> None:
    """Find it running, made by compose from that file, and nothing of the other project."""
    prove_project_started(context.run.notes["pair"], "sts")


@then("port {port:d} (Socket.IO) is exposed and accessible")
def sts_port_accessible(context: Context, port: int) -> None:
    """Find it published, and open a Socket.IO session there from the host."""
    pair = context.run.notes["pair"]
    prove_exposed(pair.sts_service, {pair.sts_service.spec.http_port: pair.outside(port)})
    key = pair.settings.sts_api_key
    with WireClient(f"http://localhost:{pair.outside(port)}", api_key=key):
        clients = pair.sts_service.metric("sts_connections")
    expect(
        clients == 1,
        expected="one client by the server's count",
        seen=clients,
        hint="sts-service's log: client_connected.",
    )


@given("both compositions running")
def both_compositions_running(context: Context) -> None:
    """Find every container of both projects running."""
    prove_running(context.session.dual_stack())
    prove_two_projects(context.session.dual_stack())


@when("pytest test suite runs")
def suite_runs(context: Context) -> None:
    """Start another run with projects of its own; look at them; wait for its end."""
    notes, timeout = context.run.notes, context.session.settings.timeout
    run = NestedRun(WHOLE, "whole", context.run.artifacts / "nested.log", variables=FAST)
    notes["nested"] = nested = context.run.cleanup.enter_context(run)
    nested.wait_stack(3, timeout_s=timeout(120))
    notes["told"] = context.session.dual_stack().look_at_run(nested.run_id)
    notes["status"] = nested.wait_ended(timeout_s=timeout(240))


@then("tests coordinate both environments via environment variables")
def coordinated(context: Context) -> None:
    """Find one project's container told the port that the other's publishes, as a variable."""
    prove_coordinated(context.run.notes["told"])


@then("execute full pipeline")
def full_pipeline_executed(context: Context) -> None:
    """Find its scenario passed, and five dubbed segments in the run that it recorded."""
    notes = context.run.notes
    prove_clip_dubbed(notes["nested"], notes["status"], segments=5)


@then("and clean up both compositions on teardown")
def cleaned_up(context: Context) -> None:
    """Find both projects taken down by that run, and nothing of it on the engine."""
    prove_taken_down(context.run.notes["nested"])


@given("another run of the suite has both projects up, in a scenario that {tag}")
def other_pair_up(context: Context, tag: str) -> None:
    """Start it; wait until its containers are on the engine and it knows them ready."""
    notes, log = context.run.notes, context.run.artifacts / "nested.log"
    run = NestedRun(WHOLE, tag, log, variables=FAST)
    notes["nested"] = nested = context.run.cleanup.enter_context(run)
    nested.wait_stack(3, timeout_s=context.session.settings.timeout(120))


@given("another run of the suite is started on both projects, in a scenario that {tag}")
def other_pair_started(context: Context, tag: str) -> None:
    """Start it, and look no further: it ends by itself."""
    context.session.stack()
    run = NestedRun(WHOLE, tag, context.run.artifacts / "nested.log", variables=FAST)
    context.run.notes["nested"] = context.run.cleanup.enter_context(run)


@then("its evidence has what both projects have logged, as compose prints it")
def project_logs_kept(context: Context) -> None:
    """Find a log for each project beside those of the containers, with lines in it (FR-033)."""
    nested = context.run.notes["nested"]
    logs = sorted(nested.evidence.glob("*/*.compose.log"))
    expect(
        len(logs) == 2 and all(" | " in log.read_text() for log in logs),
        expected="a log for each of the two projects",
        seen=[(log.name, log.stat().st_size) for log in logs],
        evidence=nested.evidence,
        hint="environment/session.py saves them when a scenario fails.",
    )


@given("sts-service composition down")
def sts_project_down(context: Context) -> None:
    """Take the sts project down; the hooks bring it up again afterwards."""
    stack = context.session.dual_stack()
    stack.projects["sts"].down()
    expect(
        stack.sts_service.status == "absent",
        expected="no container of the sts project",
        seen=stack.sts_service.status,
        hint="`docker-compose down` of services/sts-service/docker-compose.e2e.yml.",
    )


@when("developer runs media-service tests with Echo STS")
def runs_with_echo(context: Context) -> None:
    """Start the echo on the port that is free now; dub a short clip by it, recorded as any run."""
    stack, session = context.session.dual_stack(), context.session
    echo = context.run.cleanup.enter_context(stack.echo_in_place_of_sts())
    echo.start()
    echo.wait_healthy()
    stack.media_service.wait_ready(30)
    session.observer().wait_connected(session.settings.timeout(20))
    context.run.notes["echo"] = echo
    context.run.notes["run"] = run_pipeline(session, session.clip(SHORT_CLIP), name="echoed")


@then(
    "media-service composition still works independently (no hard dependency on sts-service "
    "composition)"
)
def works_independently(context: Context) -> None:
    """Find the stream finished, its own sound come back; and the echo named one everywhere."""
    run, echo = context.run.notes["run"], context.run.notes["echo"]
    prove_marked_as_echo(run, echo.health())
    prove_came_back_unchanged(run)
