"""Faults: what a scenario may break, of any scenario; each is undone with it, if not before.

Containers go by their plain names: `e2e-mediamtx`, `e2e-media-service`, `sts-service`.
"""

from __future__ import annotations

import time

from environment.faults.disk import full_disk
from environment.faults.link import linked_through_proxy
from environment.faults.link_program import Shape
from environment.faults.outages import container_named, outage_named, throttled
from environment.faults.remade import with_small_disk, with_variables
from environment.vocabulary import Context, given, when

MIB = 1024 * 1024


@given("`{container}` runs with `{name}={value}`")
def runs_with(context: Context, container: str, name: str, value: str) -> None:
    """Make the container anew with that variable over its own; wait until all is ready again."""
    stack = context.session.stack()
    target = container_named(stack, container)
    fault = with_variables(stack, target, {name: value})
    context.run.faults.inflict(f"{container} runs with {name}={value}", fault)


@given("fragments take {seconds} seconds longer, in turns")
def fragments_take_longer(context: Context, seconds: str) -> None:
    """Make sts-service anew with that delay of its engines: a list such as `0,15,5`.

    It gives itself twice the time it usually has, so that its client is the one who gives up.
    """
    stack = context.session.stack()
    variables = {
        "DEBUG_DELAY_S": seconds.replace(" ", ""),
        "PROCESSING_TIMEOUT": f"{2 * stack.settings.processing_timeout:g}",
    }
    fault = with_variables(stack, stack.sts_service, variables)
    context.run.faults.inflict("slow engines", fault)


@given("media-service is linked to `{peer}` through a proxy")
def linked_through(context: Context, peer: str) -> None:
    """Make media-service anew with a TCP proxy in that link; it carries everything as it is."""
    link = linked_through_proxy(context.session.production_stack(), peer)
    context.run.notes[f"link to {peer}"] = context.run.faults.inflict(f"a proxy to {peer}", link)


@given("`{container}` has a disk of {size:d} MiB of its own at `{folder}`")
def has_small_disk(context: Context, container: str, size: int, folder: str) -> None:
    """Make the container anew with a disk in memory there; its volume there is not used."""
    stack = context.session.stack()
    target = container_named(stack, container)
    fault = with_small_disk(stack, target, folder, size * MIB)
    context.run.faults.inflict(f"a small disk of {container}", fault)


@when("`{container}` gets {outage}")
def gets_broken(context: Context, container: str, outage: str) -> None:
    """Have the container stopped, killed, paused, cut off (from the network), or restarted."""
    run, target = context.run, container_named(context.session.stack(), container)
    run.notes["broken"], run.notes["at"] = time.monotonic(), time.time()
    run.faults.inflict(f"{container} is {outage}", outage_named(outage)(target))


@when("`{container}` comes back")
def comes_back(context: Context, container: str) -> None:
    """Undo what it got; wait until the container is healthy."""
    context.run.faults.undo_all(f"{container} is ")
    container_named(context.session.stack(), container).wait_healthy()


@when("`{container}` is slowed down to {processors:g} of a processor")
def slowed_down(context: Context, container: str, processors: float) -> None:
    """Let it have no more than that, from now on."""
    target = container_named(context.session.stack(), container)
    context.run.faults.inflict(f"{container} is slowed down", throttled(target, processors))


@when(
    "the link to `{peer}` has {latency:g} ms of latency, {jitter:g} ms of jitter and"
    " {loss:g} percent of loss"
)
def link_slow(context: Context, peer: str, latency: float, jitter: float, loss: float) -> None:
    """Slow both directions of it down, its open connections as well."""
    link, name = context.run.notes[f"link to {peer}"], f"the link to {peer} is slow"
    context.run.faults.inflict(name, link.shaped(Shape(latency, jitter, loss)))


@when("the link to `{peer}` falls silent")
def link_silent(context: Context, peer: str) -> None:
    """Let nothing through any more; its connections stay open, and nobody is told."""
    link, name = context.run.notes[f"link to {peer}"], f"the link to {peer} is silent"
    context.run.faults.inflict(name, link.shaped(Shape(silent=True)))


@when("the link to `{peer}` is no longer {shape}")
def link_as_it_was(context: Context, peer: str, shape: str) -> None:
    """Undo `slow` or `silent`: it carries everything as it is."""
    context.run.faults.undo(f"the link to {peer} is {shape}")


@when("the disk of `{container}` at `{folder}` is full")
def disk_full(context: Context, container: str, folder: str) -> None:
    """Fill its own small disk to the last page; the engine's disk is never touched."""
    target = container_named(context.session.stack(), container)
    context.run.faults.inflict(f"{container} has no room on its disk", full_disk(target, folder))


@when("the disk of `{container}` has room again")
def disk_has_room(context: Context, container: str) -> None:
    """Take away what filled it."""
    context.run.faults.undo(f"{container} has no room on its disk")
