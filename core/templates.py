"""Separation of loops that are played by hand: one spatial covariance for each bar of each loop, and Wiener filters.

Notes that come some ms early or late do not repeat in phase, but their power and their place between the loudspeakers
do. Bar r of a loop is therefore a Gaussian source with a covariance matrix between the channels, G_r [channels,
channels] at each frequency f and frame t of the bar, and bar b of the clip has

    X_b ~ N(0, T_b),    T_b = sum over r of D[b, r]^2 G_r + floor,    estimate of source r: D[b, r]^2 G_r T_b^-1 X_b

(Duong, Vincent and Gribonval 2010). Two loops that share a bin but not a place are told apart, which no mask of single
channels can do. The G_r start from magnitudes: nonnegative factors under the Kullback-Leibler divergence with D known
(Lee and Seung 2001); then expectation-maximisation, each G_r drawn towards the place its loop has at that frequency
through the whole bar, for a loop heard in few bars cannot tell its place from single bins.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from core.audio import Samples
from core.cube import Cube, Framing, synthesise
from core.layout import Layout, type_matrix
from core.progress import Progress, part_of, silent
from core.separation import Separated

Array = NDArray[np.float32]
Complex = NDArray[np.complex64]

SWEEPS = 12  # of expectation-maximisation; more gain nothing on played songs and lose where a loop is rare
MAGNITUDE_SWEEPS = 40
PLACE_BARS = 3.0  # bars that a loop's common place counts for against what single bins say
FLOOR = 1e-4  # of a frequency's mean power: what no loop explains
SURPRISE = 4.0  # times (6 dB) the model's power: above it something else sounds
CHUNK = 8  # frequencies fitted at once: few enough for the cache
TINY = 1e-12


def template_stems(
    samples: Samples, cube: Cube, framing: Framing, layout: Layout, *, progress: Progress = silent
) -> Separated:
    """Stems and rest of a clip's samples [channels, frames], from its cube and its layout.

    What lies outside the bars, or rises far above all loops, stays in the rest. Holds three cubes at most.

    Args:
        progress: told often; may raise `Cancelled`.
    """
    matrix, owners = type_matrix(layout)
    templates = fit_templates(cube, matrix, owners, progress=part_of(progress, 0.0, 0.6))
    whitened = _whitened(cube, templates, matrix)
    stems = np.empty((layout.loops, *samples.shape), dtype=np.float32)
    for loop in range(layout.loops):
        progress(0.6 + 0.4 * loop / layout.loops, "separation")
        own = owners == loop
        stems[loop] = synthesise(_estimate(whitened, templates[own], matrix[:, own]), framing, samples.shape[1])
    progress(1.0, "separation")
    return Separated(stems, samples - stems.sum(axis=0))


def fit_templates(
    cube: Cube, matrix: Array, owners: NDArray[np.intp], *, sweeps: int = SWEEPS, progress: Progress = silent
) -> Complex:
    """The covariance of each bar of each loop: complex64 [types, channels, channels, frequencies, frames in a bar].

    Args:
        cube: [channels, frequencies, frames in a bar, bars].
        matrix, owners: D [bars, types] and the loop of each type, as from `type_matrix`.
    """
    channels, frequencies, frames, _ = cube.shape
    templates = np.empty((matrix.shape[1], channels, channels, frequencies, frames), dtype=np.complex64)
    for chunk in _chunks(frequencies):
        progress(chunk.start / frequencies, "templates")
        part = cube[:, chunk]
        power = np.mean(np.square(np.abs(part)), axis=(0, 2, 3), keepdims=True) + np.float32(TINY)
        fitted = _fit(part / np.sqrt(power), matrix, owners, sweeps)
        templates[:, :, :, chunk] = fitted * power[..., 0]
    return templates


def _fit(cube: Cube, matrix: Array, owners: NDArray[np.intp], sweeps: int) -> Complex:
    """The covariances of a few frequencies of unit mean power."""
    rows, bar_row, counts = np.unique(matrix, axis=0, return_inverse=True, return_counts=True)
    groups = [cube[..., bar_row.ravel() == row] for row in range(len(rows))]  # bars in which the same types sound
    seen = [np.einsum("iftb,jftb->ijft", g, g.conj()) / np.float32(g.shape[-1]) for g in groups]
    loudness = np.stack([np.sqrt(np.square(np.abs(g)).mean(axis=0)).mean(axis=-1) for g in groups], axis=-1)
    powers = np.square(_magnitude_templates(loudness, rows, counts))
    templates = _towards_place(_placed(seen, rows, counts, powers), owners, 0.9)
    on = (matrix > 0).sum(axis=0)
    for _ in range(sweeps):
        templates = _sweep(templates, seen, rows, counts, on)
        templates = _towards_place(templates, owners, PLACE_BARS / (on + PLACE_BARS))
    return templates


def _magnitude_templates(loudness: Array, rows: Array, counts: NDArray[np.intp]) -> Array:
    """Nonnegative P [types, frequencies, frames] with loudness[..., u] ~ sum over r of rows[u, r] P_r."""
    V = loudness.reshape(-1, len(rows))
    weights = rows * counts[:, None]
    heard = weights.sum(axis=0)
    P = (V @ weights / heard + np.float32(TINY)) / max(float(rows.sum(axis=1).mean()), 1.0)
    for _ in range(MAGNITUDE_SWEEPS):
        P *= (V / (P @ rows.T + np.float32(TINY))) @ weights / heard
    return np.ascontiguousarray(P.T, dtype=np.float32).reshape(-1, *loudness.shape[:2])


def _placed(seen: list[Complex], rows: Array, counts: NDArray[np.intp], powers: Array) -> Complex:
    """Covariances of the given powers [types, F, T], their shapes those of the mixture under each type's mask."""
    channels = len(seen[0])
    shapes = np.zeros((len(powers), channels, channels, *powers.shape[1:]), dtype=np.complex64)
    for row, count, covariance in zip(rows, counts, seen, strict=True):
        on = np.flatnonzero(row)
        model = powers[on] * np.square(row[on])[:, None, None]
        masks = np.square(model / (model.sum(axis=0) + np.float32(TINY)))
        shapes[on] += count * masks[:, None, None] * covariance
    placed: Complex = shapes * (powers / (_trace(shapes) + np.float32(TINY)))[:, None, None]
    return placed


