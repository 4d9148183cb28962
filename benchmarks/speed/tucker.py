"""How fast our nonnegative Tucker solvers are, compared with TensorLy's, on the cube of a song.

    uv run python -m benchmarks.speed.tucker

The cube is [1025, 170, 64], the ranks are 32, 20 and 8. TensorLy runs once, in double precision, 100 iterations from
its default start. Ours runs as many sweeps as it needs to reach TensorLy's final error. Its time includes the start,
the compression and the last solve on the whole cube, and its error is computed from the full model. Both use one
thread. The times are processor times: on an idle machine they equal wall time, and other programs do not change them.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorly.decomposition import non_negative_tucker
from threadpoolctl import threadpool_limits

from benchmarks.speed.rows import Row
from core.audio.cube import analyse, frame
from core.evaluation.songs import build
from core.separation.tucker.decomposition import decompose
from core.separation.tucker.factors import Ranks, TuckerFactors, magnitudes, patterns

SHAPE = (1025, 170, 64)
RANKS = Ranks(32, 20, 8)
SONG = ("multibar", 1_004)  # the first song of the development set with enough frames and bars
ITERATIONS = 100
RUNS = 5
TARGET = "100 times faster"


def rows() -> list[Row]:
    """One row for each of our solvers: least squares to TensorLy's error, and the solver of `method="tucker"`."""
    cube = _cube()
    with threadpool_limits(1):
        run = partial(
            non_negative_tucker, cube.astype(np.float64), RANKS.sizes, n_iter_max=ITERATIONS, tol=0, return_errors=True
        )
        (_, errors), peer = _timed(run)
        sweeps, reached = _sweeps_to(float(errors[-1]), cube)
        fit = median(_timed(partial(decompose, cube, RANKS, solver="hals", iterations=sweeps))[1] for _ in range(RUNS))
        kl = median(_timed(partial(decompose, cube, RANKS))[1] for _ in range(RUNS))
    once = f"processor time, one thread; TensorLy once, ours median of {RUNS}"
    error = f"error {reached:.4f} after {sweeps} sweeps, TensorLy's {errors[-1]:.4f} after {ITERATIONS}"
    name = "TensorLy, float64"
    return [
        Row("Tucker, least squares, to TensorLy's error", fit, name, peer, TARGET, f"{error}; {once}"),
        Row(
            "Tucker, Kullback-Leibler, until settled",
            kl,
            name,
            peer,
            "",
            f"another loss, which separates better; {once}",
        ),
    ]


def _sweeps_to(error: float, cube: NDArray[np.float32]) -> tuple[int, float]:
    """The fewest sweeps whose final model has at most this error, and the error that they reach."""
    for sweeps in range(1, ITERATIONS + 1):
        reached = _error(cube, decompose(cube, RANKS, solver="hals", iterations=sweeps))
        if reached <= error:
            return sweeps, reached
    raise RuntimeError(f"{ITERATIONS} sweeps end at an error of {reached:.4f}, above {error:.4f}")


def _error(cube: NDArray[np.float32], factors: TuckerFactors) -> float:
    """|X - model| / |X|, computed from the full model."""
    model = np.tensordot(patterns(factors), factors.loops, axes=([0], [1]))
    return float(np.linalg.norm((cube - model).ravel()) / np.linalg.norm(cube.ravel()))


def _cube() -> NDArray[np.float32]:
    song = build(*SONG)
    whole = magnitudes(analyse(song.mixture.samples, frame(song.grid, song.mixture.rate)))
    return np.ascontiguousarray(whole[: SHAPE[0], : SHAPE[1], : SHAPE[2]])


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def main() -> None:
    """Print the rows."""
    for row in rows():
        print(f"{row.what:<44} {row.ours_seconds:7.3f} s  {row.peer} {row.peer_seconds:6.1f} s  {row.ratio:6.0f} x")
        print(f"    {row.note}" + (f"; target: {row.target}" if row.target else ""))


if __name__ == "__main__":
    main()
