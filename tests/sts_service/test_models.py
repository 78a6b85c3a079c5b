"""The store of models: finding, telling apart, filling; without the libraries that load them."""

import hashlib
import os
import socket
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.contracts import Stage
from sts_service.engines.base import EngineLoadError, EngineOptions
from sts_service.engines.registry import PROFILES, Choice
from sts_service.models import __main__ as program
from sts_service.models import hub
from sts_service.models.__main__ import main
from sts_service.models.check import Checked
from sts_service.models.errors import ModelError
from sts_service.models.pull import Download, Pulled, Trial, Wanted, pull, wanted_models
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


def fine(stage: Stage, choice: Choice, options: EngineOptions) -> Checked:
    """Stands for loading an engine that loads."""
    return Checked(stage, f"{choice.provider}:{choice.model}", 0.1, 100)


def picky(stage: Stage, choice: Choice, options: EngineOptions) -> Checked:
    """Stands for loading an engine, which finds checkpoints that say "broken" to be so."""
    checkpoint = resolve(WHISPER, choice.model or "", options).path
    if checkpoint.read_text() == "broken":
        raise EngineLoadError("asr engine whisper cannot be loaded: EOFError")
    return fine(stage, choice, options)


def put(
    wanted: Wanted,
    options: EngineOptions,
    *,
    brought: Path | None = None,
    fetch: Download = forbidden,
    trial: Trial = fine,
) -> Pulled:
    return pull(wanted, options, brought=brought, fetch=fetch, trial=trial)


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
        self, monkeypatch: pytest.MonkeyPatch, store: Path, options: EngineOptions
    ) -> None:
        monkeypatch.setattr(Path, "is_mount", lambda folder: folder == store)
        with pytest.raises(EngineLoadError) as caught:
            resolve(MARIAN, OPUS, options)
        assert str(caught.value) == (
            f"the model {OPUS} is not in the volume dubspec-models: there is no "
            f"{store}/marian/Helsinki-NLP--opus-mt-en-es; remedy: make pull-models, or "
            "make pull-models FROM=<folder that has it>"
        )

    def test_a_store_that_is_not_mounted_is_told(self, store: Path, options: EngineOptions) -> None:
        store.mkdir()
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
    def test_a_folder_may_be_brought(
        self, store: Path, options: EngineOptions, tmp_path: Path, place: str
    ) -> None:
        marian(tmp_path / "brought" / place)
        pulled = put(TRANSLATION, options, brought=tmp_path / "brought")
        assert pulled.fresh
        assert sorted(path.name for path in pulled.model.path.iterdir()) == sorted(MARIAN_FILES)
        assert pulled.model.path == store / "marian" / "Helsinki-NLP--opus-mt-en-es"
        assert not list(store.glob(".incoming-*"))

    def test_twice_is_once(self, store: Path, options: EngineOptions, tmp_path: Path) -> None:
        write(tmp_path / "brought" / "small.pt")
        first = put(RECOGNITION, options, brought=tmp_path / "brought")
        again = put(RECOGNITION, options, brought=tmp_path / "brought")
        kept = put(RECOGNITION, options)
        assert [first.fresh, again.fresh, kept.fresh] == [True, False, False]
        assert first.identity == again.identity == kept.identity

    def test_what_is_brought_takes_the_place_of_something_else(
        self, store: Path, options: EngineOptions, tmp_path: Path
    ) -> None:
        old = marian(store / "marian" / "Helsinki-NLP--opus-mt-en-es")
        write(old / "leftover.json")
        new = marian(tmp_path / "brought" / "opus-mt-en-es")
        write(new / "model.safetensors", "newer")
        assert put(TRANSLATION, options, brought=tmp_path / "brought").fresh
        assert (old / "model.safetensors").read_text() == "newer"
        assert not (old / "leftover.json").exists()

    def test_what_is_fetched_is_all_there_or_not_at_all(
        self, store: Path, options: EngineOptions
    ) -> None:
        def half(family: Family, name: str, into: Path) -> Path:
            return marian(into, without="vocab.json")

        with pytest.raises(ModelError, match=rf"{OPUS} is not complete: .* lacks vocab\.json"):
            put(TRANSLATION, options, fetch=half)
        assert list(store.iterdir()) == []

    def test_a_hub_that_cannot_be_reached_leaves_nothing_behind(
        self, store: Path, options: EngineOptions
    ) -> None:
        def unreachable(family: Family, name: str, into: Path) -> Path:
            write(into / "half")
            raise ModelError("no way to the hub")

        with pytest.raises(ModelError, match="no way to the hub"):
            put(RECOGNITION, options, fetch=unreachable)
        assert list(store.iterdir()) == []

    def test_services_may_read_what_was_pulled(
        self, store: Path, options: EngineOptions, tmp_path: Path
    ) -> None:
        write(tmp_path / "brought" / "small.pt").chmod(0o600)
        pulled = put(RECOGNITION, options, brought=tmp_path / "brought")
        assert pulled.model.path.stat().st_mode & 0o777 == 0o644

    def test_a_folder_that_may_not_be_read_is_told_with_the_remedy(
        self, store: Path, options: EngineOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(path: Path) -> bool:
            raise PermissionError(13, "Permission denied", str(path))

        # Whoever runs the tests as root may read everything.
        monkeypatch.setattr(Path, "exists", refused)
        with pytest.raises(ModelError, match=r"may not be read here; remedy: chmod -R a\+rX"):
            put(RECOGNITION, options, brought=tmp_path)

    def test_a_folder_without_the_model_is_told_with_the_places_tried(
        self, store: Path, options: EngineOptions, tmp_path: Path
    ) -> None:
        with pytest.raises(ModelError, match=rf"small is not in {tmp_path}: .*whisper/small\.pt"):
            put(RECOGNITION, options, brought=tmp_path)

    def test_a_store_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ModelError, match="nothing can be written to"):
            put(RECOGNITION, EngineOptions(models_dir=tmp_path / "file" / "models"))

    def test_what_arrives_is_loaded_before_it_takes_the_place_of_what_is_there(
        self, store: Path, options: EngineOptions, tmp_path: Path
    ) -> None:
        old = write(store / "whisper" / "small.pt", "good")
        write(tmp_path / "brought" / "small.pt", "broken")
        with pytest.raises(ModelError) as caught:
            put(RECOGNITION, options, brought=tmp_path / "brought", trial=picky)
        for word in ("small does not load", "volume dubspec-models", "remedy: another copy of it"):
            assert word in str(caught.value)
        assert old.read_text() == "good"
        assert list(store.iterdir()) == [old.parent]

    def test_it_is_loaded_by_its_name(self, store: Path, options: EngineOptions) -> None:
        seen: list[tuple[Choice, bool]] = []

        def noted(stage: Stage, choice: Choice, options: EngineOptions) -> Checked:
            seen.append((choice, resolve(MARIAN, OPUS, options).path.is_relative_to(store)))
            return fine(stage, choice, options)

        def fetched(family: Family, name: str, into: Path) -> Path:
            return marian(into)

        put(TRANSLATION, options, fetch=fetched, trial=noted)
        assert seen == [(Choice("marian", OPUS), True)]

    def test_what_is_there_and_does_not_load_is_fetched_again(
        self, store: Path, options: EngineOptions
    ) -> None:
        old = write(store / "whisper" / "small.pt", "broken")

        def fetched(family: Family, name: str, into: Path) -> Path:
            return write(into / "small.pt", "good")

        assert put(RECOGNITION, options, fetch=fetched, trial=picky).fresh
        assert old.read_text() == "good"

    def test_where_it_cannot_be_fetched_again_both_reasons_are_told(
        self, store: Path, options: EngineOptions
    ) -> None:
        write(store / "whisper" / "small.pt", "broken")

        def unreachable(family: Family, name: str, into: Path) -> Path:
            raise ModelError("no way to the hub")

        with pytest.raises(ModelError, match=r"no way to the hub; what is there does not load"):
            put(RECOGNITION, options, fetch=unreachable, trial=picky)


