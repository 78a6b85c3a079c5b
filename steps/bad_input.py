"""Bad input: what is sent, how it is refused, and that nobody else takes notice."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from environment.expectations import expect
from environment.proofs.bystander import SYNC_WITHIN_MS, collect_run, prove_undisturbed
from environment.proofs.container_proofs import prove_same_process
from environment.proofs.partial_proofs import prove_dubbed_to_the_end, prove_ended_in_order
from environment.runs import bad_data
from environment.runs.stream_reports import wait_for_state
from environment.runs.wire_client import WireClient
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for

CLIP = "30s-english-counting.mp4"
BYSTANDER_S = 12


@given("another stream is being dubbed")
def bystander_published(context: Context) -> None:
    """Publish two segments of the clip; note which processes the containers are.

    Nothing of an earlier scenario may be under way: its failures would be counted here.
    """
    stack, notes = context.session.stack(), context.run.notes
    stack.media_service.wait_idle()
    folder = Path(context.run.cleanup.enter_context(TemporaryDirectory(prefix="clips-")))
    part = bad_data.cut_clip(context.session.clip(CLIP), BYSTANDER_S, folder / "bystander.mp4")
    publication = context.run.publish(part, "live/bystander/in")
    notes |= {"folder": folder, "bystander": publication, "since": time.time()}
    notes["states"] = {n: c.inspect()["State"] for n, c in stack.containers.items()}
    _wait_for_state(context, publication.path, "processing")


@when("a clip without audio is published at `{said}`")
def mute_published(context: Context, said: str) -> None:
    """Publish the clip's picture alone."""
    notes, clip = context.run.notes, context.session.clip(CLIP)
    notes["failures before"] = _failures(context)
    mute = bad_data.cut_clip(clip, BYSTANDER_S, notes["folder"] / "mute.mp4", audio=False)
    notes["path"] = context.run.publish(mute, said).path


@then('media-service shows that stream as failed: "{reason}"')
def shown_as_failed(context: Context, reason: str) -> None:
    """Wait until its report says so, and its worker has gone with an error."""
    report = _wait_for_state(context, context.run.notes["path"], "failed")
    expect(
        reason in (report["error"] or "") and report["worker"]["exit_code"],
        expected=f"{reason!r}, and a worker gone with an error",
        seen=(report["error"], report["worker"]),
        hint="/v1/streams of media-service.",
    )


@then('the log of {container} says "{text}"')
def log_says(context: Context, container: str, text: str) -> None:
    """Find the text, in any case, in what that container has logged since the scenario began."""
    service, since = context.session.stack().containers[container], context.run.notes["since"]
    wait_for(
        f"{text!r} in the log of {container}",
        lambda: text.lower() in service.logs(since=since).lower(),
        timeout_s=context.session.settings.timeout(5),
        evidence=lambda: service.logs(since=since)[-2000:],
    )


@then("media-service counts it in `media_service_stream_failures_total`")
def failure_counted(context: Context) -> None:
    """Compare the counter with what it was before."""
    seen, before = _failures(context), context.run.notes["failures before"]
    expect(
        seen == before + 1,
        expected=f"{before + 1:g} failed streams",
        seen=f"{seen:g}",
        hint="/metrics of media-service.",
    )


