"""The alignment of letters and frames, on speech whose letters are known."""

import numpy as np
import pytest

from fixtures.training.synthesis_alignment import Sample, align, best_path, letter_kinds

FRAMES_A_LETTER = 5


def synthetic(text: str, rng: np.random.Generator) -> tuple[Sample, list[int]]:
    lengths = rng.integers(2, 2 * FRAMES_A_LETTER, len(text))
    rows = []
    for letter, length in zip(text, lengths, strict=True):
        shape = np.random.default_rng(ord(letter)).normal(0.0, 2.0, 12)
        rows.append(shape + rng.normal(0.0, 0.3, (int(length), 12)))
    mel = np.concatenate(rows).astype(np.float32)
    return Sample(text, mel), [int(length) for length in lengths]


def test_known_letters_are_found() -> None:
    rng = np.random.default_rng(1)
    made = [
        synthetic("".join(rng.permutation(list("abdefkmopv"))[: rng.integers(3, 9)]), rng)
        for _ in range(80)
    ]
    found = align([sample for sample, _ in made])
    errors = [
        abs(int(there) - here)
        for durations, (_, lengths) in zip(found, made, strict=True)
        for there, here in zip(durations, lengths, strict=True)
    ]
    assert np.mean(errors) < 0.3


def test_every_letter_has_a_frame_and_all_frames_have_a_letter() -> None:
    rng = np.random.default_rng(2)
    sample, _ = synthetic("cuatro", rng)
    (durations,) = align([sample])
    assert durations.min() >= 1
    assert durations.sum() == len(sample.mel)


@pytest.mark.parametrize("text", ["", "abcdef"])
def test_text_that_cannot_be_aligned_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be aligned"):
        align([Sample(text, np.zeros((3, 4), np.float32))])


def test_the_best_path_is_the_best() -> None:
    scores = np.log(np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]]))
    durations, score = best_path(scores)
    assert durations.tolist() == [2, 1]
    assert score == pytest.approx(np.log(0.9 * 0.8 * 0.9))


def test_letters_sound_by_their_neighbours() -> None:
    assert letter_kinds("cien") == ("c before e", "i gliding", "e", "n final")
    assert letter_kinds("que")[1] == "u silent"
    assert letter_kinds("ocho")[1:3] == ("c of ch", "h of ch")
