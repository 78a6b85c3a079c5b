"""The compose projects' variables: changed, and found in the running containers and on the wire."""

from __future__ import annotations

from typing import Any

from environment.expectations import expect
from environment.proofs import inside
from environment.proofs.documentation_proofs import bare_environment, printed_settings
from environment.proofs.dual_proofs import (
    prove_exposed,
    prove_meet_at,
    prove_ports_of_file,
    prove_told,
)
from environment.proofs.endpoints import ask
from environment.proofs.nested_dual_proofs import prove_published_and_passed
from environment.proofs.network_proofs import prove_connected, prove_session
from environment.runs.nested import NestedRun
from environment.runs.obstacles import fixed_ports
from environment.runs.sibling import sibling_projects
from environment.stack.compose_variables import MEDIA_FILE, STS_FILE
from environment.stack.ports import free_ports
from environment.vocabulary import Context, given, then, when

HOST_INSIDE = "host.docker.internal"
NESTED = "dual_whole.feature"
PORT_FIELDS = (
    "mediamtx_rtmp_port",
    "mediamtx_rtsp_port",
    "mediamtx_api_port",
    "media_service_port",
    "sts_port",
)


@given("{service} docker-compose with `{name}=${{{reference}}}`")
def compose_file_says(context: Context, service: str, name: str, reference: str) -> None:
    """Find the variable in the compose file: localhost is the host, as a container writes it."""
    context.session.dual_stack()
    file = STS_FILE if service == "sts-service" else MEDIA_FILE
    wanted = f"{name}: ${{{reference.replace('localhost', HOST_INSIDE)}}}"
    expect(
        wanted in file.read_text().replace("      ", ""),
        expected=wanted,
        seen=[line.strip() for line in file.read_text().splitlines() if name in line],
        evidence=file,
        hint="the `environment` of the compose file.",
    )


@when("environment variable `STS_SERVICE_URL=http://sts-service:{port:d}` is set")
def sts_url_set(context: Context, port: int) -> None:
    """Let sts-service join the media project's network; run `up` again with the variable."""
    stack, notes = context.session.dual_stack(), context.run.notes
    sts, network = stack.sts_service, stack.network
    network.connect(sts.name, aliases=("sts-service",))
    context.run.cleanup.callback(network.disconnect, sts.name)
    inner = sts.spec.http_port if stack.outside(port) == sts.spec.http_port else port
    notes["told"] = {"STS_SERVICE_URL": f"http://sts-service:{inner}"}
    stack.reconfigure("media", notes["told"])
    stack.media_service.wait_ready(30)


@then("media-service connects to internal docker network endpoint instead of localhost")
def connects_inside(context: Context) -> None:
    """Find its one connection to STS between the two containers, on the shared network."""
    stack, notes = context.session.dual_stack(), context.run.notes
    port = int(notes["told"]["STS_SERVICE_URL"].rpartition(":")[2])
    prove_told(stack.media_service, notes["told"])
    connection = inside.wait_for_connection(stack.media_service, port)
    prove_connected(stack, connection, stack.media_service, stack.sts_service)
    prove_session(stack)


@when("environment variable `STS_PORT={port:d}` is set")
def sts_port_set(context: Context, port: int) -> None:
    """Run `up` with it, of another sts project; a run that chooses its ports chooses this too."""
    stack, notes = context.session.dual_stack(), context.run.notes
    chosen = free_ports(1)[0] if stack.settings.e2e_dynamic_ports else port
    changes: dict[str, Any] = {"e2e_dynamic_ports": False, "sts_port": chosen}
    pair = context.run.cleanup.enter_context(sibling_projects(stack, "port", **changes))
    pair.up("sts")
    notes.update(pair=pair, ports={port: chosen})


@then("service listens on port {port:d} and tests adjust accordingly")
def listens_there(context: Context, port: int) -> None:
    """Find it listening there inside and published there; the text's URL leads there as well."""
    pair, chosen = context.run.notes["pair"], context.run.notes["ports"][port]
    prove_told(pair.sts_service, {"PORT": str(chosen)})
    prove_exposed(pair.sts_service, {chosen: chosen})
    answer = ask(pair.resolve("http://localhost:3000/health"))
    expect(
        answer.status == 200 and answer.url.endswith(f":{chosen}/health"),
        expected=f"sts-service healthy at port {chosen} of the host",
        seen=answer,
        hint="PORT and `ports` in services/sts-service/docker-compose.e2e.yml.",
    )


@given("pytest test configuration file")
def configuration_file(context: Context) -> None:
    """Write a file of variables, as `.env` is one, with another port for everything."""
    ports = dict(zip(PORT_FIELDS, free_ports(len(PORT_FIELDS)), strict=True))
    lines = [f"{name.upper()}={port}\n" for name, port in ports.items()]
    file = context.run.evidence("custom.env", "".join(lines))
    context.run.notes.update(file=file, wanted=ports, before=_compose_files())


@when("developer sets custom ports for conflict avoidance")
def custom_ports_set(context: Context) -> None:
    """Have the suite read that file, and no other variable; bring a pair of projects up with it."""
    notes, stack = context.run.notes, context.session.dual_stack()
    read = printed_settings(bare_environment(notes["file"].resolve()))
    chosen = {name: int(read[name.upper()][0]) for name in PORT_FIELDS}
    pair = sibling_projects(stack, "custom", e2e_dynamic_ports=False, **chosen)
    notes["pair"] = context.run.cleanup.enter_context(pair)
    notes["pair"].start()


@then("docker-compose files respect custom ports without manual editing")
def custom_ports_respected(context: Context) -> None:
    """Find every port where the file has it, the right one answering, and the files as before.

    The processes in the containers know of it: sts-service listens there, media-service connects.
    """
    notes, pair = context.run.notes, context.run.notes["pair"]
    prove_ports_of_file(pair, notes["wanted"])
    prove_meet_at(pair, notes["wanted"]["sts_port"])
    expect(
        _compose_files() == notes["before"],
        expected="the compose files as they were",
        seen="other content",
        evidence=MEDIA_FILE.parent,
        hint="`git diff` shows what was edited.",
    )
    prove_session(pair)


@given("CI/CD environment with non-standard ports")
def non_standard_ports(context: Context) -> None:
    """Choose ports that nobody uses, none of them a default; another run will be told them."""
    notes, stack = context.run.notes, context.session.dual_stack()
    notes["ports"] = {"STS_PROFILE": "embedded", **fixed_ports()}
    log = context.run.artifacts / "nested.log"
    nested = NestedRun(NESTED, "healthy", log, variables=notes["ports"])

    def start() -> int:
        context.run.cleanup.enter_context(nested)
        nested.wait_stack(3, timeout_s=stack.settings.timeout(120))
        notes["found"] = stack.look_at_run(nested.run_id)
        return nested.wait_ended(timeout_s=stack.settings.timeout(90))

    notes.update(start=start, nested=nested)


@then("services use CI-provided ports and tests pass without modification")
def ci_ports_used(context: Context) -> None:
    """Find each service of that run published where it was told, and its scenario passed."""
    notes = context.run.notes
    ports = {int(value) for name, value in notes["ports"].items() if name.endswith("_PORT")}
    prove_published_and_passed(notes["nested"], notes["status"], notes["found"], ports)


def _compose_files() -> tuple[bytes, ...]:
    return tuple(file.read_bytes() for file in (MEDIA_FILE, STS_FILE))
