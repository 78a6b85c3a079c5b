"""The production topology: three independent containers on one bridge network (spec 021)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import docker
from docker.errors import APIError, NotFound

from environment.errors import (
    ContainerFailed,
    HarnessError,
    PortTaken,
    WaitTimeout,
)
from environment.settings import Settings
from environment.stack import addresses, blueprint
from environment.stack.containers import (
    ContainerSpec,
    MediaServerContainer,
    MediaServiceContainer,
    ServiceContainer,
    StsServiceContainer,
)
from environment.stack.engine_calls import engine_called
from environment.stack.foreign import reached_from_host
from environment.stack.network import BridgeNetwork
from environment.stack.ownership import Owner
from environment.stack.ports import engine_host, free_ports
from environment.stack.reaper import reap
from environment.stack.sweeping import sweep_in_turn
from environment.stack.topology import EventSink, discard_event

if TYPE_CHECKING:
    from environment.provision.images import ImageSet

_PORT_CHOICES: Final = 3
_HEAL_GRACE_S: Final = 5.0


class ProductionStack:
    """The containers of spec 021, created and started one by one through the engine's API.

    A foreign STS_SERVICE_URL means that there is no sts-service among them.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        images: ImageSet,
        settings: Settings,
        owner: Owner,
        *,
        on_event: EventSink = discard_event,
    ) -> None:
        self.settings = settings
        self.network = BridgeNetwork(
            client,
            settings.network_name,
            owner,
            reserved=[alias for aliases in blueprint.ALIASES.values() for alias in aliases],
            on_event=on_event,
        )
        self.media_server = MediaServerContainer(
            client,
            blueprint.media_server(settings, images, owner),
            self.network,
            settings,
            on_event=on_event,
        )
        self.media_service = MediaServiceContainer(
            client,
            blueprint.media_service(settings, images, owner),
            self.network,
            settings,
            on_event=on_event,
        )
        self._sts_service = StsServiceContainer(
            client,
            blueprint.sts_service(settings, images, owner),
            self.network,
            settings,
            on_event=on_event,
        )
        self._client = client
        self._images = images
        self._owner = owner
        self._on_event = on_event
        self._started_in_s: float | None = None
        self._failure: HarnessError | None = None
        self._foreign_url: str | None = None

    @property
    def sts_service(self) -> StsServiceContainer:
        """The speech service; raises `ContainerFailed` where a foreign endpoint is used."""
        if self.settings.sts_is_foreign:
            raise ContainerFailed(
                f"There is no sts-service of ours: STS_SERVICE_URL is "
                f"{self.settings.sts_service_url}.",
                remedy="unset STS_SERVICE_URL to have one started.",
            )
        return self._sts_service

    @property
    def containers(self) -> Mapping[str, ServiceContainer]:
        """Every container of the system by its plain name (`sts-service`)."""
        ours: dict[str, ServiceContainer] = {
            blueprint.MEDIA_SERVER: self.media_server,
            blueprint.MEDIA_SERVICE: self.media_service,
        }
        if not self.settings.sts_is_foreign:
            ours[blueprint.STS_SERVICE] = self._sts_service
        return ours

    @property
    def started_in_s(self) -> float | None:
        """Seconds from `start()` to everything healthy and connected; None before."""
        return self._started_in_s

    @property
    def api_url(self) -> str:
        """Base URL of the media server's Control API, as seen from the host."""
        return self.media_server.url()

    @property
    def sts_url(self) -> str:
        """Base URL of the speech service, as seen from the host."""
        if not self.settings.sts_is_foreign:
            return self._sts_service.url()
        if self._foreign_url is None and self.media_service.status == "running":
            given = self.settings.sts_service_url
            self._foreign_url = reached_from_host(given, self._address_inside)
        return self._foreign_url or self.settings.sts_service_url

    def start(self) -> None:
        """Bring everything up in parallel, once; return when all is healthy and connected.

        What dead runs left is swept first. A failure is remembered, and raised again at once by
        further calls until `down()`; the containers stay as they are, for their logs.

        Raises:
            HarnessError: `NameTaken`, `PortTaken`, `ImageUnavailable`, `ContainerFailed`,
                `NotHealthy` or `WaitTimeout`, of the container that failed first.
        """
        if self._failure is not None:
            raise self._failure
        if self._started_in_s is not None:
            return
        begun = time.monotonic()
        try:
            with _refusals_explained(self._client):
                self._bring_up()
        except HarnessError as error:
            self._failure = error
            self._on_event("stack_failed", error=str(error).splitlines()[0])
            raise
        self._started_in_s = time.monotonic() - begun
        ports = sorted(
            port for each in self.containers.values() for port in each.spec.ports.values()
        )
        self._on_event(
            "stack_healthy",
            took_s=round(self._started_in_s, 2),
            ports=",".join(str(port) for port in ports),
        )

    def heal(self) -> tuple[str, ...]:
        """Undo what a scenario stopped, paused, removed or cut off; check that all is healthy.

        One that runs but has stopped answering is not restarted: no scenario did that to it.

        Returns:
            What had to be done, in words; nothing after a scenario that broke nothing.

        Raises:
            HarnessError: something could not be brought back; as `start` does.
        """
        if self._started_in_s is None:
            return ()
        with _refusals_explained(self._client):
            done = self._restore()
        if done:
            self._on_event("stack_healed", done=done)
        return done

    def down(self) -> None:
        """Remove everything that was made; may be called at any time, any number of times.

        What cannot be removed in order does not keep the rest from it: it is raised at the end.
        """
        self._started_in_s = None
        self._failure = self._foreign_url = None
        try:
            for container in self.containers.values():
                container.remove()
            for volume in self.media_server.spec.volumes:
                with suppress(NotFound):
                    self._client.volumes.get(volume).remove()
            self.network.remove()
        finally:
            reap(self._client, self._owner)

    @contextmanager
    def spare_sts_service(self, name: str, **changes: object) -> Iterator[StsServiceContainer]:
        """Another sts-service on the same network, with other settings; created, not started.

        `changes` are fields of `Settings`. It has a free host port, and goes with the context.
        """
        settings = self.settings.model_copy(update=changes)
        spec = blueprint.sts_service(settings, self._images, self._owner)
        (port,) = free_ports(1)
        spec = replace(
            spec, name=settings.named(name), aliases=(name,), ports={spec.http_port: port}
        )
        spare = StsServiceContainer(
            self._client, spec, self.network, settings, on_event=self._on_event
        )
        try:
            spare.create()
            yield spare
        finally:
            spare.remove()

    @contextmanager
    def helper(
        self,
        name: str,
        command: tuple[str, ...],
        *,
        port: int,
        files: Mapping[str, bytes],
        aliases: tuple[str, ...] = (),
    ) -> Iterator[ServiceContainer]:
        """A container of the base image on the same network that runs `command`; created only.

        It bears `name` and `aliases` on the network, serves HTTP, `/health` among it, at `port`,
        which is published on a free one, and finds `files` at their paths. It goes with the
        context.
        """
        (outside,) = free_ports(1)
        spec = ContainerSpec(
            name=self.settings.named(name),
            image=self._images.base,
            aliases=(name, *aliases),
            environment={},
            ports={port: outside},
            http_port=port,
            labels=self._owner.labels(),
            files=files,
            command=command,
        )
        container = ServiceContainer(
            self._client, spec, self.network, self.settings, on_event=self._on_event
        )
        try:
            container.create()
            yield container
        finally:
            container.remove()

    @contextmanager
    def own_volume(self, name: str) -> Iterator[str]:
        """A volume of this run; yields its name on the engine, and is removed with the context."""
        full_name = self.settings.named(name)
        self._client.volumes.create(full_name, labels=self._owner.labels())
        try:
            yield full_name
        finally:
            self._client.volumes.get(full_name).remove()

    def rtmp_url(self, path: str) -> str:
        """The RTMP URL of a media server path (`live/x/in`), as seen from the host."""
        port = self.media_server.host_port(blueprint.RTMP_PORT)
        return f"rtmp://{engine_host(self._client)}:{port}/{path.lstrip('/')}"

    def publish_url(self, path: str) -> str:
        """Where a clip is published: this topology's text has RTMP throughout."""
        return self.rtmp_url(path)

    def resolve(self, url: str) -> str:
        """A URL of the specification's text as this run's URL, usable from the host."""
        return addresses.resolve(url, self._endpoints())

    def resolve_inside(self, url: str) -> str:
        """The same, as a container of the run must write it."""
        return addresses.resolve_inside(url, self._endpoints())

    def _restore(self) -> tuple[str, ...]:
        self.network.ensure()
        ours = self.containers.values()
        was_cut_off = any(each.status == "running" and not each.address for each in ours)
        restored = [action for each in ours for action in each.restore()]
        hurried: list[str] = []
        if was_cut_off:
            # Addresses may have changed; connections to the old ones look alive for a while.
            self.media_service.restart()
            hurried.append(f"restarted {self.media_service.name}")
        for container in ours:
            if not container.is_answering():
                container.wait_healthy()
        if not self.settings.sts_is_foreign and not self.media_service.is_answering("/ready"):
            hurried += _hurry(self.media_service)
        return (*restored, *hurried)

    def _bring_up(self) -> None:
        sweep_in_turn(self._client)
        self.network.ensure()
        if self.settings.e2e_dynamic_ports:
            for container in self.containers.values():
                _choose_ports(container)
        cancelled = threading.Event()
        with ThreadPoolExecutor(max_workers=len(self.containers)) as pool:
            try:
                launches = [
                    pool.submit(self._launch, container, cancelled)
                    for container in self.containers.values()
                ]
                done, _ = wait(launches, return_when=FIRST_EXCEPTION)
            finally:
                # An interrupt, or the first failure: the others' health no longer matters.
                cancelled.set()
        for launch in done:
            launch.result()
        if not self.settings.sts_is_foreign:
            # Not before its peer is healthy: who keeps it waiting is named, not who waits.
            self.media_service.wait_ready(self.settings.load_timeout)

    def _launch(self, container: ServiceContainer, cancelled: threading.Event) -> None:
        for choice in range(_PORT_CHOICES):
            container.create()
            try:
                container.start()
                break
            except PortTaken:
                if not self.settings.e2e_dynamic_ports or choice == _PORT_CHOICES - 1:
                    raise
                container.remove()
                _choose_ports(container)
        container.wait_healthy(cancelled=cancelled)

    def _address_inside(self, host: str) -> str | None:
        answer = self.media_service.exec("getent", "hosts", host)
        return answer.output.split()[0] if answer.exit_code == 0 else None

    def _endpoints(self) -> tuple[addresses.Endpoint, ...]:
        ports = {
            (name, inside): outside
            for name, container in self.containers.items()
            for inside, outside in container.spec.ports.items()
        }
        ours = blueprint.endpoints(self.settings, engine_host(self._client), ports)
        if not self.settings.sts_is_foreign:
            return ours
        foreign = urlsplit(self.sts_url)
        return (*ours, blueprint.foreign_sts_endpoint(foreign.hostname or "", foreign.port or 80))


@contextmanager
def _refusals_explained(client: docker.DockerClient) -> Iterator[None]:
    try:
        with engine_called(client):
            yield
    except APIError as error:
        raise ContainerFailed(f"The Docker engine refuses: {error.explanation}.") from error


def _choose_ports(container: ServiceContainer) -> None:
    inside = container.spec.ports.keys()
    container.publish_on(dict(zip(inside, free_ports(len(inside)), strict=True)))


def _hurry(service: MediaServiceContainer) -> list[str]:
    """Wait until it is ready; restart one that may be waiting long before it tries STS again."""
    is_starting = service.up_s < service.health_timeout_s
    try:
        service.wait_ready(None if is_starting else _HEAL_GRACE_S)
    except WaitTimeout:
        service.restart()
        service.wait_ready(None)
        return [f"restarted {service.name}"]
    return []
