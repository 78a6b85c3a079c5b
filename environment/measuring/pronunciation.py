"""How Spanish is said, in the phones of an American English recogniser."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ACUTE: Final = "\u0301"
# Tried in this order at each place; a letter that is not said has no phones.
_RULES: Final = tuple(
    (re.compile(pattern), phones)
    for pattern, phones in (
        ("ch", "CH"),
        ("ll", "Y"),
        ("rr", "R"),
        ("qu(?=[ei])", "K"),
        ("gu(?=[ei])", "G"),
        ("c(?=[ei])", "S"),
        ("g(?=[ei])", "HH"),
        ("i(?=[aeou])", "Y"),
        ("u(?=[aeio])", "W"),
        ("y$", "IY"),
        ("ei", "EY"),
        ("ai", "AY"),
        ("oi", "OY"),
        ("au", "AW"),
        ("a", "AA"),
        ("b", "B"),
        ("[ckq]", "K"),
        ("d", "D"),
        ("e", "EH"),
        ("f", "F"),
        ("g", "G"),
        ("h", ""),
        ("i", "IY"),
        ("j", "HH"),
        ("l", "L"),
        ("m", "M"),
        ("n", "N"),
        ("ñ", "N Y"),
        ("o", "OW"),
        ("p", "P"),
        ("r", "R"),
        ("s", "S"),
        ("t", "T"),
        ("u", "UW"),
        ("v", "B"),
        ("w", "W"),
        ("x", "K S"),
        ("y", "Y"),
        ("z", "S"),
    )
)
# Phones that English has not, and the other English ones that they may be taken for.
_ALTERNATIVES: Final = (("EH", "EY"), ("D", "DH"), ("R", "D"), ("R", "T"))
_LISPED: Final = re.compile("c(?=[ei])|z")


def spanish_phones(word: str) -> tuple[str, ...]:
    """Return the ways to say a Spanish word, the plainest first, phones parted by spaces.

    Empty for what is not a word of Spanish letters.
    """
    letters = _plain(word)
    plainest: list[str] = []
    at = 0
    while at < len(letters):
        said = next(
            ((m, phones) for rule, phones in _RULES if (m := rule.match(letters, at))), None
        )
        if said is None:
            return ()
        match, phones = said
        plainest += phones.split()
        at = match.end()
    if not plainest:
        return ()
    ways = [" ".join(plainest)]
    for phone, other in _ALTERNATIVES:
        ways.append(" ".join(other if each == phone else each for each in plainest))
    if _LISPED.search(letters):
        ways += [way.replace("S", "TH", 1) for way in ways]
    return tuple(dict.fromkeys(ways))


def _plain(word: str) -> str:
    """Lower case without stress marks; the tilde of ñ and the diaeresis' sound stay."""
    parted = unicodedata.normalize("NFD", word.lower().replace("ü", "w"))
    return unicodedata.normalize("NFC", parted.replace(_ACUTE, ""))
