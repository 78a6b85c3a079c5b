"""What the two compose files are told: this run's settings as their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from environment.settings import REPO_ROOT, Settings
from environment.stack import blueprint
from environment.stack.addresses import HOST_FROM_INSIDE, Endpoint, resolve_inside
from environment.stack.compose_project import Volume
from environment.stack.creation import ContainerSpec
from environment.stack.ownership import Owner
from environment.stack.ports import free_ports

if TYPE_CHECKING:
    from environment.provision.images import ImageSet

MEDIA_FILE: Final = REPO_ROOT / "services" / "media-service" / "docker-compose.e2e.yml"
STS_FILE: Final = REPO_ROOT / "services" / "sts-service" / "docker-compose.e2e.yml"

MEDIA_PROJECT: Final = "e2e-media"
STS_PROJECT: Final = "e2e-sts"
MEDIA_NETWORK: Final = "E2E_MEDIA_NETWORK"
STS_NETWORK: Final = "E2E_STS_NETWORK"

SERVICES: Final = {
    blueprint.MEDIA_SERVER: "mediamtx",
    blueprint.MEDIA_SERVICE: "media-service",
    blueprint.STS_SERVICE: "sts-service",
}
"""The compose service of each container of the system, by its plain name."""
CONTAINERS: Final = {
    blueprint.MEDIA_SERVER: "e2e-media-mediamtx",
    blueprint.MEDIA_SERVICE: "e2e-media-service",
    blueprint.STS_SERVICE: "e2e-sts-service",
}
"""The name that the compose files give each container, before the run's suffix."""
PORTS: Final = {
    (blueprint.MEDIA_SERVER, blueprint.RTMP_PORT): "MEDIAMTX_RTMP_PORT",
    (blueprint.MEDIA_SERVER, blueprint.RTSP_PORT): "MEDIAMTX_RTSP_PORT",
    (blueprint.MEDIA_SERVER, blueprint.API_PORT): "MEDIAMTX_API_PORT",
    (blueprint.MEDIA_SERVICE, blueprint.MEDIA_SERVICE_PORT): "MEDIA_SERVICE_PORT",
    (blueprint.STS_SERVICE, blueprint.STS_PORT): "STS_PORT",
}
"""The variable of each host port, by plain name and the port that the text gives it inside."""

_STAGES: Final = ("ASR", "TRANSLATION", "TTS")
# Said by the files themselves, or by what a project is told of its ports and peers.
_PLACES: Final = {"PORT", "HOST", "STS_SERVICE_URL", "STS_MODELS_DIR", "STS_MODELS_VOLUME"}
# What specification 019 has otherwise than 021; what a user sets stands.
_OF_019: Final[dict[str, Any]] = {
    "mediamtx_rtmp_url": "rtmp://mediamtx:1935",
    "mediamtx_rtsp_url": "rtsp://mediamtx:8554",
    "mediamtx_api_url": "http://mediamtx:9997",
    "ingest_protocol": "rtsp",
    "sts_reconnect_attempts": 3,
    "sts_unavailable_policy": "fail",
}


def dual_settings(settings: Settings) -> Settings:
    """The run's settings with 019's own numbers and names where nothing was said of them."""
    left = {key: value for key, value in _OF_019.items() if key not in settings.model_fields_set}
    return settings.model_copy(update=left)


def describe(
    settings: Settings, images: ImageSet, owner: Owner, ports: Mapping[str, int]
) -> dict[str, ContainerSpec]:
    """What each container is, by its plain name: as in the other topology, but for its names.

    `ports` are host ports by variable.
    """
    specs = {
        blueprint.MEDIA_SERVER: blueprint.media_server(settings, images, owner),
        blueprint.MEDIA_SERVICE: blueprint.media_service(settings, images, owner),
        blueprint.STS_SERVICE: blueprint.sts_service(settings, images, owner),
    }
    return {
        plain: replace(
            spec,
            name=settings.named(CONTAINERS[plain]),
            aliases=(SERVICES[plain],),
            **_placed(plain, spec, settings, ports),
        )
        for plain, spec in specs.items()
    }


