"""Sabotages of what a run is configured with: settings that lead nowhere, or to the wrong place."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    DUAL_US2,
    FILE_OF_VARIABLES,
    MEDIA_SETTINGS,
    OVER_THE_PORT,
    US7,
)

OF_CONFIGURATION: Final = (
    Mutant(
        name="variable-ignored",
        story="SEGMENT_DURATION_S reaches media-service, which cuts six seconds all the same",
        edits=(
            Edit(
                MEDIA_SETTINGS,
                "    segment_duration_s: float = Field(default=6.0, ge=1, le=MAX_SEGMENT_S)\n",
                "    segment_duration_s: float = Field(\n"
                '        default=6.0, ge=1, le=MAX_SEGMENT_S, validation_alias="NOBODY_SETS_IT"\n'
                "    )\n",
            ),
        ),
        behave=(US7, "-n", FILE_OF_VARIABLES),
        red=(FILE_OF_VARIABLES,),
    ),
    Mutant(
        name="one-network",
        story="both compose projects are told the same network",
        edits=(
            Edit(
                "environment/stack/compose_variables.py",
                '        STS_NETWORK: settings.named("e2e-sts-network"),\n',
                '        STS_NETWORK: settings.named("e2e-media-network"),\n',
            ),
        ),
        behave=(DUAL_US2, "-n", OVER_THE_PORT),
        red=(OVER_THE_PORT,),
    ),
)
"""What was set, and is not so."""
