"""The dual topology: two compose projects that meet over ports of the host (spec 019)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import docker

from environment.errors import ContainerFailed, ProjectPortTaken
from environment.provision.compose import Compose
from environment.settings import Settings
from environment.stack import addresses, blueprint
from environment.stack import compose_variables as told
from environment.stack.compose_project import ComposeFailed, ComposeProject, Volume
from environment.stack.containers import (
    ContainerSpec,
    MediaServerContainer,
    MediaServiceContainer,
    ServiceContainer,
    StsServiceContainer,
)
from environment.stack.names import free_project, others_of_project
from environment.stack.network import BridgeNetwork
from environment.stack.ownership import Owner
from environment.stack.ports import engine_host, is_port_conflict, port_taken
from environment.stack.reaper import reap
from environment.stack.sweeping import sweep_in_turn
from environment.stack.topology import EventSink, discard_event

if TYPE_CHECKING:
    from environment.provision.images import ImageSet

_OF_PROJECT: Final = {
    "media": (blueprint.MEDIA_SERVER, blueprint.MEDIA_SERVICE),
    "sts": (blueprint.STS_SERVICE,),
}
"""The containers of each project, by their plain names."""


@dataclass(frozen=True)
class ProjectContainer:
    """A container of a compose project as the engine describes it; host ports by inner port."""

    project: str
    variables: Mapping[str, str]
    published: Mapping[int, int]


class ComposeStack:
    """Both projects and their containers, behind the interface of the other topology.

    `projects` has them by the names `media` and `sts`. Their containers are made by compose; what
    breaks and heals them are the same calls to the engine. `reaps`: whether `down` may take away
    all that the owner has, which a second pair of the same run must not.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        images: ImageSet,
        settings: Settings,
        owner: Owner,
        *,
        compose: Compose,
        folder: Path,
        on_event: EventSink = discard_event,
        reaps: bool = True,
    ) -> None:
        self.settings = told.dual_settings(settings)
        self.compose = compose
        self._client = client
        self._images = images
        self._owner = owner
        self._folder = folder
        self._on_event = on_event
        self._reaps = reaps
        self._started_in_s: float | None = None
        self._up_at: dict[str, float] = {}
        self._changes: dict[str, dict[str, str]] = {}
        self._ports = told.host_ports(self.settings)
        specs = told.describe(self.settings, images, owner, self._ports)
        self.projects = self._projects(specs)
        self.network = self._network("media")
        self.sts_network = self._network("sts")
        self.media_server = MediaServerContainer(
            client, specs[blueprint.MEDIA_SERVER], self.network, self.settings, on_event=on_event
        )
        self.media_service = MediaServiceContainer(
            client, specs[blueprint.MEDIA_SERVICE], self.network, self.settings, on_event=on_event
        )
        self.sts_service = StsServiceContainer(
            client, specs[blueprint.STS_SERVICE], self.sts_network, self.settings, on_event=on_event
        )

    @property
    def containers(self) -> Mapping[str, ServiceContainer]:
        """Every container of both projects, under the plain names of the other topology."""
        return {
            blueprint.MEDIA_SERVER: self.media_server,
            blueprint.MEDIA_SERVICE: self.media_service,
            blueprint.STS_SERVICE: self.sts_service,
        }

    def of_project(self, key: str) -> tuple[ServiceContainer, ...]:
        """The containers of the project `media` or `sts`."""
        return tuple(self.containers[plain] for plain in _OF_PROJECT[key])

    @property
    def started_in_s(self) -> float | None:
        """Seconds from `start()` to everything healthy and connected; None before.

        Healthy by the health checks of the files too, which the engine runs.
        """
        return self._started_in_s

    def up_at(self, key: str) -> float:
        """The monotonic time of that project's last `up`; raises `KeyError` before the first."""
        return self._up_at[key]

    @property
    def host_ports(self) -> Mapping[str, int]:
        """The host ports as the projects are told them, by variable."""
        return dict(self._ports)

    def outside(self, port: int) -> int:
        """The host port of this run for a port that the text has on localhost, such as 3000."""
        variable = next(name for (_, inner), name in told.PORTS.items() if inner == port)
        return self._ports[variable]

    @property
    def api_url(self) -> str:
        """Base URL of the media server's Control API, as seen from the host."""
        return self.media_server.url()

    @property
    def sts_url(self) -> str:
        """Base URL of the speech service, as seen from the host."""
        return self.sts_service.url()

    def start(self) -> None:
        """Bring both projects up; return when all is healthy and connected.

        What dead runs left is swept first.

        Raises:
            HarnessError: `NameTaken`, `ProjectPortTaken`, `ComposeFailed`, `NotHealthy` or
                `WaitTimeout`, of the project that failed first.
        """
        if self._started_in_s is not None:
            return
        sweep_in_turn(self._client)
        begun = time.monotonic()
        self._describe()
        # Before either is up: half a run must not get in the way of another that is starting.
        for key in self.projects:
            free_project(self._client, *self._names_of(key))
        # Two that made the same network at once would make two of one name.
        apart = len({project.network for project in self.projects.values()})
        cancelled = threading.Event()
        with ThreadPoolExecutor(max_workers=apart) as pool:
            try:
                launches = [pool.submit(self.up, key, cancelled=cancelled) for key in self.projects]
                done, _ = wait(launches, return_when=FIRST_EXCEPTION)
            finally:
                # An interrupt, or the first failure: the other's health no longer matters.
                cancelled.set()
                pool.shutdown(wait=False, cancel_futures=True)
        for launch in done:
            launch.result()
        self.media_service.wait_ready(self.settings.load_timeout)
        for container in self.containers.values():
            container.wait_check_passed()
        self._started_in_s = time.monotonic() - begun
        self._on_event("stack_healthy", took_s=round(self._started_in_s, 2))

    def up(
        self, key: str, *, healthy: bool = True, cancelled: threading.Event | None = None
    ) -> None:
        """`up` of one project; returns when its own containers are healthy, or at once.

        `cancelled`, set by whoever loses interest, ends the wait for them with `NotHealthy`.
        Raises as `start` does.
        """
        project = self.projects[key]
        self._describe()
        free_project(self._client, *self._names_of(key))
        self._up_at[key] = begun = time.monotonic()
        try:
            project.up()
        except ComposeFailed as error:
            if not is_port_conflict(error.refusal):
                raise
            ports = [port for each in self.of_project(key) for port in each.spec.ports.values()]
            taken = port_taken(self._client, project.name, ports, error.refusal, self.settings)
            raise ProjectPortTaken(
                taken.message, port=taken.port, holder=taken.holder, remedy=taken.remedy
            ) from error
        took_s = round(time.monotonic() - begun, 2)
        self._on_event("project_up", project=project.name, took_s=took_s)
        self.adopt(key)
        if healthy:
            for container in self.of_project(key):
                container.wait_healthy(cancelled=cancelled)

    def adopt(self, key: str) -> None:
        """Take up the containers of a project as compose has made them."""
        for container in self.of_project(key):
            container.adopt(container.spec)

    def tell(self, key: str, variables: Mapping[str, str]) -> None:
        """Have these variables for one project from its next `up` on, over those of the settings.

        `heal` forgets them.
        """
        self._changes[key] = {**self._changes.get(key, {}), **variables}

    def reconfigure(self, key: str, variables: Mapping[str, str], *, healthy: bool = True) -> None:
        """`up` of one project with other variables, as a user would; `heal` undoes it.

        The file is the same: compose recreates what the variables change.
        """
        self.tell(key, variables)
        self._on_event("project_reconfigured", project=self.projects[key].name, **variables)
        self.up(key, healthy=healthy)

    def heal(self) -> tuple[str, ...]:
        """Undo what a scenario changed, stopped, paused or cut off; check that all is healthy.

        Returns what had to be done, in words. Raises as `start` does.
        """
        if self._started_in_s is None:
            return ()
        changed, self._changes = set(self._changes), {}
        done: list[str] = []
        for key, project in self.projects.items():
            done += self._rejoin(key)
            away = [each.name for each in self.of_project(key) if each.status != "running"]
            if key in changed or away:
                self.up(key)
                done.append(f"brought up {project.name}")
        self._wait_well()
        if done:
            self._on_event("stack_healed", done=done)
        return tuple(done)

    def down(self) -> None:
        """Remove both projects; may be called at any time, any number of times.

        What compose cannot remove is taken away by its labels; what it said is in the run's log. A
        project in which somebody else has a part is left to them: compose would remove that too.
        """
        self._started_in_s = None
        self._changes.clear()
        try:
            own = [project for key, project in self.projects.items() if not self._is_shared(key)]
            left = [project for project in own if not self._is_down(project)]
            for project in left:
                # A network that both had goes with the last that uses it.
                if not self._is_down(project):
                    self._on_event("project_not_down", project=project.name)
        finally:
            if self._reaps:
                reap(self._client, self._owner)

    def sibling(self, name: str, **changes: object) -> ComposeStack:
        """Another pair of projects on the same engine, with names and free ports of its own.

        `changes` are fields of `Settings`. Not started; whoever asks for it takes it `down`.
        """
        run_id = f"{self.settings.e2e_run_id or 'run'}-{name}"
        fresh = {"e2e_run_id": run_id, "e2e_dynamic_ports": True, **changes}
        return ComposeStack(
            self._client,
            self._images,
            self.settings.model_copy(update=fresh),
            self._owner,
            compose=self.compose,
            folder=self._folder,
            on_event=self._on_event,
            reaps=False,
        )

    @contextmanager
    def echo_in_place_of_sts(self) -> Iterator[StsServiceContainer]:
        """A container with the echo, of no project, on the port that the sts project has left.

        Created, not started; it goes with the context.
        """
        settings = self.settings.model_copy(update={"sts_profile": "echo"})
        spec = blueprint.sts_service(settings, self._images, self._owner)
        inside, outside = spec.http_port, self._ports["STS_PORT"]
        name = settings.named("e2e-echo-sts")
        spec = replace(spec, name=name, aliases=("echo-sts",), ports={inside: outside})
        echo = StsServiceContainer(
            self._client, spec, self.network, settings, on_event=self._on_event
        )
        try:
            echo.create()
            yield echo
        finally:
            echo.remove()

    def look_at_run(self, run_id: str) -> dict[str, ProjectContainer]:
        """Look at the containers of another run's projects, by compose service; by the engine."""
        found = {}
        for plain, service in told.SERVICES.items():
            container = self._client.containers.get(f"{told.CONTAINERS[plain]}-{run_id}")
            config, bound = container.attrs["Config"], container.attrs["NetworkSettings"]["Ports"]
            found[service] = ProjectContainer(
                project=config["Labels"].get("com.docker.compose.project", ""),
                variables=dict(line.split("=", 1) for line in config["Env"]),
                published={
                    int(inner.partition("/")[0]): int(outer[0]["HostPort"])
                    for inner, outer in bound.items()
                    if outer
                },
            )
        return found

    def save_logs(self, folder: Path) -> None:
        """Leave what both projects have logged in `folder`, as compose prints it (FR-033)."""
        folder.mkdir(parents=True, exist_ok=True)
        for project in self.projects.values():
            (folder / f"{project.name}.compose.log").write_text(project.logs(), encoding="utf-8")

    def rtmp_url(self, path: str) -> str:
        """The RTMP URL of a media server path (`live/x/in`), as seen from the host."""
        return self._media_url("rtmp", blueprint.RTMP_PORT, path)

    def publish_url(self, path: str) -> str:
        """Where a clip is published: this topology's text has RTSP throughout (FR-017)."""
        return self._media_url("rtsp", blueprint.RTSP_PORT, path)

    def resolve(self, url: str) -> str:
        """A URL of the specification's text as this run's URL, usable from the host."""
        return addresses.resolve(url, self._endpoints())

    def resolve_inside(self, url: str) -> str:
        """The same, as a container of the run must write it."""
        return addresses.resolve_inside(url, self._endpoints())

    def _names_of(self, key: str) -> tuple[str, list[str], str, Owner]:
        """Everything on the engine that a project is known by, and whose it is to be."""
        names = [container.name for container in self.of_project(key)]
        project = self.projects[key]
        return project.name, names, project.network, self._owner

    def _is_shared(self, key: str) -> bool:
        others = others_of_project(self._client, *self._names_of(key))
        if others:
            self._on_event("project_left", project=self.projects[key].name, held=others[0].name)
        return bool(others)

    def _is_down(self, project: ComposeProject) -> bool:
        try:
            project.down()
        except ComposeFailed as error:
            self._on_event("project_holds_on", project=project.name, said=error.said[-300:])
            return False
        self._on_event("project_down", project=project.name)
        return True

    def _projects(self, specs: Mapping[str, ContainerSpec]) -> dict[str, ComposeProject]:
        labels, settings = self._owner.labels(), self.settings
        volumes = {"recordings": Volume(), "segments-data": Volume()}
        return {
            "sts": ComposeProject(
                self.compose,
                told.project_name(settings, told.STS_PROJECT),
                told.STS_FILE,
                services=("sts-service",),
                volumes={"models": told.models_volume(settings)},
                network_variable=told.STS_NETWORK,
                labels=labels,
                variables=told.sts_variables(settings, self._images, specs),
                folder=self._folder,
            ),
            "media": ComposeProject(
                self.compose,
                told.project_name(settings, told.MEDIA_PROJECT),
                told.MEDIA_FILE,
                services=("mediamtx", "media-service"),
                volumes=volumes,
                network_variable=told.MEDIA_NETWORK,
                labels=labels,
                variables=told.media_variables(settings, self._images, specs),
                folder=self._folder,
            ),
        }

    def _network(self, key: str) -> BridgeNetwork:
        name = self.projects[key].network
        return BridgeNetwork(self._client, name, self._owner, on_event=self._on_event)

    def _describe(self) -> None:
        """Give projects and containers the ports and variables that hold now."""
        settings, wanted = self.settings, dict(self._ports)
        changed = {name: value for each in self._changes.values() for name, value in each.items()}
        wanted |= {name: int(changed[name]) for name in wanted if name in changed}
        specs = told.describe(settings, self._images, self._owner, wanted)
        ports = {name: str(port) for name, port in wanted.items()}
        fresh = {
            "media": told.media_variables(settings, self._images, specs)
            | {"STS_SERVICE_URL": told.sts_url(settings, wanted)},
            "sts": told.sts_variables(settings, self._images, specs),
        }
        for key, project in self.projects.items():
            project.variables = {**fresh[key], **ports, **self._changes.get(key, {})}
        for plain, container in self.containers.items():
            container.spec = specs[plain]

    def _rejoin(self, key: str) -> list[str]:
        done = []
        for container in self.of_project(key):
            if container.status == "paused":
                container.unpause()
                done.append(f"unpaused {container.name}")
            if container.status == "running" and not container.address:
                container.connect()
                done.append(f"connected {container.name}")
        return done

    def _wait_well(self) -> None:
        for container in self.containers.values():
            if not container.is_answering():
                container.wait_healthy()
        if not self.media_service.is_answering("/ready"):
            self.media_service.wait_ready()

    def _media_url(self, scheme: str, port: int, path: str) -> str:
        outside = self.media_server.host_port(port)
        return f"{scheme}://{engine_host(self._client)}:{outside}/{path.lstrip('/')}"

    def _endpoints(self) -> tuple[addresses.Endpoint, ...]:
        return told.endpoints(self.settings, engine_host(self._client), self._ports)


def require_compose_stack(stack: object) -> ComposeStack:
    """The stack, as the dual topology; raises `ContainerFailed` for the other."""
    if isinstance(stack, ComposeStack):
        return stack
    raise ContainerFailed(
        "This step is about the two compose projects, which this scenario does not have.",
        remedy="tag its feature @dual-compose.",
    )
