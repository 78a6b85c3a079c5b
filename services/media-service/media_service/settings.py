"""The service's configuration, read once from the environment."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MAX_SEGMENT_S = 54
"""What fits into the 10 MiB that STS takes for one fragment, at 48 kHz in stereo."""
MAX_WAITING_SEGMENTS = 60
"""How many segments may become due for output while one is being dubbed."""


class Settings(BaseSettings):
    """Every variable media-service knows, with its default.

    ``STS_RECONNECT_BASE_S`` is the first of the doubling waits between attempts to reconnect
    (021, edge cases: 2, 4, 8, 16, 32 s); ``FRAGMENT_TIMEOUT_S`` counts from a segment's cut.
    After ``STS_CIRCUIT_TIMEOUTS`` fragments in a row without an answer in time a stream sends no
    more for ``STS_CIRCUIT_OPEN_S``, then one to see.
    What is in flight is kept in ``SEGMENT_DIR``; a path that is published again within
    ``STREAM_RESUME_S`` of its loss goes on as the same stream.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    host: str = "0.0.0.0"  # noqa: S104 - a container's service is reached from outside it
    port: int = Field(default=8080, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_enabled: bool = True
    mediamtx_rtmp_url: str = "rtmp://e2e-mediamtx:1935"
    mediamtx_rtsp_url: str = "rtsp://e2e-mediamtx:8554"
    mediamtx_api_url: str = "http://e2e-mediamtx:9997"
    ingest_protocol: Literal["rtmp", "rtsp"] = "rtmp"
    sts_service_url: str = "http://sts-service:3000"
    sts_socketio_path: str = "/socket.io"
    sts_api_key: str = Field(default="", repr=False)
    sts_reconnect_attempts: int = Field(default=5, ge=0)
    sts_reconnect_base_s: float = Field(default=2.0, gt=0)
    sts_unavailable_policy: Literal["passthrough", "fail"] = "passthrough"
    sts_circuit_timeouts: int = Field(default=3, ge=1)
    sts_circuit_open_s: float = Field(default=30.0, gt=0)
    segment_dir: str = "/data/segments"
    segment_duration_s: float = Field(default=6.0, ge=1, le=MAX_SEGMENT_S)
    fragment_timeout_s: float = Field(default=30.0, gt=0, le=300)
    stream_resume_s: float = Field(default=10.0, ge=0)
    source_language: str = Field(default="en", min_length=2, max_length=8)
    target_language: str = Field(default="es", min_length=2, max_length=8)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("mediamtx_rtmp_url", "mediamtx_rtsp_url", "mediamtx_api_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("fragment_timeout_s")
    @classmethod
    def _within_backlog(cls, value: float, known: ValidationInfo) -> float:
        longest_s = MAX_WAITING_SEGMENTS * float(known.data.get("segment_duration_s", value))
        if value > longest_s:
            raise ValueError(
                f"{MAX_WAITING_SEGMENTS} segments can wait at most: {longest_s:.0f} s here"
            )
        return value

    def input_url(self, path: str) -> str:
        """Return where the media of ``path`` is read."""
        rtsp = self.ingest_protocol == "rtsp"
        return f"{self.mediamtx_rtsp_url if rtsp else self.mediamtx_rtmp_url}/{path}"

    def output_url(self, path: str) -> str:
        """Return where the media of ``path`` is published."""
        return f"{self.mediamtx_rtmp_url}/{path}"
