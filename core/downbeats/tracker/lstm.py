"""Runs the tracker's bidirectional LSTM networks over the features of a song.

The inputs are multiplied with the weights for many frames at once. The recurrent part, 25 outputs of the last frame in
each layer, runs in one compiled loop. Its 16 KB of weights stay in the processor's first cache.
"""

import numpy as np

from core.audio.clip import Samples
from core.base.compiled import compiled
from core.base.progress import Progress, part_of
from core.downbeats.tracker.networks import LANES, UNITS, Lstm, Network

BLOCK = 4096  # frames between calls of progress: some ms
SATURATED = np.float32(9.0)  # tanh of any larger number is 1 in float32
HALF, ONE, TWO = np.float32(0.5), np.float32(1), np.float32(2)
# Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), cut at 13. The coefficients are divided by the
# first one.
ODD_3, ODD_5, ODD_7 = np.float32(17325 / 135135), np.float32(378 / 135135), np.float32(1 / 135135)
EVEN_2, EVEN_4, EVEN_6 = np.float32(62370 / 135135), np.float32(3150 / 135135), np.float32(28 / 135135)
INPUT, FORGET, CELL, OUTPUT, END = (gate * LANES for gate in range(5))


def activations(features: Samples, networks: list[Network], progress: Progress) -> Samples:
    """The probability of a beat and of a downbeat in each frame: float32 [frames, features] to [frames, 2].

    They are the mean over the networks. With the probability of no beat they sum to 1.
    """
    total = np.zeros((len(features), 3), dtype=np.float32)
    passes = sum(2 * len(network.layers) for network in networks)
    done = 0
    for network in networks:
        outputs = features
        for forward, backward in network.layers:
            inputs, outputs = outputs, np.empty((len(features), 2 * UNITS), dtype=np.float32)
            for lstm, is_forward in ((forward, True), (backward, False)):
                _run(lstm, inputs, outputs, is_forward, part_of(progress, done / passes, (done + 1) / passes))
                done += 1
        total += _softmax(outputs @ network.weights + network.bias)
    return np.asarray(total[:, 1:] / len(networks))


def _run(lstm: Lstm, inputs: Samples, outputs: Samples, is_forward: bool, progress: Progress) -> None:
    """Run one LSTM over inputs [frames, numbers], forward or backward in time, and write its columns of outputs."""
    hidden, state = np.zeros(LANES, dtype=np.float32), np.zeros(LANES, dtype=np.float32)
    frames = len(inputs)
    for done in range(0, frames, BLOCK):
        progress(done / frames, "downbeats")
        count = min(BLOCK, frames - done)
        first = done if is_forward else frames - done - count
        block = slice(first, first + count)
        arriving = inputs[block] @ lstm.weights
        arriving += lstm.bias
        _steps(arriving, lstm.recurrent, lstm.peepholes, hidden, state, outputs[block], is_forward)


@compiled
def _tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent with an error below 2e-7: t = Lambert's fraction at x / 2, then tanh(x) = 2 t / (1 + t^2)."""
    half = HALF * min(max(x, -SATURATED), SATURATED)
    square = half * half
    odd = half * (ONE + square * (ODD_3 + square * (ODD_5 + square * ODD_7)))
    even = ONE + square * (EVEN_2 + square * (EVEN_4 + square * EVEN_6))
    return TWO * odd * even / (even * even + odd * odd)


@compiled
def _steps(
    arriving: Samples,
    recurrent: Samples,
    peepholes: Samples,
    hidden: Samples,
    state: Samples,
    outputs: Samples,
    is_forward: bool,
) -> None:
    """Step through a block. `hidden` and `state` [LANES] are updated for the next block."""
    sums = np.empty(END, dtype=np.float32)
    column = 0 if is_forward else UNITS
    for step in range(len(arriving)):
        frame = step if is_forward else len(arriving) - 1 - step
        for lane in range(END):
            sums[lane] = arriving[frame, lane]
        for unit in range(UNITS):
            for lane in range(END):
                sums[lane] += hidden[unit] * recurrent[unit, lane]
        for lane in range(LANES):
            sums[INPUT + lane] += state[lane] * peepholes[0, lane]
            sums[FORGET + lane] += state[lane] * peepholes[1, lane]
        for lane in range(OUTPUT):
            sums[lane] = _tanh(sums[lane])
        for lane in range(LANES):  # a gate's logistic function is (1 + tanh) / 2; the sums are halved already
            written = sums[CELL + lane] * (ONE + sums[INPUT + lane])
            state[lane] = HALF * (written + state[lane] * (ONE + sums[FORGET + lane]))
            opened = HALF * (ONE + _tanh(sums[OUTPUT + lane] + state[lane] * peepholes[2, lane]))
            hidden[lane] = opened * _tanh(state[lane])
        for unit in range(UNITS):
            outputs[frame, column + unit] = hidden[unit]


def _softmax(values: Samples) -> Samples:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
