"""Every field of Settings changes what is done, or is refused: told by outcomes, not by what is passed on.

A new field without an entry in `EFFECTS` fails the first test.
"""

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import array_api_strict
import numpy as np
import pytest
from tensorly.decomposition import non_negative_tucker

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.audio.cube import analyse, frame
from core.base.errors import Code, LoopError
from core.base.settings import OF_TUCKER, Settings
from core.extraction.ladder import Extraction, extract
from core.results.read import read_manifest
from core.results.write import write_result
from core.separation.tucker import decomposition
from core.separation.tucker.bands import pool
from core.separation.tucker.factors import magnitudes
from tests.core.loop_songs import BAR, RATE, tiny_song

TUCKER: dict[str, Any] = {"method": "tucker", "loops": 3, "notes": 6, "rhythms": 5, "iterations": 8}
OTHER_DEVICE = array_api_strict.Device("device1")  # NumPy cannot read its arrays, as it cannot those on a GPU
PLAYED = np.tile([[1, 0], [1, 1], [0, 1], [0, 0]], (6, 1))  # in each bar: a loop of two bars, a loop of one


def two_bar_song() -> tuple[Clip, BarGrid]:
    """24 bars of two loops of noise, one of them 2 bars long."""
    random = np.random.default_rng(0)
    two, one = 0.1 * random.standard_normal((2, BAR)), 0.1 * random.standard_normal(BAR)
    bars = [long * two[bar % 2] + short * one for bar, (long, short) in enumerate(PLAYED)]
    samples = np.concatenate(bars)[None].astype(np.float32)
    return Clip(samples, RATE, "two bars"), BarGrid(BAR * np.arange(len(PLAYED) + 1), 4, "host")


def tiny(**settings: Any) -> Extraction:
    song = tiny_song(channels=1)
    return extract(song.clip, Settings(**settings), grid=song.grid)


def longer(**settings: Any) -> Extraction:
    clip, grid = two_bar_song()
    return extract(clip, Settings(**settings), grid=grid)


