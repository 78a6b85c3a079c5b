"""Fault checks: that what a scenario breaks is broken, and that nothing is left of it."""

from __future__ import annotations

from environment.faults.outages import container_named
from environment.proofs.fault_proofs import (
    prove_as_made,
    prove_longer,
    prove_not_answering,
    prove_not_slowed_down,
    prove_restarted,
    prove_room,
    prove_silent,
    prove_slow,
    prove_slowed_down,
    share_of_processor,
    variables_of,
)
from environment.runs.exchange import exchange, silence
from environment.runs.wire_client import WireClient
from environment.vocabulary import Context, given, then, when

URLS = {"sts-service": "STS_SERVICE_URL"}


@given("nothing is broken")
def nothing_broken(context: Context) -> None:
    """Have the containers up; note what each was made with, and which process it is."""
    stack = context.session.stack()
    context.run.notes["made"] = variables_of(stack)
    states = {each.name: each.inspect()["State"] for each in stack.containers.values()}
    context.run.notes["states"] = states


@when("everything is undone, as after a scenario")
def everything_undone(context: Context) -> None:
    """Do what the hooks do behind every scenario: clean up, and heal the stack."""
    context.run.cleanup.close()
    context.session.heal()


@then("every container is as it was, and none is left that was not there")
def as_it_was(context: Context) -> None:
    """Compare variables, small disks, and the network's members with those before."""
    prove_as_made(context.session.stack(), context.run.notes["made"])


@then("`{container}` does not answer")
def does_not_answer(context: Context, container: str) -> None:
    """Ask its health endpoint on the host."""
    prove_not_answering(container_named(context.session.stack(), container))


@then("a request of media-service's to `{peer}` takes {least:d} ms or more")
def request_takes(context: Context, peer: str, least: int) -> None:
    """Make one inside media-service, to the URL that it was given."""
    service = context.session.stack().media_service
    prove_slow(service, service.environment[URLS[peer]], least)


@then("a request of media-service's to `{peer}` is not answered within {limit:d} seconds")
def request_not_answered(context: Context, peer: str, limit: int) -> None:
    """Make one inside media-service, to the URL that it was given."""
    service = context.session.stack().media_service
    prove_silent(service, service.environment[URLS[peer]], limit)


@then("nothing more can be written to `{folder}` in `{container}`")
def no_room(context: Context, folder: str, container: str) -> None:
    """Try to, as the service's own user."""
    prove_room(container_named(context.session.stack(), container), folder, room=False)


@then("something can be written to `{folder}` in `{container}` again")
def room_again(context: Context, folder: str, container: str) -> None:
    """Try to, as the service's own user."""
    prove_room(container_named(context.session.stack(), container), folder, room=True)


@then("`{container}` was started anew")
def started_anew(context: Context, container: str) -> None:
    """Compare its process, and when that was started, with the one before."""
    target = container_named(context.session.stack(), container)
    prove_restarted(context.run.notes["states"][target.name], target.inspect()["State"])


@then("who computes in `{container}` gets {processors:g} of a processor, and no more")
def gets_no_more(context: Context, container: str, processors: float) -> None:
    """Compute in there for two seconds, and see how much of that was had."""
    share = share_of_processor(container_named(context.session.stack(), container))
    prove_slowed_down(share, processors)


@then("who computes in `{container}` gets more than {processors:g} of a processor")
def gets_more(context: Context, container: str, processors: float) -> None:
    """Compute in there for two seconds, and see how much of that was had."""
    share = share_of_processor(container_named(context.session.stack(), container))
    prove_not_slowed_down(share, processors)


@given("it is known how long {count:d} fragments of silence take")
@when("{count:d} fragments of silence are sent again")
def fragments_timed(context: Context, count: int) -> None:
    """Send them one after the other; keep how long each took to come back, by this host's clock."""
    stack, timed = context.session.stack(), context.run.notes.setdefault("timed", [])
    name, key = f"timed-{len(timed)}", stack.settings.sts_api_key
    stream_id, folder = context.run.stream_name(name), context.run.artifacts / name
    with WireClient(stack.sts_url, api_key=key) as client:
        made = exchange(client, silence(count), stream_id, folder, stack.settings.timeout)
    timed.append([fragment.round_trip_s or 0.0 for fragment in made.fragments])


@then("they took {seconds} seconds longer")
def took_longer(context: Context, seconds: str) -> None:
    """Compare each fragment's time with that of the same one before."""
    before_s, after_s = context.run.notes["timed"]
    prove_longer(before_s, after_s, [float(each) for each in seconds.split(",")])
