"""What backpressure asks for, as waiting times."""

from __future__ import annotations

import math
from typing import Any

from media_service.sts_pace import SLOW_DOWN_S, Pace
from services.contracts import Backpressure


def told(action: str, **more: Any) -> Backpressure:
    severity = {"none": "low", "slow_down": "medium", "pause": "high"}[action]
    fields = {"stream_id": "s", "current_inflight": 1, "queue_depth": 9, "action": action, **more}
    return Backpressure.model_validate({"severity": severity, **fields})


def test_nothing_was_asked() -> None:
    assert Pace().hold_s(now=5.0, ready_at=5.0) == 0.0


def test_slowing_down_delays_each_fragment_from_when_it_could_go() -> None:
    pace = Pace()
    pace.take(told("slow_down", recommended_delay_ms=2000), now=10.0)
    assert pace.hold_s(now=10.0, ready_at=9.0) == 2.0
    assert pace.hold_s(now=12.0, ready_at=9.0) == 0.0
    # The next one too, until it is lifted.
    assert pace.hold_s(now=16.0, ready_at=16.0) == 2.0
    pace.take(told("none"), now=17.0)
    assert pace.hold_s(now=17.0, ready_at=16.0) == 0.0


def test_without_a_recommendation_the_delay_is_ours() -> None:
    pace = Pace()
    pace.take(told("slow_down"), now=0.0)
    assert pace.hold_s(now=0.0, ready_at=0.0) == SLOW_DOWN_S


def test_a_pause_lasts_until_it_is_cleared_whatever_delay_it_names() -> None:
    pace = Pace()
    pace.take(told("pause", recommended_delay_ms=10), now=0.0)
    assert pace.hold_s(now=3600.0, ready_at=0.0) == math.inf
    pace.take(told("slow_down", recommended_delay_ms=1000), now=3600.0)
    assert pace.hold_s(now=3600.0, ready_at=0.0) == 1.0
    pace.clear()
    assert pace.hold_s(now=3600.0, ready_at=3600.0) == 0.0