@then("the other stream is dubbed to its end, undisturbed")
def bystander_undisturbed(context: Context) -> None:
    """Find every segment of it on the wire and, dubbed, whole and in sync, in its recording.

    Every container must be the process it was.
    """
    stack, notes = context.session.stack(), context.run.notes
    report = _wait_for_state(context, notes["bystander"].path, "finished")
    folder = context.run.artifacts / "bystander"
    run = collect_run(context.session, notes["bystander"], report, folder)
    prove_undisturbed(run, BYSTANDER_S // 6)
    for name, container in stack.containers.items():
        prove_same_process(notes["states"][name], [container.inspect()["State"]])


@when("a publisher at `{said}` is killed after {seconds:d} seconds")
def publisher_killed_after(context: Context, said: str, seconds: int) -> None:
    """Publish the clip, and kill ffmpeg once it has been on the air for that long."""
    publication = context.run.publish(context.session.clip(CLIP), said)
    active_at = publication.wait_active(context.session.settings.timeout(10))
    wait_for(
        f"{seconds} s on the air",
        lambda: time.time() - active_at >= seconds,
        timeout_s=context.session.settings.timeout(seconds + 5),
        interval_s=0.05,
    )
    publication.kill()
    context.run.notes |= {"path": publication.path, "killed": publication}


@then("that stream is finished with what was there: {seconds:d} seconds, within {slack:d} second")
def finished_with_what_was_there(context: Context, seconds: int, slack: int) -> None:
    """Find it finished without an error, its recorded output as long as what was sent.

    Every segment must be in it, dubbed and in sync, under the source's pictures: those that were
    whole by then, and the one that the loss cut short.
    """
    notes, session = context.run.notes, context.session
    report = _wait_for_state(context, notes["path"], "finished")
    run = collect_run(session, notes["killed"], report, context.run.artifacts / "killed")
    prove_ended_in_order(run, seconds, slack)
    whole = int((seconds - slack) // session.settings.segment_duration_s)
    prove_dubbed_to_the_end(run, whole + 1, SYNC_WITHIN_MS)


@when("a client sends what sts-service must refuse:")
def client_sends_broken(context: Context) -> None:
    """Send each row's payload over a connection of its own; keep the first error each gets."""
    stack, notes, timeout_s = context.session.stack(), context.run.notes, _timeout(context)
    notes["errors before"] = _errors(context)
    notes["answers"] = []
    for number, row in enumerate(context.table):
        stream_id = f"{context.run.stream_name('broken')}-{number}"
        with WireClient(stack.sts_url, api_key=stack.settings.sts_api_key) as client:
            if bad_data.needs_open_stream(row["event"], row["fault"]):
                client.send("stream:init", bad_data.opening(stream_id))
                client.wait_for("stream:ready", timeout_s=timeout_s)
            client.send(row["event"], bad_data.broken(row["event"], row["fault"], stream_id))
            answer = client.wait_for("error", timeout_s=timeout_s)
            notes["answers"].append((row["fault"], row["code"], answer))


@then("each was answered with an `error` event of its code")
def each_answered(context: Context) -> None:
    """Compare the codes; each error must say in words what is wrong."""
    answers = context.run.notes["answers"]
    expect(
        all(answer["code"] == code and answer["message"] for _fault, code, answer in answers),
        expected="the code of the table, with a message, for each fault",
        seen=[(fault, code, answer["code"], answer["message"]) for fault, code, answer in answers],
        hint="services/contracts/errors.py lists the codes.",
    )


@then("sts-service counted each in `sts_errors_total`")
def each_counted(context: Context) -> None:
    """Compare the counters with what they were before, by code."""
    notes = context.run.notes
    wanted = dict(notes["errors before"])
    for _fault, code, _answer in notes["answers"]:
        wanted[code] = wanted.get(code, 0) + 1
    expect(
        _errors(context) == wanted,
        expected=str(wanted),
        seen=_errors(context),
        hint="/metrics of sts-service.",
    )


def _wait_for_state(context: Context, path: str, state: str) -> dict[str, Any]:
    timeout_s = context.session.settings.timeout(40)
    return wait_for_state(context.session.stack(), path, state, timeout_s=timeout_s)


def _timeout(context: Context) -> float:
    return context.session.settings.timeout(10)


def _failures(context: Context) -> float:
    service = context.session.stack().media_service
    return service.metric("media_service_stream_failures_total")


def _errors(context: Context) -> dict[str, float]:
    metrics = context.session.stack().sts_service.metrics()
    return {
        dict(labels)["code"]: value
        for (name, labels), value in metrics.items()
        if name == "sts_errors_total" and value
    }
