"""What `make trace` and `make verbatim` do."""

from __future__ import annotations

from pathlib import Path

from environment.specification import tracing, verbatim, wording
from environment.specification.document import find_document, read_document
from environment.specification.features import read_features
from environment.specification.requirements import read_specifications
from environment.specification.results import read_results


def print_trace(results: Path) -> int:
    """Print which scenarios prove each requirement, and what they showed in the last run.

    Exit status 1 for a requirement without a scenario that passed, or with one that failed.
    """
    specifications, found = read_specifications(), read_results(results)
    traced = tracing.trace(specifications, read_features(), found)
    print(tracing.render(specifications, traced, found))
    return 1 if tracing.unproven(traced) else 0


def print_verbatim(folder: Path) -> int:
    """Hold the features against the specifications in `folder`; exit status 1 if they differ."""
    features = read_features()
    comparisons: list[verbatim.Comparison] = []
    troubles: list[str] = []
    for specification in read_specifications():
        document = read_document(find_document(specification, folder.expanduser()))
        comparisons.append(verbatim.compare(specification, document, features))
        troubles += verbatim.list_differences(specification, document)
    print(wording.render(comparisons, troubles))
    return 1 if troubles or any(each.differences for each in comparisons) else 0
