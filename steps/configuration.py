"""Configuration: variables of other runs of the suite, and what they make of their systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from environment.proofs.clip_proofs import prove_lasts
from environment.proofs.configuration_proofs import (
    prove_connected_to,
    prove_default,
    prove_dub_heard,
    prove_joined,
    prove_no_sts_of_its_own,
    prove_none_default,
    prove_on_the_wire,
    prove_passed,
    prove_published,
    prove_publishes_on,
    prove_refuses_without,
    prove_rtmp_beside,
    prove_variables_inside,
)
from environment.proofs.early_end_proofs import prove_refused_at_once
from environment.proofs.neighbour import neighbour
from environment.proofs.output_proofs import prove_dubbed, prove_in_sync
from environment.proofs.side_by_side_proofs import (
    prove_apart,
    prove_at_once,
    prove_made_network,
    prove_same_processes,
)
from environment.proofs.survival_proofs import SYNC_WITHIN_MS
from environment.proofs.validation_proofs import fingerprints, prove_dubs_received
from environment.runs.configured import (
    BUILDS,
    CLIP,
    Configured,
    build,
    configured,
    filled_in,
    ports_by_variable,
    provided_network,
    write_variables,
)
from environment.runs.nested import NestedRun
from environment.runs.pipeline import run_pipeline
from environment.runs.rendezvous import wait_to_go_on
from environment.stack.blueprint import MEDIA_SERVER, RTMP_PORT
from environment.stack.production import ProductionStack
from environment.vocabulary import Context, given, then, when

CUSTOM_HOST = "sts-prod"


@given("pytest configuration with `{name}={value}`")
@given("Docker network name `{name}={value}`")
@given("STS service URL `{name}={value}`")
def default_is(context: Context, name: str, value: str) -> None:
    """Compare the default; have this run's own system up, beside which another will be."""
    prove_default(name, value)
    context.run.notes["own"] = _processes(context)


@when("environment variable `MEDIAMTX_RTMP_PORT={port:d}` is set")
def rtmp_port_set(context: Context, port: int) -> None:
    """Start another run of the suite with it, and wait until its system is up."""
    _start(context, MEDIAMTX_RTMP_PORT=str(port)).wait_up()


@then("pytest uses port {port:d} for MediaMTX RTMP")
def uses_port(context: Context, port: int) -> None:
    """Find the media server published there, RTMP spoken, and a clip published to it by ffmpeg."""
    run: Configured = context.run.notes["run"]
    stack = _look(context, run)
    prove_published(stack, {(MEDIA_SERVER, RTMP_PORT): port})
    prove_rtmp_beside(context.session.production_stack(), port)
    run.let_go()
    timeout_s = context.session.settings.timeout(30)
    prove_publishes_on(run.nested, stack.rtmp_url(""), timeout_s=timeout_s)


@then("avoiding port conflicts")
def no_conflicts(context: Context) -> None:
    """Wait for that run's end: it has passed, and this run's containers are what they were."""
    run: Configured = context.run.notes["run"]
    prove_passed(run.nested, run.wait_ended())
    prove_same_processes(context.run.notes["own"], _processes(context))


@when("environment variable changed to `E2E_NETWORK_NAME={name}`")
def network_name_set(context: Context, name: str) -> None:
    """Start another run of the suite with it; with an id of this run, that stands behind it."""
    context.run.notes["network"] = context.session.settings.named(name)
    _start(context, E2E_NETWORK_NAME=context.run.notes["network"]).wait_up()


@then("containers join custom network name")
def joined_network(context: Context) -> None:
    """Find its containers on that network alone, talking there; then its clip dubbed over it."""
    run: Configured = context.run.notes["run"]
    prove_joined(_look(context, run), context.run.notes["network"])
    run.let_go()
    prove_passed(run.nested, run.wait_ended())


