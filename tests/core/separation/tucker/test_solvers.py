"""The solvers against independent ones: TensorLy, SciPy's nonnegative least squares, the formulas written out."""

import sys
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import get_args

import array_api_strict
import numpy as np
import pytest
import scipy.optimize
from tensorly.decomposition import non_negative_tucker

from core.audio.bars import bars_from_tempo
from core.audio.clip import read_clip
from core.audio.cube import analyse, frame
from core.base.errors import Code, LoopError
from core.base.settings import Solver
from core.evaluation.songs import build
from core.layout.layout import one_bar_layout
from core.separation.tucker import hals, kl
from core.separation.tucker.bands import band_edges, spread, summed
from core.separation.tucker.compression import compress
from core.separation.tucker.decomposition import decompose
from core.separation.tucker.devices import upload
from core.separation.tucker.factors import Ranks, TuckerFactors, magnitudes, patterns
from core.separation.tucker.model import Model
from core.separation.tucker.start import bar_activations, singular_start
from tests.core.loop_songs import tiny_song

RANKS = Ranks(4, 3, 2)
OWN: tuple[Solver, ...] = ("kl", "hals")


def known_cube(noise: float = 0.0, frequencies: int = 150) -> np.ndarray:
    """Of the ranks `RANKS`, plus a share of noise: [frequencies, 20, 12]."""
    random = np.random.default_rng(0)
    factors = [random.random((side, rank)) ** 4 for side, rank in zip((frequencies, 20, 12), RANKS.sizes, strict=True)]
    cube = np.einsum("abc,fa,tb,kc->ftk", random.random(RANKS.sizes) ** 3, *factors)
    return (cube + noise * cube.mean() * random.random(cube.shape)).astype(np.float32)


def some_model() -> Model:
    random = np.random.default_rng(1)
    W, H, D = (random.random((rank, side)) for rank, side in zip(RANKS.sizes, (150, 20, 12), strict=True))
    return Model(random.random(RANKS.sizes), (W, H, D))


def built(model: Model) -> np.ndarray:
    return np.einsum("abc,af,bt,ck->ftk", model.core, *model.factors)


def relative_error(cube: np.ndarray, factors: TuckerFactors) -> float:
    model = np.einsum("bk,kft->ftb", factors.loops, patterns(factors))
    return float(np.linalg.norm(cube - model) / np.linalg.norm(cube))


def divergence(cube: np.ndarray, model: np.ndarray) -> float:
    return float(np.sum(np.where(cube > 0, cube * np.log(np.maximum(cube, 1e-30) / model), 0) - cube + model))


class TestAgainstTensorLy:
    """To the error of its 100 iterations, in double precision, on the cubes of music."""

    RANKS = Ranks(12, 8, 4)

    def judge(self, cube: np.ndarray) -> None:
        part = np.ascontiguousarray(cube[:200, ::3, :16])
        _, errors = non_negative_tucker(
            part.astype(np.float64), self.RANKS.sizes, n_iter_max=100, tol=0, return_errors=True
        )
        ours = relative_error(part, decompose(part, self.RANKS, solver="hals"))
        assert len(errors) == 100
        assert ours <= 1.005 * float(errors[-1])

    def test_a_synthesised_song_is_fitted_as_well(self) -> None:
        song = build("pub-sparse", 1_000)
        self.judge(magnitudes(analyse(song.mixture.samples, frame(song.grid, song.mixture.rate))))

    def test_the_example_song_is_fitted_as_well(self, shared_song: Path) -> None:
        clip = read_clip(shared_song)
        samples = clip.samples[:, : 17 * 2 * clip.rate]
        grid = bars_from_tempo(samples.shape[1], clip.rate, bpm=120)
        self.judge(magnitudes(analyse(samples, frame(grid, clip.rate))))


