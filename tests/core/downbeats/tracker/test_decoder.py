import numpy as np
import pytest

from benchmarks.speed import madmom_peer
from core.audio.clip import Samples
from core.base.errors import Cancelled
from core.base.progress import silent
from core.downbeats.tracker import decoder as bar_decoder
from core.downbeats.tracker.decoder import decode


def pulses(seed: int, frames: int, *, beats: int = 4, period: float = 50.0, noise: float = 0.1) -> Samples:
    """Activations of a steady or, by seed, a hastening beat in noise, with gaps."""
    rng = np.random.default_rng(seed)
    found = noise * rng.random((frames, 2)) ** 4
    place, number = rng.uniform(0, period), 0
    while place < frames - 1:
        if rng.random() > 0.15:
            column = int(number % beats == 0)
            found[int(place), column] += rng.uniform(0.2, 0.7)
            found[int(place) + 1, column] += rng.uniform(0.0, 0.2)
        period *= rng.uniform(0.97, 1.02) if seed % 2 else 1.0
        place, number = place + period, number + 1
    return found.astype(np.float32)


@pytest.mark.usefixtures("needs_tracker")
@pytest.mark.parametrize(
    ("activations", "beats_per_bar"),
    [
        (pulses(0, 1500), (3, 4)),
        (pulses(1, 1500), (3, 4)),
        (pulses(2, 1200, beats=3, period=33.3), (3, 4)),
        (pulses(3, 1200, beats=5, period=70.0), (5, 7)),
        (0.6 * pulses(4, 900, beats=2, noise=0.3), (2,)),
        (pulses(5, 20), (4,)),  # shorter than the shortest beat
        (np.full((300, 2), 0.4, dtype=np.float32), (3, 4)),  # all the same
    ],
)
def test_beats_are_those_of_madmom(activations: Samples, beats_per_bar: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(
        decode(activations, beats_per_bar, silent), madmom_peer.beats(activations, beats_per_bar)
    )


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    activations = pulses(6, 800)
    whole = decode(activations, (3, 4), silent)
    monkeypatch.setattr(bar_decoder, "BLOCK", 17)
    np.testing.assert_array_equal(decode(activations, (3, 4), silent), whole)


def test_steady_pulses_are_counted_from_the_downbeat() -> None:
    activations = np.full((1000, 2), 1e-3, dtype=np.float32)
    activations[20::50, 0] = 0.8
    activations[70::200] = (0.1, 0.8)
    beats = decode(activations, (3, 4), silent)
    np.testing.assert_allclose(beats[:, 0], np.arange(20, 1000, 50) / 100)
    np.testing.assert_array_equal(beats[:, 1], [4, *np.tile([1, 2, 3, 4], 5)[:19]])


def test_where_nothing_sounds_like_a_beat_none_is_found() -> None:
    assert decode(np.full((500, 2), 0.01, dtype=np.float32), (3, 4), silent).shape == (0, 2)


def test_certainty_is_no_accident() -> None:
    """Probabilities of exactly 0 and 1, which no network gives, leave a path."""
    activations = np.zeros((600, 2), dtype=np.float32)
    activations[::50, 0] = 1.0
    activations[::200] = (0.0, 1.0)
    np.testing.assert_array_equal(decode(activations, (4,), silent)[:, 1], np.tile([1, 2, 3, 4], 3))


def test_progress_rises_and_may_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bar_decoder, "BLOCK", 100)
    heard: list[float] = []

    def stop_late(fraction: float, _stage: str) -> None:
        heard.append(fraction)
        if fraction > 0.8:
            raise Cancelled

    with pytest.raises(Cancelled):
        decode(pulses(0, 1000), (3, 4), stop_late)
    assert heard == sorted(heard)
    assert len(heard) > 10
