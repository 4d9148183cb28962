"""The decomposition against TensorLy's own product of a Tucker tensor, and against cubes of known factors."""

from typing import get_args

import numpy as np
import pytest
import tensorly
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audio.cube import analyse, frame
from core.base.errors import Cancelled, Code, LoopError
from core.base.settings import Solver
from core.separation.tucker.automatic_ranks import automatic_ranks
from core.separation.tucker.bands import band_edges, pool
from core.separation.tucker.decomposition import decompose
from core.separation.tucker.factors import Ranks, TuckerFactors, magnitudes, patterns
from tests.core.loop_songs import tiny_song

ALL = get_args(Solver)


def known_cube(seed: int = 0, shape: tuple[int, int, int] = (150, 20, 12)) -> np.ndarray:
    random = np.random.default_rng(seed)
    core = random.random((4, 3, 2)) ** 3
    factors = [random.random((side, rank)) ** 4 for side, rank in zip(shape, core.shape, strict=True)]
    return tensorly.tucker_to_tensor((core, factors)).astype(np.float32)


@pytest.mark.parametrize("solver", ALL)
def test_patterns_and_activations_are_the_tucker_tensor(solver: Solver) -> None:
    factors = decompose(known_cube(), Ranks(4, 3, 2), solver=solver, iterations=30)
    model = np.einsum("bk,kft->ftb", factors.loops, patterns(factors))
    truth = tensorly.tucker_to_tensor((factors.recipes, [factors.notes, factors.rhythms, factors.loops]))
    np.testing.assert_allclose(model, truth, rtol=1e-3, atol=1e-5 * truth.max())


@pytest.mark.parametrize("solver", ALL)
def test_a_cube_of_known_factors_is_found_again(solver: Solver) -> None:
    cube = known_cube()
    factors = decompose(cube, Ranks(4, 3, 2), solver=solver, iterations=400)
    model = np.einsum("bk,kft->ftb", factors.loops, patterns(factors))
    assert np.linalg.norm(model - cube) < 0.06 * np.linalg.norm(cube)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_factors_are_nonnegative_normalised_and_finite_at_any_level(solver: Solver, scale: float) -> None:
    cube = (known_cube() * scale).astype(np.float32)
    factors = decompose(cube, Ranks(4, 3, 2), solver=solver, iterations=60)
    for columns in (factors.notes, factors.rhythms, factors.loops):
        assert columns.dtype == np.float32
        assert (columns >= 0).all()
        np.testing.assert_allclose(np.linalg.norm(columns, axis=0), 1.0, rtol=1e-4)
    assert (factors.recipes >= 0).all()
    model = np.einsum("bk,kft->ftb", factors.loops, patterns(factors))
    assert np.linalg.norm(model - cube) < 0.3 * np.linalg.norm(cube)


@pytest.mark.parametrize("solver", ALL)
@settings(max_examples=3)
@given(st.integers(0, 50))
def test_the_error_never_rises(solver: Solver, seed: int) -> None:
    errors = decompose(known_cube(seed, (40, 10, 8)), Ranks(3, 3, 2), solver=solver, iterations=60, seed=seed).errors
    assert len(errors) > 1
    assert (np.diff(errors) <= 0).all()


