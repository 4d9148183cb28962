"""The weights of madmom's downbeat networks, read from its model files without importing madmom itself.

madmom's only release, 0.16.1 of 2018, cannot be imported on current versions of Python. Its models need none of its
code: they are pickles of plain objects that hold arrays. The reader here accepts only these.
"""

import importlib.util
import pickle
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from core.audio.clip import Samples
from core.base.errors import Code, LoopError

UNITS = 25  # of each LSTM
LANES = 32  # numbers stored for each gate, the last 7 unused: a whole number of a processor's vectors
GATES = 4  # input, forget, cell, output
MODELS = "models/downbeats/2016/downbeats_blstm_*.pkl"


@dataclass(frozen=True)
class Lstm:
    """One direction of a layer. The columns are input gate, forget gate, cell, output gate, each `LANES` wide.

    All weights but the cell's are halved, because the logistic function of x is (1 + tanh(x / 2)) / 2.

    Attributes:
        weights: float32 [inputs, columns]; bias: float32 [columns].
        recurrent: float32 [UNITS, columns], from the last output.
        peepholes: float32 [3, LANES], from the cell's state into input, forget and output gate.
    """

    weights: Samples
    bias: Samples
    recurrent: Samples
    peepholes: Samples


@dataclass(frozen=True)
class Network:
    """Layers with one LSTM forward and one backward in time, then a last layer of three units: no beat, beat, downbeat.

    Attributes:
        weights: float32 [2 * UNITS, 3]; bias: float32 [3], both of the last layer.
    """

    layers: tuple[tuple[Lstm, Lstm], ...]
    weights: Samples
    bias: Samples


def read_networks() -> list[Network]:
    """The eight networks of Boeck, Krebs and Widmer (ISMIR 2016), from the installed madmom.

    Raises:
        LoopError: ARGUMENTS when madmom or its models are not installed.
    """
    spec = importlib.util.find_spec("madmom")  # finds the package without importing it
    if spec is None or spec.origin is None:
        raise _missing("there is no madmom")
    paths = sorted(Path(spec.origin).parent.glob(MODELS))
    if not paths:
        raise _missing(f"madmom at {Path(spec.origin).parent} lacks its models")
    return [_network(path) for path in paths]


def _missing(what: str) -> LoopError:
    return LoopError(
        Code.ARGUMENTS,
        f"no bars are given and the downbeat tracker is not installed ({what}); give --bpm or --bars,"
        " or install the extra `tracking` (uv sync --extra tracking)",
    )


class _Held(SimpleNamespace):
    """Replaces every class and function of madmom."""


class _Reader(pickle.Unpickler):
    """Reads arrays and plain objects that hold them. It refuses all else, because a pickle can run any code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("madmom.ml.nn"):
            return _Held
        if (module, name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]  # the same function, wherever the installed NumPy has it
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a model")


def _network(path: Path) -> Network:
    with path.open("rb") as file:
        *recurrent, last = _Reader(file, encoding="latin1").load().layers
    layers = tuple((_lstm(layer.fwd_layer), _lstm(layer.bwd_layer)) for layer in recurrent)
    return Network(layers, last.weights.astype(np.float32), last.bias.astype(np.float32).ravel())


def _lstm(layer: Any) -> Lstm:
    gates = (layer.input_gate, layer.forget_gate, layer.cell, layer.output_gate)
    halves = (0.5, 0.5, 1.0, 0.5)
    return Lstm(
        _columns([half * gate.weights for half, gate in zip(halves, gates, strict=True)]),
        _columns([half * gate.bias.reshape(1, -1) for half, gate in zip(halves, gates, strict=True)])[0],
        _columns([half * gate.recurrent_weights for half, gate in zip(halves, gates, strict=True)]),
        _columns([np.stack([0.5 * gate.peephole_weights.ravel() for gate in (gates[0], gates[1], gates[3])])]),
    )


def _columns(gates: list[Samples]) -> Samples:
    """Arrays [rows, UNITS] side by side, each padded to `LANES` columns."""
    wide = np.zeros((len(gates[0]), len(gates), LANES), dtype=np.float32)
    for number, gate in enumerate(gates):
        wide[:, number, :UNITS] = gate
    return wide.reshape(len(wide), -1)
