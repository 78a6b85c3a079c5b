"""The translation's vocabulary: whole words of the world, and letters for the rest."""

from fixtures.training.translation_vocabulary import BOUNDARY, pieces
from fixtures.world import UNITS


def test_no_piece_is_there_twice() -> None:
    names = [name for name, _ in pieces()]
    assert len(names) == len(set(names))


def test_words_of_the_world_are_whole_and_win_over_their_letters() -> None:
    scores = dict(pieces())
    for unit in UNITS:
        for word in (*unit.english.split(), *unit.spanish.split()):
            letters = scores[BOUNDARY] + sum(scores[letter] for letter in word)
            assert scores[BOUNDARY + word] > letters
