"""The summary's words."""

import json
from pathlib import Path

import pytest

from environment.errors import PortTaken
from environment.evidence.artifacts import write_json
from environment.evidence.report import (
    Outcome,
    ScenarioResult,
    Summary,
    render,
    render_failure,
    spoken_duration,
)
from environment.expectations import ExpectationFailed, expect, explain


def result(name: str, outcome: Outcome, duration_s: float = 1.0, **more: object) -> ScenarioResult:
    return ScenarioResult(name, "US2", "a.feature:3", outcome, duration_s, **more)  # type: ignore[arg-type]


def summary(
    *results: ScenarioResult, media_server: str | None = "dubspec-mediamtx-stand-in, a stand-in"
) -> Summary:
    return Summary(
        "r1",
        Path("/repo/artifacts/r1"),
        65.4,
        results,
        media_server,
        True,
        "profile embedded: asr pocketsphinx",
    )


def test_it_counts_and_names_what_failed_and_where() -> None:
    text = render(
        summary(
            result("good", "passed", 4.0),
            result(
                "bad",
                "failed",
                2.0,
                reason="expected: 5\nseen: 4",
                evidence=Path("/repo/artifacts/r1/bad"),
            ),
            result("off", "skipped", reason="no RTSP here"),
            result("other", "not_selected"),
        ),
        relative_to=Path("/repo"),
    )
    assert "1 passed, 1 failed, 1 skipped, 1 not selected, in 1 min 5 s" in text
    assert "FAILED        US2: bad" in text
    assert "evidence: artifacts/r1/bad/" in text
    assert "off: no RTSP here" in text
    assert "dubspec-mediamtx-stand-in, a stand-in" in text
    assert "profile embedded: asr pocketsphinx" in text
    assert "artifacts/r1/ (run.log, summary.json)" in text


def test_the_three_slowest_come_slowest_first() -> None:
    results = [result(f"s{n}", "passed", float(n)) for n in range(5)]
    assert [slow.name for slow in summary(*results).slowest] == ["s4", "s3", "s2"]


def test_no_stack_is_said() -> None:
    assert "none was needed" in render(summary(media_server=None))


def test_it_can_be_written_as_json(tmp_path: Path) -> None:
    path = write_json(tmp_path / "summary.json", summary(result("a", "passed")).document())
    document = json.loads(path.read_text())
    assert document["counts"] == {"passed": 1}
    assert document["results"][0]["name"] == "a"


@pytest.mark.parametrize(
    ("seconds", "said"), [(5.25, "5.2 s"), (60, "1 min 0 s"), (125.6, "2 min 6 s")]
)
def test_durations(seconds: float, said: str) -> None:
    assert spoken_duration(seconds) == said


def test_an_unmet_expectation_tells_all_four() -> None:
    with pytest.raises(ExpectationFailed) as failed:
        expect(
            0,
            expected="5 fragments (US2-5)",
            seen=4,
            evidence=Path("run.json"),
            hint="media-service.log",
        )
    assert str(failed.value).splitlines() == [
        "expected: 5 fragments (US2-5)",
        "seen: 4",
        "evidence: run.json",
        "try: media-service.log",
    ]
    expect([1], expected="", seen="", hint="")


def test_other_errors_are_explained_with_their_remedy() -> None:
    error = PortTaken("Port 1935 is taken.", port=1935, holder="nginx", remedy="stop it.")
    assert explain(error).lines == (("seen", "Port 1935 is taken."), ("try", "stop it."))
    assert explain(KeyError("x")).lines == (("seen", "KeyError: 'x'"),)


def test_a_failure_is_told_in_labelled_lines() -> None:
    text = render_failure("S", "Then it is", "a.feature:9", [("seen", "one\ntwo")], "artifacts/x/")
    assert text.splitlines() == [
        "--- FAILED: S",
        "step          Then it is",
        "              a.feature:9",
        "seen          one",
        "              two",
        "evidence      artifacts/x/",
        "---",
    ]
