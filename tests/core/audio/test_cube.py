import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.audio.cube import OVERLAP, analyse, frame, synthesise, window_length


@st.composite
def clips_and_grids(draw: st.DrawFn) -> tuple[Samples, BarGrid, int]:
    """Noise of any rate and channel count, with bars of unequal lengths, a pick-up and a tail."""
    rate = draw(st.sampled_from([8_000, 11_025, 22_050, 44_100, 96_000, 192_000]))
    channels = draw(st.integers(1, 8 if rate < 40_000 else 2))
    bars = draw(st.lists(st.integers(rate // 5, rate // 2), min_size=4, max_size=7))
    pickup, tail = draw(st.integers(0, rate // 4)), draw(st.integers(0, rate // 4))
    starts = pickup + np.cumsum([0, *bars])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = rng.standard_normal((channels, int(starts[-1]) + tail)).astype(np.float32)
    return samples, BarGrid(starts.astype(np.int64), 4, "host"), rate


def _decibels(part: Samples, whole: Samples) -> float:
    return float(10 * np.log10(np.mean(part.astype(np.float64) ** 2) / np.mean(whole.astype(np.float64) ** 2)))


@given(clips_and_grids())
def test_the_inverse_is_exact_to_120_db(case: tuple[Samples, BarGrid, int]) -> None:
    samples, grid, rate = case
    framing = frame(grid, rate)
    cube = analyse(samples, framing)
    back = synthesise(cube, framing, samples.shape[1])
    inside = slice(grid.starts[0], grid.starts[-1])
    assert cube.dtype == np.complex64
    assert cube.shape == (samples.shape[0], framing.frequencies, framing.frames_per_bar, grid.bars)
    assert _decibels(back[:, inside] - samples[:, inside], samples[:, inside]) < -120
    assert not back[:, : grid.starts[0]].any()
    assert not back[:, grid.starts[-1] :].any()


@given(clips_and_grids())
def test_no_bar_has_gaps_between_its_windows(case: tuple[Samples, BarGrid, int]) -> None:
    _, grid, rate = case
    framing = frame(grid, rate)
    steps = np.diff(framing.centres, axis=1)
    assert (framing.centres[:, 0] == grid.starts[:-1]).all()
    assert (framing.centres[:, -1] < grid.starts[1:]).all()
    assert steps.min() >= 1
    assert steps.max() <= len(framing.window) / OVERLAP + 1


def test_the_cube_is_linear() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.standard_normal((2, 2, 20_000)).astype(np.float32)
    framing = frame(BarGrid(np.arange(0, 20_001, 4_000), 4, "host"), 8_000)
    np.testing.assert_allclose(
        analyse(one + 3 * two, framing), analyse(one, framing) + 3 * analyse(two, framing), atol=1e-3
    )


def test_a_bar_that_repeats_repeats_in_the_cube_phase_and_all() -> None:
    bar = np.random.default_rng(2).standard_normal((1, 4_000)).astype(np.float32)
    cube = analyse(np.tile(bar, 6), frame(BarGrid(np.arange(0, 24_001, 4_000), 4, "host"), 8_000))
    np.testing.assert_allclose(cube[..., 2:5], cube[..., 1:2].repeat(3, axis=-1), atol=1e-5)


def test_bars_that_differ_by_rounding_share_their_offsets() -> None:
    grid = BarGrid(np.round(np.arange(9) * 3_777.4).astype(np.int64), 4, "tempo")
    assert len(set(grid.lengths.tolist())) > 1
    offsets = frame(grid, 8_000).centres - grid.starts[:-1, None]
    assert (offsets == offsets[0]).all()


def test_what_lies_outside_the_bars_leaves_no_trace() -> None:
    samples = np.zeros((1, 20_000), np.float32)
    samples[:, :2_000] = samples[:, 18_000:] = 1.0
    framing = frame(BarGrid(np.arange(2_000, 18_001, 4_000), 4, "host"), 8_000)
    assert not analyse(samples, framing).any()


@pytest.mark.parametrize(
    ("rate", "length"), [(8_000, 512), (44_100, 2048), (48_000, 2048), (96_000, 4096), (192_000, 8192)]
)
def test_windows_last_the_same_at_every_rate(rate: int, length: int) -> None:
    assert window_length(rate) == length
