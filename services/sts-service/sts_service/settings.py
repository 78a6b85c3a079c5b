"""Configuration: the environment, read once, into a typed object."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.contracts import Stage
from sts_service.connections import ConnectionLimits
from sts_service.engines.base import EngineOptions
from sts_service.engines.registry import PROFILES, Selection
from sts_service.pressure import Thresholds


class SettingsError(Exception):
    """An environment variable has a value that cannot be used; one line, naming it."""


class Settings(BaseSettings):
    """Every variable of sts-service, by its name in lower case."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    host: str = "0.0.0.0"  # noqa: S104 - a container's service listens on all its addresses
    port: int = Field(default=3000, ge=0, le=65_535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_transcripts: bool = False
    """Log what was said and its translation; off, since speech is personal."""
    sts_api_key: str = Field(default="", repr=False)
    """The token that clients have to bring; none is asked for where it is empty."""
    sts_observe_key: str = Field(default="", repr=False)
    """The token of ``/observe``; where it is empty, that of the clients serves."""

    sts_profile: str = "pocket"
    asr_provider: str | None = None
    translation_provider: str | None = None
    tts_provider: str | None = None
    asr_model: str | None = None
    translation_model: str | None = None
    tts_model: str | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the neural engines compute."""
    sts_models_dir: Path = Path("/models")
    """Where models that are called by a name lie; see ``sts_service.models``."""
    sts_models_volume: str = Field(default="dubspec-models", min_length=1)
    """What operators call that folder: the volume that is mounted there."""

    sts_workers: int = Field(default=2, ge=1, le=64)
    """Worker processes, each with its own copy of the models."""
    workers_yield: bool = False
    """Let workers compute only while nobody else wants the processor, so that clients are answered
    at once. For a container, as the image sets it: on a bare host everybody else would go first."""
    max_inflight: int = Field(default=3, ge=1, le=20)
    """Fragments of one stream outstanding or in work at a time."""
    queue_capacity: int = Field(default=20, ge=1, le=200)
    """Fragments of one stream that may wait for a worker."""
    backpressure_slow_down_at: int = Field(default=8, ge=1)
    backpressure_pause_at: int = Field(default=16, ge=1)
    backpressure_relieved_at: int = Field(default=4, ge=0)
    """Waiting fragments at which advice is given, and at which it is lifted again."""
    gap_timeout_s: float = Field(default=2.0, ge=0)
    """How long results wait for a sequence number that was skipped."""
    session_resume_s: float = Field(default=60.0, ge=0)
    """How long a stream whose connection broke can be taken up again."""
    idle_timeout_s: float = Field(default=60.0, gt=0)
    """How long nothing may be heard of an open stream that has nothing in work."""

    max_streams: int = Field(default=50, ge=1)
    max_connections: int = Field(default=100, ge=1)
    max_observers: int = Field(default=16, ge=1)
    rate_limit_per_s: float = Field(default=400.0, gt=0)
    rate_limit_burst: float = Field(default=2000.0, ge=1)
    """Events of one connection; one of more than 64 kB counts as several."""
    half_open_timeout_s: float = Field(default=10.0, gt=0)
    """How long a connection may be without having joined a namespace."""
    connection_idle_timeout_s: float = Field(default=3600.0, gt=0)
    """How long a client without a stream may say nothing; after ``idle_timeout_s`` already where
    its place is needed."""
    max_held_mb: int = Field(default=512, ge=1)
    """Megabytes of sound held for all streams together: waiting, in work, and answers kept."""
    processing_timeout: float = Field(default=30.0, gt=0)
    """Seconds that a worker has for one fragment."""
    asr_timeout_s: float | None = Field(default=None, gt=0)
    translation_timeout_s: float | None = Field(default=None, gt=0)
    tts_timeout_s: float | None = Field(default=None, gt=0)
    """Seconds for one stage, where it is to have less than the whole fragment."""
    load_timeout: float = Field(default=180.0, gt=0)
    """Seconds that a worker has to load its models."""
    shutdown_grace: float = Field(default=6.0, ge=0)
    """Seconds that fragments in hand have to finish after SIGTERM; engines kill after 10."""
    debug_delay_s: Annotated[tuple[Annotated[float, Field(ge=0, le=3600)], ...], NoDecode] = ()
    """A debugging aid, off by default: ``5,15,8`` makes fragments take that many seconds longer,
    in turns by their sequence number, as if the recogniser were slow. All time limits hold."""

    @field_validator("debug_delay_s", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _thresholds_rise(self) -> Self:
        rising = (
            self.backpressure_relieved_at
            < self.backpressure_slow_down_at
            < self.backpressure_pause_at
            <= self.queue_capacity
        )
        if not rising:
            raise ValueError(
                "BACKPRESSURE_RELIEVED_AT < BACKPRESSURE_SLOW_DOWN_AT < BACKPRESSURE_PAUSE_AT "
                "<= QUEUE_CAPACITY does not hold"
            )
        return self

    @field_validator("sts_profile")
    @classmethod
    def _profile_exists(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"there is no profile {name!r}; there are: {', '.join(PROFILES)}")
        return name

    @field_validator("sts_models_dir")
    @classmethod
    def _folder_is_absolute(cls, folder: Path) -> Path:
        if not folder.is_absolute():
            raise ValueError("the path has to be absolute")
        return folder

    @property
    def thresholds(self) -> Thresholds:
        """When a stream's client is told to slow down."""
        return Thresholds(
            slow_down_at=self.backpressure_slow_down_at,
            pause_at=self.backpressure_pause_at,
            relieved_at=self.backpressure_relieved_at,
            capacity=self.queue_capacity,
        )

    @property
    def connection_limits(self) -> ConnectionLimits:
        """What each connection may do."""
        return ConnectionLimits(
            clients=self.max_connections,
            observers=self.max_observers,
            events_per_s=self.rate_limit_per_s,
            burst=self.rate_limit_burst,
            half_open_s=self.half_open_timeout_s,
            makes_room_s=self.idle_timeout_s,
            idle_s=self.connection_idle_timeout_s,
        )

    @property
    def stage_limits_s(self) -> dict[Stage, float]:
        """The stages that have a time limit of their own."""
        limits_s = {
            Stage.ASR: self.asr_timeout_s,
            Stage.TRANSLATION: self.translation_timeout_s,
            Stage.TTS: self.tts_timeout_s,
        }
        return {stage: limit_s for stage, limit_s in limits_s.items() if limit_s is not None}

    @property
    def selection(self) -> Selection:
        """The engines: the profile's, but for the stages that are set one by one."""
        selection = PROFILES[self.sts_profile]
        overrides = (
            (Stage.ASR, self.asr_provider, self.asr_model),
            (Stage.TRANSLATION, self.translation_provider, self.translation_model),
            (Stage.TTS, self.tts_provider, self.tts_model),
        )
        for stage, provider, model in overrides:
            selection = selection.overridden(stage, provider=provider, model=model)
        options = EngineOptions(
            device=self.device,
            models_dir=self.sts_models_dir,
            models_volume=self.sts_models_volume,
        )
        return selection.with_options(options)


def read_settings() -> Settings:
    """Read the environment; raise ``SettingsError`` in one line for a bad value."""
    try:
        return Settings()
    except ValidationError as error:
        bad = error.errors(include_url=False)[0]
        if not bad["loc"]:
            raise SettingsError(bad["msg"]) from error
        variable = str(bad["loc"][0]).upper()
        message = f"{variable}={bad['input']!r}: {bad['msg']}"
        raise SettingsError(message) from error
