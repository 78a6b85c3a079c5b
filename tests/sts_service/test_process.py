"""The service as a process of its own, with the real engines."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from services.contracts import FragmentAck, FragmentProcessed, StreamReady
from sts_service.audio import to_pcm
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.sounds import noise, spoken

ROOT = Path(__file__).parents[2]
HEALTHY_TIMEOUT_S = 120
"""Its processes start side by side; a machine that is busy with other things takes its time."""
pytestmark = pytest.mark.timeout(200)

MODULE = [sys.executable, "-m", "sts_service"]


def environment(**changes: str) -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "services" / "sts-service")))
    ours = {"HOST": "127.0.0.1", "STS_PROFILE": "embedded", "STS_WORKERS": "1"}
    return {**os.environ, "PYTHONPATH": paths, **ours, **changes}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Started:
    """A process of the service, and the port it was told to take."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self, timeout_s: float = 60) -> str:
        """Wait for the process to end by itself; return its output."""
        output, _ = self.process.communicate(timeout=timeout_s)
        return output


@pytest.fixture(scope="module")
def started() -> Iterator[dict[str, Started]]:
    """All of this module's processes, started side by side: most of their time is loading."""
    with ExitStack() as stack:
        holder = stack.enter_context(socket.socket())
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken_port = int(holder.getsockname()[1])

        def start(port: int, **changes: str) -> Started:
            variables = environment(PORT=str(port), LOG_TRANSCRIPTS="true", **changes)
            process = subprocess.Popen(
                MODULE, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return Started(process, port)

        yield {
            "patient": start(free_port()),
            "hurried": start(free_port(), SHUTDOWN_GRACE="0.2"),
            "port taken": start(taken_port),
            "unknown engine": start(free_port(), ASR_PROVIDER="clairvoyant"),
        }


def wait_healthy(url: str) -> None:
    deadline = time.monotonic() + HEALTHY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the service is not healthy after {HEALTHY_TIMEOUT_S} s")


async def test_sigterm_answers_the_fragment_in_hand_and_exits_0(
    started: dict[str, Started],
) -> None:
    service = started["patient"]
    await asyncio.to_thread(wait_healthy, service.url)
    probe = await Probe(service.url).connect()
    await probe.say("stream:init", init())
    await probe.expect(StreamReady)
    await probe.say("fragment:data", fragment(0, to_pcm(spoken("seven").samples, channels=1)))
    await probe.expect(FragmentAck, where=lambda ack: ack.status == "processing")
    service.process.send_signal(signal.SIGTERM)
    (result,) = await probe.expect(FragmentProcessed)
    assert (result.transcript, result.translated_text) == ("seven", "Siete")
    output = await asyncio.to_thread(service.end, 10)
    assert service.process.returncode == 0
    assert '"transcript": "seven"' in output
    assert '"event": "service_stopped"' in output


async def test_sigterm_does_not_wait_beyond_the_grace(started: dict[str, Started]) -> None:
    service = started["hurried"]
    await asyncio.to_thread(wait_healthy, service.url)
    probe = await Probe(service.url).connect()
    await probe.say("stream:init", init())
    # Noise is what recognition takes longest for, all of it in native code.
    await probe.say("fragment:data", fragment(0, to_pcm(noise(20).samples, channels=1)))
    await probe.expect(FragmentAck, where=lambda ack: ack.status == "processing")
    service.process.send_signal(signal.SIGTERM)
    output = await asyncio.to_thread(service.end, 15)
    assert service.process.returncode == 0
    assert '"event": "fragments_given_up"' in output
    assert '"event": "service_stopped"' in output


def test_a_port_that_is_taken_is_an_error_and_status_1(started: dict[str, Started]) -> None:
    process = started["port taken"].process
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "service_failed" in output
    assert "address already in use" in output
    assert errors == ""


def test_an_unknown_engine_is_an_error_and_status_1(started: dict[str, Started]) -> None:
    process = started["unknown engine"].process
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no asr engine is called clairvoyant" in output
    assert "Traceback" not in output + errors


def test_a_bad_variable_is_one_line_and_status_2() -> None:
    done = subprocess.run(
        MODULE,
        env=environment(PORT="front-door"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "PORT='front-door'" in done.stderr
