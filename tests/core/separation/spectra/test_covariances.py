"""The compiled steps of the fit of covariances do what NumPy does matrix by matrix."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.separation.spectra.covariances import SPREAD, draw_to_place, sweep

TYPES, GROUPS, FRAMES, FREQUENCIES, FLOOR = 3, 4, 2, 5, 1e-2
ROWS = np.array([[1, 0, 0], [1, 1, 0], [0, 0.5, 1], [1, 1, 2]], dtype=np.float32)
COUNTS = np.array([2, 1, 3, 1], dtype=np.float32)
ON = np.array([4, 5, 4], dtype=np.float32)

Matrices = NDArray[np.complex128]
"""[..., frames, frequencies, channels, channels]"""


def hermitian(count: int, channels: int) -> Matrices:
    random = np.random.default_rng(count + channels)
    shape = (2, count, FRAMES, FREQUENCIES, channels, 3 * channels)
    real, imaginary = random.standard_normal(shape)
    factors = real + 1j * imaginary
    return np.asarray(factors @ factors.conj().swapaxes(-2, -1))


def planes(matrices: Matrices) -> NDArray[np.float32]:
    parts = np.stack([matrices.real, matrices.imag], axis=2)  # [n, T, part, F, C, C]
    return np.ascontiguousarray(np.moveaxis(parts, 3, -1), dtype=np.float32)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_a_step_of_expectation_maximisation(channels: int) -> None:
    G, seen = hermitian(TYPES, channels), hermitian(GROUPS, channels)
    push = np.zeros_like(G)
    for row, count, covariance in zip(ROWS, COUNTS, seen, strict=True):
        inverse = np.linalg.inv(np.einsum("r,r...->...", row**2, G) + FLOOR * np.eye(channels))
        pull = inverse @ covariance @ inverse - inverse
        push += count * (row**2)[:, None, None, None, None] * pull
    expected = G + G @ (push / ON[:, None, None, None, None]) @ G
    found = planes(G)
    sweep(found, planes(seen), ROWS**2, COUNTS, ON, np.float32(FLOOR))
    np.testing.assert_allclose(found, planes(expected), atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_loops_draw_their_covariances_to_their_place(channels: int) -> None:
    G = hermitian(TYPES, channels)
    owners, shares = np.array([0, 1, 0], dtype=np.intp), np.array([0.3, 1.0, 0.0], dtype=np.float32)
    expected = G.copy()
    for loop in range(2):
        place = G[owners == loop].sum(axis=(0, 1))
        place *= channels / np.trace(place, axis1=-2, axis2=-1)[:, None, None]
        place = (1 - SPREAD) * place + SPREAD * np.eye(channels)
        for r in np.flatnonzero(owners == loop):
            power = np.trace(np.linalg.inv(place) @ G[r], axis1=-2, axis2=-1).real / channels
            expected[r] = shares[r] * power[..., None, None] * place + (1 - shares[r]) * G[r]
    found = planes(G)
    draw_to_place(found, owners, shares)
    np.testing.assert_allclose(found, planes(expected), atol=1e-4 * np.abs(expected).max())
