"""The compiled weighted least squares agree with NumPy's, frequency by frequency."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from core.base.weighted_least_squares import AT_ONCE, inverse, pooled, power_left, solve

BARS, TYPES, PARTS = 9, 4, 2


@pytest.mark.parametrize("frequencies", [1, AT_ONCE, AT_ONCE + 7])
def test_weighted_least_squares(frequencies: int) -> None:
    random = np.random.default_rng(frequencies)
    cells = random.standard_normal((BARS, PARTS, frequencies)).astype(np.float32)
    mixing = (random.random((BARS, TYPES)) < 0.6) * random.uniform(0.5, 1.5, (BARS, TYPES)).astype(np.float32)
    weights = random.uniform(0.1, 1.0, (BARS, frequencies)).astype(np.float32)
    costs = random.uniform(0.01, 1.0, (TYPES, frequencies)).astype(np.float32)
    found = np.full((TYPES, PARTS, frequencies), np.nan, dtype=np.float32)
    solve(cells, mixing.astype(np.float32), weights, costs, found)
    for f in range(frequencies):
        # The same as plain least squares of the weighted rows and of one row more for each cost.
        rows = np.concatenate([np.sqrt(weights[:, f, None]) * mixing, np.diag(np.sqrt(costs[:, f]))])
        wanted = np.concatenate([np.sqrt(weights[:, f, None]) * cells[..., f], np.zeros((TYPES, PARTS))])
        np.testing.assert_allclose(found[..., f], np.linalg.lstsq(rows, wanted)[0], atol=1e-4)
    left = cells - np.einsum("bt,tpf->bpf", mixing, found)
    np.testing.assert_allclose(
        power_left(cells, mixing.astype(np.float32), found), np.square(left).sum(axis=1), atol=1e-5
    )


def test_rounding_that_takes_all_of_a_diagonal_gives_numbers() -> None:
    twins = np.ones((BARS, 2), dtype=np.float32)
    cells = np.ones((BARS, 1, 3), dtype=np.float32)
    found = np.empty((2, 1, 3), dtype=np.float32)
    solve(cells, twins, np.ones((BARS, 3), np.float32), np.full((2, 3), 1e-12, np.float32), found)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=1e-3)


@pytest.mark.parametrize("frequencies", [1, 2, 9])
def test_powers_are_pooled_with_their_neighbours_and_never_below_zero(frequencies: int) -> None:
    power = np.random.default_rng(0).random((BARS, frequencies)).astype(np.float32)
    power[:, :2] = 1e9
    found = pooled(power)
    np.testing.assert_allclose(found, uniform_filter1d(power.astype(np.float64), 3, mode="nearest"), rtol=1e-5)
    assert found.min() >= 0


def test_the_heaviest_bar_weighs_one() -> None:
    power = np.random.default_rng(1).random((BARS, 5)).astype(np.float32)
    floor = np.full(5, 0.01, dtype=np.float32)
    weights, scale = inverse(power, floor)
    np.testing.assert_allclose(weights.max(axis=0), 1.0)
    np.testing.assert_allclose(weights / scale, 1 / (power + floor), rtol=1e-5)
