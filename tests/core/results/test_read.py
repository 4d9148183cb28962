"""Result folders read back: what was written comes again, and what is damaged is told."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from core.base.errors import Code, LoopError
from core.results.piece import heard_from, steady
from core.results.read import read_manifest, read_result
from core.results.write import piece_of
from tests.core.results.odd_results import ODD, odd_extraction, write_odd_result

OddResult = Callable[[str], Path]


@pytest.mark.parametrize("case", ODD)
def test_what_was_written_comes_again(odd_result: OddResult, case: str) -> None:
    extraction = odd_extraction(ODD[case])
    result = read_result(odd_result(case))
    written, read = piece_of(extraction), result.piece
    assert (read.name, read.rate, read.frames, read.channels) == (
        written.name,
        written.rate,
        written.frames,
        written.channels,
    )
    assert (read.grid.beats_per_bar, read.grid.beat_unit) == ODD[case].metre
    np.testing.assert_array_equal(read.grid.starts, written.grid.starts)
    np.testing.assert_allclose(read.activations, written.activations, atol=1e-4)
    for back, part in zip(read.parts, written.parts, strict=True):
        assert (back.label, back.bars, back.start_bar) == (part.label, part.bars, part.start_bar)
        np.testing.assert_array_equal(back.heard, part.heard)
    np.testing.assert_allclose(result.song(), extraction.clip.samples, atol=1e-5)


def test_a_manifest_without_heard_bars_goes_round_and_round(tmp_path: Path) -> None:
    folder = write_odd_result(ODD["plain"], tmp_path)
    change(folder, lambda manifest: [loop.pop("heard") for loop in manifest["loops"]])
    for part in read_result(folder).piece.parts:
        np.testing.assert_array_equal(part.heard, steady(part.start_bar, part.bars, 8))


@given(st.data())
def test_the_file_of_a_loop_has_the_bar_that_is_heard(data: st.DataObject) -> None:
    bars = data.draw(st.sampled_from([1, 2, 3, 4, 6, 8]))
    loop_bars = np.array(data.draw(st.lists(st.integers(-1, bars - 1), min_size=8, max_size=24)), np.int16)
    start = data.draw(st.integers(0, len(loop_bars) - bars))
    first = data.draw(st.integers(0, bars - 1))
    loop_bars[start : start + bars] = (first + np.arange(bars)) % bars  # one whole pass, begun anywhere
    heard = heard_from(start, bars, loop_bars)
    on = loop_bars >= 0
    np.testing.assert_array_equal(heard >= 0, on)
    np.testing.assert_array_equal(loop_bars[start + heard[on]], loop_bars[on])


def change(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "bars go backwards": (lambda m: m["bars"]["starts"].reverse(), "must increase"),
    "bars leave the song": (lambda m: m["source"].update(frames=100), "inside the song"),
    "an activation is missing": (lambda m: m["loops"][0]["activations"].pop(), r"loops\[0\].activations must have 8"),
    "a heard bar is missing": (lambda m: m["loops"][1]["heard"].pop(), r"loops\[1\].heard must have 8"),
    "cut from nowhere": (lambda m: m["loops"][2].update(start_bar=7), r"loops\[2\] was cut"),
    "a loop without a name": (lambda m: m["loops"][0].pop("label"), "label"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_manifest_that_does_not_fit_together_is_told(odd_result: OddResult, tmp_path: Path, kind: str) -> None:
    folder = shutil.copytree(odd_result("plain"), tmp_path / "copy")
    edit, reason = DAMAGE[kind]
    change(folder, edit)
    with pytest.raises(LoopError, match=reason) as caught:
        read_result(folder)
    assert caught.value.code == Code.ARGUMENTS


def test_what_is_no_result_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path, tmp_path / "none", tmp_path / "file"):
        with pytest.raises(LoopError, match="is this a result") as caught:
            read_result(folder)
        assert caught.value.code == Code.NO_SUCH_FILE


def test_a_missing_file_is_told(odd_result: OddResult, tmp_path: Path) -> None:
    for number, kind in enumerate(("stems", "loops", "rest")):
        folder = shutil.copytree(odd_result("plain"), tmp_path / str(number))
        path = getattr(read_result(folder), kind)
        (path if kind == "rest" else path[0]).unlink()
        with pytest.raises(LoopError, match="it is missing") as caught:
            read_result(folder)
        assert caught.value.code == Code.INCOMPLETE


def test_damaged_audio_is_told(odd_result: OddResult, tmp_path: Path) -> None:
    folder = shutil.copytree(odd_result("plain"), tmp_path / "copy")
    result = read_result(folder)
    soundfile.write(result.stems[0], np.zeros((100, 2)), result.piece.rate, subtype="FLOAT")
    result.stems[1].write_bytes(b"RIFF")
    for stem, reason in zip(result.stems, ("it has 100 frames", "damaged"), strict=False):
        with pytest.raises(LoopError, match=reason) as caught:
            result.audio(stem)
        assert caught.value.code == Code.INCOMPLETE


def test_the_manifest_is_read_alike_by_itself(odd_result: OddResult) -> None:
    assert read_result(odd_result("plain")).manifest == read_manifest(odd_result("plain"))
