"""What every translator does, whatever it is given."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from services.contracts import Stage
from sts_service.engines.base import Translator
from sts_service.engines.registry import Choice, Engines, Selection, load_engine
from sts_service.models.store import MARIAN, resolve
from tests.engines.speech import words

ODD = [
    "a/b [x] {c} $5 <d> @e ^f \\g",
    "hello\0world",
    "ñandú 50%",
    "*#",
    "...",
    "\u4f60\u597d",
    "\U0001f642",
    "\u202ehello world\u202c",
    "e\u0301",
    "\t\n hello \r\n world",
    "\ud800",
]
"""Markup, control characters, other scripts, combining marks, half a surrogate pair."""


def translated(engines: Engines, text: str) -> str:
    translation = engines.translation.translate(text, "en", "es").value
    assert translation == " ".join(translation.split()), "one space between words"
    return translation


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_blank_text_stays_empty(engines: Engines, blank: str) -> None:
    assert translated(engines, blank) == ""


def test_numbers(engines: Engines) -> None:
    spanish = words(translated(engines, "one two three four five six"))
    assert spanish == ["uno", "dos", "tres", "cuatro", "cinco", "seis"]


@pytest.mark.parametrize(
    "text", ["hello world", "Hello world", "HELLO WORLD", "Hello world.", "Hello world!"]
)
def test_casing_and_punctuation_do_not_cost_the_words(engines: Engines, text: str) -> None:
    assert words(translated(engines, text)) == ["hola", "mundo"]


@pytest.mark.parametrize("text", ["zyxomma", "the zyxomma quorbled", "hello zyxomma"])
def test_unknown_words_are_survived(engines: Engines, text: str) -> None:
    assert translated(engines, text)


@pytest.mark.parametrize("text", ODD)
def test_odd_characters_are_survived(engines: Engines, text: str) -> None:
    said = words(translated(engines, text))
    if "hello" in text:
        assert said == ["hola", "mundo"], "the odd characters cost the words beside them"
    assert words(translated(engines, "hello world")) == ["hola", "mundo"]


def test_very_long_text_comes_to_an_end(engines: Engines) -> None:
    text = " ".join(["one two three four five six seven eight nine ten"] * 60)
    started_s = time.process_time()
    translation = translated(engines, text)
    assert time.process_time() - started_s < 30
    assert len(text) / 3 < len(translation) < 3 * len(text)


def test_a_word_without_an_end_comes_to_one(engines: Engines) -> None:
    assert len(translated(engines, "a" * 1_000)) < 5_000


def test_what_was_translated_before_does_not_matter(engines: Engines) -> None:
    first = translated(engines, "one two")
    for other in ("seven", "the weather is nice today", "*#", "zyxomma " * 50):
        translated(engines, other)
    assert translated(engines, "one two") == first
    assert translated(engines, "one two") == first


@pytest.mark.only_for("marian")
def test_a_model_of_the_hub_names_its_languages_by_three_letters(
    selection: Selection, tmp_path: Path
) -> None:
    choice, name = selection.translation, "Helsinki-NLP/opus-mt-en-es"
    here = resolve(MARIAN, choice.model or "", selection.options).path
    there = tmp_path / MARIAN.place(name)
    shutil.copytree(here, there)
    (there / "tokenizer_config.json").write_text('{"target_lang": "spa", "source_lang": "eng"}')
    options = replace(selection.options, models_dir=tmp_path)
    engine = load_engine(Stage.TRANSLATION, Choice("marian", name), options)
    assert isinstance(engine, Translator)
    assert engine.pairs == {("en", "es")}


def test_the_model_is_named(engines: Engines) -> None:
    assert engines.translation.model
    assert ("en", "es") in engines.translation.pairs
