"""The service as a process of its own, with the real engines."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from services.contracts import FragmentAck, FragmentProcessed, StreamReady
from sts_service.audio import to_pcm
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.sounds import noise, spoken

ROOT = Path(__file__).parents[2]
MODULE = [sys.executable, "-m", "sts_service"]


def environment(**changes: str) -> dict[str, str]:
    paths = os.pathsep.join((str(ROOT), str(ROOT / "services" / "sts-service")))
    return {**os.environ, "PYTHONPATH": paths, "HOST": "127.0.0.1", "STS_WORKERS": "1", **changes}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(port: int, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
    variables = environment(PORT=str(port), LOG_TRANSCRIPTS="true", **changes)
    process = subprocess.Popen(MODULE, env=variables, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def wait_healthy(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError("the service is not healthy after 30 s")


async def test_sigterm_answers_the_fragment_in_hand_and_exits_0() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(port) as process:
        await asyncio.to_thread(wait_healthy, url)
        probe = await Probe(url).connect()
        await probe.say("stream:init", init())
        await probe.expect(StreamReady)
        await probe.say("fragment:data", fragment(0, to_pcm(spoken("seven").samples, channels=1)))
        await probe.expect(FragmentAck, where=lambda ack: ack.status == "processing")
        process.send_signal(signal.SIGTERM)
        (result,) = await probe.expect(FragmentProcessed)
        assert (result.transcript, result.translated_text) == ("seven", "Siete")
        output, _ = await asyncio.to_thread(process.communicate, timeout=10)
        assert process.returncode == 0
        assert b'"transcript": "seven"' in output
        assert b'"event": "service_stopped"' in output


async def test_sigterm_does_not_wait_beyond_the_grace() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(port, SHUTDOWN_GRACE="0.2") as process:
        await asyncio.to_thread(wait_healthy, url)
        probe = await Probe(url).connect()
        await probe.say("stream:init", init())
        # Noise is what recognition takes longest for, all of it in native code.
        await probe.say("fragment:data", fragment(0, to_pcm(noise(20).samples, channels=1)))
        await probe.expect(FragmentAck, where=lambda ack: ack.status == "processing")
        process.send_signal(signal.SIGTERM)
        output, _ = await asyncio.to_thread(process.communicate, timeout=5)
        assert process.returncode == 0
        assert b'"event": "fragments_given_up"' in output
        assert b'"event": "service_stopped"' in output


def test_a_bad_variable_is_one_line_and_status_2() -> None:
    done = subprocess.run(
        MODULE,
        env=environment(PORT="front-door"),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "PORT='front-door'" in done.stderr


def test_a_port_that_is_taken_is_an_error_and_status_1() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        done = subprocess.run(
            MODULE,
            env=environment(PORT=str(holder.getsockname()[1])),
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    assert done.returncode == 1
    assert "service_failed" in done.stdout
    assert "address already in use" in done.stdout
    assert done.stderr == ""


def test_an_unknown_engine_is_an_error_and_status_1() -> None:
    done = subprocess.run(
        MODULE,
        env=environment(PORT=str(free_port()), ASR_PROVIDER="clairvoyant"),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 1
    assert "no asr engine is called clairvoyant" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
