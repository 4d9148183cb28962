"""Masks sum to one, stems and rest sum to the clip, and true models give the true stems."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio.cube import analyse, frame
from core.base.errors import Cancelled
from core.separation.tucker.factors import magnitudes
from core.separation.tucker.soft_masks import loop_mask, mask_powers, mask_stems
from tests.core.loop_songs import tiny_song


@given(st.integers(0, 1000), st.booleans())
def test_the_masks_of_loops_and_rest_sum_to_one(seed: int, loud: bool) -> None:
    random = np.random.default_rng(seed)
    patterns = random.random((3, 6, 5)).astype(np.float32)
    activations = (random.random((4, 3)) * (random.random((4, 3)) < 0.6)).astype(np.float32)
    mixture = (random.random((6, 5, 4)) * (3 if loud else 0.3)).astype(np.float32)
    total, rest = mask_powers(mixture, patterns, activations)
    masks = [loop_mask(pattern, activations[:, k], total) for k, pattern in enumerate(patterns)]
    np.testing.assert_allclose(sum(masks) + rest / total, 1.0, atol=1e-5)
    for k, mask in enumerate(masks):
        assert (mask[..., activations[:, k] == 0] == 0).all()


def test_silence_belongs_to_no_loop() -> None:
    nothing = np.zeros((2, 3, 4), np.float32)
    total, _ = mask_powers(nothing, np.zeros((1, 2, 3), np.float32), np.zeros((4, 1), np.float32))
    assert (loop_mask(np.zeros((2, 3), np.float32), np.zeros(4, np.float32), total) == 0).all()


@pytest.mark.parametrize("channels", [1, 2])
def test_true_models_give_nearly_the_true_stems_and_all_of_the_clip(channels: int) -> None:
    song = tiny_song(channels)
    framing = frame(song.grid, song.clip.rate)
    # Bars where each loop plays alone: 0, 6 and 3.
    patterns = np.array(
        [magnitudes(analyse(stem, framing))[..., bar] for stem, bar in zip(song.stems, (0, 6, 3), strict=True)]
    )
    cube = analyse(song.clip.samples, framing)
    found = mask_stems(song.clip.samples, cube, framing, patterns=patterns, activations=song.layout.astype(np.float32))
    assert found.stems.shape == song.stems.shape
    assert np.abs(found.stems.sum(axis=0) + found.rest - song.clip.samples).max() < 1e-5
    for stem, truth in zip(found.stems, song.stems, strict=True):
        assert 10 * np.log10(np.square(truth).sum() / np.square(stem - truth).sum()) > 12


def test_what_lies_outside_of_the_bars_is_in_the_rest() -> None:
    song = tiny_song()
    framing = frame(song.grid, song.clip.rate)
    cube = analyse(song.clip.samples, framing)
    ones = np.ones((1, *cube.shape[1:3]), np.float32)
    found = mask_stems(song.clip.samples, cube, framing, patterns=ones, activations=np.ones((10, 1), np.float32))
    start, end = int(song.grid.starts[0]), int(song.grid.starts[-1])
    for outside in (slice(0, start), slice(end, None)):
        assert (found.stems[..., outside] == 0).all()
        np.testing.assert_array_equal(found.rest[:, outside], song.clip.samples[:, outside])


def test_a_separation_can_be_cancelled() -> None:
    song = tiny_song()
    framing = frame(song.grid, song.clip.rate)
    cube = analyse(song.clip.samples, framing)

    def stop(_fraction: float, _stage: str) -> None:
        raise Cancelled

    ones = np.ones((1, *cube.shape[1:3]), np.float32)
    with pytest.raises(Cancelled):
        mask_stems(
            song.clip.samples,
            cube,
            framing,
            patterns=ones,
            activations=np.ones((10, 1), np.float32),
            progress=stop,
        )
