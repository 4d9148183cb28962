"""DAWprojects, checked against the rules of the published schema and played by what they say."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
import pytest
import soundfile

from core.results.exports.dawproject import write_dawproject
from core.results.read import Result, read_result
from tests.core.results.exports.bar_lines import bar_lines, seconds_at
from tests.core.results.exports.dawproject_rules import faults
from tests.core.results.odd_results import ODD

OddResult = Callable[[str], Path]


def archive(result: Result, tmp_path: Path) -> zipfile.ZipFile:
    write_dawproject(result, tmp_path / "song.dawproject")
    return zipfile.ZipFile(tmp_path / "song.dawproject")


def project(file: zipfile.ZipFile) -> Element:
    return ElementTree.fromstring(file.read("project.xml"))  # noqa: S314 - our own file


def lane(root: Element, track: str) -> list[Element]:
    return root.findall(f"Arrangement/Lanes/Lanes[@track='{track}']/Clips/Clip")


def tempi(root: Element) -> list[tuple[float, float]]:
    points = root.findall("Arrangement/TempoAutomation/RealPoint")
    found = [(float(point.attrib["time"]), float(point.attrib["value"])) for point in points]
    return found or [(0.0, float(root.find("Transport/Tempo").attrib["value"]))]  # type: ignore[union-attr]


@pytest.mark.parametrize("case", ODD)
def test_a_project_keeps_the_rules_and_holds_its_audio(odd_result: OddResult, tmp_path: Path, case: str) -> None:
    result = read_result(odd_result(case))
    with archive(result, tmp_path) as file:
        root = project(file)
        assert faults(root) == []
        assert file.testzip() is None
        named = {element.attrib["path"] for element in root.iter("File")}
        stems = {path.relative_to(result.folder).as_posix() for path in (*result.stems, result.rest)}
        assert stems <= named <= set(file.namelist())
        for name in named:
            assert file.read(name) == (result.folder / name).read_bytes()
        title = ElementTree.fromstring(file.read("metadata.xml")).findtext("Title")  # noqa: S314
    assert title == result.piece.name.replace("\t", " ")
    names = [track.attrib["name"] for track in root.findall("Structure/Track[@id='stems']/Track")]
    wanted = [f"{k:02d} {part.label}" for k, part in enumerate(result.piece.parts, start=1)]
    assert names == [*(name.replace("\n", " ").replace("\x07", " ") for name in wanted), "rest"]


@pytest.mark.parametrize("case", ["plain", "three four", "seven eight", "uneven bars"])
def test_stems_play_the_song_and_clips_lie_on_its_bars(odd_result: OddResult, tmp_path: Path, case: str) -> None:
    result = read_result(odd_result(case))
    piece = result.piece
    with archive(result, tmp_path) as file:
        root = project(file)
        mix = np.zeros((piece.channels, piece.frames))
        for track in [*(f"stem-{k + 1}" for k in range(len(piece.parts))), "rest"]:
            (clip,) = lane(root, track)
            end = seconds_at([float(clip.attrib["duration"])], tempi(root))[0]
            assert end * piece.rate == pytest.approx(piece.frames, abs=2)
            mix += soundfile.read(io.BytesIO(file.read(clip.find("Audio/File").attrib["path"])), always_2d=True)[0].T  # type: ignore[union-attr]
    np.testing.assert_allclose(mix, result.song(), atol=1e-5)
    for k, part in enumerate(piece.parts):
        clips = lane(root, f"loop-{k + 1}")
        starts = seconds_at([float(clip.attrib["time"]) for clip in clips], tempi(root))
        bars = [int(np.abs(piece.grid.starts / piece.rate - start).argmin()) for start in starts]
        np.testing.assert_allclose(starts, piece.grid.starts[bars] / piece.rate, atol=2e-4)
        played = [_bars_heard(clip, ODD[case].metre) for clip in clips]
        heard = np.full(piece.grid.bars, -1)
        for bar, offsets in zip(bars, played, strict=True):
            heard[bar : bar + len(offsets)] = offsets
        np.testing.assert_array_equal(heard, np.where(part.plays, part.heard, -1))


def _bars_heard(clip: Element, metre: tuple[int, int]) -> list[int]:
    """Which bars of the file a clip plays, by its warps."""
    bar = 4 * metre[0] / metre[1]
    first = float(clip.attrib["playStart"]) / bar
    return [round(first) + k for k in range(round(float(clip.attrib["duration"]) / bar))]


def test_warps_pin_the_bars_of_a_loop(odd_result: OddResult, tmp_path: Path) -> None:
    result = read_result(odd_result("uneven bars"))
    with archive(result, tmp_path) as file:
        root = project(file)
    for k, (part, path) in enumerate(zip(result.piece.parts, result.loops, strict=True)):
        own = result.piece.grid.starts[part.start_bar : part.start_bar + part.bars + 1]
        for clip in lane(root, f"loop-{k + 1}"):
            warps = [(float(w.attrib["time"]), float(w.attrib["contentTime"])) for w in clip.findall("Warps/Warp")]
            assert [time for time, _ in warps] == [4 * bar for bar in range(part.bars + 1)]
            np.testing.assert_allclose([seconds for _, seconds in warps], (own - own[0]) / 8_000)
            assert warps[-1][1] == pytest.approx(soundfile.info(path).duration)


def test_the_metre_has_the_songs_bars(odd_result: OddResult, tmp_path: Path) -> None:
    result = read_result(odd_result("seven eight"))
    with archive(result, tmp_path) as file:
        root = project(file)
    points = root.findall("Arrangement/TimeSignatureAutomation/TimeSignaturePoint")
    metres = [(float(p.attrib["time"]), (int(p.attrib["numerator"]), int(p.attrib["denominator"]))) for p in points]
    end = metres[-1][0] + 3.5 * result.piece.grid.bars
    lines = seconds_at(bar_lines(metres, end), tempi(root))
    np.testing.assert_allclose(lines[-9:], result.piece.grid.starts / 8_000, atol=2e-4)


def test_only_the_loops_are_muted(odd_result: OddResult, tmp_path: Path) -> None:
    with archive(read_result(odd_result("plain")), tmp_path) as file:
        root = project(file)
    muted = [t.attrib["id"] for t in root.iter("Track") if t.find("Channel/Mute").attrib["value"] == "true"]  # type: ignore[union-attr]
    assert muted == ["loops"]


def test_the_same_result_gives_the_same_bytes(odd_result: OddResult, tmp_path: Path) -> None:
    result = read_result(odd_result("plain"))
    for name in ("a", "b"):
        write_dawproject(result, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<Project/>", "Project lacks version"),
        (
            '<Project version="1.0"><Transport/><Application name="a" version="1"/></Project>',
            "Project lacks Application",
        ),
        ('<Clips><Clip time="x1"/></Clips>', "could not convert"),
        ('<Structure><Track id="a"/><Track id="a"/></Structure>', "id a twice"),
        ('<Lanes track="b"/>', "leads nowhere"),
        (
            "<Warps contentTimeUnit='beats'><Warp time='0' contentTime='0'/></Warps>",
            "Warps lacks",
        ),
    ],
)
def test_the_rules_find_faults(text: str, fault: str) -> None:
    try:
        found = str(faults(ElementTree.fromstring(text)))  # noqa: S314 - written above
    except ValueError as error:
        found = str(error)
    assert fault in found
