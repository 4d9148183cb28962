"""Separation of loops that are played by hand: one spatial covariance for each bar of each loop, and Wiener filters.

Notes that are some ms early or late do not repeat in phase, but they repeat in power and in their place between the
loudspeakers. So bar r of a loop is modelled as a Gaussian source with a covariance matrix between the channels, G_r
[channels, channels] at each frequency f and frame t of the bar. Bar b of the clip has

    X_b ~ N(0, T_b),    T_b = sum over r of D[b, r]^2 G_r + floor,    estimate of source r: D[b, r]^2 G_r T_b^-1 X_b

(Duong, Vincent and Gribonval 2010). This separates two loops that share a bin but not a place, which no mask of single
channels can do. The G_r start from magnitudes: nonnegative factors under the Kullback-Leibler divergence with D known
(Lee and Seung 2001). Expectation-maximisation follows. After each step, each G_r is moved towards the place of its loop
at that frequency in the whole bar, because single bins of a loop that plays in few bars do not determine its place.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.audio.clip import Samples
from core.audio.cube import Cube, Framing, synthesise_bars
from core.base.progress import Progress, part_of, silent
from core.base.threads import each, in_order
from core.layout.layout import Layout, mixing_matrix
from core.separation.spectra.covariances import draw_to_place, sweep

Array = NDArray[np.float32]
Complex = NDArray[np.complex64]

SWEEPS = 12  # of expectation-maximisation; measured: more gain nothing on played songs, and lose where a loop is rare
MAGNITUDE_SWEEPS = 40
PLACE_BARS = 3.0  # weight of a loop's common place, as a number of bars, against the evidence of single bins
REST_FLOOR = 1e-4  # of a frequency's mean power: the power that no loop explains
SURPRISE = 4.0  # times the model's power (6 dB): a bin that is louder contains another sound
CHUNK = 32  # frequencies fitted at once, few enough for the processor's cache
FIRST_SHARE = 0.9  # of the loop's place in each covariance at the start, when there is no evidence of single bins
TINY = 1e-12


def template_stems(
    cube: Cube, framing: Framing, layout: Layout, frames: int, *, progress: Progress = silent
) -> Samples:
    """Stems [loops, channels, frames] of a clip of `frames` frames, from its cube and its layout.

    Sound outside the bars, and sound far louder than the model of all loops, is left for the rest.

    Args:
        cube: overwritten, because it is the largest array by far.
        progress: called often; may raise `Cancelled`.
    """
    stems = np.empty((layout.loops, len(cube), frames), dtype=np.float32)
    for _ in each_stem(cube, framing, layout, stems, progress=progress):
        pass
    return stems


def each_stem(
    cube: Cube,
    framing: Framing,
    layout: Layout,
    rooms: Iterable[Samples],
    *,
    sweeps: int = SWEEPS,
    progress: Progress = silent,
) -> Iterator[Samples]:
    """The stems of `template_stems` one by one, each written to the next of the arrays `rooms` [channels, frames]."""
    matrix, owners, _ = mixing_matrix(layout)
    templates = fit_templates(cube, matrix, owners, sweeps=sweeps, progress=part_of(progress, 0.0, 0.6))
    sounding = shared(cube, templates, matrix)
    for loop, room in zip(range(layout.loops), rooms, strict=False):  # rooms may have no end
        progress(0.6 + 0.4 * loop / layout.loops, "separation")
        synthesise_bars(partial(sounding, np.flatnonzero(owners == loop)), framing, room)
        yield room
    progress(1.0, "separation")


def shared(cube: Cube, templates: Complex, matrix: Array) -> Callable[[NDArray[np.intp], int], Complex]:
    """A function (bar types, bar) -> their spectra there, complex64 [channels, frequencies, frames in a bar].

    Args:
        cube: overwritten.
        templates: from `fit_templates`.
        matrix: D [bars, bar types].
    """
    powers, places = np.square(matrix), templates.swapaxes(3, 4)
    whitened = by_bars(cube)
    _whiten(whitened, places, powers)

    def sounding(bar_types: NDArray[np.intp], bar: int) -> Complex:
        """D^2 G T^-1 X, summed over the given bar types."""
        of_these = np.zeros_like(powers[bar])
        of_these[bar_types] = powers[bar, bar_types]
        return _apply(_mixed(places, of_these), whitened[bar]).swapaxes(1, 2)

    return sounding


def fit_templates(
    cube: Cube, matrix: Array, owners: NDArray[np.intp], *, sweeps: int = SWEEPS, progress: Progress = silent
) -> Complex:
    """The covariance of each bar type: complex64 [bar types, channels, channels, frequencies, frames in a bar].

    Args:
        cube: [channels, frequencies, frames in a bar, bars].
        matrix, owners: D [bars, bar types] and the loop of each bar type, from `mixing_matrix`.
    """
    channels, frequencies, frames, _ = cube.shape
    bars = by_bars(cube)
    templates = np.empty((matrix.shape[1], channels, channels, frames, frequencies), dtype=np.complex64)
    chunks = [slice(start, min(start + CHUNK, frequencies)) for start in range(0, frequencies, CHUNK)]
    for chunk, fitted in zip(
        chunks, in_order(lambda chunk: _fit(bars[..., chunk], matrix, owners, sweeps), chunks), strict=True
    ):
        progress(chunk.start / frequencies, "templates")
        templates[..., chunk] = fitted
    return templates.swapaxes(3, 4)


def _fit(bars: Complex, matrix: Array, owners: NDArray[np.intp], sweeps: int) -> Complex:
    """The covariances of a few frequencies, [bar types, channels, channels, frames in a bar, frequencies]."""
    level = mean_power(bars).mean(axis=0) + np.float32(TINY)
    bars = bars / np.sqrt(level)
    rows, bar_row, counts = np.unique(matrix, axis=0, return_inverse=True, return_counts=True)
    groups = [bars[bar_row.ravel() == row] for row in range(len(rows))]  # bars with the same bar types
    seen = np.stack([np.einsum("bitf,bjtf->ijtf", g, g.conj()) / np.float32(len(g)) for g in groups])
    loudness = np.stack([np.sqrt(np.square(np.abs(g)).mean(axis=1)).mean(axis=0) for g in groups], axis=-1)
    powers = np.square(_magnitude_templates(loudness, rows, counts))
    G, observed = _planes(_placed(seen, rows, counts, powers)), _planes(seen)
    on = (matrix > 0).sum(axis=0).astype(np.float32)
    draw_to_place(G, owners, np.full_like(on, FIRST_SHARE))
    for _ in range(sweeps):
        sweep(G, observed, np.square(rows), counts.astype(np.float32), on, np.float32(REST_FLOOR))
        draw_to_place(G, owners, np.float32(PLACE_BARS) / (on + np.float32(PLACE_BARS)))
    fitted: Complex = (G[:, :, 0] + 1j * G[:, :, 1]).transpose(0, 2, 3, 1, 4) * level
    return fitted


def by_bars(cube: Cube) -> Complex:
    """A cube in its order in memory, [bars, channels, frames in a bar, frequencies]."""
    return cube.transpose(3, 0, 2, 1)


def mean_power(bars: Complex) -> Array:
    """The mean over bars and channels, [frames in a bar, frequencies]; computed bar by bar, to save memory."""
    total = np.zeros(bars.shape[2:], dtype=np.float32)
    for bar in bars:
        total += np.square(np.abs(bar)).mean(axis=0)
    mean: Array = total / np.float32(len(bars))
    return mean


def _planes(matrices: Complex) -> Array:
    """Matrices [n, channels, channels, frames, frequencies] in the form that `covariances` needs."""
    parts = np.stack([matrices.real, matrices.imag], axis=1)
    return np.ascontiguousarray(parts.transpose(0, 4, 1, 2, 3, 5))


def _magnitude_templates(loudness: Array, rows: Array, counts: NDArray[np.intp]) -> Array:
    """Nonnegative P [bar types, frames, frequencies] with loudness[..., u] ~ sum over r of rows[u, r] P_r."""
    V = loudness.reshape(-1, len(rows))
    weights = rows * counts.astype(np.float32)[:, None]
    total = weights.sum(axis=0)
    P = (V @ weights / total + np.float32(TINY)) / max(float(rows.sum(axis=1).mean()), 1.0)
    for _ in range(MAGNITUDE_SWEEPS):
        P *= (V / (P @ rows.T + np.float32(TINY))) @ weights / total
    return np.ascontiguousarray(P.T, dtype=np.float32).reshape(-1, *loudness.shape[:2])


def _placed(seen: Complex, rows: Array, counts: NDArray[np.intp], powers: Array) -> Complex:
    """Covariances with the given powers [bar types, frames, frequencies].

    Their shapes are those of the mixture under the mask of each bar type.
    """
    channels = seen.shape[1]
    shapes = np.zeros((len(powers), channels, channels, *powers.shape[1:]), dtype=np.complex64)
    for row, count, covariance in zip(rows, counts, seen, strict=True):
        on = np.flatnonzero(row)
        model = powers[on] * np.square(row[on])[:, None, None]
        masks = np.square(model / (model.sum(axis=0) + np.float32(TINY)))
        shapes[on] += np.float32(count) * masks[:, None, None] * covariance
    placed: Complex = shapes * (powers / (_trace(shapes) + np.float32(TINY)))[:, None, None]
    return placed


def _whiten(bars: Complex, templates: Complex, powers: Array) -> None:
    """Replace X_b by T_b^-1 X_b in every bin. Where the mixture is too loud for the model, T_b grows by the excess."""
    floor = np.float32(REST_FLOOR) * mean_power(bars).mean(axis=0) + np.float32(TINY)
    identity = np.eye(bars.shape[1], dtype=np.float32)[:, :, None, None]

    def whiten(bar: int) -> None:
        total = _mixed(templates, powers[bar]) + floor * identity
        more = np.square(np.abs(bars[bar])).mean(axis=0) - np.float32(SURPRISE) * _trace(total[None])[0]
        bars[bar] = _apply(_inverse(total + np.maximum(more, 0.0) * identity), bars[bar])

    each(whiten, range(len(bars)))


def _mixed(templates: Complex, powers: Array) -> Complex:
    """The summed covariance of bar types [bar types, channels, channels, ...] with these powers, [bar types]."""
    total = np.zeros(templates.shape[1:], dtype=np.complex64)
    for r in np.flatnonzero(powers):
        total += powers[r] * templates[r]
    return total


def _inverse(matrices: Complex) -> Complex:
    """The inverses of Hermitian matrices [channels, channels, ...]."""
    if len(matrices) == 1:
        return np.reciprocal(matrices)
    if len(matrices) == 2:  # many times as fast as the general case
        (a, b), (c, d) = matrices
        inverse: Complex = np.array([[d, -b], [-c, a]]) / (a * d - b * c)
        return inverse
    general: Complex = np.linalg.inv(np.moveaxis(matrices, (0, 1), (-2, -1)))
    front: Complex = np.moveaxis(general, (-2, -1), (0, 1))
    return front


def _apply(matrices: Complex, vectors: Complex) -> Complex:
    applied: Complex = (matrices * vectors[None]).sum(axis=1)
    return applied


def _trace(matrices: Complex) -> Array:
    """The mean power over the channels of matrices [n, channels, channels, ...]."""
    power: Array = np.einsum("rii...->r...", matrices).real / np.float32(matrices.shape[1])
    return power
