"""Confinement: what a service may do beside its work, which should be nothing."""

from __future__ import annotations

from environment.faults.outages import container_named
from environment.proofs.confinement_proofs import (
    prove_nothing_compiled_anew,
    prove_root_read_only,
    prove_unprivileged,
    prove_without_capabilities,
)
from environment.vocabulary import Context, given, then


@given("`{container}` at its work")
def at_its_work(context: Context, container: str) -> None:
    """Take the running container by its plain name."""
    context.run.notes["service"] = container_named(context.session.stack(), container)


@then("it runs as an unprivileged user")
def unprivileged(context: Context) -> None:
    """Read user and group of its first process."""
    prove_unprivileged(context.run.notes["service"])


@then("it has no capabilities, and can gain none")
def without_capabilities(context: Context) -> None:
    """Read all five sets of its first process."""
    prove_without_capabilities(context.run.notes["service"])


@then("its root file system is read-only")
def root_read_only(context: Context) -> None:
    """Try to write to it, from inside."""
    prove_root_read_only(context.run.notes["service"])


@then("its engines compile nothing that its image has compiled")
def nothing_compiled_anew(context: Context) -> None:
    """Compare the compiled files that its workers may write to with those of the image."""
    prove_nothing_compiled_anew(context.run.notes["service"])
