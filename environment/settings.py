"""Every environment variable the suite reads, typed and with its default (FR-038, FR-039)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from environment.errors import SettingsInvalid

REPO_ROOT: Final = Path(__file__).resolve().parent.parent
DEFAULT_NETWORK_NAME: Final = "e2e-dubbing-network"
STS_ALIAS: Final = "sts-service"
ENV_FILE: Final = "E2E_ENV_FILE"

_HTTP: Final = ("http", "https")
_RTMP: Final = ("rtmp", "rtmps")
_RTSP: Final = ("rtsp", "rtsps")
_NAME_PATTERN: Final = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"


@dataclass(frozen=True)
class Schemes:
    """What a URL may begin with, for those who explain a variable."""

    names: tuple[str, ...]


def _checked_url(schemes: tuple[str, ...]) -> AfterValidator:
    def check(url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"must be a URL such as {schemes[0]}://host:port")
        _ = parts.port  # raises ValueError when it is no port
        return url.rstrip("/")

    return AfterValidator(check)


Port = Annotated[int, Field(ge=1, le=65535)]
HttpUrl = Annotated[str, _checked_url(_HTTP), Schemes(_HTTP)]
RtmpUrl = Annotated[str, _checked_url(_RTMP), Schemes(_RTMP)]
RtspUrl = Annotated[str, _checked_url(_RTSP), Schemes(_RTSP)]


@dataclass(frozen=True)
class Variable:
    """One environment variable as `make config` prints it."""

    name: str
    value: str
    default: str
    meaning: str


class Settings(BaseSettings):
    """The suite's configuration: process environment first, then the file E2E_ENV_FILE, `.env`.

    Field names are the variables' names in lower case. Read it through `load_settings`, which
    turns a bad value into one line.
    """

    model_config = SettingsConfigDict(
        env_file=REPO_ROOT / ".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    # the harness
    e2e_env_file: str = Field(
        ".env", min_length=1, description="file of further variables, from the repository's root"
    )
    e2e_network_name: str = Field(
        DEFAULT_NETWORK_NAME, pattern=_NAME_PATTERN, description="name of the bridge network"
    )
    e2e_run_id: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9_.-]{0,40}$",
        description="put behind every container's name, so that runs can stand side by side",
    )
    e2e_dynamic_ports: bool = Field(False, description="choose free host ports")
    e2e_timeout_multiplier: float = Field(
        1.0, gt=0, le=100, description="stretches every deadline, for slow machines"
    )
    e2e_keep: bool = Field(False, description="keep the evidence of passed scenarios too")
    e2e_artifacts: str = Field(
        "artifacts", min_length=1, description="folder of all evidence, from the repository's root"
    )
    e2e_compose: Literal["", "docker compose", "docker-compose"] = Field(
        "", description="command for the compose projects; empty: the plugin, else docker-compose"
    )
    e2e_chaos_seed: int = Field(
        0, ge=0, description="seed of what is left to chance, named in run.log; 0: another each run"
    )
    e2e_external_probe: str = Field(
        "",
        description="host:port that containers must reach; by default the package index's host",
    )
    mediamtx_rtmp_port: Port = Field(1935, description="host port of the media server's RTMP")
    mediamtx_rtsp_port: Port = Field(8554, description="host port of the media server's RTSP")
    mediamtx_api_port: Port = Field(9997, description="host port of the media server's API")
    media_service_port: Port = Field(8080, description="host port of media-service")
    sts_port: Port = Field(3000, description="host port of sts-service")
    mediamtx_image: str = Field(
        "bluenviron/mediamtx:1-ffmpeg", min_length=1, description="image of the media server"
    )
    base_image: str = Field(
        "python:3.11-slim-bookworm", min_length=1, description="image the services build on"
    )

    # where the services find each other, as seen from inside the containers
    sts_service_url: HttpUrl = Field(
        f"http://{STS_ALIAS}:3000", description="STS endpoint; a foreign one starts no sts-service"
    )
    mediamtx_rtmp_url: RtmpUrl = Field(
        "rtmp://e2e-mediamtx:1935", description="media server's RTMP, seen from media-service"
    )
    mediamtx_rtsp_url: RtspUrl = Field(
        "rtsp://e2e-mediamtx:8554", description="media server's RTSP, seen from media-service"
    )
    mediamtx_api_url: HttpUrl = Field(
        "http://e2e-mediamtx:9997", description="media server's API, seen from media-service"
    )

    # media-service
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="log level of both services"
    )
    sts_socketio_path: str = Field(
        "/socket.io", pattern="^/", description="path of the STS Socket.IO endpoint"
    )
    sts_api_key: str = Field("", description="shared secret of the two services; empty: none")
    segment_dir: str = Field(
        "/data/segments", pattern="^/", description="where what is in flight is kept"
    )
    metrics_enabled: bool = Field(True, description="media-service serves /metrics")
    segment_duration_s: float = Field(6.0, ge=1, le=54, description="length of a segment")
    fragment_timeout_s: float = Field(
        30.0, gt=0, le=300, description="from the cut of a segment to its original audio going out"
    )
    sts_reconnect_attempts: int = Field(5, ge=0, description="attempts before the policy applies")
    sts_reconnect_base_s: float = Field(2.0, gt=0, description="first pause between attempts")
    sts_unavailable_policy: Literal["passthrough", "fail"] = Field(
        "passthrough", description="what happens to streams once STS is given up"
    )
    stream_resume_s: float = Field(
        10.0, ge=0, description="how long a source may be away and be the same stream after"
    )
    ingest_protocol: Literal["rtmp", "rtsp"] = Field("rtmp", description="how streams are read")
    source_language: str = Field(
        "en", min_length=2, max_length=8, description="language spoken in the input"
    )
    target_language: str = Field(
        "es", min_length=2, max_length=8, description="language of the dub"
    )

    # sts-service
    sts_profile: Literal["pocket", "embedded", "neural", "echo"] = Field(
        "pocket", description="set of engines: pocket, embedded or neural; echo dubs nothing"
    )
    asr_provider: str = Field("", description="recognition engine; empty: the profile's")
    translation_provider: str = Field("", description="translation engine; empty: the profile's")
    tts_provider: str = Field("", description="synthesis engine; empty: the profile's")
    asr_model: str = Field("", description="recognition model, name or path; empty: the profile's")
    translation_model: str = Field("", description="translation model, likewise")
    tts_model: str = Field("", description="synthesis model, likewise")
    e2e_models_volume: str = Field(
        "dubspec-models",
        pattern=_NAME_PATTERN,
        description="volume that holds models by name, for the profile neural; `make pull-models`",
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="where the models run; sts-service's image is made for cpu alone"
    )
    sts_workers: int = Field(
        2, ge=1, le=64, description="worker processes of sts-service, each with its own models"
    )
    load_timeout: float = Field(
        60.0, gt=0, description="seconds that sts-service has to load its models and be healthy"
    )
    max_inflight: int = Field(3, ge=1, le=20, description="fragments in flight per stream")
    processing_timeout: float = Field(30.0, gt=0, description="seconds a fragment may take")

    def timeout(self, seconds: float) -> float:
        """A deadline in seconds, stretched by E2E_TIMEOUT_MULTIPLIER."""
        return seconds * self.e2e_timeout_multiplier

    def named(self, name: str) -> str:
        """The engine-wide name of something of this run: the run's id behind it, if there is one.

        The same settings always give the same name (FR-004).
        """
        return f"{name}-{self.e2e_run_id}" if self.e2e_run_id else name

    @property
    def network_name(self) -> str:
        """The network's name: as given, else the default with the run's id behind it."""
        if "e2e_network_name" in self.model_fields_set:
            return self.e2e_network_name
        return self.named(self.e2e_network_name)

    @property
    def artifacts_root(self) -> Path:
        """The folder that holds a folder for each run."""
        return REPO_ROOT / self.e2e_artifacts

    @property
    def sts_is_foreign(self) -> bool:
        """Whether STS_SERVICE_URL points elsewhere than at this run's own sts-service."""
        return urlsplit(self.sts_service_url).hostname not in {STS_ALIAS, self.named(STS_ALIAS)}

    @property
    def wants_models_volume(self) -> bool:
        """Whether sts-service looks models up by name, which it does in the models' volume."""
        named = (self.asr_model, self.translation_model, self.tts_model)
        by_name = any(model and not model.startswith("/") for model in named)
        return self.sts_profile == "neural" or by_name

    def port_variables(self, port: int) -> tuple[str, ...]:
        """The variables that set this host port; more than one is a mistake."""
        unused = {"sts_port"} if self.sts_is_foreign else set()
        names = (n for n in type(self).model_fields if n.endswith("_port") and n not in unused)
        return tuple(name.upper() for name in names if getattr(self, name) == port)

    def variables(self) -> tuple[Variable, ...]:
        """Every variable with its value, default and meaning, in the order of this class."""
        return tuple(
            Variable(
                name=name.upper(),
                value=_printed(name, getattr(self, name)),
                default=_printed(name, field.default),
                meaning=field.description or "",
            )
            for name, field in type(self).model_fields.items()
        )


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the environment once; `overrides` (field names) win over it.

    Raises:
        SettingsInvalid: one line that names each bad variable, its value and what is wrong.
    """
    given = {**_named_file(), **dict(overrides or {})}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsInvalid(
            "; ".join(_explained(dict(e)) for e in error.errors()) + ".",
            remedy="correct it in the environment or in .env; `make config` lists every variable.",
        ) from None


def _named_file() -> dict[str, Any]:
    """The file of variables as pydantic takes it, where another than `.env` is named."""
    name = os.environ.get(ENV_FILE)
    if not name:
        return {}
    if not (REPO_ROOT / name).is_file():
        raise SettingsInvalid(
            f"{ENV_FILE}={name!r} is not valid: there is no such file.",
            remedy="name one from the repository's root, or by its whole path.",
        )
    return {"_env_file": REPO_ROOT / name}


def _explained(error: dict[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{name.upper()}={_printed(name, error['input'])!r} is not valid: {reason}"


def _printed(name: str, value: object) -> str:
    if name.endswith("_key") and value:
        return "***"
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)