def _sweep(
    templates: Complex, seen: list[Complex], rows: Array, counts: NDArray[np.intp], on: NDArray[np.intp]
) -> Complex:
    """One step of expectation-maximisation: G <- G + G Q G, Q the mean of T^-1 (seen - T) T^-1 where G sounds."""
    push = np.zeros_like(templates)
    for row, count, covariance in zip(rows, counts, seen, strict=True):
        active = np.flatnonzero(row)
        inverse = _inverse(_total(templates, row))
        pull = _product(_product(inverse, covariance), inverse) - inverse
        push[active] += (count * np.square(row[active]))[:, None, None, None, None] * pull
    for r in range(len(templates)):
        templates[r] += _product(_product(templates[r], push[r] / np.float32(on[r])), templates[r])
    return templates


def _towards_place(templates: Complex, owners: NDArray[np.intp], share: float | NDArray[np.float64]) -> Complex:
    """Templates of which a share has its own power but the place of its loop, one matrix at each frequency."""
    result = np.empty_like(templates)
    channels = templates.shape[1]
    for loop in np.unique(owners):
        own = templates[owners == loop]
        place = own.sum(axis=(0, -1))[..., None]
        place = 0.97 * place / (_trace(place[None])[0] + np.float32(TINY)) + 0.03 * _identity(channels)
        power = np.einsum("ij...,rji...->r...", _inverse(place), own).real / np.float32(channels)
        result[owners == loop] = np.maximum(power, 0.0)[:, None, None] * place
    shares = np.broadcast_to(np.asarray(share, dtype=np.float32), len(templates)).reshape(-1, 1, 1, 1, 1)
    blended: Complex = shares * result + (1 - shares) * templates
    return blended


def _whitened(cube: Cube, templates: Complex, matrix: Array) -> Cube:
    """T_b^-1 X_b in every bin; where the mixture surprises, T_b grows by what no loop explains."""
    result = np.empty_like(cube)
    identity = _identity(len(cube))
    for chunk in _chunks(cube.shape[1]):
        part = templates[:, :, :, chunk]
        floor = FLOOR * np.mean(np.square(np.abs(cube[:, chunk])), axis=(0, 2, 3))[:, None] + np.float32(TINY)
        for bar, row in enumerate(matrix):
            heard = cube[:, chunk, :, bar]
            total = _total(part, row, 0.0) + floor * identity
            more = np.square(np.abs(heard)).mean(axis=0) - SURPRISE * _trace(total[None])[0]
            result[:, chunk, :, bar] = _apply(_inverse(total + np.maximum(more, 0.0) * identity), heard)
    return result


def _estimate(whitened: Cube, templates: Complex, matrix: Array) -> Cube:
    """What a loop's types sound in the mixture: D^2 G T^-1 X, summed over them."""
    result = np.zeros_like(whitened)
    for bar, row in enumerate(matrix):
        for r in np.flatnonzero(row):
            result[..., bar] += np.square(row[r]) * _apply(templates[r], whitened[..., bar])
    return result


def _total(templates: Complex, row: Array, floor: float = FLOOR) -> Complex:
    total: Complex = np.einsum("r,r...->...", np.square(row).astype(np.complex64), templates)
    total += np.float32(floor) * _identity(templates.shape[1])
    return total


def _inverse(matrices: Complex) -> Complex:
    """The inverses of Hermitian matrices [channels, channels, ...]."""
    if len(matrices) == 1:
        return np.reciprocal(matrices)
    if len(matrices) == 2:  # many times faster than the general case
        (a, b), (c, d) = matrices
        inverse: Complex = np.array([[d, -b], [-c, a]]) / (a * d - b * c)
        return inverse
    general: Complex = np.linalg.inv(np.moveaxis(matrices, (0, 1), (-2, -1)))
    front: Complex = np.moveaxis(general, (-2, -1), (0, 1))
    return front


def _product(left: Complex, right: Complex) -> Complex:
    product: Complex = (left[:, :, None] * right[None]).sum(axis=1)
    return product


def _apply(matrices: Complex, vectors: Complex) -> Complex:
    applied: Complex = (matrices * vectors[None]).sum(axis=1)
    return applied


def _trace(matrices: Complex) -> Array:
    """Mean power over the channels of matrices [n, channels, channels, ...]."""
    power: Array = np.einsum("rii...->r...", matrices).real / np.float32(matrices.shape[1])
    return power


def _identity(channels: int) -> Array:
    return np.eye(channels, dtype=np.float32)[:, :, None, None]


def _chunks(frequencies: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, frequencies)) for start in range(0, frequencies, CHUNK))
