"""Garbage: bytes that no server understands, how it gets rid of them, and what it says of them."""

from __future__ import annotations

import re
import time

from environment.expectations import expect
from environment.proofs.endpoints import send_garbage
from environment.runs import bad_data
from environment.vocabulary import Context, then, when
from environment.waiting import wait_for

# Longer than any bound of the features: how long it really took is worth knowing.
LISTENS_S = 20


@when("{garbage} is sent to the media server's {protocol} port")
def garbage_sent(context: Context, garbage: str, protocol: str) -> None:
    """Send it over TCP, keep the connection open, and see what the server does."""
    inside = {"RTMP": 1935, "RTSP": 8554}[protocol]
    port = context.session.stack().media_server.host_port(inside)
    timeout_s = context.session.settings.timeout(LISTENS_S)
    context.run.notes["since"] = time.time()
    context.run.notes["refusal"] = send_garbage(
        "localhost", port, bad_data.GARBAGE[garbage], timeout_s=timeout_s
    )


@then("the media server hangs up within {limit_s:d} seconds")
def server_hangs_up(context: Context, limit_s: int) -> None:
    """See that the server, not the sender, ended the connection, and when."""
    refusal = context.run.notes["refusal"]
    expect(
        refusal.hung_up and refusal.lasted_s <= limit_s,
        expected=f"the connection closed by the server within {limit_s} s",
        seen=refusal,
        hint="`docker logs e2e-mediamtx` has a line for each connection.",
    )


@then("the media server's log says why, in one line")
def log_says_why(context: Context) -> None:
    """Find the line that closes a connection with a reason, and no trace of a crash."""
    server, since = context.session.stack().media_server, context.run.notes["since"]
    log = wait_for(
        "a reason in the media server's log",
        lambda: _with_reason(server.logs(since=since)),
        timeout_s=context.session.settings.timeout(5),
    )
    expect(
        "Traceback" not in log and "panic" not in log,
        expected="a line that says why, nothing that looks like a crash",
        seen=log,
        hint="`docker logs e2e-mediamtx`",
    )


@when("garbage is sent to every port:")
def garbage_to_every_port(context: Context) -> None:
    """Send what each row names, one after the other, and keep what came back."""
    stack, seen = context.session.stack(), {}
    timeout_s = context.session.settings.timeout(LISTENS_S)
    for row in context.table:
        port = stack.containers[row["container"]].host_port(int(row["port"]))
        garbage = bad_data.GARBAGE[row["garbage"]]
        seen[row["container"], row["port"]] = send_garbage(
            "localhost", port, garbage, timeout_s=timeout_s
        )
    context.run.notes["refusals"] = seen


@then("each port answered with a refusal, or hung up, within {limit_s:d} seconds")
def each_port_refused(context: Context, limit_s: int) -> None:
    """Find the connection closed by the server, or a 4xx answer of HTTP, in that time."""
    refusals = context.run.notes["refusals"]
    expect(
        all(r.hung_up or b" 400 " in r.answer.split(b"\r\n")[0] for r in refusals.values())
        and all(r.after_s is not None and r.after_s <= limit_s for r in refusals.values()),
        expected=f"each connection closed, or answered with 400, within {limit_s} s",
        seen=refusals,
        hint="a server that waits for more for ever can be starved of connections.",
    )


def _with_reason(log: str) -> str | None:
    return log if re.search(r"\[RT[MS]P\] \[conn [^\]]+\] closed: \S+", log) else None