def media_variables(
    settings: Settings, images: ImageSet, specs: Mapping[str, ContainerSpec]
) -> dict[str, str]:
    """The variables of the media project, but for its ports and for where sts-service is."""
    told = specs[blueprint.MEDIA_SERVICE].environment
    return {
        **{name: value for name, value in told.items() if name not in _PLACES},
        "E2E_SUFFIX": suffix(settings),
        "MEDIAMTX_IMAGE": images.media_server,
        "MEDIA_SERVICE_IMAGE": images.media_service,
        MEDIA_NETWORK: settings.named("e2e-media-network"),
    }


def sts_variables(
    settings: Settings, images: ImageSet, specs: Mapping[str, ContainerSpec]
) -> dict[str, str]:
    """The variables of the sts project, but for its port."""
    told = specs[blueprint.STS_SERVICE].environment
    engines = {f"{stage}_{part}": "" for stage in _STAGES for part in ("PROVIDER", "MODEL")}
    return {
        **engines,
        **{name: value for name, value in told.items() if name not in _PLACES},
        "E2E_SUFFIX": suffix(settings),
        "E2E_MODELS_VOLUME": models_volume(settings).name or "",
        "STS_SERVICE_IMAGE": images.sts_service,
        STS_NETWORK: settings.named("e2e-sts-network"),
    }


def models_volume(settings: Settings) -> Volume:
    """The volume at /models: that of the full models where they are asked for, else a run's own."""
    if settings.wants_models_volume:
        return Volume(settings.e2e_models_volume, owned=False)
    return Volume(settings.named("e2e-models"))


def host_ports(settings: Settings) -> dict[str, int]:
    """The host ports by variable: as the settings have them, or free ones where they are to be."""
    if settings.e2e_dynamic_ports:
        return dict(zip(PORTS.values(), free_ports(len(PORTS)), strict=True))
    return {variable: int(getattr(settings, variable.lower())) for variable in PORTS.values()}


def sts_url(settings: Settings, ports: Mapping[str, int]) -> str:
    """Where media-service finds the other project: its port on the host, or what a user says."""
    if "sts_service_url" in settings.model_fields_set:
        return resolve_inside(settings.sts_service_url, ())
    return f"http://{HOST_FROM_INSIDE}:{ports['STS_PORT']}"


def suffix(settings: Settings) -> str:
    """What stands behind every container's name: the run's id, if it has one."""
    return settings.named("")


def endpoints(
    settings: Settings, engine_host: str, ports: Mapping[str, int]
) -> tuple[Endpoint, ...]:
    """Every published port of both projects, for the URL resolver."""
    fields = type(settings).model_fields
    return tuple(
        Endpoint(
            names=frozenset({SERVICES[name], CONTAINERS[name], settings.named(CONTAINERS[name])}),
            container_port=inside,
            usual_port=fields[variable.lower()].default,
            host=engine_host,
            host_port=ports[variable],
        )
        for (name, inside), variable in PORTS.items()
    )


def project_name(settings: Settings, name: str) -> str:
    """A project's name with the run's id, in the characters that compose takes."""
    return re.sub(r"[^a-z0-9_-]", "-", settings.named(name).lower())


def _placed(
    plain: str, spec: ContainerSpec, settings: Settings, ports: Mapping[str, int]
) -> dict[str, Any]:
    """What differs of a container's ports, and of what it is told of its peers'."""
    published = {inside: ports[var] for (name, inside), var in PORTS.items() if name == plain}
    if plain == blueprint.MEDIA_SERVICE:
        told = {**spec.environment, "STS_SERVICE_URL": sts_url(settings, ports)}
        hosts = {HOST_FROM_INSIDE: "host-gateway"}
        return {"ports": published, "environment": told, "extra_hosts": hosts}
    if plain == blueprint.STS_SERVICE:
        # PORT follows STS_PORT, inside as outside.
        port = ports["STS_PORT"]
        told = {**spec.environment, "PORT": str(port)}
        return {"ports": {port: port}, "http_port": port, "environment": told}
    return {"ports": published}
