"""Every mutant, and what of the suite is run against the unharmed product before them."""

from typing import Final

from tests.mutants.mutant import EMBEDDED, POCKET, Mutant
from tests.mutants.of_configuration import OF_CONFIGURATION
from tests.mutants.of_contract import OF_CONTRACT
from tests.mutants.of_harness import OF_HARNESS
from tests.mutants.of_picture import OF_PICTURE
from tests.mutants.of_service import OF_SERVICE
from tests.mutants.of_sound import OF_SOUND
from tests.mutants.of_speech import OF_SPEECH
from tests.mutants.of_survival import OF_SURVIVAL
from tests.mutants.places import (
    BAD_INPUT,
    CLEAN_UP,
    CONTRACT,
    DIES,
    DUAL_CLEAN_UP,
    DUAL_FAILS,
    DUAL_FILES,
    DUAL_US2,
    DUAL_US4,
    DUAL_US5,
    ENGINES,
    EVERY_ERROR,
    FILE_OF_VARIABLES,
    IN_A_ROW,
    KILLED,
    NEVER_HEALTHY,
    NOT_SLOW,
    OBSERVERS,
    OBSTACLES,
    ORDER,
    OVER_THE_PORT,
    PACED,
    PICKED_UP,
    RTSP,
    STEADILY,
    STEADY,
    STOPPED,
    STS_ALONE,
    SURVIVAL,
    TAKEN_UP,
    US1,
    US2,
    US4,
    US5,
    US6,
    US7,
    US8,
    WITH_NUMBERS,
    WORKER_KILLED,
)

MUTANTS: Final = (
    *OF_SOUND,
    *OF_PICTURE,
    *OF_SPEECH,
    *OF_SERVICE,
    *OF_SURVIVAL,
    *OF_CONTRACT,
    *OF_CONFIGURATION,
    *OF_HARNESS,
)
"""Every mutant; add yours with the scenarios that must turn red."""


def _unharmed(name: str, *behave: str, profile: str = EMBEDDED, alone: bool = False) -> Mutant:
    return Mutant(
        name=f"unharmed-{name}",
        story="nothing is sabotaged",
        edits=(),
        behave=behave,
        red=(),
        profile=profile,
        alone=alone,
    )


UNHARMED: Final = (
    # Both look at the one recorded run.
    _unharmed("pipeline", US2, US8, "--tags=@us2 or (@us8 and @fr-036)"),
    _unharmed("speech", US2, US4, WITH_NUMBERS, profile=POCKET),
    _unharmed("engines", ENGINES, NOT_SLOW, profile=POCKET),
    _unharmed("wire", US4, "-n", ORDER, "-n", PACED),
    _unharmed("survival", US5, SURVIVAL, "-n", STOPPED, "-n", PICKED_UP, "-n", WORKER_KILLED),
    _unharmed("contract", CONTRACT, "-n", EVERY_ERROR, "-n", OBSERVERS, "-n", TAKEN_UP),
    _unharmed("rtsp", RTSP, "-n", "b-frames.mp4"),
    _unharmed("services", US1, "-n", "STS outlives", "-n", "one con"),
    _unharmed("input", BAD_INPUT, "-n", "payloads", "-n", DIES),
    _unharmed("settings", US7, DUAL_US2, "-n", FILE_OF_VARIABLES, "-n", OVER_THE_PORT),
    _unharmed("files", DUAL_FILES),
    _unharmed("projects", DUAL_US5, DUAL_CLEAN_UP, "-n", STS_ALONE, "-n", DUAL_FAILS),
    _unharmed("tests", DUAL_US4, "-n", IN_A_ROW),
    _unharmed("waits", OBSTACLES, "-n", NEVER_HEALTHY),
    _unharmed("harness", CLEAN_UP, US6, "--tags=@fr-028,@fr-003"),
    _unharmed("alone", STEADY, CLEAN_UP, "-n", STEADILY, "-n", KILLED, alone=True),
)
"""Every scenario that some mutant must turn red, green as long as nothing is wrong."""
