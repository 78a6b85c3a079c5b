"""Stages run once for their ingredients, and packed models are what was measured."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fixtures.training import registry
from fixtures.training.archives import pack_archive, sha256_of
from fixtures.training.pack import NotGoodEnough, check_size, describe, pack_model
from fixtures.training.progress import ConsoleProgress, duration
from fixtures.training.registry import GROUPS, STAGES, model_stages, with_needs
from fixtures.training.runner import is_complete, measure_model, run_stages
from fixtures.training.stages import Card, Figure, Plan, Progress, digest


@dataclass
class FakeModel:
    """A model stage that writes one file and counts what is asked of it."""

    ingredients: str = "flour"
    name: str = "bread"
    model: str = "bread-en"
    needs: tuple[str, ...] = ()
    measure_needs: tuple[str, ...] = ()
    value: float = 99.0
    runs: int = 0
    measured: int = 0
    interrupt: bool = False
    found: list[str] = field(default_factory=list)

    def fingerprint(self, plan: Plan) -> str:
        return digest(self.ingredients, plan.seed)

    def run(self, plan: Plan, progress: Progress) -> None:
        self.runs += 1
        folder = plan.folder(self.name)
        self.found = sorted(file.name for file in folder.iterdir() if file.suffix == ".dough")
        (folder / "half.dough").write_text("dough")
        if self.interrupt:
            raise KeyboardInterrupt
        self.product(plan).write_text(self.ingredients)

    def product(self, plan: Plan) -> Path:
        return plan.folder(self.name) / "bread.pt"

    def measure(self, plan: Plan, progress: Progress) -> tuple[Figure, ...]:
        self.measured += 1
        return (Figure("taste", self.value, 98.0, at_least=True, unit="%", source="tongues"),)

    def card(self, plan: Plan) -> Card:
        return Card("bread", "Something to eat.", ("flour",), ("heat",), ("goes stale",))


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(work=tmp_path / "work")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr(registry, "STAGES", (fake,))
    return fake


def test_what_is_complete_is_left_alone(plan: Plan, stage: FakeModel) -> None:
    run_stages(plan, ["bread"])
    run_stages(plan, ["bread"])

    assert stage.runs == 1
    assert is_complete(stage, plan)


def test_other_ingredients_begin_in_an_empty_folder(plan: Plan, stage: FakeModel) -> None:
    run_stages(plan, ["bread"])
    stage.ingredients = "rye"
    run_stages(plan, ["bread"])

    assert stage.runs == 2
    assert stage.found == []


def test_an_interrupted_run_finds_what_it_left(plan: Plan, stage: FakeModel) -> None:
    stage.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        run_stages(plan, ["bread"])
    assert not is_complete(stage, plan)
    stage.interrupt = False
    run_stages(plan, ["bread"])

    assert stage.found == ["half.dough"]


def test_a_product_is_measured_once(plan: Plan, stage: FakeModel) -> None:
    measure_model(plan, stage)
    measure_model(plan, stage)
    assert stage.measured == 1

    stage.product(plan).write_text("burnt")
    measure_model(plan, stage)
    assert stage.measured == 2


def test_a_good_model_is_packed_with_card_and_manifest(
    plan: Plan, stage: FakeModel, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    pack_model(plan, stage, measure_model(plan, stage), folder)

    entry = json.loads((folder / "manifest.json").read_text())["models"]["bread-en"]
    assert entry["sha256"] == sha256_of(folder / entry["archive"])
    assert entry["size_bytes"] == check_size(folder)
    assert entry["figures"][0]["value"] == 99.0
    assert entry["serves"] is True
    with tarfile.open(folder / entry["archive"]) as tar:
        assert tar.getnames() == [entry["unpacks_to"]]
    assert "| taste | 99 % | ≥ 98 % | tongues |" in (folder / "bread-en.md").read_text()


def test_the_judge_is_packed_as_one_that_does_not_serve(
    plan: Plan, stage: FakeModel, tmp_path: Path
) -> None:
    stage.model = "whisper-es"
    pack_model(plan, stage, measure_model(plan, stage), tmp_path / "models")

    entry = json.loads((tmp_path / "models/manifest.json").read_text())["models"]["whisper-es"]
    assert entry["serves"] is False


def test_a_model_that_misses_is_refused(plan: Plan, stage: FakeModel, tmp_path: Path) -> None:
    stage.value = 97.5
    figures = measure_model(plan, stage)

    with pytest.raises(NotGoodEnough, match=r"taste: 97.5 % \(asked: at least 98 %\)"):
        pack_model(plan, stage, figures, tmp_path / "models")

    pack_model(plan, stage, figures, tmp_path / "models", allow_misses=True)
    assert "**A trial" in (tmp_path / "models" / "bread-en.md").read_text()


def test_equal_contents_make_equal_archives(tmp_path: Path) -> None:
    archives = []
    for name in ("one", "two"):
        folder = tmp_path / name / "model"
        folder.mkdir(parents=True)
        for file in ("b", "a"):
            (folder / file).write_text(file)
        archives.append(tmp_path / f"{name}.tar.xz")
        pack_archive(folder, archives[-1])

    assert sha256_of(archives[0]) == sha256_of(archives[1])


def test_a_figure_that_is_no_number_does_not_pass() -> None:
    broken = Figure("taste", float("nan"), 1.0, at_least=True)

    assert not broken.passed
    assert describe(broken) == "nan (asked: at least 1)"


def test_what_a_stage_needs_comes_before_it() -> None:
    for name in GROUPS["all"]:
        ordered = [stage.name for stage in with_needs([name])]
        assert ordered[-1] == name
        for stage in with_needs([name]):
            assert all(ordered.index(need) < ordered.index(stage.name) for need in stage.needs)


def test_fingerprints_differ_and_follow_the_seed(tmp_path: Path) -> None:
    prints = {stage.fingerprint(Plan(tmp_path, seed)) for stage in STAGES for seed in (1, 2)}

    assert len(prints) == 2 * len(STAGES)


def test_the_four_models_have_their_names() -> None:
    names = {stage.model for stage in model_stages()}

    assert names == {"whisper-en", "whisper-es", "marian-en-es", "coqui-es"}


def test_progress_tells_pace_and_time_left() -> None:
    lines: list[str] = []
    moments = iter([0.0, 1.0, 10.0, 100.0])
    progress = ConsoleProgress("bread", lines.append, lambda: next(moments))
    for done in (1, 2, 11, 100):
        progress.step(done, 100, {"loss": 0.5})

    assert lines == [
        "bread: 1/100, loss 0.500",
        "bread: 11/100, loss 0.500, 1.00/s, 1 min 29 s left",
        "bread: 100/100, loss 0.500, 0.99/s, 0 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(44.6, "45 s"), (125, "2 min 5 s"), (3780, "1 h 3 min")]
)
def test_lengths_of_time_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
