"""Words: what was said against what was heard, with numbers in one spelling."""

from __future__ import annotations

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_words(number: int) -> str:
    """Return `number` (0..99) in English words, compounds hyphenated: 21 -> "twenty-one"."""
    if not 0 <= number <= 99:
        raise ValueError(f"only numbers from 0 to 99 have words here, not {number}")
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
