"""Sabotages of what a run is configured with: settings that lead nowhere, or to the wrong place."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import (
    BARE_FILES,
    DUAL_FILES,
    DUAL_US2,
    DUAL_US5,
    FILE_OF_VARIABLES,
    MEDIA_FILE,
    MEDIA_SETTINGS,
    NETWORKS_SHARED,
    OVER_THE_PORT,
    STS_ALONE,
    STS_FILE,
    STS_NETWORK_NAMED,
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
    Mutant(
        name="another-default",
        story="the compose file publishes RTSP at RTMP's port for whoever sets nothing",
        edits=(
            Edit(
                MEDIA_FILE, "${MEDIAMTX_RTSP_PORT:-8554}:8554", "${MEDIAMTX_RTSP_PORT:-1935}:8554"
            ),
        ),
        behave=(DUAL_FILES,),
        red=(BARE_FILES,),
    ),
    Mutant(
        name="network-name-ignored",
        story="the sts project's file has a name for its network that no variable changes",
        edits=(Edit(STS_FILE, "${E2E_STS_NETWORK:-e2e-sts-network}", "e2e-sts-network"),),
        behave=(DUAL_FILES,),
        red=(STS_NETWORK_NAMED, NETWORKS_SHARED),
    ),
    Mutant(
        name="no-such-health-check",
        story="the check of the compose file asks with a program that the image does not have",
        edits=(
            Edit(
                STS_FILE,
                '["CMD", "python3", "-m", "sts_service.healthcheck"]',
                '["CMD", "curl", "-f", "http://localhost:3000/health"]',
            ),
        ),
        behave=(DUAL_US5, "-n", STS_ALONE),
        red=(STS_ALONE,),
        errors=(STS_ALONE,),
    ),
)
"""What was set, and is not so."""
