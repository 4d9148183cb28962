import numpy as np
import pytest

from benchmarks.speed import madmom_peer
from core.base.errors import Cancelled
from core.base.progress import silent
from core.downbeats.tracker.features import HOP, RATE, onset_features


@pytest.mark.usefixtures("needs_tracker")
@pytest.mark.parametrize("samples", [1, 441, 4095, 3 * RATE, 3 * RATE + 1])
def test_features_are_those_of_madmom(samples: int) -> None:
    rng = np.random.default_rng(samples)
    mono = rng.standard_normal(samples).astype(np.float32) * np.geomspace(1, 1e-4, samples, dtype=np.float32)
    mono += np.float32(0.5) * np.sin(0.05 * np.arange(samples, dtype=np.float32))
    ours, theirs = onset_features(mono, silent), madmom_peer.features(mono)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_click_rises_once_in_every_band_and_is_over() -> None:
    mono = np.zeros(RATE, dtype=np.float32)
    mono[50 * HOP] = 1.0
    features = onset_features(mono, silent)
    assert features.shape[0] == 100
    assert (features[50] > 0).all()  # the click lies in the middle of all three windows
    quiet = np.r_[0:44, 56:100]  # farther away than half of the longest window and its look back
    assert not features[quiet].any()


def test_progress_rises_and_may_cancel() -> None:
    heard: list[float] = []

    def stop_late(fraction: float, _stage: str) -> None:
        heard.append(fraction)
        if fraction > 0.8:
            raise Cancelled

    with pytest.raises(Cancelled):
        onset_features(np.zeros(20 * RATE, dtype=np.float32), stop_late)
    assert heard == sorted(heard)
    assert np.diff(heard).max() < 0.1
