"""How well estimated loops match known ones: SDR and SI-SDR, assignment, the ideal ratio mask, activations, the null.

Signals are float32 [channels, frames]. They are compared directly, all channels at once: there is no filtering, and
loops are not merged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.signal import get_window, istft, stft

from core.audio.bars import BarGrid
from core.audio.clip import Samples

CEILING, FLOOR = 100.0, -50.0  # dB: beyond these limits the precision of float32 and silence decide
MASK_WINDOW, MASK_HOP = 2048, 512
PLAYS = 0.25  # of a loop's maximum: where its activation is lower, the estimate counts as off
BLOCK = 1 << 20  # frames summed at once in float64


@dataclass(frozen=True)
class Match:
    """Estimates assigned to true stems.

    Attributes:
        estimate: index of each true stem's estimate, -1 if it has none, int64 [loops].
        sdr: dB of each true stem, [loops]; 0 without an estimate, because a silent estimate scores 0 as well.
        si_sdr: dB of each true stem, [loops]; `FLOOR` without an estimate.
    """

    estimate: NDArray[np.int64]
    sdr: NDArray[np.float64]
    si_sdr: NDArray[np.float64]


def sdr(true: Samples, estimate: Samples) -> float:
    """Signal-to-distortion ratio 10 log10(|s|^2 / |s - e|^2) in dB, limited to `FLOOR` and `CEILING`."""
    return float(_sdr_of(*_products(true, estimate)))


def si_sdr(true: Samples, estimate: Samples) -> float:
    """Scale-invariant SDR in dB (Le Roux et al. 2019): `sdr` after the true signal is scaled to fit the estimate."""
    return float(_si_sdr_of(*_products(true, estimate)))


def match(stems: Samples, estimates: Samples) -> Match:
    """Assign estimates [m, channels, frames] to stems [loops, channels, frames], one to one, for the highest SDR."""
    products = [[_products(stem, estimate) for estimate in estimates] for stem in stems]
    loops = len(stems)
    estimate = np.full(loops, -1, dtype=np.int64)
    ratios, scaled = np.zeros(loops), np.full(loops, FLOOR)
    if len(estimates):
        table = np.array([[_sdr_of(*cell) for cell in row] for row in products])
        for k, j in zip(*linear_sum_assignment(-table), strict=True):
            estimate[k], ratios[k], scaled[k] = j, table[k, j], _si_sdr_of(*products[k][j])
    return Match(estimate, ratios, scaled)


def ideal_ratio_mask(stems: Samples, rest: Samples, exponent: float = 2.0) -> Samples:
    """Estimates by the ideal ratio mask: true |S_k|^p / sum_j |S_j|^p over loops and rest, on the mixture's STFT.

    Args:
        stems: [loops, channels, frames]; rest: [channels, frames].
        exponent: p; 2 is the customary Wiener-like mask.

    Returns:
        Estimates [loops, channels, frames].
    """
    result = np.empty_like(stems)
    window = np.sqrt(get_window("hann", MASK_WINDOW))
    settings = {"window": window, "nperseg": MASK_WINDOW, "noverlap": MASK_WINDOW - MASK_HOP}
    for channel in range(stems.shape[1]):  # one channel at a time, to limit the memory
        mixture = stft(stems[:, channel].sum(axis=0) + rest[channel], **settings)[2].astype(np.complex64)
        powers = [_power(stft(stem, **settings)[2], exponent) for stem in stems[:, channel]]
        total = sum(powers, start=_power(stft(rest[channel], **settings)[2], exponent)) + 1e-20
        for k, power in enumerate(powers):
            result[k, channel] = istft(mixture * (power / total), **settings)[1][: stems.shape[2]]
    return result


def activation_f1(
    true: NDArray[np.float32], estimate: NDArray[np.float32], assigned: NDArray[np.int64]
) -> NDArray[np.float64]:
    """F1 of each true loop's activation, [loops].

    Args:
        true: [bars, loops], above 0 where a loop plays.
        estimate: [bars, m] on the same bars. It counts as on above a quarter of the loop's maximum, because gains vary.
        assigned: the estimate of each true loop; -1 for none, which scores 0.
    """
    scores = np.zeros(true.shape[1])
    for k, j in enumerate(assigned):
        if j < 0 or estimate[:, j].max() <= 0:
            continue
        plays, estimated = true[:, k] > 0, estimate[:, j] > PLAYS * estimate[:, j].max()
        scores[k] = 2 * np.sum(plays & estimated) / (np.sum(plays) + np.sum(estimated))
    return scores


def on_bars(activations: NDArray[np.float32], grid: BarGrid, wanted: BarGrid) -> NDArray[np.float32]:
    """Activations of one grid on the bars of another: those of the bar that contains each bar's middle; 0 if none."""
    middle = (wanted.starts[:-1] + wanted.starts[1:]) // 2
    bar = np.searchsorted(grid.starts, middle, side="right") - 1
    inside = (bar >= 0) & (bar < grid.bars)
    result = activations[np.clip(bar, 0, grid.bars - 1)]
    return np.where(inside[:, None], result, np.float32(0.0))


def null_depth(mixture: Samples, stems: Samples, rest: Samples) -> float:
    """Peak of mixture - stems - rest in dBFS, at least -200."""
    left = mixture.astype(np.float64) - stems.sum(axis=0, dtype=np.float64) - rest
    return float(20 * np.log10(max(np.abs(left).max(), 1e-10)))


def _products(true: Samples, estimate: Samples) -> tuple[float, float, float, float]:
    """|s|^2, |e|^2, <s, e> and |s - e|^2 in float64."""
    sums = np.zeros(4)
    for start in range(0, true.shape[1], BLOCK):
        s = true[:, start : start + BLOCK].astype(np.float64).ravel()
        e = estimate[:, start : start + BLOCK].astype(np.float64).ravel()
        sums += (s @ s, e @ e, s @ e, (s - e) @ (s - e))
    return float(sums[0]), float(sums[1]), float(sums[2]), float(sums[3])


def _sdr_of(ss: float, ee: float, se: float, dd: float) -> float:  # noqa: ARG001 - one signature for both ratios
    return _decibels(ss, dd)


def _si_sdr_of(ss: float, ee: float, se: float, dd: float) -> float:  # noqa: ARG001
    target = se**2 / ss if ss > 0 else 0.0
    return _decibels(target, ee - target)


def _decibels(signal: float, noise: float) -> float:
    if signal <= 0:
        return FLOOR
    return float(np.clip(10 * np.log10(signal / max(noise, 1e-300)), FLOOR, CEILING))


def _power(spectrum: NDArray[np.complex128], exponent: float) -> NDArray[np.float32]:
    return (np.abs(spectrum) ** exponent).astype(np.float32)
