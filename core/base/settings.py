"""The settings of an extraction: the user's choices, checked once."""

from collections.abc import Container
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from core.base.errors import Code, LoopError

Method = Literal["auto", "coherent", "tucker"]
Solver = Literal["kl", "hals", "tensorly"]
Device = Literal["cpu", "gpu"]

ITERATIONS = 400
LOOP_BARS = (1, 2, 4, 8)
OF_TUCKER = ("notes", "rhythms", "iterations", "solver", "device")  # fields that only this method uses


@dataclass(frozen=True)
class Settings:
    """The settings of an extraction.

    Attributes:
        method: "coherent" finds loops that repeat as waveforms, phase and all; "tucker" is the nonnegative Tucker
            decomposition; "auto" tries waveforms, then the spectra of played loops, then the Tucker decomposition.
        loops: the number of loops; None estimates it.
        max_loop_bars: the length in bars of the longest loop to search for: 1, 2, 4 or 8. Loops of "tucker" have 1 bar.
        notes, rhythms: ranks of the Tucker decomposition; None for the automatic ranks.
        iterations: the largest number of iterations of the Tucker decomposition.
        solver: of the Tucker decomposition: "kl", "hals" or "tensorly"; see core/separation/tucker/decomposition.py.
        device: where the Tucker decomposition runs: "cpu", or "gpu" with PyTorch.
        seed: the seed of all random numbers; the same seed gives the same bytes.
        beats_per_bar: the beats per bar that the downbeat tracker may choose; refused if the bars are given. The bars
            get another length afterwards if the sound repeats so.

    Settings of the Tucker decomposition are refused with "coherent". With "auto" they have an effect if the song needs
    that decomposition; otherwise a warning names them.

    Raises:
        LoopError: ARGUMENTS, with the field, its rule and its value.
    """

    method: Method = "auto"
    loops: int | None = None
    max_loop_bars: int = 8
    notes: int | None = None
    rhythms: int | None = None
    iterations: int = ITERATIONS
    solver: Solver = "kl"
    device: Device = "cpu"
    seed: int = 0
    beats_per_bar: tuple[int, ...] = (3, 4)

    def __post_init__(self) -> None:
        for name, choices in (("method", Method), ("solver", Solver), ("device", Device)):
            value = getattr(self, name)
            _require(value in get_args(choices), name, f"one of {', '.join(get_args(choices))}", value)
        tensorly_on_gpu = self.solver == "tensorly" and self.device == "gpu"
        _require(not tensorly_on_gpu, "device", "cpu with solver tensorly", self.device)
        for name in ("loops", "notes", "rhythms"):
            value = getattr(self, name)
            _require(value is None or value >= 1, name, "1 or more, or left out", value)
        _require(self.max_loop_bars in LOOP_BARS, "max_loop_bars", "1, 2, 4 or 8", self.max_loop_bars)
        _require(self.iterations >= 1, "iterations", "1 or more", self.iterations)
        _require(0 <= self.seed < 2**32, "seed", "0 to 4294967295", self.seed)
        beats = self.beats_per_bar
        _require(bool(beats) and all(1 <= b <= 32 for b in beats), "beats_per_bar", "numbers from 1 to 32", beats)
        if self.method == "coherent":
            for name, value in self.changed(OF_TUCKER).items():
                _require(False, name, "left out with method coherent, which does not use it", value)

    def changed(self, names: Container[str]) -> dict[str, Any]:
        """The values of those of these fields that differ from their defaults."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name in names and getattr(self, field.name) != field.default
        }


def _require(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise LoopError(Code.ARGUMENTS, f"{name} must be {rule}, got {value}")
