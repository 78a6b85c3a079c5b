"""The wire between media-service and sts-service: one definition for both and for the suite.

Source: spec 021 (contract tests of US2 and US4, FR-033); event table in ``docs/wire.md``.
"""

from services.contracts.errors import ErrorCode, Severity, Stage
from services.contracts.events import (
    MAX_ID_CHARACTERS,
    MAX_MESSAGE_CHARACTERS,
    AudioPayload,
    Backpressure,
    Capabilities,
    DubbedAudio,
    ErrorEvent,
    FragmentAck,
    FragmentData,
    FragmentError,
    FragmentProcessed,
    ModelNames,
    StageTimings,
    StreamComplete,
    StreamConfig,
    StreamControl,
    StreamInit,
    StreamReady,
    StreamStatistics,
    WireModel,
)
from services.contracts.observe import OBSERVE_NAMESPACE, OBSERVED_EVENT, ObservedEvent
from services.contracts.registry import CLIENT_EVENTS, SERVER_EVENTS, parse_event

__all__ = [
    "CLIENT_EVENTS",
    "MAX_ID_CHARACTERS",
    "MAX_MESSAGE_CHARACTERS",
    "OBSERVED_EVENT",
    "OBSERVE_NAMESPACE",
    "SERVER_EVENTS",
    "AudioPayload",
    "Backpressure",
    "Capabilities",
    "DubbedAudio",
    "ErrorCode",
    "ErrorEvent",
    "FragmentAck",
    "FragmentData",
    "FragmentError",
    "FragmentProcessed",
    "ModelNames",
    "ObservedEvent",
    "Severity",
    "Stage",
    "StageTimings",
    "StreamComplete",
    "StreamConfig",
    "StreamControl",
    "StreamInit",
    "StreamReady",
    "StreamStatistics",
    "WireModel",
    "parse_event",
]
