"""The store of models: finding, telling apart, filling; without the libraries that load them."""

import hashlib
from pathlib import Path

import pytest

from services.contracts import Stage
from sts_service.engines.base import EngineLoadError, EngineOptions
from sts_service.engines.registry import PROFILES
from sts_service.models.__main__ import main
from sts_service.models.errors import ModelError
from sts_service.models.pull import Wanted, pull, wanted_models
from sts_service.models.store import COQUI, MARIAN, WHISPER, Family, resolve

OPUS = "Helsinki-NLP/opus-mt-en-es"
MARIAN_FILES = ("config.json", "source.spm", "target.spm", "vocab.json", "model.safetensors")
TRANSLATION = Wanted(Stage.TRANSLATION, "marian", OPUS)
RECOGNITION = Wanted(Stage.ASR, "whisper", "small")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def options(store: Path) -> EngineOptions:
    return EngineOptions(models_dir=store, models_volume="dubspec-models")


def write(path: Path, content: str = "weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def marian(folder: Path, *, without: str = "") -> Path:
    for name in MARIAN_FILES:
        if name != without:
            write(folder / name, name)
    return folder


def forbidden(family: Family, name: str, into: Path) -> Path:
    raise AssertionError("nothing is to be fetched")


class TestFinding:
    def test_a_name_is_looked_up_in_the_store(self, store: Path, options: EngineOptions) -> None:
        path = write(store / "whisper" / "small.pt")
        found = resolve(WHISPER, "small", options)
        assert (found.name, found.path) == ("small", path)

    def test_slashes_become_dashes(self, store: Path, options: EngineOptions) -> None:
        folder = marian(store / "marian" / "Helsinki-NLP--opus-mt-en-es")
        found = resolve(MARIAN, OPUS, options)
        assert (found.name, found.path) == (OPUS, folder)

    def test_an_absolute_path_is_itself(self, tmp_path: Path, options: EngineOptions) -> None:
        path = write(tmp_path / "pocket" / "whisper-en.pt")
        found = resolve(WHISPER, str(path), options)
        assert (found.name, found.path) == ("pocket/whisper-en", path)

    def test_the_weights_of_a_voice_have_several_names(
        self, store: Path, options: EngineOptions
    ) -> None:
        folder = store / "coqui" / "voice"
        write(folder / "config.json")
        weights = write(folder / "model_file.pth")
        found = resolve(COQUI, "voice", options)
        assert found.file("model.pth", "model_file.pth") == weights

    def test_a_missing_model_is_told_with_volume_and_remedy(
        self, store: Path, options: EngineOptions
    ) -> None:
        store.mkdir()
        with pytest.raises(EngineLoadError) as caught:
            resolve(MARIAN, OPUS, options)
        assert str(caught.value) == (
            f"the model {OPUS} is not in the volume dubspec-models: there is no "
            f"{store}/marian/Helsinki-NLP--opus-mt-en-es; remedy: make pull-models, or "
            "make pull-models FROM=<folder that has it>"
        )

    def test_a_store_that_is_not_mounted_is_told(self, store: Path, options: EngineOptions) -> None:
        with pytest.raises(EngineLoadError, match=f"nothing is mounted at {store}; remedy: make"):
            resolve(WHISPER, "small", options)

    def test_a_missing_file_is_told_with_its_variable(self, options: EngineOptions) -> None:
        with pytest.raises(EngineLoadError, match=r"/nowhere/x\.pt; remedy: let ASR_MODEL name"):
            resolve(WHISPER, "/nowhere/x.pt", options)

    def test_half_a_model_is_none(self, store: Path, options: EngineOptions) -> None:
        marian(store / "marian" / "half", without="model.safetensors")
        with pytest.raises(
            EngineLoadError, match=r"not complete: .*half lacks model\.safetensors or pytorch_model"
        ):
            resolve(MARIAN, "half", options)

    def test_an_empty_file_is_none(self, store: Path, options: EngineOptions) -> None:
        write(store / "whisper" / "small.pt", "")
        with pytest.raises(EngineLoadError, match="not complete"):
            resolve(WHISPER, "small", options)

    @pytest.mark.parametrize("name", [".", ".."])
    def test_a_name_does_not_lead_elsewhere(
        self, store: Path, options: EngineOptions, name: str
    ) -> None:
        store.mkdir()
        with pytest.raises(EngineLoadError, match="not the name of a model"):
            resolve(MARIAN, name, options)


class TestIdentity:
    def test_a_file_is_known_by_its_sha256(self, store: Path, options: EngineOptions) -> None:
        write(store / "whisper" / "small.pt", "weights")
        digest = hashlib.sha256(b"weights").hexdigest()
        assert resolve(WHISPER, "small", options).identity() == f"small@{digest[:8]}"

    def test_another_content_is_another_model(self, store: Path, options: EngineOptions) -> None:
        folder = marian(store / "marian" / "en-es")
        before = resolve(MARIAN, "en-es", options).identity()
        assert resolve(MARIAN, "en-es", options).identity() == before
        write(folder / "model.safetensors", "other weights")
        assert resolve(MARIAN, "en-es", options).identity() != before


class TestPull:
    def test_the_full_models_are_wanted(self) -> None:
        names = [wanted.name for wanted in wanted_models(PROFILES["neural"])]
        assert names == ["small", OPUS, "tts_models/es/css10/vits"]
        for profile in ("pocket", "embedded"):
            assert [wanted.name for wanted in wanted_models(PROFILES[profile])] == names

    def test_or_those_that_are_named(self) -> None:
        selection = PROFILES["neural"].overridden(Stage.ASR, provider=None, model="base.en")
        assert wanted_models(selection)[0] == Wanted(Stage.ASR, "whisper", "base.en")

    @pytest.mark.parametrize(
        "place",
        [
            "marian/Helsinki-NLP--opus-mt-en-es",
            "Helsinki-NLP--opus-mt-en-es",
            "opus-mt-en-es",
        ],
    )
    def test_a_folder_may_be_brought(self, store: Path, tmp_path: Path, place: str) -> None:
        marian(tmp_path / "brought" / place)
        pulled = pull(TRANSLATION, store, brought=tmp_path / "brought", fetch=forbidden)
        assert pulled.fresh
        assert sorted(path.name for path in pulled.model.path.iterdir()) == sorted(MARIAN_FILES)
        assert pulled.model.path == store / "marian" / "Helsinki-NLP--opus-mt-en-es"
        assert not list(store.glob(".incoming-*"))

    def test_twice_is_once(self, store: Path, tmp_path: Path) -> None:
        write(tmp_path / "brought" / "small.pt")
        first = pull(RECOGNITION, store, brought=tmp_path / "brought", fetch=forbidden)
        again = pull(RECOGNITION, store, brought=tmp_path / "brought", fetch=forbidden)
        kept = pull(RECOGNITION, store, brought=None, fetch=forbidden)
        assert [first.fresh, again.fresh, kept.fresh] == [True, False, False]
        assert first.identity == again.identity == kept.identity

    def test_what_is_brought_takes_the_place_of_something_else(
        self, store: Path, tmp_path: Path
    ) -> None:
        old = marian(store / "marian" / "Helsinki-NLP--opus-mt-en-es")
        write(old / "leftover.json")
        new = marian(tmp_path / "brought" / "opus-mt-en-es")
        write(new / "model.safetensors", "newer")
        assert pull(TRANSLATION, store, brought=tmp_path / "brought", fetch=forbidden).fresh
        assert (old / "model.safetensors").read_text() == "newer"
        assert not (old / "leftover.json").exists()

    def test_what_is_fetched_is_all_there_or_not_at_all(self, store: Path) -> None:
        def half(family: Family, name: str, into: Path) -> Path:
            return marian(into, without="vocab.json")

        with pytest.raises(ModelError, match=rf"{OPUS} is not complete: .* lacks vocab\.json"):
            pull(TRANSLATION, store, brought=None, fetch=half)
        assert list(store.iterdir()) == []

    def test_a_hub_that_cannot_be_reached_leaves_nothing_behind(self, store: Path) -> None:
        def unreachable(family: Family, name: str, into: Path) -> Path:
            write(into / "half")
            raise ModelError("no way to the hub")

        with pytest.raises(ModelError, match="no way to the hub"):
            pull(RECOGNITION, store, brought=None, fetch=unreachable)
        assert list(store.iterdir()) == []

    def test_services_may_read_what_was_pulled(self, store: Path, tmp_path: Path) -> None:
        write(tmp_path / "brought" / "small.pt").chmod(0o600)
        pulled = pull(RECOGNITION, store, brought=tmp_path / "brought", fetch=forbidden)
        assert pulled.model.path.stat().st_mode & 0o777 == 0o644

    def test_a_folder_that_may_not_be_read_is_told_with_the_remedy(
        self, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(path: Path) -> bool:
            raise PermissionError(13, "Permission denied", str(path))

        # Whoever runs the tests as root may read everything.
        monkeypatch.setattr(Path, "exists", refused)
        with pytest.raises(ModelError, match=r"may not be read here; remedy: chmod -R a\+rX"):
            pull(RECOGNITION, store, brought=tmp_path, fetch=forbidden)

    def test_a_folder_without_the_model_is_told_with_the_places_tried(
        self, store: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(ModelError, match=rf"small is not in {tmp_path}: .*whisper/small\.pt"):
            pull(RECOGNITION, store, brought=tmp_path, fetch=forbidden)

    def test_a_store_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ModelError, match="nothing can be written to"):
            pull(RECOGNITION, tmp_path / "file" / "models", brought=None, fetch=forbidden)


class TestProgram:
    def test_a_folder_that_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Path
    ) -> None:
        monkeypatch.setenv("STS_MODELS_DIR", str(store))
        assert main(["pull", "--from", "/nowhere"]) == 1
        assert capsys.readouterr().err == "error: there is no folder /nowhere\n"

    def test_a_bad_variable(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("STS_PROFILE", "best")
        assert main(["check"]) == 2
        assert capsys.readouterr().err.startswith("STS_PROFILE='best'")

    def test_check_names_what_loads(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("STS_PROFILE", "embedded")
        assert main(["check"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(",")[0] for line in lines] == [
            "asr: pocketsphinx:en-us",
            "translation: apertium:eng-spa",
            "tts: espeak:es",
        ]
