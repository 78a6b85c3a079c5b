from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from docker.errors import APIError

from environment.errors import (
    ContainerFailed,
    EngineUnavailable,
    ImageUnavailable,
    NameTaken,
    NetworkUnusable,
    NotHealthy,
    PortTaken,
    WaitTimeout,
)
from environment.settings import Settings, load_settings
from environment.stack import blueprint, foreign
from environment.stack.container_io import ExecResult
from environment.stack.ownership import Owner
from environment.stack.production import ProductionStack
from environment.stack.topology import Topology
from tests.environment.engine_in_memory import EngineInMemory, refusal

IMAGES: Any = SimpleNamespace(
    base="base",
    media_server="media-server",
    media_service="media-service",
    sts_service="sts-service",
)
OWNER = Owner.current("test")


class Web:
    """Stands for `requests.get`: containers that run answer 200, unless told otherwise."""

    def __init__(self, engine: EngineInMemory) -> None:
        self.engine = engine
        self.hanging: set[str] = set()
        self.cured_by_restart = True

    def get(self, url: str, timeout: float) -> Any:
        port = urlsplit(url).port
        for container in self.engine.containers_by_id.values():
            if (
                port not in container.options.get("ports", {}).values()
                or container.status != "running"
            ):
                continue
            restarted = self.cured_by_restart and container.name in self.engine.restarted
            if container.name in self.hanging and not restarted:
                return SimpleNamespace(ok=False, status_code=503, text='{"status":"loading"}')
            return SimpleNamespace(ok=True, status_code=200, text="{}")
        raise requests.ConnectionError(url)


@pytest.fixture
def engine() -> Any:
    return EngineInMemory()


@pytest.fixture(autouse=True)
def web(engine: EngineInMemory, monkeypatch: pytest.MonkeyPatch) -> Web:
    web = Web(engine)
    monkeypatch.setattr(requests, "get", web.get)
    return web


def make_stack(engine: Any, **settings: Any) -> ProductionStack:
    return ProductionStack(engine, IMAGES, make_settings(**settings), OWNER)


def make_settings(**settings: Any) -> Settings:
    return load_settings({"e2e_timeout_multiplier": 0.005, "e2e_run_id": "", **settings})


def test_is_a_topology(engine: Any) -> None:
    stack: Topology = make_stack(engine)
    assert set(stack.containers) == {"e2e-mediamtx", "e2e-media-service", "sts-service"}


