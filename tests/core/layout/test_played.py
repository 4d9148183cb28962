"""The blind layout of played music: magnitudes that vote, the choice of loops, and what has no loops."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.base.errors import LoopError
from core.layout.cycles import counted_from_song
from core.layout.evidence.candidates import Candidate
from core.layout.evidence.votes import two_level
from core.layout.played import find_played_layout, magnitude_bins, played_candidates

BARS = 32
FREQUENCIES, FRAMES = 160, 24
ROWS = ("#" * 32, "." * 8 + "#" * 16 + "." * 8, "####" + "." * 8 + "#" * 12 + "." * 8)
LENGTHS = (1, 2, 1)


def on_rows() -> NDArray[np.bool_]:
    return np.array([[c == "#" for c in row] for row in ROWS])


def played_cube(*, channels: int = 2, seed: int = 0) -> Cube:
    """Sparse loops of random magnitudes: each bar 1.5 dB up or down at every bin, and with phases of its own."""
    random = np.random.default_rng(seed)
    cube = np.zeros((channels, FREQUENCIES, FRAMES, BARS), dtype=np.complex64)
    for loop, (on, length) in enumerate(zip(on_rows(), LENGTHS, strict=True)):
        contents = random.exponential(size=(length, FREQUENCIES, FRAMES // 6)) ** 3
        contents *= random.random(contents.shape) < 0.4
        contents = np.repeat(contents, 6, axis=2)
        pan = np.resize([1.0, 0.5 + 0.5 * loop], channels)
        for bar, place in enumerate(counted_from_song(on, length)):
            if place >= 0:
                level = 10 ** (random.normal(0, 1.5, contents.shape[1:]) / 20)
                turn = np.exp(2j * np.pi * random.random(contents.shape[1:]))
                cube[..., bar] += pan[:, None, None] * contents[place] * level * turn
    return cube


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_layout_of_played_loops(channels: int) -> None:
    layout, _ = find_played_layout(played_cube(channels=channels))
    found = {(layout.bars_per_loop[k], (layout.loop_bars[:, k] >= 0).tobytes()) for k in range(layout.loops)}
    assert found == {(length, on.tobytes()) for length, on in zip(LENGTHS, on_rows(), strict=True)}
    np.testing.assert_array_equal(layout.activations, layout.loop_bars >= 0)


def test_at_most_so_many_loops() -> None:
    layout, _ = find_played_layout(played_cube(), count=2)
    assert layout.loops == 2


def test_noise_that_changes_has_no_loops() -> None:
    random = np.random.default_rng(1)
    shape = (2, 80, FRAMES, BARS)
    noise = (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(np.complex64)
    layout, _ = find_played_layout(noise * random.exponential(size=shape).astype(np.float32) ** 2)
    assert layout.loops == 0


def test_silence_is_refused() -> None:
    with pytest.raises(LoopError, match="silence"):
        find_played_layout(np.zeros((2, 80, FRAMES, BARS), dtype=np.complex64))


def test_magnitude_bins_are_audible_magnitudes() -> None:
    cube = played_cube()
    chosen = magnitude_bins(cube, 500, 0)
    assert chosen.bins.shape == (500, BARS)
    assert not chosen.bins.imag.any()
    assert (chosen.bins.real >= 0).all()
    np.testing.assert_array_equal(chosen.bins, magnitude_bins(cube, 500, 0).bins)


def test_a_row_that_misses_a_bar_is_no_candidate_beside_a_strong_one() -> None:
    on = np.array([c == "#" for c in ROWS[2]])
    missing = on.copy()
    missing[14] = False
    bins = np.concatenate([np.tile(on, (500, 1)), np.tile(missing, (10, 1))]).astype(np.complex64)
    found: list[Candidate] = played_candidates(two_level(bins), 4)
    assert [candidate.on.tobytes() for candidate in found] == [on.tobytes()]
