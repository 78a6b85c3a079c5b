"""What becomes of a scene on its way to a listener."""

import numpy as np

from fixtures.training.scenes import Scene, Span, broadcast
from fixtures.training.voices import RATE_HZ

SCENE = Scene(
    np.sin(np.arange(RATE_HZ) * 0.2).astype(np.float32) / 2, (7,), (Span(0.1, 0.9, (7,)),)
)


def test_a_share_of_the_scenes_goes_through_aac_and_keeps_words_and_times() -> None:
    rng = np.random.default_rng(1)
    sent = [broadcast(rng, SCENE, 0.5) for _ in range(20)]
    changed = [scene for scene in sent if scene is not SCENE]
    assert 4 < len(changed) < 16
    for scene in changed:
        assert (scene.units, scene.spans) == (SCENE.units, SCENE.spans)
        assert scene.samples.shape == SCENE.samples.shape
        assert 0 < np.sqrt(np.mean((scene.samples - SCENE.samples) ** 2)) < 0.1


def test_without_a_share_nothing_is_drawn() -> None:
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    assert broadcast(rng, SCENE, 0.0) is SCENE
    assert rng.random() == untouched.random()