def test_starts_three_containers_on_one_network(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    assert engine.names == ["e2e-media-service", "e2e-mediamtx", "sts-service"]
    assert set(stack.network.members()) == set(engine.names)
    assert stack.network.inspect()["Internal"] is False
    assert set(stack.network.aliases("e2e-mediamtx")) >= {"e2e-mediamtx", "mediamtx"}
    assert stack.started_in_s is not None
    stack.start()
    assert len(engine.names) == 3


def test_the_server_s_configuration_lies_in_it_before_it_starts(engine: Any) -> None:
    stack = make_stack(engine)
    stack.network.ensure()
    stack.media_server.create()
    container = engine.containers.get("e2e-mediamtx")
    assert container.status == "created"
    assert b"authInternalUsers" in container.files["/mediamtx.yml"]


def test_everything_is_labelled_with_its_owner(engine: Any) -> None:
    make_stack(engine).start()
    network = next(iter(engine.networks_by_id.values()))
    labels = [c.labels for c in engine.containers_by_id.values()]
    labels += [network.attrs["Labels"], *engine.volumes_by_name.values()]
    assert len(labels) == 6
    assert all(Owner.from_labels(each) == OWNER for each in labels)


def test_our_services_are_confined(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    for service in (stack.media_service, stack.sts_service):
        options = engine.containers.get(service.name).options
        assert options["read_only"] is True
        assert options["cap_drop"] == ["ALL"]
        assert options["security_opt"] == ["no-new-privileges"]


def test_down_leaves_nothing_and_may_be_called_again(engine: Any) -> None:
    stack = make_stack(engine)
    stack.down()
    stack.start()
    stack.down()
    assert engine.is_empty
    stack.down()
    stack.start()
    assert len(engine.names) == 3


def test_the_run_s_id_goes_behind_the_names_not_the_aliases(engine: Any) -> None:
    stack = make_stack(engine, e2e_run_id="7")
    stack.start()
    assert engine.names == ["e2e-media-service-7", "e2e-mediamtx-7", "sts-service-7"]
    assert "sts-service" in stack.network.aliases("sts-service-7")
    assert stack.network.name == "e2e-dubbing-network-7"
    assert set(stack.containers) == {"e2e-mediamtx", "e2e-media-service", "sts-service"}


def test_a_taken_port_is_named_and_the_failure_is_remembered(engine: Any) -> None:
    engine.taken_ports.add(3000)
    stack = make_stack(engine)
    with pytest.raises(PortTaken) as caught:
        stack.start()
    assert caught.value.port == 3000
    assert "set STS_PORT" in str(caught.value)
    engine.taken_ports.clear()
    with pytest.raises(PortTaken):
        stack.start()
    stack.down()
    stack.start()


def test_dynamic_ports_are_free_ones_and_chosen_again_when_lost(engine: Any) -> None:
    engine.taken_ports.update({1935, 8554, 9997, 8080, 3000})
    stack = make_stack(engine, e2e_dynamic_ports=True)
    stack.start()
    ports = [p for c in stack.containers.values() for p in c.spec.ports.values()]
    assert len(set(ports)) == 5
    assert not engine.taken_ports & set(ports)
    assert stack.resolve("http://localhost:3000/health") == f"{stack.sts_url}/health"


def test_a_container_that_dies_is_told_with_its_log(engine: Any) -> None:
    engine.stillborn.add("e2e-media-service")
    with pytest.raises(NotHealthy) as caught:
        make_stack(engine, e2e_timeout_multiplier=1).start()
    message = str(caught.value)
    assert "e2e-media-service is exited, exit code 7" in message
    assert "line two" in message


def test_a_container_that_stays_unhealthy_is_told_with_its_log(engine: Any, web: Web) -> None:
    web.hanging.add("sts-service")
    with pytest.raises(WaitTimeout) as caught:
        make_stack(engine).start()
    message = str(caught.value)
    assert "Waited 0.3 s for sts-service to be healthy" in message
    assert 'HTTP 503 from http://127.0.0.1:3000/health: {"status":"loading"}' in message
    assert "sts-service is running; its log ends:\nline one\nline two" in message


def test_a_missing_image_is_told_with_its_remedy(engine: Any) -> None:
    images: Any = SimpleNamespace(**{**vars(IMAGES), "sts_service": "nowhere"})
    stack = ProductionStack(engine, images, make_settings(), OWNER)
    with pytest.raises(ImageUnavailable, match="make images"):
        stack.start()


def test_a_name_of_somebody_else_is_respected(engine: Any) -> None:
    engine.containers.create("sts-service", name="sts-service")
    with pytest.raises(NameTaken, match="not the suite's"):
        make_stack(engine).start()


def test_a_name_of_a_living_run_is_respected(engine: Any) -> None:
    other = replace(OWNER, run="up", kept=True)
    ProductionStack(engine, IMAGES, make_settings(), other).start()
    with pytest.raises(NameTaken, match=r"left running.*make down"):
        make_stack(engine).start()
    assert len(engine.names) == 3


def test_a_name_that_nobody_can_be_asked_about_names_the_way_out(engine: Any) -> None:
    other = replace(OWNER, run="far", namespace="elsewhere")
    engine.containers.create("sts-service", name="sts-service", labels=other.labels())
    with pytest.raises(NameTaken, match=r"environment down --all"):
        make_stack(engine).start()


def test_down_removes_the_rest_though_one_will_not_go(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    engine.api.irremovable = {"e2e-mediamtx"}
    with pytest.raises(APIError, match="device or resource busy"):
        stack.down()
    assert engine.names == ["e2e-mediamtx"]
    assert not engine.networks_by_id
    engine.api.irremovable = set()
    stack.down()
    assert engine.is_empty


def test_logs_are_bounded(engine: Any) -> None:
    stack = make_stack(engine)
    stack.network.ensure()
    stack.sts_service.create()
    (config,) = [c.options["log_config"] for c in engine.containers_by_id.values()]
    assert (config.type, config.config) == ("json-file", {"max-size": "50m"})


@pytest.mark.parametrize("since", [None, 0.0, 1.5])
def test_a_log_can_be_had_whole_and_in_part(engine: Any, since: float | None) -> None:
    stack = make_stack(engine)
    stack.start()
    assert stack.sts_service.logs(since=since) == "line one\nline two\n"


def test_idle_is_when_every_stream_has_ended(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    service = make_stack(engine).media_service
    looks = [
        [{"path_in": "live/a/in", "state": "draining"}],
        [
            {"path_in": "live/a/in", "state": "finished"},
            {"path_in": "live/b/in", "state": "failed"},
        ],
    ]
    monkeypatch.setattr(service, "streams", lambda: looks.pop(0))
    service.wait_idle()
    assert looks == []
    monkeypatch.setattr(service, "streams", lambda: [{"path_in": "live/a/in", "state": "starting"}])
    with pytest.raises(WaitTimeout, match="live/a/in starting"):
        service.wait_idle(1.0)


def test_what_a_dead_run_left_is_swept(engine: Any) -> None:
    dead = replace(OWNER, run="dead", start="1")
    ProductionStack(engine, IMAGES, make_settings(), dead).start()
    stack = make_stack(engine)
    stack.start()
    assert {c.labels["e2e.run"] for c in engine.containers_by_id.values()} == {"test"}


def test_a_network_that_is_provided_is_used_and_left(engine: Any) -> None:
    engine.networks.create("ci-net", driver="bridge")
    stack = make_stack(engine, e2e_network_name="ci-net")
    stack.start()
    assert stack.heal() == ()
    stack.down()
    assert [n.name for n in engine.networks_by_id.values()] == ["ci-net"]


def test_a_provided_network_carries_our_own_names_once_we_are_on_it(engine: Any) -> None:
    engine.networks.create("ci-net", driver="bridge")
    stack = make_stack(engine, e2e_network_name="ci-net")
    stack.start()
    for container in stack.containers.values():
        engine.containers.get(container.name).networks["ci-net"] = list(container.spec.aliases)
    assert stack.heal() == ()


NO_MASQUERADE = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
NO_TALK = {"com.docker.network.bridge.enable_icc": "false"}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"internal": True}, "internal"),
        ({"driver": "macvlan"}, "no bridge"),
        ({"options": NO_MASQUERADE}, "cannot reach the outside"),
        ({"options": NO_TALK}, "cannot reach each other"),
        ({"options": {"com.docker.network.bridge.default_bridge": "true"}}, "have no names"),
    ],
)
def test_a_network_that_cannot_serve_is_refused(
    engine: Any, options: dict[str, Any], why: str
) -> None:
    engine.networks.create("ci-net", **options)
    with pytest.raises(NetworkUnusable, match=rf"ci-net .*{why}.*docker network rm ci-net"):
        make_stack(engine, e2e_network_name="ci-net").start()
    assert engine.names == []


