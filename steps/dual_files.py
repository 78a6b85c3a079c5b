"""The two compose files, read by compose for somebody who knows nothing of this suite."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.compose_file_proofs import (
    prove_networks_named,
    prove_ports_published,
    prove_variables_given,
)
from environment.stack.compose_variables import MEDIA_FILE, STS_FILE
from environment.vocabulary import Context, given, then, when


@given("both compose files as they are committed")
def files_as_committed(context: Context) -> None:
    """Find them to be the files of the session's own projects."""
    files = {key: each.file for key, each in context.session.dual_stack().projects.items()}
    expect(
        files == {"media": MEDIA_FILE, "sts": STS_FILE},
        expected=f"{MEDIA_FILE} and {STS_FILE}",
        seen=files,
        hint="environment/stack/compose.py: _projects.",
    )


@when("compose reads them with no variable set")
def read_with_nothing_set(context: Context) -> None:
    """Have compose print each file, without the override, and with its defaults."""
    _read(context, {})


@when("compose reads them with `{variables}` set")
def read_with_variables(context: Context, variables: str) -> None:
    """The same for somebody who has set these, and nothing else that the files ask for."""
    _read(context, dict(each.split("=", 1) for each in variables.split()))


@then("by default these ports of the host lead to the services")
def default_ports(context: Context) -> None:
    """Find these published, each to the same port inside, and no other."""
    wanted = {int(row["port"]): row["service"] for row in context.table}
    prove_ports_published(context.run.notes["documents"], wanted)


@then("by default these variables are given")
def default_variables(context: Context) -> None:
    """Find each with that value in the one service that has it."""
    wanted = {row["variable"]: row["value"] for row in context.table}
    prove_variables_given(context.run.notes["documents"], wanted)


@then("the networks of the two files are `{media}` and `{sts}`")
def network_names(context: Context, media: str, sts: str) -> None:
    """Find one network in each file, of that name, with all services on it."""
    prove_networks_named(context.run.notes["documents"], (media, sts))


def _read(context: Context, variables: dict[str, str]) -> None:
    projects = context.session.dual_stack().projects
    documents = [projects[key].resolved(variables) for key in ("media", "sts")]
    context.run.notes["documents"] = documents
