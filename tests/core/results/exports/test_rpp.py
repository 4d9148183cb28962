"""REAPER projects, read back by the package rpp and played by what they say."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rpp
import soundfile

from core.base.errors import Code, LoopError
from core.results.exports.rpp import quoted, write_rpp
from core.results.pictures.colours import loop_colour
from core.results.read import Result, read_result
from tests.core.results.exports.bar_lines import bar_lines, seconds_at
from tests.core.results.odd_results import ODD, odd_extraction

OddResult = Callable[[str], Path]


def project(result: Result, tmp_path: Path) -> rpp.Element:
    """The project of a result, written as if into its folder."""
    write_rpp(result, tmp_path / "project.rpp", result.folder)
    return rpp.loads((tmp_path / "project.rpp").read_text(encoding="utf-8"))


def value(element: rpp.Element, name: str) -> list[str]:
    return list(element.find(name))[1:]


def played(result: Result, tracks: list[rpp.Element]) -> np.ndarray:
    """What tracks sound like, [channels, frames]: each item's part of its file, at its place and volume."""
    piece = result.piece
    mix = np.zeros((piece.channels, piece.frames))
    for item in (item for track in tracks for item in track.findall("ITEM")):
        samples, rate = soundfile.read(result.folder / value(item.find("SOURCE"), "FILE")[0], always_2d=True)
        at, length, offset = (round(float(value(item, key)[0]) * rate) for key in ("POSITION", "LENGTH", "SOFFS"))
        part = samples[offset : offset + length].T * float(value(item, "VOLPAN")[0])
        mix[:, at : at + part.shape[1]] += part
    return mix


def folders(root: rpp.Element) -> dict[str, list[rpp.Element]]:
    """The tracks in each folder, by what ISBUS says; all that is opened is closed."""
    found: dict[str, list[rpp.Element]] = {}
    depth, name = 0, ""
    for track in root.findall("TRACK"):
        kind, change = (int(number) for number in value(track, "ISBUS"))
        if kind == 1:
            assert depth == 0
            name = value(track, "NAME")[0]
            found[name] = []
        else:
            assert depth == 1
            found[name].append(track)
        depth += change
    assert depth == 0
    return found


@pytest.mark.parametrize("case", ODD)
def test_a_project_has_a_track_for_every_stem_and_loop(odd_result: OddResult, tmp_path: Path, case: str) -> None:
    result = read_result(odd_result(case))
    tree = project(result, tmp_path)
    assert tree.tag == "REAPER_PROJECT"
    found = folders(tree)
    parts = result.piece.parts
    labels = [f"{k:02d} {quoted_and_read(part.label)}" for k, part in enumerate(parts, start=1)]
    assert [value(track, "NAME")[0] for track in found["Stems"]] == [*labels, "rest"]
    assert [value(track, "NAME")[0] for track in found.get("Loops", [])] == [f"{label} (loop)" for label in labels]
    files = [value(source, "FILE")[0] for source in tree.findall(".//SOURCE")]
    assert all((result.folder / file).is_file() for file in files)
    assert not any(Path(file).is_absolute() or "\\" in file for file in files)
    guids = [value(track, "TRACKID")[0] for track in tree.findall("TRACK")]
    guids += [value(item, key)[0] for item in tree.findall("TRACK/ITEM") for key in ("GUID", "IGUID")]
    assert len(set(guids)) == len(guids)


def quoted_and_read(label: str) -> str:
    """A label as a project can hold it: where all three quotes are in use, backticks are apostrophes."""
    label = label.replace("\n", " ").replace("\x07", " ")
    return label.replace("`", "'") if set("\"'`") <= set(label) else label


@pytest.mark.parametrize("case", ["plain", "uneven bars", "seven eight"])
def test_the_stems_play_the_song_and_the_loops_their_stems(odd_result: OddResult, tmp_path: Path, case: str) -> None:
    result = read_result(odd_result(case))
    found = folders(project(result, tmp_path))
    np.testing.assert_allclose(played(result, found["Stems"]), result.song(), atol=1e-5)
    for track, stem, part in zip(found["Loops"], odd_extraction(ODD[case]).stems, result.piece.parts, strict=True):
        heard = np.zeros(result.piece.frames, bool)
        for bar in np.flatnonzero(part.plays):  # away from the fades of the loops, and from bars that were cut longer
            start, end = result.piece.grid.starts[bar : bar + 2]
            heard[start : end - 200] = True
        left = (played(result, [track]) - stem)[:, heard]
        assert np.square(left).sum() < 1e-4 * np.square(stem[:, heard]).sum()
        assert not played(result, [track])[:, : result.piece.grid.starts[0]].any()