def test_a_network_on_which_somebody_has_our_names_is_refused(engine: Any) -> None:
    engine.networks.create("ci-net")
    engine.containers.create("sts-service", name="other", network="ci-net").start()
    make_stack(engine, e2e_network_name="ci-net").start()
    engine.containers.get("other").networks["ci-net"] = ["mediamtx"]
    with pytest.raises(NetworkUnusable, match="the container other on it answers to mediamtx"):
        make_stack(engine, e2e_network_name="ci-net").network.ensure()


def test_two_networks_of_one_name_are_refused(engine: Any) -> None:
    engine.networks.create("ci-net")
    engine.networks.create("ci-net")
    with pytest.raises(NetworkUnusable, match="2 networks ci-net"):
        make_stack(engine, e2e_network_name="ci-net").start()


def test_a_network_that_went_missing_is_made_when_a_container_starts(engine: Any) -> None:
    events: list[str] = []

    def note(event: str, /, **fields: object) -> None:
        events.append(f"{event} {fields.get('container', '')}".strip())

    stack = ProductionStack(engine, IMAGES, make_settings(), OWNER, on_event=note)
    stack.start()
    for container in stack.containers.values():
        container.stop()
    stack.network.remove()
    events.clear()
    for container in stack.containers.values():
        container.start()
    assert events[:3] == [
        "network_missing e2e-mediamtx",
        "network_created",
        "container_started e2e-mediamtx",
    ]
    assert set(stack.network.members()) == set(engine.names)
    assert "mediamtx" in stack.network.aliases("e2e-mediamtx")
    assert len(engine.networks_by_id) == 1


