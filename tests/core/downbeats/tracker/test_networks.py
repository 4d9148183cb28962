import importlib.machinery
import pickle
from pathlib import Path

import numpy as np
import pytest

from core.base.errors import Code, LoopError
from core.downbeats.tracker.networks import GATES, LANES, MODELS, UNITS, read_networks


def _pretend(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """A madmom that consists of one model file; its path."""
    spec = importlib.machinery.ModuleSpec("madmom", None, origin=str(folder / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)
    path = folder / MODELS.replace("*", "1")
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.usefixtures("needs_tracker")
def test_there_are_eight_networks_of_three_layers() -> None:
    networks = read_networks()
    assert len(networks) == 8
    for network in networks:
        assert [forward.weights.shape[0] for forward, _ in network.layers] == [314, 2 * UNITS, 2 * UNITS]
        assert {lstm.recurrent.shape for pair in network.layers for lstm in pair} == {(UNITS, GATES * LANES)}
        assert network.weights.shape == (2 * UNITS, 3)
        assert all(lstm.weights.dtype == np.float32 for pair in network.layers for lstm in pair)


def test_madmom_without_its_models_counts_as_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _pretend(monkeypatch, tmp_path)
    with pytest.raises(LoopError, match=r"not installed \(madmom at .* lacks its models\); give --bpm") as caught:
        read_networks()
    assert caught.value.code is Code.ARGUMENTS


def test_a_model_may_not_run_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, ("1/0",)

    _pretend(monkeypatch, tmp_path).write_bytes(pickle.dumps(Evil()))
    with pytest.raises(pickle.UnpicklingError, match=r"builtins\.eval has no place in a model"):
        read_networks()