@pytest.mark.parametrize("solver", ALL)
def test_the_same_seed_gives_the_same_factors(solver: Solver) -> None:
    first, second = (decompose(known_cube(), Ranks(4, 3, 2), solver=solver, iterations=20, seed=7) for _ in range(2))
    for name in ("notes", "rhythms", "loops", "recipes"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("solver", ALL)
def test_silent_bars_stay_silent_and_finite(solver: Solver) -> None:
    cube = known_cube()
    cube[..., 3] = 0
    factors = decompose(cube, Ranks(4, 3, 2), solver=solver, iterations=100)
    assert all(np.isfinite(getattr(factors, name)).all() for name in ("notes", "rhythms", "loops", "recipes"))
    assert factors.loops[3].max() < 1e-4


@pytest.mark.parametrize(
    ("ranks", "name"), [(Ranks(0, 3, 2), "notes"), (Ranks(4, 21, 2), "rhythms"), (Ranks(4, 3, 13), "loops")]
)
def test_ranks_outside_the_cube_are_refused(ranks: Ranks, name: str) -> None:
    with pytest.raises(LoopError, match=f"{name} must be 1 to") as caught:
        decompose(known_cube(), ranks)
    assert caught.value.code == Code.ARGUMENTS


def test_no_iterations_are_refused() -> None:
    with pytest.raises(LoopError, match="iterations must be 1 or more, got 0"):
        decompose(known_cube(), Ranks(4, 3, 2), iterations=0)


@pytest.mark.parametrize("solver", ALL)
def test_progress_is_told_of_every_iteration_and_may_cancel(solver: Solver) -> None:
    told: list[float] = []

    def stop_at_the_fifth(fraction: float, _stage: str) -> None:
        told.append(fraction)
        if len(told) == 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        decompose(known_cube(), Ranks(4, 3, 2), solver=solver, iterations=50, progress=stop_at_the_fifth)
    assert told == sorted(told)


@given(st.integers(1, 5_000))
def test_bands_cover_every_bin_once(frequencies: int) -> None:
    edges = band_edges(frequencies)
    assert edges[0] == 0
    assert edges[-1] == frequencies
    assert (np.diff(edges) > 0).all()


def test_pooling_keeps_the_energy() -> None:
    cube = known_cube(shape=(1025, 6, 4))
    np.testing.assert_allclose(np.square(pool(cube)).sum(), np.square(cube).sum(), rtol=1e-4)
    assert len(pool(cube)) < 200


def test_the_number_of_loops_is_counted() -> None:
    song = tiny_song()
    cube = analyse(song.clip.samples, frame(song.grid, song.clip.rate))
    assert automatic_ranks(cube).loops == 3


def test_ranks_of_noise_are_within_bounds() -> None:
    random = np.random.default_rng(0)
    cube = (random.standard_normal((1, 30, 9, 5)) + 1j * random.standard_normal((1, 30, 9, 5))).astype(np.complex64)
    automatic_ranks(cube).check(cube.shape[1:])


def test_magnitudes_are_the_root_mean_square_of_the_channels() -> None:
    cube = np.array([3 + 4j, 0], dtype=np.complex64).reshape(2, 1, 1, 1)
    assert magnitudes(cube)[0, 0, 0] == pytest.approx(5 / np.sqrt(2))


@pytest.mark.parametrize("solver", ALL)
def test_factors_hold_the_shapes_they_promise(solver: Solver) -> None:
    factors = decompose(known_cube(), Ranks(4, 3, 2), solver=solver, iterations=3)
    assert isinstance(factors, TuckerFactors)
    assert factors.notes.shape == (150, 4)
    assert factors.rhythms.shape == (20, 3)
    assert factors.loops.shape == (12, 2)
    assert factors.recipes.shape == (4, 3, 2)


@pytest.mark.parametrize("solver", ["kl", "hals"])  # TensorLy divides by its norm
def test_a_silent_cube_gives_silence(solver: Solver) -> None:
    factors = decompose(np.zeros((30, 9, 6), np.float32), Ranks(4, 3, 2), solver=solver, iterations=5)
    assert np.abs(patterns(factors)).max() < 1e-6


@pytest.mark.parametrize("solver", ALL)
def test_ranks_may_be_as_large_as_the_cube(solver: Solver) -> None:
    cube = known_cube(shape=(30, 9, 6))
    factors = decompose(cube, Ranks(30, 9, 6), solver=solver, iterations=30)
    model = np.einsum("bk,kft->ftb", factors.loops, patterns(factors))
    assert np.linalg.norm(model - cube) < 0.3 * np.linalg.norm(cube)
