"""Events that break the contract in every way, from real ones and a seed."""

import json
import random
import string
from typing import Any

from services.contracts import CLIENT_EVENTS
from tests.sts_service.probe import fragment, init
from tests.sts_service.sounds import level

JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    10**40,
    1.5,
    1e308,
    "",
    "s",
    "\ud800",
    "\x00",
    "x" * 5000,
    [],
    [[]],
    {},
    {"a": {"b": [None]}},
    "00000000-0000-0000-0000-000000000000",
]
RAW = [
    "42",
    "42[]",
    "42[5]",
    "42{}",
    "42[[1],2]",
    '42["fragment:data"',
    '42["stream:init",{"a":NaN}]',
    '42["stream:init",' + "1" * 5000 + "]",
    '42["stream:init",' + '{"a":' * 3000 + "1" + "}" * 3000 + "]",
    "42" + "[" * 100_000,
    '42/elsewhere,["stream:init",{}]',
    "40/elsewhere,",
    "43",
    '431["ack"]',
    "44",
    "46",
    "49",
    "4",
    "451-[",
    '451-["stream:end",{"_placeholder":true,"num":7}]',
    "9",
    "2",
    "3",
    "6",
    "zzz",
    "\x00",
    '42["disconnect","bye"]',
    '42["connect",{},{}]',
    '421234567890["stream:end",{"stream_id":"s"}]',
]
"""Packets that are no events of the wire, or no packets; nobody is owed an answer to them."""


def real_events() -> list[tuple[str, dict[str, Any]]]:
    """One good event of each kind, to be broken."""
    data = fragment(0, level(0.1, 0.02))
    control = {"stream_id": "s", "reason": "because"}
    ack = {"fragment_id": str(data.fragment_id), "status": "received", "timestamp": 1}
    return [
        ("stream:init", init(next_sequence=3).wire()),
        ("fragment:data", data.wire()),
        ("fragment:ack", ack),
        ("stream:pause", control),
        ("stream:resume", control),
        ("stream:end", control),
    ]


def malformed(rng: random.Random, good: list[tuple[str, dict[str, Any]]]) -> tuple[str, Any]:
    """Return an event, and a payload that no event of this name may have."""
    event, payload = rng.choice(good)
    match rng.randrange(5):
        case 0:
            return event, rng.choice([junk for junk in JUNK if not isinstance(junk, dict)])
        case 1:
            return "".join(rng.choices(string.printable, k=rng.randrange(1, 40))) + "!", payload
        case 2:
            return event, {**payload, rng.choice(["extra", "", "\ud800", "x" * 300]): 1}
        case 3:
            required = CLIENT_EVENTS[event].model_json_schema()["required"]
            gone = rng.choice(required)
            return event, {key: value for key, value in payload.items() if key != gone}
        case _:
            return event, _spoilt(rng, event, payload)


def packet(event: str, payload: Any) -> str:
    """Return the packet by hand: the client's own library would refuse some of them."""
    return "42" + json.dumps([event, payload])


def _spoilt(rng: random.Random, event: str, payload: dict[str, Any]) -> dict[str, Any]:
    spoilt: dict[str, Any] = json.loads(json.dumps(payload))
    key = rng.choice([key for key in spoilt if key != "reason"])
    inside = spoilt[key]
    if isinstance(inside, dict) and rng.random() < 0.7:
        deeper = rng.choice([name for name in inside if name != "voice_profile"])
        inside[deeper] = rng.choice([[], {}, True, -1, "", "\x00"])
    else:
        spoilt[key] = rng.choice([[], {}, True, -1, ""])
    return spoilt
