"""The scenarios that mutants must turn red, and the files that they sabotage, by short names."""

from typing import Final

US1: Final = "features/production/us1_independent_containers.feature"
US2: Final = "features/production/us2_full_pipeline.feature"
US4: Final = "features/production/us4_real_speech_processing.feature"
US6: Final = "features/production/us6_test_fixtures.feature"
US8: Final = "features/production/us8_output_quality.feature"
BAD_INPUT: Final = "features/production/bad_input.feature"
CLEAN_UP: Final = "features/production/clean_up.feature"
ENGINES: Final = "features/production/speech_engines.feature"
STEADY: Final = "features/production/steady_output.feature"

NOT_SLOW: Final = "--tags=not @slow"

OUTLIVES: Final = "STS outlives media-service"
_RESTARTED: Final = "one container stops and starts while the others go on -- @1.{} every container"
MEDIA_SERVER_RESTARTED: Final = _RESTARTED.format(1)
MEDIA_SERVICE_RESTARTED: Final = _RESTARTED.format(2)
STS_RESTARTED: Final = _RESTARTED.format(3)

DETECTED: Final = "a published stream is detected and processed"
SEGMENTS: Final = "six seconds of audio make a segment for STS"
SPANISH: Final = "each fragment comes back as Spanish speech"
SYNC: Final = "dubbed sound and untouched picture stay together"
WHOLE: Final = "the whole clip comes out, segment by segment"
PLAYS: Final = "the output plays and is dubbed"

NUMBERS: Final = "spoken numbers come back as Spanish speech"
NAMED: Final = "the named engines, asked by themselves, give the same"
REFUSED: Final = "payloads that break the contract, and a language that nobody speaks"
STEADILY: Final = "a player joins the output half-way"
CLEAN_END: Final = "a run whose scenario fails"
KILLED: Final = "a run that is killed"
IN_CONTROL: Final = "the fixture publishes while a test has control"
IN_A_ROW: Final = "tests in a row leave each other nothing, though one of them fails"
PLAYED: Final = "the recording plays from its beginning to its end"

DUBBING: Final = "services/media-service/media_service/segment_dubbing.py"
EGRESS: Final = "services/media-service/media_service/worker/egress.py"
OUTPUT: Final = "services/media-service/media_service/worker/output.py"
PACER: Final = "services/media-service/media_service/worker/pacer.py"
MEDIA_API: Final = "services/media-service/media_service/http_api.py"
MEDIA_METRICS: Final = "services/media-service/media_service/metrics.py"
STS_PIPELINE: Final = "services/sts-service/sts_service/pipeline.py"
STS_STREAM: Final = "services/sts-service/sts_service/stream.py"
STS_EVENTS: Final = "services/sts-service/sts_service/events.py"
STS_EMITTER: Final = "services/sts-service/sts_service/emitter.py"
STS_RECORDS: Final = "services/sts-service/sts_service/records.py"
REGISTRY: Final = "services/sts-service/sts_service/engines/registry.py"