@when("environment variable `STS_SERVICE_URL=http://sts-prod:{port:d}` is set")
def sts_url_set(context: Context, port: int) -> None:
    """Have an sts-service of that name on a network that is there; start another run with both."""
    url, network = f"http://{CUSTOM_HOST}:{port}", context.session.settings.named("ci-provided")
    stack, enter = context.session.production_stack(), context.run.cleanup.enter_context
    changes = {"sts_service_url": url, "sts_profile": "embedded", "sts_workers": 1}
    custom = enter(stack.spare_sts_service(CUSTOM_HOST, **changes))
    custom.start()
    custom.wait_healthy()
    address = enter(provided_network(network, custom, CUSTOM_HOST))
    context.run.notes.update(url=url, custom=custom, address=address)
    _start(context, STS_SERVICE_URL=url, E2E_NETWORK_NAME=network).wait_up(containers=2)


@then("media-service connects to custom endpoint")
def connects_to_custom(context: Context) -> None:
    """Find its connection in both kernels, and no sts-service of its own; then its clip dubbed."""
    run, notes = context.run.notes["run"], context.run.notes
    stack, timeout_s = _look(context, run), context.session.settings.timeout(10)
    prove_connected_to(stack, notes["url"], notes["custom"], notes["address"], timeout_s=timeout_s)
    prove_no_sts_of_its_own(run.nested, stack, notes["custom"].name)
    run.let_go()
    prove_passed(run.nested, run.wait_ended())


@given("CI/CD environment with unique network names per build")
def builds(context: Context) -> None:
    """Start two runs at once, each with an id and a network name of its own; see both up, apart."""
    context.session.clip(CLIP)
    context.run.notes["own"] = _processes(context)
    folder, settings = context.run.artifacts, context.session.settings
    runs = [build(settings, folder / f"{tag}.log", tag) for tag in BUILDS]
    for run in runs:
        context.run.cleanup.enter_context(run.nested)
    for run in runs:
        run.wait_up()
    context.run.notes["runs"] = runs
    stacks = [_look(context, run) for run in runs]
    prove_apart(stacks)
    context.run.notes["networks"] = [stack.network.name for stack in stacks]


@when("tests run")
def tests_run(context: Context) -> None:
    """Let all of the runs dub their clips at the same time, and wait for their ends.

    Of the two compose projects there is one run, which is started here.
    """
    if "start" in context.run.notes:
        context.run.notes["status"] = context.run.notes["start"]()
        return
    runs: list[Configured] = context.run.notes["runs"]
    for run in runs:
        run.let_go()
    context.run.notes["statuses"] = [run.wait_ended() for run in runs]


@then("tests use CI-provided network names and run without conflicts")
def builds_without_conflicts(context: Context) -> None:
    """Find the names used, every run passed, all on the air at once, this run undisturbed."""
    notes, runs = context.run.notes, context.run.notes["runs"]
    for run, network, status in zip(runs, notes["networks"], notes["statuses"], strict=True):
        prove_passed(run.nested, status)
        prove_made_network(run.nested, network)
    prove_at_once([run.nested for run in runs])
    prove_same_processes(notes["own"], _processes(context))


@given("a file of variables, none with its default value:")
def file_of_variables(context: Context) -> None:
    """Write the table's variables into a file; where a free port is asked for, choose one."""
    rows = {row["variable"]: row["value"] for row in context.table}
    context.run.notes["inside"] = {row["variable"]: row["inside"] for row in context.table}
    context.run.notes["values"] = filled_in(rows)
    path = context.run.artifacts / "ci.env"
    context.run.notes["file"] = write_variables(path, context.run.notes["values"])
    prove_none_default(context.run.notes["values"])


@when("another run of the suite is told of that file by `E2E_ENV_FILE`")
def told_of_file(context: Context) -> None:
    """Start a run with that variable; those in the file are empty in its environment."""
    values: dict[str, str] = context.run.notes["values"]
    empty = dict.fromkeys(values, "")
    run = _start(context, **empty, E2E_ENV_FILE=str(Path(context.run.notes["file"]).resolve()))
    run.wait_up()
    context.run.notes["stack"] = _look(context, run, **values)


