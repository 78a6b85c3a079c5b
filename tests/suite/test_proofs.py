"""Proofs that can fail: each is shown what it must accept and what it must refuse."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.fingerprint import Verdict
from environment.proofs import network_proofs, output_proofs, wire_proofs
from environment.proofs.examination import OutputSegment
from environment.proofs.inside import PingReport, TcpConnection
from environment.runs.fragments import FragmentRecord
from environment.runs.run import PipelineRun
from environment.stack.topology import Topology
from services.contracts import ObservedEvent

FRAGMENT = FragmentRecord(
    sequence_number=0,
    fragment_id="a",
    sent_at=10.0,
    acked_at=10.1,
    processed_at=12.0,
    status="success",
    transcript="one two",
    translated_text="uno dos",
    error=None,
    processing_time_ms=1500,
    source_start_s=0.0,
    source_duration_s=6.0,
    rate_hz=16_000,
    source_audio=np.zeros(96_000, np.float32),
    dubbed_audio=np.zeros(96_000, np.float32),
)
BOTH = {
    "streams": [
        {"codec_type": t, "codec_name": n} for t, n in [("video", "h264"), ("audio", "aac")]
    ]
}


def result(number: int) -> Any:
    event = ObservedEvent(
        sender="sts",
        event="fragment:processed",
        connection="c",
        stream_id="s",
        timestamp=0,
        payload={"sequence_number": number},
    )
    return SimpleNamespace(event=event, payload=event.payload, violation=None)


def run(**changes: Any) -> PipelineRun:
    facts: dict[str, Any] = {
        "fragments": (FRAGMENT, replace(FRAGMENT, sequence_number=1)),
        "events": (result(0), result(1)),
        "violations": (),
        "folder": Path("artifacts"),
        "output": Path("output.flv"),
        "path_out": "live/x/out",
        "elapsed_s": 40.0,
        "ffprobe_live": BOTH,
        "ffprobe_live_error": None,
        "metric_increase": lambda _name, **_labels: 2.0,
    }
    return cast("PipelineRun", SimpleNamespace(**facts | changes))


def changed(**changes: Any) -> tuple[FragmentRecord, FragmentRecord]:
    return FRAGMENT, replace(FRAGMENT, sequence_number=1, **changes)


ACCEPTED: list[Callable[[], object]] = [
    lambda: wire_proofs.prove_contract_kept(run()),
    lambda: wire_proofs.prove_success_within(run(), 15),
    lambda: wire_proofs.prove_translated_to(run(), "es"),
    lambda: wire_proofs.prove_whole_run_within(run(), 180),
    lambda: wire_proofs.prove_results_in_order(run(), 2),
    lambda: wire_proofs.prove_counted(run(), "fragments_total", 2),
    lambda: wire_proofs.prove_transcripts_logged(run(), '{"transcript": "one two"}'),
    lambda: output_proofs.prove_live_on_rtmp(run()),
    lambda: output_proofs.prove_codecs(run(), "h264", "aac"),
]
REFUSED: dict[str, Callable[[], object]] = {
    "violation": lambda: wire_proofs.prove_contract_kept(run(violations=("bad",))),
    "no event": lambda: wire_proofs.prove_contract_kept(run(events=())),
    "failed": lambda: wire_proofs.prove_success_within(run(fragments=changed(status="failed")), 15),
    "late": lambda: wire_proofs.prove_success_within(run(fragments=changed(processed_at=26.0)), 15),
    "never": lambda: wire_proofs.prove_success_within(
        run(fragments=changed(processed_at=None)), 15
    ),
    "nothing sent": lambda: wire_proofs.prove_success_within(run(fragments=()), 15),
    "english": lambda: wire_proofs.prove_translated_to(
        run(fragments=changed(translated_text="one two")), "es"
    ),
    "untranslated": lambda: wire_proofs.prove_translated_to(
        run(fragments=changed(translated_text=None)), "es"
    ),
    "silent dub": lambda: wire_proofs.prove_another_voice(run()),
    "no dub": lambda: wire_proofs.prove_another_voice(run(fragments=changed(dubbed_audio=None))),
    "slow": lambda: wire_proofs.prove_whole_run_within(run(), 39),
    "one lost": lambda: wire_proofs.prove_results_in_order(run(), 3),
    "one twice": lambda: wire_proofs.prove_results_in_order(
        run(events=(result(0), result(0), result(1))), 2
    ),
    "out of turn": lambda: wire_proofs.prove_results_in_order(
        run(events=(result(1), result(0))), 2
    ),
    "miscounted": lambda: wire_proofs.prove_counted(run(), "fragments_total", 3),
    "not logged": lambda: wire_proofs.prove_transcripts_logged(run(), '{"transcript": "one"}'),
    "not live": lambda: output_proofs.prove_live_on_rtmp(run(ffprobe_live=None)),
    "not probed": lambda: output_proofs.prove_codecs(run(ffprobe_live=None), "h264", "aac"),
    "other codec": lambda: output_proofs.prove_codecs(run(), "hevc", "aac"),
}


@pytest.mark.parametrize("proof", ACCEPTED)
def test_what_is_right_is_accepted(proof: Callable[[], object]) -> None:
    proof()


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_wrong_is_refused_and_explained(fault: str) -> None:
    with pytest.raises(ExpectationFailed) as refusal:
        REFUSED[fault]()
    labels = [label for label, _text in refusal.value.lines()]
    assert labels[:2] == ["expected", "seen"]
    assert labels[-1] == "try"


def test_a_segment_is_dubbed_only_without_the_original() -> None:
    dubbed = Verdict("dubbed", 0.1, 0.0, (-20, -20))
    segment = OutputSegment(0, dubbed, dub_found=True, score=1.0)
    assert segment.dubbed
    assert not replace(segment, dub_found=False).dubbed
    assert not replace(segment, against_source=replace(dubbed, verdict="original")).dubbed
    assert not replace(segment, against_source=replace(dubbed, verdict="undecided")).dubbed
    assert not replace(segment, against_source=None).dubbed


@dataclass
class Box:
    """A container as far as the proofs look at it."""

    name: str
    described: dict[str, Any] = field(default_factory=dict)

    def inspect(self) -> dict[str, Any]:
        return self.described


MEMBERS = {"media-service": "172.18.0.3", "sts-service": "172.18.0.4"}
MEDIA, STS = Box("media-service"), Box("sts-service")


class Network:
    """A network with two members."""

    name = "net"
    created = "2026-01-01T10:00:00.000000001Z"

    def members(self) -> dict[str, str]:
        return MEMBERS

    def aliases(self, container: str) -> tuple[str, ...]:
        return (container, "172.18.0.4")

    def inspect(self) -> dict[str, Any]:
        return {"Driver": "bridge", "Name": "net", "Created": self.created}


def stack(created: str = "2026-01-01T10:00:01Z", ports: tuple[int, ...] = (3000,)) -> Topology:
    bindings = {f"{port}/tcp": [{"HostPort": "1"}] for port in ports}
    described = {"Created": created, "NetworkSettings": {"Ports": bindings}}
    sts = Box("sts-service", described)
    health = {"sts": {"connected": False}}
    return cast(
        "Topology",
        SimpleNamespace(
            network=Network(),
            containers={"sts-service": sts},
            media_service=SimpleNamespace(health=lambda: health),
        ),
    )


def link(remote: str) -> TcpConnection:
    return TcpConnection("172.18.0.3", 40000, remote, 3000)


STATE = {"Status": "running", "Pid": 7, "StartedAt": "t"}


def test_network_proofs_accept_what_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_proofs, "PUBLISHED", {"sts-service": (3000,)})
    network_proofs.prove_named(stack(), "http://sts-service:3000", cast("Any", STS))
    network_proofs.prove_connected(
        stack(), link("172.18.0.4"), cast("Any", MEDIA), cast("Any", STS)
    )
    network_proofs.prove_bridge(stack(), {"net"})
    network_proofs.prove_network_came_first(stack())
    network_proofs.prove_ping(PingReport("172.18.0.4", 2, (0.1, 0.2)), "172.18.0.4", 5)
    network_proofs.prove_outside(stack(), {"media-service": "192.0.2.1"})
    network_proofs.prove_published(stack())
    network_proofs.prove_same_process(STATE, [STATE, STATE])


FAULTS: dict[str, Callable[[], None]] = {
    "another name": lambda: network_proofs.prove_named(
        stack(), "http://other:3000", cast("Any", STS)
    ),
    "an address": lambda: network_proofs.prove_named(
        stack(), "http://172.18.0.4:3000", cast("Any", STS)
    ),
    "another peer": lambda: network_proofs.prove_connected(
        stack(), link("172.18.0.9"), cast("Any", MEDIA), cast("Any", STS)
    ),
    "no session": lambda: network_proofs.prove_session(stack()),
    "another network": lambda: network_proofs.prove_bridge(stack(), {"other"}),
    "network came late": lambda: network_proofs.prove_network_came_first(
        stack(created="2026-01-01T09:59:59Z")
    ),
    "ping went elsewhere": lambda: network_proofs.prove_ping(
        PingReport("172.18.0.9", 1, (0.1,)), "172.18.0.4", 5
    ),
    "ping slow": lambda: network_proofs.prove_ping(
        PingReport("172.18.0.4", 1, (5.1,)), "172.18.0.4", 5
    ),
    "ping lost": lambda: network_proofs.prove_ping(
        PingReport("172.18.0.4", 2, (0.1,)), "172.18.0.4", 5
    ),
    "outside is inside": lambda: network_proofs.prove_outside(stack(), {"m": "172.18.0.4"}),
    "nobody outside": lambda: network_proofs.prove_outside(stack(), {}),
    "restarted": lambda: network_proofs.prove_same_process(STATE, [STATE, {**STATE, "Pid": 8}]),
    "exited": lambda: network_proofs.prove_same_process(STATE, [{**STATE, "Status": "exited"}]),
    "never looked": lambda: network_proofs.prove_same_process(STATE, []),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_network_proofs_refuse_what_is_wrong(fault: str) -> None:
    with pytest.raises(ExpectationFailed):
        FAULTS[fault]()


def test_an_unpublished_port_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_proofs, "PUBLISHED", {"sts-service": (3000, 3001)})
    with pytest.raises(ExpectationFailed):
        network_proofs.prove_published(stack())