class FakeHub:
    """Stands for Hugging Face: a repository, and what was asked of it."""

    def __init__(self, *files: str) -> None:
        self.files = files
        self.asked: dict[str, Any] = {}

    def model_info(self, repository: str) -> Any:
        siblings = [SimpleNamespace(rfilename=name) for name in self.files]
        return SimpleNamespace(siblings=siblings, sha="c0ffee")

    def snapshot_download(self, repository: str, **asked: Any) -> str:
        self.asked = {"repository": repository, **asked}
        for name in set(self.files) & set(asked["allow_patterns"]):
            write(asked["local_dir"] / name, "{}")
        return str(asked["local_dir"])

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        module = SimpleNamespace(HfApi=lambda: self, snapshot_download=self.snapshot_download)
        monkeypatch.setitem(sys.modules, "huggingface_hub", module)


VITS = "tts_models/es/css10/vits"


def install_coqui(monkeypatch: pytest.MonkeyPatch, **entry: Any) -> None:
    """Let Coqui's list have one model, and no means to fetch it."""
    manager = SimpleNamespace(
        list_tts_models=lambda: [VITS],
        models_dict={"tts_models": {"es": {"css10": {"vits": entry}}}},
    )
    module = SimpleNamespace(ModelManager=lambda **_: manager)
    monkeypatch.setitem(sys.modules, "TTS.utils.manage", module)


