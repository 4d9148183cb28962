"""Bars of a clip of unknown tempo, tracked with madmom's recurrent networks and its model of bars.

Boeck, Krebs and Widmer, "Joint Beat and Downbeat Tracking with Recurrent Neural Networks", ISMIR 2016. The tracker
processes a mono mix at 44.1 kHz, and its bars are accurate to 10 ms. The clip itself is not changed. The results are
those of madmom 0.16.1, but the code is our own. Only the networks' weights are madmom's: their licence is CC BY-NC-SA
4.0, and only the extra `tracking` installs them.
"""

import math

import numpy as np
import scipy.signal
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.audio.bars import MIN_BARS, BarGrid, bars_from_frames
from core.audio.clip import Clip, Samples
from core.base.errors import Code, LoopError
from core.base.progress import Progress, part_of, silent
from core.downbeats.tracker.decoder import FASTEST, decode
from core.downbeats.tracker.features import FPS, RATE, onset_features
from core.downbeats.tracker.lstm import activations
from core.downbeats.tracker.networks import read_networks

MAX_BEATS = 16
CANCELLED_OUT = 0.01  # -40 dB: a mix so far below its channels has lost the music (channels in opposite phase)


def track_bars(clip: Clip, *, beats_per_bar: tuple[int, ...] = (3, 4), progress: Progress = silent) -> BarGrid:
    """Track the downbeats of a clip. On one core this takes a hundredth of its length, and 1 MB of memory a second.

    Args:
        clip: any rate and channels.
        beats_per_bar: the metres to choose from; one metre is chosen for the whole clip.
        progress: called after every few hundredths of a second of work; may raise `Cancelled`.

    Returns:
        A grid of origin "tracker", accurate to about 10 ms. It ends with the last whole bar of the clip.

    Raises:
        LoopError: ARGUMENTS when the tracker is not installed or a metre is not 2 to 16 beats; MUSIC_NOT_USABLE when
            no downbeats are found or there are fewer than `MIN_BARS` bars.
    """
    if not beats_per_bar or not all(2 <= beats <= MAX_BEATS for beats in beats_per_bar):
        raise LoopError(Code.ARGUMENTS, f"beats per bar must be 2 to {MAX_BEATS}, got {list(beats_per_bar)}")
    shortest = MIN_BARS * min(beats_per_bar) * 60 / FASTEST
    if clip.seconds < shortest:
        raise LoopError(
            Code.MUSIC_NOT_USABLE,
            f"{clip.name}: {clip.seconds:.1f} s is too short to find {MIN_BARS} bars in; choose a longer clip",
        )
    progress(0.0, "listening")
    networks = read_networks()
    with threadpool_limits(1, "blas"):  # BLAS threads would wait for each other in products this small
        features = onset_features(_mono(clip), part_of(progress, 0.05, 0.5))
        probabilities = activations(features, networks, part_of(progress, 0.5, 0.9))
    grid = _grid(decode(probabilities, beats_per_bar, part_of(progress, 0.9, 1.0)), clip)
    progress(1.0, "downbeats")
    return grid


def _mono(clip: Clip) -> Samples:
    """The tracker's input: one channel at 44.1 kHz, scaled to peak 1, so that quiet clips work as well."""
    mix = clip.samples.mean(axis=0)
    peaks = [_peak(channel) for channel in clip.samples]
    if _peak(mix) < CANCELLED_OUT * max(peaks):
        mix = clip.samples[np.argmax(peaks)]
    if clip.rate != RATE:
        common = math.gcd(clip.rate, RATE)
        mix = scipy.signal.resample_poly(mix, RATE // common, clip.rate // common)
    return np.asarray(mix / np.float32(_peak(mix)), dtype=np.float32)


def _peak(samples: Samples) -> float:
    return max(float(samples.max()), -float(samples.min()))


def _grid(beats: NDArray[np.float64], clip: Clip) -> BarGrid:
    downbeats = beats[beats[:, 1] == 1, 0]
    if len(downbeats) < MIN_BARS:
        found = f"only {len(downbeats)} downbeats were" if len(downbeats) else "no downbeats were"
        raise LoopError(
            Code.MUSIC_NOT_USABLE,
            f"{clip.name}: {found} found, and {MIN_BARS} bars are needed; give the bars instead (--bpm or --bars)",
        )
    # The end of the last bar is no downbeat. The tolerance of 2 frames keeps the last bar of a clip cut to whole bars.
    end = downbeats[-1] + np.median(np.diff(downbeats))
    if end <= clip.seconds + 2 / FPS:
        downbeats = np.append(downbeats, end)
    starts = np.minimum(np.round(downbeats * clip.rate), clip.frames)
    return bars_from_frames(starts, clip.frames, clip.rate, beats_per_bar=int(beats[:, 1].max()), origin="tracker")