@pytest.mark.parametrize("case", ["plain", "three four", "seven eight", "uneven bars"])
def test_the_tempo_map_has_the_songs_bars(odd_result: OddResult, tmp_path: Path, case: str) -> None:
    result = read_result(odd_result(case))
    tree = project(result, tmp_path)
    points = [[float(number) for number in point[1:]] for point in tree.find("TEMPOENVEX").findall("PT")]
    assert all(point[2] == 1 and point[4:] == [0, 1] for point in points), "held, not selected, tempo and metre"
    end = result.piece.grid.starts[-1] / result.piece.rate
    at, metres, tempi = 0.0, [], []
    for (time, bpm, _, metre, *_), until in zip(points, [*(point[0] for point in points[1:]), end], strict=True):
        metres.append((round(at, 6), (int(metre) % 65536, int(metre) // 65536)))
        tempi.append((at, bpm))
        at += (until - time) * bpm / 60
    assert metres[-1][1] == ODD[case].metre
    seconds = seconds_at(bar_lines(metres, round(at, 6)), tempi)
    np.testing.assert_allclose(seconds[-result.piece.grid.bars - 1 :], result.piece.grid.starts / 8_000, atol=2e-4)
    assert value(tree, "TEMPO")[1:] == [str(number) for number in metres[0][1]]


def test_loops_are_muted_lest_all_sounds_twice(odd_result: OddResult, tmp_path: Path) -> None:
    tree = project(read_result(odd_result("plain")), tmp_path)
    muted = {value(track, "NAME")[0]: value(track, "MUTESOLO")[0] for track in tree.findall("TRACK")}
    assert [name for name, mute in muted.items() if mute == "1"] == ["Loops"]


def test_tracks_of_a_loop_have_its_colour(odd_result: OddResult, tmp_path: Path) -> None:
    found = folders(project(read_result(odd_result("plain")), tmp_path))
    for k, pair in enumerate(zip(found["Stems"], found["Loops"], strict=False)):
        for track in pair:
            number = int(value(track, "PEAKCOL")[0])
            red, green, blue = number & 255, number >> 8 & 255, number >> 16 & 255
            assert f"#{red:02x}{green:02x}{blue:02x}" == loop_colour(k)
            assert number >> 24 == 1


def test_a_project_elsewhere_finds_its_audio(odd_result: OddResult, tmp_path: Path) -> None:
    result = read_result(odd_result("plain"))
    home = tmp_path / 'it\'s 100% "mine"'
    home.mkdir()
    write_rpp(result, home / "p.rpp", home)
    tree = rpp.loads((home / "p.rpp").read_text(encoding="utf-8"))
    files = [value(source, "FILE")[0] for source in tree.findall(".//SOURCE")]
    assert all((home / file).resolve().is_file() for file in files)


def test_a_folder_that_no_project_can_name_is_told(odd_result: OddResult, tmp_path: Path) -> None:
    folder = shutil.copytree(odd_result("plain"), tmp_path / '"it\'s `odd`"')
    with pytest.raises(LoopError, match="cannot name this file") as caught:
        write_rpp(read_result(folder), tmp_path / "p.rpp", tmp_path)
    assert caught.value.code == Code.ARGUMENTS
    write_rpp(read_result(folder), tmp_path / "p.rpp", folder)


@pytest.mark.parametrize("text", ["", "plain", 'a "b"', "it's", """a "b" it's""", "%`$", "ドラム", "> <", "|x", "a  b"])
def test_texts_come_back_as_they_were(text: str) -> None:
    tree = rpp.loads(f"<TRACK\n  NAME {quoted(text)} 1\n>\n")
    assert value(tree, "NAME") == [text, "1"]


def test_the_same_result_gives_the_same_bytes(odd_result: OddResult, tmp_path: Path) -> None:
    result = read_result(odd_result("Japanese"))
    for name in ("a", "b"):
        write_rpp(result, tmp_path / name, result.folder)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
