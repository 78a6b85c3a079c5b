"""What can stand in the way of another run of the suite: put up here, taken away afterwards."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final

import docker

from environment.faults.cut_off import cut_off_once_started
from environment.settings import DEFAULT_NETWORK_NAME
from environment.stack import strays
from environment.stack.blueprint import MEDIA_SERVER, RTMP_PORT, STS_SERVICE
from environment.stack.ownership import Owner
from environment.stack.ports import free_ports
from environment.stack.reaper import LENT_LABEL, remove_container

if TYPE_CHECKING:
    from docker.models.networks import Network

    from environment.session import Session

Variables = Mapping[str, str]
Obstacle = Callable[["Session", str], AbstractContextManager[Variables]]

_PORTS: Final = (
    "MEDIAMTX_RTMP_PORT",
    "MEDIAMTX_RTSP_PORT",
    "MEDIAMTX_API_PORT",
    "MEDIA_SERVICE_PORT",
    "STS_PORT",
)
_NO_ENGINE: Final = "unix:///nowhere/docker.sock"
_NO_IMAGE: Final = "127.0.0.1:9/nobody/made-this:1"
_NO_MODEL: Final = "/nowhere/model.pt"


def fixed_ports(**ports: int) -> dict[str, str]:
    """Settings of a run that takes the ports it is told, and for the rest free ones, no others."""
    free = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    return {
        "E2E_DYNAMIC_PORTS": "0",
        **{name: str(port) for name, port in {**free, **ports}.items()},
    }


def rtmp_port_of_this_run(session: Session, _run_id: str) -> AbstractContextManager[Variables]:
    """Its RTMP port is the one on which this run's own media server listens."""
    port = session.stack().media_server.host_port(RTMP_PORT)
    return nullcontext(fixed_ports(MEDIAMTX_RTMP_PORT=port))


@contextmanager
def lent_network(name: str) -> Iterator[Network]:
    """A bridge network that is nobody's run's, as a build server may provide one."""
    with closing(docker.from_env()) as client:
        network = client.networks.create(
            name,
            driver="bridge",
            check_duplicate=True,
            labels={LENT_LABEL: strays.mark()[strays.MARK]},
        )
        try:
            yield network
        finally:
            network.remove()


def one_port_for_both(_session: Session, _run_id: str) -> AbstractContextManager[Variables]:
    """Both its services are to be published on the same port."""
    ports = fixed_ports()
    return nullcontext({**ports, "STS_PORT": ports["MEDIA_SERVICE_PORT"]})


@contextmanager
def _port_of_a_process(_session: Session, _run_id: str) -> Iterator[Variables]:
    with socket.create_server(("0.0.0.0", 0)) as listening:  # noqa: S104 - as the engine would
        yield fixed_ports(MEDIA_SERVICE_PORT=listening.getsockname()[1])


@contextmanager
def _name_of_a_container(session: Session, run_id: str) -> Iterator[Variables]:
    """A container that this run has made has the name that the other one's sts-service gets."""
    with closing(docker.from_env()) as client:
        made = client.containers.create(
            session.stack().containers[MEDIA_SERVER].image,
            name=f"{STS_SERVICE}-{run_id}",
            labels=Owner.current(session.run_id).labels(),
        )
        try:
            yield {}
        finally:
            remove_container(client, str(made.id))


@contextmanager
def _silent_service(_session: Session, run_id: str) -> Iterator[Variables]:
    """Its sts-service is cut off once it is started: it runs on, and nobody reaches it.

    Loading the models of `pocket` takes longer than cutting it off.
    """
    network = f"{DEFAULT_NETWORK_NAME}-{run_id}"
    with cut_off_once_started(f"{STS_SERVICE}-{run_id}", network):
        yield {"STS_PROFILE": "pocket", "LOAD_TIMEOUT": "8", "E2E_TIMEOUT_MULTIPLIER": "1"}


def _setting(**variables: str) -> Obstacle:
    return lambda _session, _run_id: nullcontext(variables)


OBSTACLES: Final[Mapping[str, Obstacle]] = {
    "a host port is held by a container": rtmp_port_of_this_run,
    "a host port is held by a process": _port_of_a_process,
    "a container's name is taken": _name_of_a_container,
    "its network belongs to this run": lambda session, _run_id: nullcontext(
        {"E2E_NETWORK_NAME": session.stack().network.name}
    ),
    "its network is no bridge": _setting(E2E_NETWORK_NAME="host"),
    "its network knows no names": _setting(E2E_NETWORK_NAME="bridge"),
    "the image of its media server cannot be had": _setting(MEDIAMTX_IMAGE=_NO_IMAGE),
    "its sts-service has no model": _setting(STS_PROFILE="pocket", ASR_MODEL=_NO_MODEL),
    "its sts-service, which has 8 seconds, runs on and answers nobody": _silent_service,
    "no engine answers": _setting(DOCKER_HOST=_NO_ENGINE),
    "one of its settings makes no sense": _setting(STS_PORT="many"),
}
"""By the words of the scenario that tries them all."""