def test_a_network_that_is_missing_before_the_first_start_is_made_too(engine: Any) -> None:
    stack = make_stack(engine)
    stack.sts_service.create()
    stack.sts_service.start()
    assert stack.network.members() == {"sts-service": stack.sts_service.address}


def test_any_other_refusal_of_a_start_is_told_as_it_is(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(engine)
    stack.network.ensure()
    stack.sts_service.create()

    def refuse() -> None:
        raise refusal("OCI runtime create failed")

    monkeypatch.setattr(engine.containers.get("sts-service"), "start", refuse)
    with pytest.raises(ContainerFailed, match="sts-service cannot start: OCI runtime"):
        stack.sts_service.start()


def test_a_foreign_sts_that_only_the_containers_know_is_asked_for_in_there(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(engine, sts_service_url="http://sts-prod:8000")
    assert stack.sts_url == "http://sts-prod:8000"
    stack.start()
    answers = iter([ExecResult(0, "172.20.0.9      sts-prod\n")])
    monkeypatch.setattr(stack.media_service, "exec", lambda *_argv: next(answers))
    monkeypatch.setattr(foreign, "_is_known", lambda host: host != "sts-prod")
    for _ in range(2):
        assert stack.sts_url == "http://172.20.0.9:8000"
    assert stack.resolve("http://sts-service:3000/x") == "http://172.20.0.9:8000/x"


def test_a_foreign_sts_is_used_as_it_is_named_where_the_name_is_known() -> None:
    def ask(_host: str) -> str | None:
        raise AssertionError

    assert foreign.reached_from_host("http://localhost:8000", ask) == "http://localhost:8000"


def test_a_foreign_sts_that_nobody_knows_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_is_known", lambda _host: False)
    assert foreign.reached_from_host("http://sts-prod", lambda _host: None) == "http://sts-prod"


def test_a_foreign_sts_has_no_container(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "_is_known", lambda _host: True)
    stack = make_stack(engine, sts_service_url="http://sts-prod:8000")
    stack.start()
    assert engine.names == ["e2e-media-service", "e2e-mediamtx"]
    assert stack.media_service.environment["STS_SERVICE_URL"] == "http://sts-prod:8000"
    assert stack.resolve("http://sts-service:3000/x") == "http://sts-prod:8000/x"
    with pytest.raises(ContainerFailed, match="STS_SERVICE_URL"):
        _ = stack.sts_service


def test_an_sts_on_the_host_is_reached_from_inside(engine: Any) -> None:
    spec = blueprint.media_service(
        make_settings(sts_service_url="http://localhost:3000"), IMAGES, OWNER
    )
    assert spec.environment["STS_SERVICE_URL"] == "http://host.docker.internal:3000"
    assert spec.extra_hosts == {"host.docker.internal": "host-gateway"}


def test_the_services_are_told_where_they_are() -> None:
    media = blueprint.media_service(make_settings(), IMAGES, OWNER).environment
    assert media["STS_SERVICE_URL"] == "http://sts-service:3000"
    assert media["MEDIAMTX_RTMP_URL"] == "rtmp://e2e-mediamtx:1935"
    assert media["SEGMENT_DURATION_S"] == "6"
    sts = blueprint.sts_service(make_settings(tts_model="es"), IMAGES, OWNER).environment
    assert sts["LOG_TRANSCRIPTS"] == "true"
    assert (sts["STS_WORKERS"], sts["LOAD_TIMEOUT"]) == ("2", "0.3")
    assert sts["TTS_MODEL"] == "es"
    assert "ASR_MODEL" not in sts


def test_larger_models_may_have_fewer_workers_and_more_time(engine: Any) -> None:
    chosen = {"sts_workers": 1, "load_timeout": 300.0, "e2e_timeout_multiplier": 2.0}
    sts = blueprint.sts_service(make_settings(**chosen), IMAGES, OWNER).environment
    assert (sts["STS_WORKERS"], sts["LOAD_TIMEOUT"]) == ("1", "600")
    stack = make_stack(engine, **chosen)
    stack.start()
    assert stack.sts_service.health_timeout_s == 300
    assert stack.media_service.health_timeout_s == 30


@pytest.mark.parametrize(
    ("chosen", "borrowed"),
    [
        ({}, {}),
        ({"sts_profile": "pocket", "asr_model": "/opt/models/pocket/whisper-en.pt"}, {}),
        ({"sts_profile": "neural"}, {"dubspec-models": "/models"}),
        ({"asr_provider": "whisper", "asr_model": "small"}, {"dubspec-models": "/models"}),
        ({"tts_model": "es", "e2e_models_volume": "mine"}, {"mine": "/models"}),
    ],
)
def test_models_looked_up_by_name_come_from_a_volume(
    chosen: dict[str, str], borrowed: dict[str, str]
) -> None:
    assert blueprint.sts_service(make_settings(**chosen), IMAGES, OWNER).borrowed == borrowed


@pytest.mark.parametrize("there", [True, False])
def test_a_borrowed_volume_is_mounted_read_only_where_it_is_there_and_never_touched(
    engine: Any, there: bool
) -> None:
    others = {"dubspec-models": {"made": "elsewhere"}} if there else {}
    engine.volumes_by_name |= others
    stack = make_stack(engine, sts_profile="neural")
    stack.start()
    sts = engine.containers.get("sts-service")
    assert sts.options["volumes"] == (["dubspec-models:/models:ro"] if there else [])
    stack.down()
    assert engine.volumes_by_name == others


def test_healing_a_whole_stack_does_nothing(engine: Any) -> None:
    stack = make_stack(engine)
    assert stack.heal() == ()
    stack.start()
    assert stack.heal() == ()


def test_heals_whatever_a_scenario_broke(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    stack.sts_service.stop()
    stack.media_service.pause()
    stack.media_server.disconnect()
    assert set(stack.heal()) == {
        "started sts-service",
        "unpaused e2e-media-service",
        "connected e2e-mediamtx",
        "restarted e2e-media-service",
    }
    assert set(stack.network.members()) == set(engine.names)
    assert "mediamtx" in stack.network.aliases("e2e-mediamtx")
    assert stack.heal() == ()


def test_heals_a_removed_container_and_a_removed_network(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    engine.containers.get("sts-service").remove()
    for container in (stack.media_server, stack.media_service):
        container.disconnect()
    stack.network.remove()
    assert set(stack.heal()) == {
        "made sts-service anew",
        "connected e2e-media-service",
        "connected e2e-mediamtx",
        "restarted e2e-media-service",
    }
    assert len(stack.network.members()) == 3


def test_heals_lost_aliases(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    engine.containers.get("e2e-mediamtx").networks[stack.network.name] = []
    assert stack.heal() == ("connected e2e-mediamtx",)
    assert "mediamtx" in stack.network.aliases("e2e-mediamtx")


def test_what_runs_without_answering_is_no_scenario_s_doing(engine: Any, web: Web) -> None:
    stack = make_stack(engine)
    stack.start()
    web.hanging.add("e2e-mediamtx")
    with pytest.raises(WaitTimeout, match="e2e-mediamtx to be healthy"):
        stack.heal()
    assert engine.restarted == []


def test_what_ended_is_told_from_what_was_ended(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    sts = stack.sts_service
    assert not sts.ended_by_itself
    sts.stop()
    assert sts.status == "exited"
    assert not sts.ended_by_itself
    sts.start()
    engine.containers.get("sts-service").state = {"Status": "exited", "ExitCode": 1}
    assert sts.ended_by_itself


def test_says_so_when_it_cannot_heal(engine: Any, web: Web) -> None:
    stack = make_stack(engine)
    stack.start()
    web.hanging.add("sts-service")
    web.cured_by_restart = False
    with pytest.raises(WaitTimeout, match="sts-service to be healthy"):
        stack.heal()


def test_key_events_are_told(engine: Any) -> None:
    events: list[str] = []

    def note(event: str, /, **_fields: object) -> None:
        events.append(event)

    stack = ProductionStack(engine, IMAGES, make_settings(), OWNER, on_event=note)
    stack.start()
    stack.sts_service.stop()
    stack.heal()
    stack.down()
    assert events[0] == "network_created"
    assert events.count("container_started") == 4
    assert {"stack_healthy", "container_stopped", "stack_healed", "network_removed"} <= set(events)


def test_calls_on_a_container_that_is_not_there_say_so(engine: Any) -> None:
    stack = make_stack(engine)
    assert stack.sts_service.status == "absent"
    with pytest.raises(ContainerFailed, match="sts-service was not created"):
        stack.sts_service.stop()
    stack.start()
    stack.sts_service.stop()
    with pytest.raises(ContainerFailed, match="cannot pause"):
        stack.sts_service.pause()


def test_an_engine_s_refusal_is_one_line(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_name: str, **_options: Any) -> None:
        raise refusal("could not find an available, non-overlapping IPv4 address pool")

    monkeypatch.setattr(engine.networks, "create", no_room)
    with pytest.raises(ContainerFailed, match="address pool"):
        make_stack(engine).start()


def test_an_engine_that_goes_away_is_told(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make_stack(engine)
    stack.start()

    def gone(names: list[str]) -> None:
        raise requests.ConnectionError("no such socket")

    monkeypatch.setattr(engine.networks, "list", gone)
    with pytest.raises(EngineUnavailable, match="docker version"):
        stack.heal()


def test_whatever_is_asked_of_an_engine_that_is_gone_says_so(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(engine)
    stack.start()

    def gone(_container: object) -> None:
        raise requests.ConnectionError("no such socket")

    monkeypatch.setattr(engine, "check", gone)
    sts = stack.sts_service
    for ask in (lambda: sts.status, sts.inspect, sts.start, lambda: sts.address):
        with pytest.raises(EngineUnavailable, match="docker version"):
            ask()
    assert engine.api.timeout == 5


def test_a_helper_runs_its_own_command_and_goes_with_its_context(engine: Any) -> None:
    stack = make_stack(engine, e2e_run_id="x")
    stack.start()
    files = {"/link.py": b"pass"}
    with stack.helper("link", ("python3", "/link.py"), port=8000, files=files) as helper:
        made = engine.containers.get("link-x")
        assert made.options["command"] == ["python3", "/link.py"]
        assert made.state["Status"] == "created"
        assert helper.host_port(8000) > 0
        assert set(stack.network.aliases("link-x")) >= {"link"}
        assert Owner.from_labels(made.labels) == OWNER
    assert "link-x" not in engine.names
    assert len(engine.names) == 3
    command = ("python3", "/link.py")
    with stack.helper("link", command, port=8000, files=files, aliases=("sts-service",)):
        assert set(stack.network.aliases("link-x")) >= {"link", "sts-service"}


def test_a_container_can_be_made_anew_from_another_description(engine: Any) -> None:
    stack = make_stack(engine)
    stack.start()
    service = stack.media_service
    before, first = service.spec, engine.containers.get(service.name).id
    service.remake(replace(before, environment={"PORT": "1"}, tmpfs={"/data": "size=1m"}))
    made = engine.containers.get(service.name)
    assert made.id != first
    assert made.state["Status"] == "running"
    assert made.options["environment"] == {"PORT": "1"}
    assert made.options["tmpfs"].items() >= {"/data": "size=1m"}.items()