def tracked(**settings: Any) -> Extraction:
    """Clicks on every beat, the first of four louder, whose bars nobody has given."""
    random = np.random.default_rng(0)
    beats = np.zeros((32, RATE // 2), np.float32)
    beats[:, :400] = random.standard_normal(400) * np.exp(-np.arange(400) / 80)
    beats[::4] *= 3
    return extract(Clip(0.1 * beats.reshape(1, -1), RATE, "clicks"), Settings(**settings))


class Effect(NamedTuple):
    """Two extractions that differ in one field alone, and what of them must differ with it."""

    song: Callable[..., Extraction]
    base: dict[str, Any]
    value: object
    seen: Callable[[Extraction], object]


def report_on(name: str) -> Callable[[Extraction], object]:
    return lambda found: found.diagnostics[name]


def factor(name: str) -> Callable[[Extraction], object]:
    return lambda found: getattr(found.factors, name).shape


EFFECTS: dict[str, Effect] = {
    "method": Effect(tiny, {}, "tucker", report_on("method")),
    "loops": Effect(tiny, {}, 2, lambda found: len(found.loops)),
    "max_loop_bars": Effect(longer, {}, 1, lambda found: sorted(loop.bars for loop in found.loops)),
    "notes": Effect(tiny, TUCKER, 4, factor("notes")),
    "rhythms": Effect(tiny, TUCKER, 4, factor("rhythms")),
    "iterations": Effect(tiny, TUCKER, 3, lambda found: len(found.factors.errors)),
    "solver": Effect(tiny, TUCKER, "hals", report_on("relative_error")),
    "device": Effect(tiny, TUCKER, "gpu", report_on("device")),
    "seed": Effect(tiny, {}, 1, report_on("loop_savings")),
    "beats_per_bar": Effect(tracked, {}, (2,), lambda found: found.grid.beats_per_bar),
}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU and its PyTorch, in whose place another array library's other device stands."""

    def to_gpu(array: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(to=lambda _name: array_api_strict.asarray(array, device=OTHER_DEVICE))

    def to_cpu(array: Any) -> np.ndarray:
        if not isinstance(array, np.ndarray):
            array = array.to_device(array_api_strict.Device("CPU_DEVICE"))
        return np.asarray(array, dtype=np.float32)

    cuda = SimpleNamespace(is_available=lambda: True)
    nothing = type("Tensor", (), {})
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda, from_numpy=to_gpu, Tensor=nothing))
    monkeypatch.setattr(decomposition, "download", to_cpu)


def test_every_field_has_its_effect_here() -> None:
    assert {field.name for field in fields(Settings)} == set(EFFECTS)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.usefixtures("gpu")
def test_a_field_changes_what_comes_out(name: str, request: pytest.FixtureRequest) -> None:
    song, base, value, seen = EFFECTS[name]
    if song is tracked:
        request.getfixturevalue("needs_tracker")
    assert seen(song(**base)) != seen(song(**{**base, name: value}))


@pytest.mark.parametrize("solver", ["hals", "kl"])
@pytest.mark.usefixtures("gpu")
def test_what_is_solved_on_another_device_is_the_same(solver: str) -> None:
    here, there = (tiny(**TUCKER, solver=solver, device=device) for device in ("cpu", "gpu"))
    assert (here.diagnostics["device"], there.diagnostics["device"]) == ("cpu", str(OTHER_DEVICE))
    np.testing.assert_allclose(there.stems, here.stems, atol=1e-4)


def test_tensorly_is_what_runs_when_it_is_asked_for(tmp_path: Path) -> None:
    """The errors are those of its own iterations, and the loops are its loops."""
    song = tiny_song(channels=1)
    settings = Settings(**{**TUCKER, "solver": "tensorly"})
    found = extract(song.clip, settings, grid=song.grid)
    cube = magnitudes(analyse(song.clip.samples, frame(song.grid, RATE)))
    (_, (_, _, loops)), errors = non_negative_tucker(
        pool(cube / np.sqrt(np.mean(np.square(cube)))), (6, 5, 3), n_iter_max=8, tol=0, random_state=0,
        return_errors=True,
    )  # fmt: skip
    assert found.factors is not None
    np.testing.assert_allclose(found.factors.errors, errors, rtol=1e-3)
    match = found.factors.loops.T @ (loops / np.linalg.norm(loops, axis=0))
    np.testing.assert_allclose(match.max(axis=1), 1.0, atol=1e-3)
    manifest = read_manifest(write_result(found, tmp_path))
    assert {name: manifest["diagnostics"][name] for name in ("method", "solver", "device", "iterations")} == {
        "method": "tucker", "solver": "tensorly", "device": "cpu", "iterations": 8,
    }  # fmt: skip
    assert manifest["settings"]["solver"] == "tensorly"


def test_where_tucker_did_not_run_nothing_is_said_of_it(tmp_path: Path) -> None:
    found = tiny(solver="hals", notes=4)
    manifest = read_manifest(write_result(found, tmp_path))
    assert manifest["diagnostics"]["method"] == "coherent"
    for place in ("settings", "diagnostics"):
        assert not {*OF_TUCKER, "ranks"} & set(manifest[place])
    assert manifest["warnings"] == ["these options had no effect, because method tucker was not needed: notes, solver"]
    assert tiny().warnings == []


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if effect.base is TUCKER])
def test_what_is_of_tucker_is_refused_with_coherent(name: str) -> None:
    value = EFFECTS[name].value
    with pytest.raises(LoopError, match=f"{name} must be left out with method coherent, .* got {value}") as caught:
        tiny(method="coherent", **{name: value})
    assert caught.value.code == Code.ARGUMENTS


def test_metres_for_the_tracker_are_refused_beside_bars() -> None:
    with pytest.raises(LoopError, match=r"beats_per_bar must be left out if the bars are given") as caught:
        tiny(beats_per_bar=(3,))
    assert caught.value.code == Code.ARGUMENTS


@pytest.mark.parametrize("method", ["auto", "tucker"])
@pytest.mark.parametrize(
    ("torch", "said"),
    [(None, "needs PyTorch"), (SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False)), "finds none")],
)
def test_a_gpu_that_is_not_there_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, method: str, torch: object, said: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    told: list[str] = []
    clip = tiny_song(channels=1).clip  # without its bars, which would be tracked first
    with pytest.raises(LoopError, match=f"device gpu .*{said}") as caught:
        extract(clip, Settings(method=method, device="gpu"), lambda _fraction, stage: told.append(stage))  # type: ignore[arg-type]
    assert caught.value.code == Code.ARGUMENTS
    assert "use device cpu" in caught.value.message
    assert told == []
