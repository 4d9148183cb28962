import numpy as np
import pytest

from benchmarks.speed import madmom_peer
from core.audio.clip import Samples
from core.base.progress import silent
from core.downbeats.tracker import lstm as recurrent
from core.downbeats.tracker.features import RATE, onset_features
from core.downbeats.tracker.networks import GATES, LANES, UNITS, Lstm, Network, read_networks


@pytest.fixture(scope="module")
def features() -> Samples:
    """Those of three seconds of clicks and noise."""
    rng = np.random.default_rng(0)
    mono = 0.01 * rng.standard_normal(3 * RATE)
    for place in range(0, 3 * RATE, RATE // 2):
        mono[place : place + 2000] += rng.standard_normal(2000) * np.exp(-np.arange(2000) / 400)
    return onset_features((mono / np.abs(mono).max()).astype(np.float32), silent)


@pytest.mark.usefixtures("needs_tracker")
def test_activations_are_those_of_madmom(features: Samples) -> None:
    ours = recurrent.activations(features, read_networks(), silent)
    theirs = madmom_peer.activations(features)
    assert theirs.max() > 0.5  # there are beats to be heard
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def random_network(rng: np.random.Generator, inputs: int) -> Network:
    """One layer of random weights, idle lanes included as they are in models."""

    def lstm() -> Lstm:
        columns = np.tile(np.arange(LANES) < UNITS, GATES)
        return Lstm(
            (rng.standard_normal((inputs, GATES * LANES)) * columns).astype(np.float32),
            (rng.standard_normal(GATES * LANES) * columns).astype(np.float32),
            (rng.standard_normal((UNITS, GATES * LANES)) * columns).astype(np.float32),
            (rng.standard_normal((3, LANES)) * columns[:LANES]).astype(np.float32),
        )

    weights = rng.standard_normal((2 * UNITS, 3)).astype(np.float32)
    return Network(((lstm(), lstm()),), weights, rng.standard_normal(3).astype(np.float32))


def textbook(lstm: Lstm, inputs: Samples) -> Samples:
    """An LSTM with peepholes in the words of its equations, in float64: [frames, inputs] to [frames, UNITS]."""

    def logistic(half: Samples) -> Samples:
        return 1 / (1 + np.exp(-2 * half))

    hidden, state, outputs = np.zeros(UNITS), np.zeros(LANES), []
    for frame in inputs.astype(np.float64):
        into, forget, cell, out = np.split(frame @ lstm.weights + lstm.bias + hidden @ lstm.recurrent, GATES)
        kept = state * logistic(forget + state * lstm.peepholes[1])
        state = kept + np.tanh(cell) * logistic(into + state * lstm.peepholes[0])
        hidden = (np.tanh(state) * logistic(out + state * lstm.peepholes[2]))[:UNITS]
        outputs.append(hidden)
    return np.array(outputs)


@pytest.mark.parametrize("block", [1, 7, 4096])
def test_blocks_do_not_show_and_an_lstm_is_what_textbooks_say(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "BLOCK", block)
    rng = np.random.default_rng(1)
    network, features = random_network(rng, 5), rng.standard_normal((40, 5)).astype(np.float32)
    forward, backward = network.layers[0]
    hidden = np.hstack([textbook(forward, features), textbook(backward, features[::-1])[::-1]])
    raised = np.exp(hidden @ network.weights + network.bias)
    wanted = (raised / raised.sum(axis=1, keepdims=True))[:, 1:]
    np.testing.assert_allclose(recurrent.activations(features, [network], silent), wanted, atol=2e-5)


def test_the_hyperbolic_tangent_is_good_to_float32() -> None:
    x = np.concatenate([np.linspace(-12, 12, 4001), [-1e30, 1e30, np.inf, 1e-30]]).astype(np.float32)
    ours = np.array([recurrent._tanh(value) for value in x])
    np.testing.assert_allclose(ours, np.tanh(x.astype(np.float64)), atol=3e-7)
