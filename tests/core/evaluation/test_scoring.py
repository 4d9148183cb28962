"""Scores against cases worked out by hand and against slow, plain computations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.evaluation import scoring

FRAMES = 8_000


def _noise(seed: int, *shape: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _orthogonal(signal: Samples, seed: int) -> Samples:
    """Noise that is orthogonal to a signal and has its energy."""
    noise = _noise(seed, *signal.shape).astype(np.float64)
    noise -= signal * np.vdot(noise, signal) / np.vdot(signal, signal)
    return (noise * np.linalg.norm(signal) / np.linalg.norm(noise)).astype(np.float32)


@pytest.mark.parametrize("decibels", [-10.0, 0.0, 12.5, 60.0])
def test_sdr_of_a_known_amount_of_noise(decibels: float) -> None:
    true = _noise(1, 2, FRAMES)
    estimate = true + _orthogonal(true, 2) * np.float32(10 ** (-decibels / 20))
    assert scoring.sdr(true, estimate) == pytest.approx(decibels, abs=0.01)
    assert scoring.si_sdr(true, estimate) == pytest.approx(decibels, abs=0.01)


def test_half_the_level_costs_sdr_but_not_si_sdr() -> None:
    true = _noise(1, 2, FRAMES)
    assert scoring.sdr(true, true / 2) == pytest.approx(20 * np.log10(2), abs=1e-3)  # |s|^2 / |s/2|^2
    assert scoring.si_sdr(true, true / 2) == scoring.CEILING


def test_silence_scores_zero_and_the_signal_itself_the_ceiling() -> None:
    true = _noise(1, 2, FRAMES)
    assert scoring.sdr(true, np.zeros_like(true)) == 0.0
    assert scoring.si_sdr(true, np.zeros_like(true)) == scoring.FLOOR
    assert scoring.sdr(true, true) == scoring.CEILING


def test_si_sdr_is_the_projections_ratio() -> None:
    true, estimate = _noise(1, 1, FRAMES), _noise(1, 1, FRAMES) * 0.3 + 0.1 * _noise(2, 1, FRAMES)
    s, e = true.ravel().astype(np.float64), estimate.ravel().astype(np.float64)
    target = s * (e @ s) / (s @ s)
    expected = 10 * np.log10(np.sum(target**2) / np.sum((e - target) ** 2))
    assert scoring.si_sdr(true, estimate) == pytest.approx(expected, abs=1e-3)


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(0, 5))
def test_matching_is_the_best_of_all_assignments(seed: int, loops: int, found: int) -> None:
    stems = _noise(seed, loops, 1, 50)
    estimates = _noise(seed + 1, found, 1, 50) * 0.3
    for j in range(min(loops, found)):
        estimates[j] += stems[(j + seed) % loops]
    match = scoring.match(stems, estimates)
    padded = [*range(found), *([-1] * max(loops - found, 0))]
    totals = [
        sum(scoring.sdr(stems[k], estimates[j]) for k, j in enumerate(order) if j >= 0)
        for order in permutations(padded, loops)
    ]
    assert match.sdr.sum() == pytest.approx(max(totals), abs=1e-6)
    assert len({int(j) for j in match.estimate if j >= 0}) == min(loops, found)


def test_missing_estimates_score_as_silence() -> None:
    stems = _noise(3, 3, 2, FRAMES)
    match = scoring.match(stems, stems[[2]])
    assert match.estimate.tolist() == [-1, -1, 0]
    assert match.sdr.tolist() == [0.0, 0.0, scoring.CEILING]
    assert scoring.match(stems, stems[:0]).sdr.tolist() == [0.0, 0.0, 0.0]


def test_two_halves_of_a_stem_are_not_merged() -> None:
    stem = _noise(3, 1, 2, FRAMES)
    halves = np.concatenate([stem, stem])
    halves[0, :, FRAMES // 2 :] = 0
    halves[1, :, : FRAMES // 2] = 0
    assert scoring.match(stem, halves).sdr[0] == pytest.approx(3.0, abs=0.2)


def test_the_ideal_mask_is_exact_where_spectra_do_not_overlap() -> None:
    now = np.arange(4 * FRAMES) / 8_000
    stems = np.stack([np.sin(2 * np.pi * f * now)[None].repeat(2, axis=0) for f in (300, 2_000)]).astype(np.float32)
    rest = np.zeros_like(stems[0])
    estimates = scoring.ideal_ratio_mask(stems, rest)
    assert estimates.shape == stems.shape
    assert min(scoring.sdr(s, e) for s, e in zip(stems, estimates, strict=True)) > 40


def test_the_ideal_masks_and_that_of_the_rest_share_the_mixture() -> None:
    signals = _noise(4, 3, 1, 4 * FRAMES)
    estimates = scoring.ideal_ratio_mask(signals[:2], signals[2])
    swapped = scoring.ideal_ratio_mask(signals[[2, 0]], signals[1])
    np.testing.assert_allclose(estimates.sum(axis=0) + swapped[0], signals.sum(axis=0), atol=1e-4)
    # Masks of equal white noises: better than a third of the mixture, which has 10 log10(3 / 2) dB, far from exact.
    assert 1.76 < scoring.sdr(signals[0], estimates[0]) < 8


def test_f1_by_hand() -> None:
    true = np.array([[1, 0], [1, 1], [0, 1], [0, 1.0]], dtype=np.float32)
    estimate = np.array([[0.9, 0.0], [0.2, 2.0], [0.0, 0.4], [0.0, 1.1]], dtype=np.float32)
    # Loop 0: 1 of 2 bars said, none wrong: 2 * 1 / (2 + 1). Loop 1: 0.4 is below a quarter of 2.0: 2 * 2 / (3 + 2).
    assert scoring.activation_f1(true, estimate, np.array([0, 1])).tolist() == pytest.approx([2 / 3, 4 / 5])
    assert scoring.activation_f1(true, estimate, np.array([-1, 1])).tolist() == pytest.approx([0, 4 / 5])
    assert scoring.activation_f1(true, np.zeros_like(true), np.array([0, 1])).tolist() == [0, 0]


def test_activations_of_double_bars_on_single_bars() -> None:
    single = BarGrid(np.arange(0, 801, 100), 4, "file")
    double = BarGrid(np.arange(0, 601, 200), 4, "file")  # and two bars that it does not cover
    activations = np.array([[1.0], [0.0], [0.5]], dtype=np.float32)
    assert scoring.on_bars(activations, double, single)[:, 0].tolist() == [1, 1, 0, 0, 0.5, 0.5, 0, 0]


def test_null_depth_is_the_peak_of_what_is_left() -> None:
    stems, rest = _noise(5, 2, 2, FRAMES), _noise(6, 2, FRAMES)
    mixture = (stems.sum(axis=0) + rest).astype(np.float32)
    assert scoring.null_depth(mixture, stems, rest) < -110
    mixture[1, 77] += 0.01
    assert scoring.null_depth(mixture, stems, rest) == pytest.approx(-40, abs=0.01)