class TestLeastSquares:
    def test_rows_are_the_nonnegative_least_squares(self) -> None:
        random = np.random.default_rng(0)
        mixing, sound = random.random((30, 4)), random.standard_normal((30, 7))
        rows = hals.solve_rows(np.zeros((4, 7)), mixing.T @ sound, mixing.T @ mixing, rounds=500)
        truth = [scipy.optimize.nnls(mixing, column)[0] for column in sound.T]
        np.testing.assert_allclose(rows.T, truth, atol=1e-6)

    def test_the_core_is_the_nonnegative_least_squares(self) -> None:
        random = np.random.default_rng(1)
        factors = [random.random((rank, side)) for rank, side in zip(RANKS.sizes, (9, 8, 7), strict=True)]
        cube = random.standard_normal((9, 8, 7))
        target = np.einsum("ftb,af,ct,kb->ack", cube, *factors)
        core = hals.fit_core(np.zeros(RANKS.sizes), target, [factor @ factor.T for factor in factors], steps=1_500)
        W, H, D = factors
        truth, _ = scipy.optimize.nnls(np.kron(np.kron(W, H), D).T, cube.ravel())
        np.testing.assert_allclose(core.ravel(), truth, atol=1e-4)

    def test_the_error_is_that_of_the_model(self) -> None:
        cube = known_cube(noise=0.5)
        model = hals.sweep(compress(cube, cube.shape), some_model())
        truth = np.linalg.norm(cube - built(model)) / np.linalg.norm(cube)
        assert model.error == pytest.approx(truth, rel=1e-3)

    def test_compression_costs_no_accuracy(self) -> None:
        cube = known_cube(noise=1.0)
        whole = list(islice(hals.minimise(compress(cube, cube.shape), some_model()), 60))[-1]
        small = list(islice(hals.minimise(compress(cube, (8, 6, 4)), some_model()), 60))[-1]
        assert small.error == pytest.approx(whole.error, rel=0.01)


class TestKullbackLeibler:
    def test_a_sweep_is_the_formula_written_out(self) -> None:
        cube, model = known_cube(noise=0.1), some_model()
        W, H, D = (factor / factor.sum(axis=1, keepdims=True) for factor in model.factors)
        ratio = cube / np.einsum("abc,af,bt,ck->ftk", model.core, W, H, D)
        voted = [
            W * np.einsum("ftk,abc,bt,ck->af", ratio, model.core, H, D),
            H * np.einsum("ftk,abc,af,ck->bt", ratio, model.core, W, D),
            D * np.einsum("ftk,abc,af,bt->ck", ratio, model.core, W, H),
        ]
        found = kl.sweep(cube, Model(model.core, (W, H, D)))
        np.testing.assert_allclose(found.core, model.core * np.einsum("ftk,af,bt,ck->abc", ratio, W, H, D), rtol=1e-4)
        for factor, truth in zip(found.factors, voted, strict=True):
            np.testing.assert_allclose(factor, truth / truth.sum(axis=1, keepdims=True), rtol=1e-4)

    def test_the_divergence_is_that_of_the_model_before(self) -> None:
        cube, model = known_cube(noise=0.1), some_model()
        cube[:, :, 3] = 0
        assert kl.sweep(cube, model).error == pytest.approx(divergence(cube, built(model)) / cube.sum(), rel=1e-4)

    def test_the_divergence_never_rises(self) -> None:
        cube = known_cube(noise=0.1)
        errors = [model.error for model in islice(kl.minimise(cube, some_model()), 60)]
        assert max(np.diff(errors)) <= 1e-6
        assert errors[-1] < 0.3 * errors[0]

    def test_solved_notes_are_a_fixed_point(self) -> None:
        cube = known_cube(noise=0.1)
        solved = kl.solve_notes(cube, some_model(), rounds=3_000)
        again = kl.solve_notes(cube, solved, rounds=1)
        np.testing.assert_allclose(again.factors[0], solved.factors[0], atol=1e-4 * solved.factors[0].max())
        assert divergence(cube, built(solved)) < divergence(cube, built(some_model()))


@pytest.mark.parametrize("solver", get_args(Solver))
def test_the_error_of_the_factors_is_that_of_their_model(solver: Solver) -> None:
    cube = known_cube(noise=0.5)
    factors = decompose(cube, RANKS, solver=solver, iterations=30)
    assert factors.error == pytest.approx(relative_error(cube, factors), rel=1e-3)


class TestCompression:
    def test_a_cube_of_low_rank_loses_nothing(self) -> None:
        cube = known_cube()
        small = compress(cube, RANKS.sizes)
        np.testing.assert_allclose(
            np.einsum("abc,fa,tb,kc->ftk", small.core, *small.bases), cube, atol=1e-5 * cube.max()
        )
        assert small.energy == pytest.approx(np.square(cube, dtype=np.float64).sum(), rel=1e-5)

    @pytest.mark.parametrize("side", [150, 600])  # the longer one is sketched
    def test_no_basis_of_its_size_holds_much_more(self, side: int) -> None:
        cube = known_cube(noise=2.0, frequencies=side)
        small = compress(cube, (10, 20, 12))
        basis = small.bases[0]
        np.testing.assert_allclose(basis.T @ basis, np.eye(10), atol=1e-4)
        values = np.linalg.svd(cube.reshape(side, -1), compute_uv=False)
        assert np.linalg.norm(small.core) > 0.998 * np.linalg.norm(values[:10])


