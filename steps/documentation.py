"""Documentation: what is written about the variables, held against the settings themselves."""

from __future__ import annotations

from environment.proofs.documentation_proofs import (
    bare_environment,
    documented,
    printed_settings,
    prove_defaults,
    prove_documented,
    prove_examples,
    prove_text_s_defaults,
)
from environment.runs.configured import write_variables
from environment.vocabulary import Context, given, then, when


@given("an environment without a single variable of the suite")
def no_variables(context: Context) -> None:
    """Leave out what is set here; a file of variables that is empty takes the place of `.env`."""
    empty = write_variables(context.run.artifacts / "empty.env", {})
    context.run.notes["environment"] = bare_environment(empty.resolve())


@when("the settings are read")
def settings_read(context: Context) -> None:
    """Have them printed by a process in that environment, as `make config` does."""
    context.run.notes["printed"] = printed_settings(context.run.notes["environment"])


@then("each variable has a default")
def each_has_default(context: Context) -> None:
    """Find every variable among what was printed, with its default."""
    prove_defaults(context.run.notes["printed"])


@then("those for which the text states a value have that one:")
def text_s_values(context: Context) -> None:
    """Compare what was printed for each; other runs must not be needed to see that it moved."""
    wanted = {row["variable"]: row["default"] for row in context.table}
    prove_text_s_defaults(context.run.notes["printed"], wanted)


@then("the page to which the README leads has each variable with its default and its meaning")
def page_has_each(context: Context) -> None:
    """Compare the page, row by row, with what was printed."""
    prove_documented(documented(), context.run.notes["printed"])


@then("its examples use variables that there are, with values that are valid")
def examples_valid(_context: Context) -> None:
    """Read what the page's examples set; give each to the settings."""
    prove_examples(documented())
