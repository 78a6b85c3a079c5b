"""Fault checks: that what a scenario breaks is broken, and that nothing is left of it."""

from __future__ import annotations

from environment.faults.outages import container_named
from environment.proofs.fault_proofs import (
    prove_as_made,
    prove_not_answering,
    prove_room,
    prove_silent,
    prove_slow,
    variables_of,
)
from environment.vocabulary import Context, given, then, when

URLS = {"sts-service": "STS_SERVICE_URL"}


@given("nothing is broken")
def nothing_broken(context: Context) -> None:
    """Have the containers up; note what each of them was made with."""
    context.run.notes["made"] = variables_of(context.session.stack())


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
