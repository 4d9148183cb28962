"""Separation of played loops by spatial templates: stems, rest, channels and what is told of progress."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Samples, rest_of
from core.audio.cube import analyse, frame
from core.evaluation import scoring
from core.layout.layout import Layout, one_bar_layout
from core.separation.spectra.wiener import fit_templates, template_stems

RATE, BAR, BARS = 8_000, 4_000, 12
ON = np.array([[1, 0], [1, 1], [0, 1]] * (BARS // 3), dtype=np.float32)
GRID = BarGrid(BAR * np.arange(BARS + 1, dtype=np.int64), 4, "host")


def played(pan: NDArray[np.float64], seed: int = 0) -> tuple[Samples, Layout]:
    """Two loops of four noise bursts in a bar, never the same burst twice, panned [loops, channels]."""
    random = np.random.default_rng(seed)
    decay = np.exp(-np.arange(BAR // 4) / 250)
    stems = np.zeros((2, pan.shape[1], BAR * BARS), dtype=np.float32)
    for loop, bar in zip(*np.nonzero(ON.T), strict=True):
        for beat in range(4):
            start = bar * BAR + beat * BAR // 4 + loop * BAR // 16 + int(random.normal(0, 24))
            room = stems[loop, :, max(start, 0) : start + len(decay)]
            burst = (random.standard_normal(len(decay)) * decay)[: room.shape[1]]
            room += pan[loop][:, None] * burst
    return stems, one_bar_layout(ON)


def separated(mixture: Samples, layout: Layout) -> Samples:
    framing = frame(GRID, RATE)
    return template_stems(analyse(mixture, framing), framing, layout, mixture.shape[1])


APART = np.array([[1.0, 0.3], [0.3, 1.0]])


def test_loops_at_two_places_are_told_apart_better_than_any_mask() -> None:
    stems, layout = played(APART)
    rest = np.zeros_like(stems[0])
    result = separated(stems.sum(axis=0), layout)
    ideal = scoring.ideal_ratio_mask(stems, rest)
    for true, estimate, mask in zip(stems, result, ideal, strict=True):
        assert scoring.sdr(true, estimate) > scoring.sdr(true, mask) + 3


@pytest.mark.parametrize("pan", [np.ones((2, 1)), np.ones((2, 2)), np.array([[1.0, 0.5, 0.2], [0.2, 0.5, 1.0]])])
def test_any_number_of_channels(pan: NDArray[np.float64]) -> None:
    stems, layout = played(pan)
    result = separated(stems.sum(axis=0), layout)
    assert min(scoring.sdr(true, estimate) for true, estimate in zip(stems, result, strict=True)) > 3


def test_stems_keep_silent_where_off() -> None:
    stems, layout = played(APART)
    result = separated(stems.sum(axis=0), layout)
    middle = slice(2 * BAR + 400, 3 * BAR - 400)  # bar 2, in which the first loop is off
    assert not result[0][:, middle].any()


def test_a_sudden_loud_sound_stays_in_the_rest() -> None:
    stems, layout = played(APART)
    shout = np.zeros_like(stems[0])
    shout[:, 4 * BAR : 4 * BAR + 2_000] = 4 * np.sin(2 * np.pi * 997 * np.arange(2_000) / RATE)
    mixture = stems.sum(axis=0) + shout
    assert scoring.sdr(shout, rest_of(mixture, separated(mixture, layout))) > 6


def test_silence_and_a_silent_channel() -> None:
    stems, layout = played(np.array([[1.0, 0.0], [1.0, 0.0]]))
    result = separated(stems.sum(axis=0), layout)
    assert np.isfinite(result).all()
    assert np.abs(result[:, 1]).max() < 1e-6
    assert not separated(np.zeros_like(stems[0]), layout).any()


def test_templates_are_covariances() -> None:
    stems, layout = played(APART)
    cube = analyse(stems.sum(axis=0), frame(GRID, RATE))
    templates = fit_templates(cube, layout.activations, np.arange(2, dtype=np.intp), sweeps=3)
    assert templates.shape == (2, 2, 2, *cube.shape[1:3])
    matrices = np.moveaxis(templates, (1, 2), (-2, -1))
    np.testing.assert_allclose(matrices, matrices.conj().swapaxes(-2, -1), atol=1e-4 * np.abs(matrices).max())
    assert np.linalg.eigvalsh(matrices).min() > -1e-4 * np.abs(matrices).max()


def test_can_be_cancelled() -> None:
    def stop(fraction: float, _stage: str) -> None:
        if fraction > 0.5:
            raise InterruptedError("stop")

    stems, layout = played(APART)
    mixture = stems.sum(axis=0)
    framing = frame(GRID, RATE)
    with pytest.raises(InterruptedError, match="stop"):
        template_stems(analyse(mixture, framing), framing, layout, mixture.shape[1], progress=stop)