class Answering(BaseHTTPRequestHandler):
    """Gives the server's ``content``, or says nothing at all where that is None."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        if self.server.content is None:
            self.server.released.wait(10)
            return
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.content: bytes | None = None
        self.status = 200
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/vits.zip"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def zipped(tmp_path: Path, **files: str) -> bytes:
    archive = tmp_path / "made.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in files.items():
            packed.writestr(f"vits/{name.replace('__', '.')}", content)
    return archive.read_bytes()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "download"
    folder.mkdir()
    return folder


class TestFetching:
    def test_all_files_are_of_one_commit(self, monkeypatch: pytest.MonkeyPatch, into: Path) -> None:
        hub_ = FakeHub(*MARIAN_FILES, "pytorch_model.bin", "tf_model.h5")
        hub_.install(monkeypatch)
        assert hub.download(MARIAN, OPUS, into) == into
        assert hub_.asked["revision"] == "c0ffee"
        assert sorted(path.name for path in into.iterdir()) == sorted(MARIAN_FILES)

    def test_a_voice_on_hugging_face_comes_as_plain_files(
        self, monkeypatch: pytest.MonkeyPatch, into: Path
    ) -> None:
        FakeHub("config.json", "model_file.pth", "sample.wav").install(monkeypatch)
        install_coqui(monkeypatch, repo_id="tts-hub/vits-es")
        assert hub.download(COQUI, VITS, into) == into
        assert sorted(path.name for path in into.iterdir()) == ["config.json", "model_file.pth"]
        assert not any(path.is_symlink() for path in into.iterdir())

    def test_a_voice_in_an_archive_keeps_its_configuration(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, into: Path, server: Server
    ) -> None:
        config = '{"audio": {"stats_path": null}, "speakers_file": "/home/trainer/speakers.json"}'
        server.content = zipped(
            tmp_path, config__json=config, model_file__pth="weights", speakers__json="{}"
        )
        install_coqui(monkeypatch, github_rls_url=server.url, default_vocoder=None)
        hub.download(COQUI, VITS, into)
        assert sorted(path.name for path in into.iterdir()) == ["config.json", "model_file.pth"]
        assert (into / "config.json").read_text() == config

    @pytest.mark.parametrize(
        ("status", "content", "said"),
        [(404, b"not here", "404"), (200, b"<html>", "BadZipFile"), (200, None, "Timeout")],
        ids=["refused", "no archive", "silent"],
    )
    def test_a_server_that_gives_no_archive_is_told(  # noqa: PLR0917 - fixtures
        self,
        monkeypatch: pytest.MonkeyPatch,
        into: Path,
        server: Server,
        status: int,
        content: bytes | None,
        said: str,
    ) -> None:
        monkeypatch.setattr(hub, "SILENT_S", 0.2)
        server.status, server.content = status, content
        install_coqui(monkeypatch, github_rls_url=server.url)
        with pytest.raises(ModelError, match=rf"{VITS} could not be fetched: .*{said}.*remedy"):
            hub.download(COQUI, VITS, into)

    def test_a_voice_that_needs_a_vocoder_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, into: Path
    ) -> None:
        vocoder = "vocoder_models/universal/libri-tts/fullband-melgan"
        install_coqui(monkeypatch, repo_id="tts-hub/x", default_vocoder=vocoder)
        with pytest.raises(ModelError, match=rf"{VITS} needs the vocoder {vocoder}.*remedy"):
            hub.download(COQUI, VITS, into)

    def test_a_voice_that_needs_statistics_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, into: Path, server: Server
    ) -> None:
        config = '{\n  // of 2020\n  "audio": {"stats_path": "/data/scale_stats.npy"}}'
        server.content = zipped(tmp_path, config__json=config, model_file__pth="weights")
        install_coqui(monkeypatch, github_rls_url=server.url)
        with pytest.raises(ModelError, match=r"needs a file of statistics .*remedy"):
            hub.download(COQUI, VITS, into)

    def test_whispers_own_download_has_a_time_limit(
        self, monkeypatch: pytest.MonkeyPatch, into: Path
    ) -> None:
        limits: list[float | None] = []

        def downloaded(url: str, root: str, *, in_memory: bool) -> str:
            limits.append(socket.getdefaulttimeout())
            return f"{root}/small.pt"

        fake = SimpleNamespace(_MODELS={"small": "https://x/small.pt"}, _download=downloaded)
        monkeypatch.setitem(sys.modules, "whisper", fake)
        before = socket.getdefaulttimeout()
        try:
            hub.download(WHISPER, "small", into)
        finally:
            socket.setdefaulttimeout(before)
        assert limits == [hub.SILENT_S]


class TestProgram:
    def test_a_folder_that_is_not_there(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Path
    ) -> None:
        monkeypatch.setenv("STS_MODELS_DIR", str(store))
        assert main(["pull", "--from", "/nowhere"]) == 1
        assert capsys.readouterr().err == "error: there is no folder /nowhere\n"

    @pytest.mark.parametrize("brought", [True, False])
    def test_downloads_are_allowed_before_anything_is_tried_and_only_where_wanted(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, brought: bool
    ) -> None:
        offline: list[str | None] = []

        def noted(wanted: Wanted, options: EngineOptions, *, brought: Path | None) -> Pulled:
            offline.append(os.environ.get("HF_HUB_OFFLINE"))
            raise ModelError("enough")

        monkeypatch.setattr(program, "pull", noted)
        for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            monkeypatch.setenv(variable, "1")
        assert main(["pull", *(["--from", str(tmp_path)] if brought else [])]) == 1
        assert offline == ["1" if brought else None]

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
