"""The files behind an engine's model, without the libraries that load them."""

from pathlib import Path

import pytest

from sts_service.engines.base import EngineLoadError, EngineOptions
from sts_service.engines.language_pair import language_pair
from sts_service.engines.model_files import model_files, unchanged
from sts_service.engines.pieces import between_sentences, between_words
from sts_service.models.store import WHISPER


class TestNaming:
    def test_an_engine_takes_no_model_by_itself(self) -> None:
        options = EngineOptions(models_volume="ours")
        with pytest.raises(EngineLoadError, match=r"whisper has no .*ASR_MODEL=<.* volume ours"):
            model_files(WHISPER, options)

    def test_what_is_named_is_found(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pt"
        path.write_text("weights")
        assert model_files(WHISPER, EngineOptions(model=str(path))).path == path


class TestIdentity:
    def test_it_is_that_of_the_files_that_were_loaded(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pt"
        path.write_text("weights")
        model = model_files(WHISPER, EngineOptions(model=str(path)))
        with unchanged(model) as identity:
            assert path.read_text() == "weights"
        assert identity == model.identity()

    def test_files_that_change_while_they_are_loaded_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "x.pt"
        path.write_text("weights")
        model = model_files(WHISPER, EngineOptions(model=str(path)))
        with pytest.raises(EngineLoadError, match=r"x@\w{8} became .*x@\w{8} while it was loaded"):  # noqa: SIM117
            with unchanged(model):
                path.write_text("others")


class TestLanguages:
    @pytest.mark.parametrize(
        ("name", "said", "pair"),
        [
            ("Helsinki-NLP/opus-mt-en-es", ("eng", "spa"), ("en", "es")),
            ("Helsinki-NLP/opus-mt-en-es", (None, None), ("en", "es")),
            ("pocket/marian-de-fr@2", ("", ""), ("de", "fr")),
            ("mine", ("en", "es"), ("en", "es")),
        ],
    )
    def test_they_are_codes_of_two_letters(
        self, name: str, said: tuple[str | None, str | None], pair: tuple[str, str]
    ) -> None:
        assert language_pair(name, said) == pair

    @pytest.mark.parametrize("said", [("eng", "spa"), (None, None), ("en", None)])
    def test_a_model_that_does_not_say_them_is_refused(
        self, said: tuple[str | None, str | None]
    ) -> None:
        with pytest.raises(EngineLoadError, match="remedy: source_lang and target_lang"):
            language_pair("mine", said)


class TestPieces:
    def test_a_hyphenated_word_stays_whole(self) -> None:
        text = " ".join(["veinti-uno"] * 40)
        pieces = between_words(text, 33)
        assert " ".join(pieces) == text
        assert max(map(len, pieces)) <= 33
        assert {word for piece in pieces for word in piece.split()} == {"veinti-uno"}

    def test_a_word_without_an_end_is_broken(self) -> None:
        assert between_words("a" * 70, 30) == ["a" * 30, "a" * 30, "a" * 10]

    def test_sentences_come_first(self) -> None:
        assert between_sentences("One two. Three four.", 12) == ["One two.", "Three four."]
        assert between_sentences("One two. Three four.", 20) == ["One two. Three four."]
        assert between_sentences("Twenty-one twenty-two.", 12) == ["Twenty-one", "twenty-two."]