class TestStart:
    def test_bars_tell_which_loops_they_hold(self) -> None:
        song = tiny_song()
        cube = magnitudes(analyse(song.clip.samples, frame(song.grid, song.clip.rate)))
        match = np.corrcoef(bar_activations(cube, (20, 20, 3), seed=0), song.layout.T)[:3, 3:]
        assert sorted(match.argmax(axis=1)) == [0, 1, 2]
        assert match.max(axis=1).min() > 0.9

    @pytest.mark.parametrize("solver", OWN)
    def test_a_layout_decides_the_order_of_the_loops(self, solver: Solver) -> None:
        song = tiny_song()
        cube = magnitudes(analyse(song.clip.samples, frame(song.grid, song.clip.rate)))
        for order in ([0, 1, 2], [2, 0, 1]):
            layout = one_bar_layout(song.layout[:, order].astype(np.float32))
            found = decompose(cube, Ranks(20, 20, 3), solver=solver, iterations=20, layout=layout)
            match = np.corrcoef(found.loops.T, song.layout.T)[:3, 3:]
            assert match.argmax(axis=1).tolist() == order

    def test_a_layout_of_another_song_is_refused(self) -> None:
        layout = one_bar_layout(np.ones((11, 2), np.float32))
        with pytest.raises(LoopError, match=r"layout must have 12 bars and 2 loops, got 11 and 2") as caught:
            decompose(known_cube(), RANKS, layout=layout)
        assert caught.value.code == Code.ARGUMENTS

    def test_ranks_beyond_what_the_cube_holds_are_filled(self) -> None:
        small = compress(known_cube(), (8, 3, 2))
        model = singular_start(small, (20, 10, 5), seed=0)
        assert [factor.shape[0] for factor in model.factors] == [20, 10, 5]
        assert all((factor > 0).all() for factor in model.factors)


class TestArrayLibraries:
    """NumPy's result is the same from any other library, and the strict one refuses what the standard leaves out."""

    @pytest.mark.parametrize("solver", OWN)
    def test_the_array_api_is_all_that_is_used(self, solver: Solver) -> None:
        cube = known_cube(noise=0.1, frequencies=40)
        ours = decompose(cube, RANKS, solver=solver, iterations=8)
        strict = decompose(array_api_strict.asarray(cube), RANKS, solver=solver, iterations=8)
        assert_same(strict, ours, tolerance=1e-5)

    @pytest.mark.parametrize("solver", OWN)
    def test_torch_tensors_give_the_same(self, solver: Solver, torch: ModuleType) -> None:
        cube = known_cube(noise=0.1, frequencies=40)
        ours = decompose(cube, RANKS, solver=solver, iterations=8)
        theirs = decompose(torch.from_numpy(cube), RANKS, solver=solver, iterations=8)
        assert_same(theirs, ours, tolerance=1e-3)

    def test_without_a_gpu_the_device_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(LoopError, match="device gpu needs PyTorch") as caught:
            upload(known_cube(), "gpu")
        assert caught.value.code == Code.ARGUMENTS
        fake = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
        monkeypatch.setitem(sys.modules, "torch", fake)
        with pytest.raises(LoopError, match="finds none; use device cpu"):
            upload(known_cube(), "gpu")


def assert_same(theirs: TuckerFactors, ours: TuckerFactors, tolerance: float) -> None:
    for name in ("notes", "rhythms", "loops", "recipes"):
        found, truth = getattr(theirs, name), getattr(ours, name)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, truth, atol=tolerance * truth.max())
    np.testing.assert_allclose(theirs.errors, ours.errors, rtol=tolerance)


def test_sums_over_bands_and_their_shares_are_inverse() -> None:
    cube = known_cube()
    edges = band_edges(150)
    pooled = summed(cube, 0, edges)
    np.testing.assert_allclose(pooled, np.add.reduceat(cube, edges[:-1], axis=0), rtol=1e-5)
    rows = pooled[:, :, 0].T
    np.testing.assert_allclose(summed(spread(rows, edges, 1), 1, edges), rows, rtol=1e-5)
    energies = summed(spread(rows, edges, 2) ** 2, 1, edges)
    np.testing.assert_allclose(np.sqrt(energies), rows, rtol=1e-5)
