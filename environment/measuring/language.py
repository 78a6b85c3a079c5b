"""Which language a text is in, by its number words and its smallest words."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal

from environment.measuring.transcript import counting_words

Language = Literal["en", "es", "unknown"]

# A language is named only when its own words make up this share of the text, and no other
# language has half as many.
_LEAST_SHARE = 0.25
_LEAD = 2.0
_WORD = re.compile(r"[^\W\d_]+")


def _words(text: str) -> list[str]:
    """Lower-case words without accents, so that a missing accent changes nothing."""
    plain = unicodedata.normalize("NFD", text.lower())
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))


_SPANISH_ONES = {
    word: number
    for number, word in enumerate(
        _words(
            "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce "
            "quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós "
            "veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
        )
    )
} | {"un": 1, "una": 1, "veintiun": 21, "veintiuna": 21}
_SPANISH_TENS = {
    word: 10 * number
    for number, word in enumerate(
        _words("treinta cuarenta cincuenta sesenta setenta ochenta noventa"), start=3
    )
}
_SPANISH_HUNDRED = "cien"
_SPANISH_SMALL = frozenset(
    _words(
        "el la los las de del que y en se por con para como más pero sus le lo al es son esta "
        "este esto hay muy sin sobre también hasta donde quien desde todo nos yo tú ella ellos "
        "porque cuando si hola buenas buenos días noches gracias mundo hoy noticias"
    )
)
_ENGLISH_SMALL = frozenset(
    _words(
        "the of and to in is that it for was on are as with his they at be this from have or by "
        "had not but what all were we when your can said there an which she do how their if will "
        "you hello world good where today"
    )
)
_ENGLISH_NUMBERS = frozenset(_words(" ".join(counting_words(0, 100))))
_COMMON: Final = frozenset(_words("a hospital london me no"))
"""Words of the clips that a right translation may hold as they are; one is a name. A fault would
hide behind any other."""
_VOCABULARY: dict[Language, frozenset[str]] = {
    "en": _ENGLISH_NUMBERS | _ENGLISH_SMALL,
    "es": frozenset(_SPANISH_ONES) | frozenset(_SPANISH_TENS) | {_SPANISH_HUNDRED} | _SPANISH_SMALL,
}


def language_of(text: str) -> Language:
    """Name the language of a text of a few words or more; `unknown` when in doubt."""
    words = _words(text)
    counts = {
        language: sum(word in vocabulary for word in words)
        for language, vocabulary in _VOCABULARY.items()
    }
    (best, most), (_, second) = sorted(counts.items(), key=lambda item: -item[1])
    if most == 0 or most < _LEAST_SHARE * len(words) or most < _LEAD * second:
        return "unknown"
    return best


def left_untranslated(text: str, translation: str) -> tuple[str, ...]:
    """Name the words of a text that its translation holds as they were, in their order.

    Engines leave a word that they do not know, and the words around it name the language.
    """
    translated = set(_words(translation)) - _COMMON
    return tuple(dict.fromkeys(word for word in _words(text) if word in translated))


def is_spanish(text: str) -> bool:
    """Whether the text is surely Spanish."""
    return language_of(text) == "es"


def spell_spanish(number: int) -> str:
    """Return `number` (0..100) in Spanish words without accents: 31 -> "treinta y uno"."""
    if number == 100:
        return _SPANISH_HUNDRED
    ones = {value: word for word, value in reversed(_SPANISH_ONES.items())}
    tens = {value: word for word, value in _SPANISH_TENS.items()}
    if number in ones:
        return ones[number]
    ten, one = 10 * (number // 10), number % 10
    return f"{tens[ten]} y {ones[one]}" if one else tens[ten]


def spanish_numbers(text: str) -> tuple[int, ...]:
    """The numbers (0..100) a Spanish text names, in order: "treinta y uno, dos" -> 31, 2."""
    numbers: list[int] = []
    words = _words(text)
    for index, word in enumerate(words):
        if word == _SPANISH_HUNDRED:
            numbers.append(100)
        elif word in _SPANISH_TENS:
            numbers.append(_SPANISH_TENS[word])
        elif word in _SPANISH_ONES:
            number = _SPANISH_ONES[word]
            joined = index >= 2 and words[index - 1] == "y" and words[index - 2] in _SPANISH_TENS
            if joined and 1 <= number <= 9:
                numbers[-1] += number
            else:
                numbers.append(number)
    return tuple(numbers)
