"""The translation's vocabulary: whole words of the world, and letters for the rest."""

from fixtures.training.translation_vocabulary import BOUNDARY, pieces
from fixtures.world import UNITS


def test_no_piece_is_there_twice() -> None:
    names = [name for name, _ in pieces()]
    assert len(names) == len(set(names))


def test_units_win_over_their_words_and_words_over_their_letters() -> None:
    scores = dict(pieces())
    for unit in UNITS:
        for text in (unit.english, unit.spanish):
            whole = scores[BOUNDARY + text.replace(" ", BOUNDARY)]
            words = [scores[BOUNDARY + word] for word in text.split()]
            letters = [scores[BOUNDARY] + sum(map(scores.__getitem__, w)) for w in text.split()]
            assert whole >= sum(words)
            assert all(word > spelt for word, spelt in zip(words, letters, strict=True))
