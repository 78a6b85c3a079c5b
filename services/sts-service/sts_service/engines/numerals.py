"""Writing digits out as words, for voices that know only letters."""

import re

from num2words import num2words  # type: ignore[import-not-found] # only the engines' image has it

_NUMERAL = re.compile(r"\d+")
_GROUPING = re.compile(r"(?<=\d)[.,](?=\d{3}(?!\d))")
_MAX_DIGITS = 15
"""What is longer is no number that anybody says: it is read digit by digit."""


def spelled_out(text: str, language: str) -> str:
    """Return the text with each whole number in words: ``a las 9`` as ``a las nueve``.

    A separator before three digits groups thousands. Languages that num2words does not know
    keep their digits.
    """

    def words(numeral: re.Match[str]) -> str:
        digits = numeral.group()
        numbers = [digits] if len(digits) <= _MAX_DIGITS else list(digits)
        return " ".join(str(num2words(int(number), lang=language)) for number in numbers)

    try:
        return _NUMERAL.sub(words, _GROUPING.sub("", text))
    except NotImplementedError:
        return text
