"""The proofs of US7: each passes on what is right, and notices what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from socketio.exceptions import ConnectionError as ConnectionRefused

from environment.evidence.log_lines import LogLine
from environment.expectations import ExpectationFailed
from environment.proofs import configuration_proofs as proofs
from environment.proofs import documentation_proofs as pages
from environment.proofs import early_end_proofs as refusals
from environment.proofs import inside
from environment.proofs import side_by_side_proofs as side_by_side
from environment.runs.configured import (
    build,
    configured,
    filled_in,
    ports_by_variable,
    write_variables,
)
from environment.settings import REPO_ROOT, Settings, load_settings
from environment.stack import blueprint
from media_service.settings import Settings as MediaSettings
from sts_service.settings import Settings as StsSettings
from tests.environment.test_production import IMAGES, OWNER

Check = Callable[[], object]


def refused(check: Check) -> bool:
    try:
        check()
    except ExpectationFailed:
        return True
    return False


def container(name: str, *, network: str = "net", ports: tuple[int, ...] = ()) -> Any:
    attrs = {
        "State": {"Pid": 7, "StartedAt": "then"},
        "NetworkSettings": {
            "Networks": {network: {}},
            "Ports": {f"{port}/tcp": [{"HostPort": str(port)}] for port in ports},
        },
    }
    return SimpleNamespace(name=name, inspect=lambda: attrs)


def system(run: str, network: str, ports: tuple[int, ...]) -> Any:
    names = [f"{plain}-{run}" for plain in ("e2e-mediamtx", "e2e-media-service", "sts-service")]
    shares = (ports[:3], ports[3:4], ports[4:])
    held = {n: container(n, network=network, ports=p) for n, p in zip(names, shares, strict=True)}
    members = dict.fromkeys(names, "10.0.0.2")
    return SimpleNamespace(
        containers=held, network=SimpleNamespace(name=network, members=lambda: members)
    )


def nested(**changes: Any) -> Any:
    given = {
        "run_id": "nested-1",
        "log_file": "nested.log",
        "evidence": Path("/nowhere/latest"),
        "output": "",
        "results": [{"outcome": "passed", "warnings": []}],
        "events": [],
        "objects": list,
        "started_at": 100.0,
        "ended_at": 110.0,
    }
    return SimpleNamespace(**{**given, **changes})


def test_a_default_is_the_text_s() -> None:
    proofs.prove_default("MEDIAMTX_RTMP_PORT", "1935")
    assert refused(lambda: proofs.prove_default("MEDIAMTX_RTMP_PORT", "1936"))
    assert refused(lambda: proofs.prove_default("NOBODY_S_PORT", "1935"))


def test_variables_are_read_from_the_process() -> None:
    answer = SimpleNamespace(output="A=1\0B=two words\0C=\0")
    asked: Any = SimpleNamespace(name="x", exec=lambda *_argv: answer)
    proofs.prove_variables_inside(asked, {"A": "1", "B": "two words", "C": ""})
    assert refused(lambda: proofs.prove_variables_inside(asked, {"A": "2"}))
    assert refused(lambda: proofs.prove_variables_inside(asked, {"D": ""}))


def test_published_ports_are_the_engine_s() -> None:
    stack: Any = SimpleNamespace(containers={"e2e-mediamtx": container("m", ports=(1936,))})
    proofs.prove_published(stack, {("e2e-mediamtx", 1936): 1936})
    assert refused(lambda: proofs.prove_published(stack, {("e2e-mediamtx", 1936): 1937}))
    assert refused(lambda: proofs.prove_published(stack, {("e2e-mediamtx", 1935): 1936}))


def test_the_publisher_s_command_line_has_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = [(1, "python -m behave"), (2, "ffmpeg -re -i x rtmp://127.0.0.1:1936/live/x/in")]
    monkeypatch.setattr(proofs, "find_processes", lambda _run: seen)
    proofs.prove_publishes_on(nested(), "rtmp://127.0.0.1:1936/", timeout_s=1)
    assert refused(
        lambda: proofs.prove_publishes_on(nested(), "rtmp://127.0.0.1:1935/", timeout_s=1)
    )


def test_a_container_on_two_networks_has_not_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(name: str, *, second: bool = False, address: str = "10.0.0.2") -> None:
        stack = system("a", "ci-net", (1, 2, 3, 4, 5))
        for each in stack.containers.values():
            each.spec = SimpleNamespace(aliases=(each.name,))
        if second:
            attrs = next(iter(stack.containers.values())).inspect()
            attrs["NetworkSettings"]["Networks"]["bridge"] = {}
        monkeypatch.setattr(inside, "resolve", lambda _asked, _name: address)
        monkeypatch.setattr(proofs, "prove_linked", lambda _stack: None)
        proofs.prove_joined(stack, name)

    prove("ci-net")
    assert refused(lambda: prove("ci-net", second=True))
    assert refused(lambda: prove("other-net"))
    assert refused(lambda: prove("ci-net", address="10.9.9.9"))


def test_the_connection_is_to_the_custom_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(address: str, *, held: bool = True) -> None:
        connection = SimpleNamespace(remote_address=address, reversed="back")
        monkeypatch.setattr(proofs, "prove_variables_inside", lambda _service, _wanted: None)
        monkeypatch.setattr(inside, "wait_for_connection", lambda *_a, **_n: connection)
        ends = ["back"] if held else []
        monkeypatch.setattr(inside, "established_connections", lambda *_a, **_n: ends)
        stack: Any = SimpleNamespace(media_service="service")
        server: Any = SimpleNamespace(name="sts-prod")
        proofs.prove_connected_to(stack, "http://sts-prod:8000", server, "10.0.0.9", 1.0)

    prove("10.0.0.9")
    assert refused(lambda: prove("10.0.0.8"))
    assert refused(lambda: prove("10.0.0.9", held=False))


@pytest.mark.parametrize(
    ("more", "members"),
    [
        (("container sts-service-a running",), ("sts-prod",)),
        ((), ("sts-prod", "sts-service-a")),
        ((), ()),  # nobody to speak with
    ],
)
def test_a_run_with_an_sts_service_of_its_own(
    more: tuple[str, ...], members: tuple[str, ...]
) -> None:
    def prove(*made: str, members: tuple[str, ...]) -> None:
        own = ("server-a", "media-a")
        objects = [*(f"container {name} running" for name in own), "network net", *made]
        on_it = dict.fromkeys((*own, *members), "10.0.0.2")
        stack: Any = SimpleNamespace(
            media_server=SimpleNamespace(name="server-a"),
            media_service=SimpleNamespace(name="media-a"),
            network=SimpleNamespace(name="net", members=lambda: on_it),
        )
        proofs.prove_no_sts_of_its_own(nested(objects=lambda: objects), stack, "sts-prod")

    prove(members=("sts-prod",))
    assert refused(lambda: prove(*more, members=members))


@pytest.mark.parametrize(
    ("status", "results"),
    [
        (1, [{"outcome": "passed", "warnings": []}]),
        (0, []),
        (0, [{"outcome": "skipped", "warnings": []}]),
        (0, [{"outcome": "passed", "warnings": ["late"]}]),
    ],
)
def test_a_run_that_has_not_passed(status: int, results: list[Any]) -> None:
    proofs.prove_passed(nested(), 0)
    assert refused(lambda: proofs.prove_passed(nested(results=results), status))


@pytest.mark.parametrize(
    ("network", "ports"),
    [("one", (6, 7, 8, 9, 10)), ("two", (6, 7, 8, 9, 5)), ("two", (6, 7, 8, 9))],
)
def test_systems_that_share_something(network: str, ports: tuple[int, ...]) -> None:
    one = system("a", "one", (1, 2, 3, 4, 5))
    side_by_side.prove_apart([one, system("b", "two", (6, 7, 8, 9, 10))])
    assert refused(lambda: side_by_side.prove_apart([one, system("b", network, ports)]))


def test_one_after_the_other_is_not_at_once() -> None:
    def on_air(active: float, ended: float) -> Any:
        lines = [LogLine(active, "publish_active", {}), LogLine(ended, "publish_ended", {})]
        return nested(events=lines)

    side_by_side.prove_at_once([on_air(10, 17), on_air(12, 19)])
    assert refused(lambda: side_by_side.prove_at_once([on_air(10, 17), on_air(16, 23)]))
    assert refused(lambda: side_by_side.prove_at_once([on_air(10, 17), nested()]))
    never_active = nested(events=[LogLine(19, "publish_ended", {})])
    assert refused(lambda: side_by_side.prove_at_once([on_air(10, 17), never_active]))


def test_the_network_is_made_under_its_name_and_taken_away() -> None:
    lines = [LogLine(1.0, "network_created", {"network": "ci-1"})]
    side_by_side.prove_made_network(nested(events=lines), "ci-1")
    assert refused(lambda: side_by_side.prove_made_network(nested(events=lines), "ci-2"))
    left = nested(events=lines, objects=lambda: ["network ci-1"])
    assert refused(lambda: side_by_side.prove_made_network(left, "ci-1"))


LINE = "HOOK-ERROR in before_all: SettingsInvalid: STS_PORT='abc' is no number. Remedy: another.\n"


@pytest.mark.parametrize(
    ("status", "output", "history"),
    [
        (0, LINE, []),
        (1, LINE + LINE, []),
        (1, LINE.replace("STS_PORT", "PORT"), []),
        (1, LINE.replace("Remedy: ", ""), []),
        (1, f"Traceback (most recent call last):\n{LINE}", []),
        (1, LINE, ["network create"]),
    ],
)
def test_a_run_that_began_something_was_not_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, status: int, output: str, history: list[str]
) -> None:
    words = ("STS_PORT", "no number")
    monkeypatch.setattr(refusals, "engine_history", lambda _nested: [])
    refusals.prove_refused_at_once(nested(output=LINE), 1, words)
    monkeypatch.setattr(refusals, "engine_history", lambda _nested: history)
    assert refused(lambda: refusals.prove_refused_at_once(nested(output=output), status, words))


def test_a_run_that_left_evidence_was_not_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(refusals, "engine_history", lambda _nested: [])
    left = nested(output=LINE, evidence=tmp_path)
    assert refused(lambda: refusals.prove_refused_at_once(left, 1, ("STS_PORT",)))


def test_the_engine_s_history_is_searched_for_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, others = ({"Attributes": {"name": name}} for name in ("n-nested-1", "other"))
    before, later = 100_000_000_000 - 1, 100_000_000_000
    events = [
        {"Type": "network", "Action": "destroy", "Actor": ours, "timeNano": before},
        {"Type": "network", "Action": "create", "Actor": ours, "timeNano": later},
        {"Type": "container", "Action": "start", "Actor": others, "timeNano": later},
    ]
    asked: dict[str, Any] = {}

    def history(**options: Any) -> Any:
        asked.update(options)
        return iter(events)

    client = SimpleNamespace(events=history, close=lambda: None)
    monkeypatch.setattr(docker, "from_env", lambda: client)
    assert refusals.engine_history(nested()) == ["network create"]
    assert (asked["since"], asked["until"]) == (100, 111)


@pytest.mark.parametrize(("open_to_all", "raises"), [(False, False), (True, True)])
def test_a_service_that_lets_strangers_in(
    monkeypatch: pytest.MonkeyPatch, open_to_all: bool, raises: bool
) -> None:
    class Client:
        def __init__(self, _url: str, api_key: str = "") -> None:
            self.let_in = open_to_all or bool(api_key)

        def __enter__(self) -> None:
            if not self.let_in:
                raise ConnectionRefused("no token")

        def __exit__(self, *_error: object) -> None: ...

    monkeypatch.setattr(proofs, "WireClient", Client)
    assert refused(lambda: proofs.prove_refuses_without("http://x", "key")) is raises


def sent(number: int, duration_ms: int = 4000) -> tuple[str, dict[str, Any]]:
    return "fragment:data", {"fragment_id": f"f{number}", "audio": {"duration_ms": duration_ms}}


def answered(number: int) -> tuple[str, dict[str, Any]]:
    return "fragment:processed", {"fragment_id": f"f{number}"}


def wired(folder: Path, *fragments: tuple[str, dict[str, Any]]) -> Any:
    said: list[tuple[str, dict[str, Any]]] = [
        ("stream:init", {"config": {"chunk_duration_ms": 4000}}),
        ("stream:ready", {"max_inflight": 2, "capabilities": {"profile": "embedded"}}),
        *fragments,
    ]
    (folder / "pipeline-configured-1").mkdir()
    lines = [json.dumps({"event": event, "payload": payload}) for event, payload in said]
    (folder / "pipeline-configured-1" / "events.jsonl").write_text("\n".join(lines))
    return nested(evidence=folder)


def test_a_wire_with_more_in_flight_than_was_announced(tmp_path: Path) -> None:
    run = wired(tmp_path, sent(0), sent(1), sent(2), answered(0), answered(1), answered(2))
    assert refused(
        lambda: proofs.prove_on_the_wire(run, segment_ms=4000, inflight=2, profile="embedded")
    )


@pytest.mark.parametrize(
    ("segment_ms", "inflight", "profile"),
    [(6000, 2, "embedded"), (4000, 3, "embedded"), (4000, 2, "pocket")],
)
def test_a_wire_that_is_not_as_configured(
    tmp_path: Path, segment_ms: int, inflight: int, profile: str
) -> None:
    run = wired(tmp_path, sent(0, 4000), sent(1, 3000), answered(0), answered(1))
    proofs.prove_on_the_wire(run, segment_ms=4000, inflight=2, profile="embedded")
    assert refused(
        lambda: proofs.prove_on_the_wire(
            run, segment_ms=segment_ms, inflight=inflight, profile=profile
        )
    )


@pytest.mark.parametrize("verdicts", [["dubbed", "original"], ["silent"], [], ["undecided"]])
def test_no_dub_is_heard(verdicts: list[str]) -> None:
    def heard(verdicts: list[str]) -> Any:
        windows = [SimpleNamespace(verdict=SimpleNamespace(verdict=word)) for word in verdicts]
        return SimpleNamespace(output=windows)

    run: Any = SimpleNamespace(output="x")
    proofs.prove_dub_heard(run, heard(["dubbed", "silent"]))
    assert refused(lambda: proofs.prove_dub_heard(run, heard(verdicts)))


def test_a_default_in_the_file_proves_nothing() -> None:
    proofs.prove_none_default({"STS_PORT": "3001", "LOG_LEVEL": "DEBUG"})
    assert refused(lambda: proofs.prove_none_default({"LOG_LEVEL": "INFO"}))
    assert refused(lambda: proofs.prove_none_default({"NOBODY": "1"}))


def test_own_containers_that_were_started_anew() -> None:
    state = {"Pid": 7, "StartedAt": "then", "Status": "running", "Running": True}
    side_by_side.prove_same_processes({"a": state}, {"a": dict(state)})
    assert refused(
        lambda: side_by_side.prove_same_processes({"a": state}, {"a": {**state, "Pid": 8}})
    )


def test_a_run_is_given_free_ports_and_its_own(tmp_path: Path) -> None:
    run = configured(load_settings(), tmp_path / "n.log", {"MEDIAMTX_RTMP_PORT": "1936"})
    ports = [value for name, value in run.variables.items() if name.endswith("_PORT")]
    assert run.variables["MEDIAMTX_RTMP_PORT"] == "1936"
    assert run.variables["E2E_DYNAMIC_PORTS"] == "0"
    assert len(set(ports)) == 5


def test_builds_have_networks_of_their_own(tmp_path: Path) -> None:
    one, other = (build(load_settings(), tmp_path / f"{t}.log", t) for t in ("one", "two"))
    names = {run.variables["E2E_NETWORK_NAME"] for run in (one, other)}
    assert len(names) == 2
    assert one.nested.run_id != other.nested.run_id


def test_the_file_of_variables_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = filled_in({"STS_PORT": "a free port", "STS_API_KEY": "a key's 'key'"})
    for name in values:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("E2E_ENV_FILE", str(write_variables(tmp_path / "x" / "ci.env", values)))
    settings = load_settings()
    assert settings.sts_port == int(values["STS_PORT"]) != 3000
    assert ports_by_variable({**values, "STS_SERVICE_URL": "http://sts-service:3100"}) == {
        ("sts-service", 3100): settings.sts_port
    }


def test_every_variable_that_a_service_knows_reaches_its_container() -> None:
    settings = load_settings(
        {"asr_provider": "a", "translation_provider": "b", "tts_provider": "c"}
    )
    settings = settings.model_copy(
        update=dict.fromkeys(("asr_model", "translation_model", "tts_model"), "/m")
    )
    ours = set(Settings.model_fields)
    media = blueprint.media_service(settings, IMAGES, OWNER).environment
    sts = blueprint.sts_service(settings, IMAGES, OWNER).environment
    assert {n.upper() for n in ours & set(MediaSettings.model_fields)} <= set(media)
    assert {n.upper() for n in ours & set(StsSettings.model_fields)} <= set(sts)


PRINTED = {"STS_PORT": ("3000", "host port"), "E2E_KEEP": ("0", "keep it")}
ROWS = (
    "| `STS_PORT` | `3000` | a number | host port |\n| `E2E_KEEP` | `0` | `0` or `1` | keep it |\n"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [("`3000`", "`3001`"), ("host port", "a port"), ("E2E_KEEP", "E2E_KEPT"), ("| `STS", "`STS")],
)
def test_a_page_that_says_otherwise(tmp_path: Path, old: str, new: str) -> None:
    page = tmp_path / "configuration.md"
    page.write_text(ROWS)
    pages.prove_documented(page, PRINTED)
    page.write_text(ROWS.replace(old, new))
    assert refused(lambda: pages.prove_documented(page, PRINTED))


@pytest.mark.parametrize("example", ["STS_PORT=many make e2e", "NOBODY=1 make e2e", "make e2e"])
def test_examples_that_are_wrong_or_none(tmp_path: Path, example: str) -> None:
    page = tmp_path / "configuration.md"
    page.write_text("```sh\n# STS_PORT=abc\nSTS_PORT=3001 E2E_KEEP=1 make e2e\n```\n")
    pages.prove_examples(page)
    page.write_text(f"```sh\n{example}\n```\n")
    assert refused(lambda: pages.prove_examples(page))


def test_the_settings_of_a_bare_environment_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STS_PORT", "3999")
    (tmp_path / "empty.env").touch()
    printed = pages.printed_settings(pages.bare_environment(tmp_path / "empty.env"))
    pages.prove_defaults(printed)
    assert printed["STS_PORT"][0] == "3000"
    fewer = {name: said for name, said in printed.items() if name != "STS_PORT"}
    assert refused(lambda: pages.prove_defaults(fewer))
    changed = {**printed, "STS_PORT": ("3001", "host port; default '3000'")}
    assert refused(lambda: pages.prove_defaults(changed))
    pages.prove_text_s_defaults(printed, {"LOAD_TIMEOUT": "60"})
    assert refused(lambda: pages.prove_text_s_defaults(printed, {"LOAD_TIMEOUT": "61"}))
    assert refused(lambda: pages.prove_text_s_defaults(printed, {"NOBODY_S_TIMEOUT": "60"}))
    assert refused(lambda: pages.prove_text_s_defaults(printed, {}))


def test_the_page_is_where_the_readme_s_section_leads(tmp_path: Path) -> None:
    assert pages.documented() == REPO_ROOT / "docs" / "configuration.md"
    readme = tmp_path / "README.md"
    readme.write_text("## Configuration\n\nSee [it](docs/gone.md).\n\n## More\n")
    assert refused(lambda: pages.documented(readme))