@then("the process in each container has its variables as the file has them")
def variables_inside(context: Context) -> None:
    """Read the environment of each container's first process from its kernel."""
    notes, stack = context.run.notes, context.run.notes["stack"]
    for name in {name for name in notes["inside"].values() if name}:
        wanted = {v: notes["values"][v] for v, where in notes["inside"].items() if where == name}
        prove_variables_inside(stack.containers[name], wanted)


@then("each port of the host is that of the file")
def ports_of_the_file(context: Context) -> None:
    """Compare what the engine has published with the file."""
    stack: ProductionStack = context.run.notes["stack"]
    prove_published(stack, ports_by_variable(context.run.notes["values"]))


@then("sts-service refuses who does not bring the file's key")
def refuses_without_key(context: Context) -> None:
    """Connect to it without the key, which must fail, and with it, which must not."""
    stack: ProductionStack = context.run.notes["stack"]
    prove_refuses_without(stack.sts_url, context.run.notes["values"]["STS_API_KEY"])


@then(
    "the wire shows segments of {seconds:d} seconds, {inflight:d} in flight at most, "
    "and `{profile}` engines"
)
def wire_as_configured(context: Context, seconds: int, inflight: int, profile: str) -> None:
    """Let the run dub its clip, which it must; then look at the events of its wire."""
    run: Configured = context.run.notes["run"]
    run.let_go()
    prove_passed(run.nested, run.wait_ended())
    prove_on_the_wire(run.nested, segment_ms=1000 * seconds, inflight=inflight, profile=profile)


@given("a value that cannot be used, `{name}={value}`")
def unusable_value(context: Context, name: str, value: str) -> None:
    """Note it, for the run that is to be started with it."""
    context.run.notes["variables"] = {name: value}


@when("another run of the suite is started with it")
def started_with_it(context: Context) -> None:
    """Start it, and wait for its end."""
    run = _start(context, **context.run.notes["variables"])
    context.run.notes["status"] = run.wait_ended()


@then("it ends before anything is started, in one line with `{name}` and `{reason}`")
def ends_before_anything(context: Context, name: str, reason: str) -> None:
    """Find that line in what it printed; the engine's own history has nothing of that run."""
    nested: NestedRun = context.run.notes["run"].nested
    prove_refused_at_once(nested, context.run.notes["status"], (name, reason))


@when("the run is told to go on")
def told_to_go_on(context: Context) -> None:
    """Wait, in a nested run, until the run that has started it has seen enough."""
    wait_to_go_on(context.session.artifacts)


@then("`{clip}` is dubbed to its end")
def dubbed_to_its_end(context: Context, clip: str) -> None:
    """Publish it; every segment comes back dubbed, and that dub alone is heard, in its place."""
    run = run_pipeline(context.session, context.session.clip(clip), name="configured")
    prove_lasts(run, 500)
    prove_dubs_received(run)
    prove_dub_heard(run, fingerprints(run))
    prove_dubbed(run)
    prove_in_sync(run, SYNC_WITHIN_MS)


def _start(context: Context, **variables: str) -> Configured:
    # The clip is made beforehand: what those runs do then takes as long each time.
    context.session.clip(CLIP)
    run = configured(context.session.settings, context.run.artifacts / "nested.log", variables)
    context.run.cleanup.enter_context(run.nested)
    context.run.notes["run"] = run
    return run


def _look(context: Context, run: Configured, **more: str) -> ProductionStack:
    return neighbour(context.session, run.nested.run_id, {**run.variables, **more})


def _processes(context: Context) -> dict[str, Any]:
    containers = context.session.stack().containers
    return {name: container.inspect()["State"] for name, container in containers.items()}
