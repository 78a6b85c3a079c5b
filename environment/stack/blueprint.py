"""What each container of the production topology is made of: image, names, ports, variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from environment.settings import REPO_ROOT, STS_ALIAS, Settings
from environment.stack.addresses import HOST_FROM_INSIDE, Endpoint, resolve_inside
from environment.stack.creation import ContainerSpec
from environment.stack.ownership import Owner

if TYPE_CHECKING:
    from environment.provision.images import ImageSet

MEDIA_SERVER: Final = "e2e-mediamtx"
MEDIA_SERVICE: Final = "e2e-media-service"
STS_SERVICE: Final = STS_ALIAS

RTMP_PORT: Final = 1935
RTSP_PORT: Final = 8554
API_PORT: Final = 9997
MEDIA_SERVICE_PORT: Final = 8080
STS_PORT: Final = 3000

DATA_FOLDER: Final = "/data"
"""What media-service may write, and finds again after a restart."""
MODELS_FOLDER: Final = "/models"
"""Where sts-service looks models up by name."""
POCKET_FOLDER: Final = "/opt/models/pocket"
"""Where its image has the models of the repository."""

# FR-004, FR-008: plain names on the network, whatever the run's id makes of the container's name.
ALIASES: Final = {
    MEDIA_SERVER: (MEDIA_SERVER, "mediamtx"),
    MEDIA_SERVICE: (MEDIA_SERVICE, "media-service"),
    STS_SERVICE: (STS_SERVICE,),
}

_SERVER_CONFIGURATION: Final = REPO_ROOT / "services" / "mediamtx" / "mediamtx.yml"


def media_server(settings: Settings, images: ImageSet, owner: Owner) -> ContainerSpec:
    """MediaMTX, or its stand-in: one configuration file serves both."""
    return ContainerSpec(
        name=settings.named(MEDIA_SERVER),
        image=images.media_server,
        aliases=ALIASES[MEDIA_SERVER],
        environment={},
        ports={
            RTMP_PORT: settings.mediamtx_rtmp_port,
            RTSP_PORT: settings.mediamtx_rtsp_port,
            API_PORT: settings.mediamtx_api_port,
        },
        http_port=API_PORT,
        labels=owner.labels(),
        volumes={settings.named("e2e-recordings"): "/recordings"},
        files={"/mediamtx.yml": _SERVER_CONFIGURATION.read_bytes()},
    )


def media_service(settings: Settings, images: ImageSet, owner: Owner) -> ContainerSpec:
    """media-service, told where its peers are by name (FR-011 to FR-013)."""
    sts_url = resolve_inside(settings.sts_service_url, ())
    variables: dict[str, object] = {
        "PORT": MEDIA_SERVICE_PORT,
        "LOG_LEVEL": settings.log_level,
        "MEDIAMTX_RTMP_URL": settings.mediamtx_rtmp_url,
        "MEDIAMTX_RTSP_URL": settings.mediamtx_rtsp_url,
        "MEDIAMTX_API_URL": settings.mediamtx_api_url,
        "STS_SERVICE_URL": sts_url,
        "STS_SOCKETIO_PATH": settings.sts_socketio_path,
        "STS_API_KEY": settings.sts_api_key,
        "SEGMENT_DIR": settings.segment_dir,
        "METRICS_ENABLED": settings.metrics_enabled,
        "SEGMENT_DURATION_S": settings.segment_duration_s,
        "FRAGMENT_TIMEOUT_S": settings.fragment_timeout_s,
        "STS_RECONNECT_ATTEMPTS": settings.sts_reconnect_attempts,
        "STS_RECONNECT_BASE_S": settings.sts_reconnect_base_s,
        "STS_UNAVAILABLE_POLICY": settings.sts_unavailable_policy,
        "STREAM_RESUME_S": settings.stream_resume_s,
        "INGEST_PROTOCOL": settings.ingest_protocol,
        "SOURCE_LANGUAGE": settings.source_language,
        "TARGET_LANGUAGE": settings.target_language,
    }
    on_host = urlsplit(sts_url).hostname == HOST_FROM_INSIDE
    return ContainerSpec(
        name=settings.named(MEDIA_SERVICE),
        image=images.media_service,
        aliases=ALIASES[MEDIA_SERVICE],
        environment=_worded(variables),
        ports={MEDIA_SERVICE_PORT: settings.media_service_port},
        http_port=MEDIA_SERVICE_PORT,
        labels=owner.labels(),
        volumes={settings.named("e2e-segments"): DATA_FOLDER},
        extra_hosts={HOST_FROM_INSIDE: "host-gateway"} if on_host else {},
        confined=True,
    )


def sts_service(settings: Settings, images: ImageSet, owner: Owner) -> ContainerSpec:
    """sts-service with its transcripts logged ("real transcripts logged", US2-5)."""
    chosen = {
        "ASR_PROVIDER": settings.asr_provider,
        "TRANSLATION_PROVIDER": settings.translation_provider,
        "TTS_PROVIDER": settings.tts_provider,
        "ASR_MODEL": settings.asr_model,
        "TRANSLATION_MODEL": settings.translation_model,
        "TTS_MODEL": settings.tts_model,
    }
    port = sts_container_port(settings)
    variables: dict[str, object] = {
        "PORT": port,
        "HOST": "0.0.0.0",  # noqa: S104 - inside its own network namespace
        "LOG_LEVEL": settings.log_level,
        "STS_PROFILE": settings.sts_profile,
        "STS_MODELS_DIR": MODELS_FOLDER,
        "STS_MODELS_VOLUME": settings.e2e_models_volume,
        "STS_WORKERS": settings.sts_workers,
        "LOAD_TIMEOUT": settings.timeout(settings.load_timeout),
        "DEVICE": settings.device,
        "MAX_INFLIGHT": settings.max_inflight,
        "PROCESSING_TIMEOUT": settings.processing_timeout,
        "STS_API_KEY": settings.sts_api_key,
        "LOG_TRANSCRIPTS": True,
        **{name: value for name, value in chosen.items() if value},
    }
    return ContainerSpec(
        name=settings.named(STS_SERVICE),
        image=images.sts_service,
        aliases=ALIASES[STS_SERVICE],
        environment=_worded(variables),
        ports={port: settings.sts_port},
        http_port=port,
        labels=owner.labels(),
        borrowed={settings.e2e_models_volume: MODELS_FOLDER}
        if settings.wants_models_volume
        else {},
        confined=True,
    )


def sts_container_port(settings: Settings) -> int:
    """The port sts-service listens on: what media-service is told, when that is ours."""
    return urlsplit(settings.sts_service_url).port or 80


def endpoints(
    settings: Settings, engine_host: str, host_ports: dict[tuple[str, int], int]
) -> tuple[Endpoint, ...]:
    """Every published port of the topology, for the URL resolver.

    `host_ports` maps plain container name and container port to the host port.
    """
    defaults = {
        RTMP_PORT: "mediamtx_rtmp_port",
        RTSP_PORT: "mediamtx_rtsp_port",
        API_PORT: "mediamtx_api_port",
        MEDIA_SERVICE_PORT: "media_service_port",
    }
    fields = type(settings).model_fields
    return tuple(
        Endpoint(
            names=frozenset({*ALIASES[name], settings.named(name)}),
            container_port=inside,
            usual_port=fields[defaults.get(inside, "sts_port")].default,
            host=engine_host,
            host_port=outside,
        )
        for (name, inside), outside in host_ports.items()
    )


def foreign_sts_endpoint(host: str, port: int) -> Endpoint:
    """Where the text's sts-service is when STS_SERVICE_URL points elsewhere."""
    return Endpoint(frozenset(ALIASES[STS_SERVICE]), STS_PORT, STS_PORT, host, port)


def _worded(variables: dict[str, object]) -> dict[str, str]:
    return {name: _word(value) for name, value in variables.items()}


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
