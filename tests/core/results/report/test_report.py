"""What the report is made of: sections, views, words, sound and page; and that writing it harms nothing."""

import base64
import errno
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.app import app
from core.base.errors import Cancelled, Code, LoopError
from core.extraction.ladder import Extraction, Settings, extract
from core.results.factor_file import read_factors, write_factors
from core.results.read import read_manifest, read_result
from core.results.report.page import MODULES
from core.results.report.sections import find_sections
from core.results.report.sound import FULL, Sound, encoded, sound_scripts
from core.results.report.views import BANDS, COLUMNS, WAVE_COLUMNS, View, recipe_view, spectrogram, wave
from core.results.report.words import in_words, trust_in_words
from core.results.report.writing import write_report
from core.results.write import write_result
from core.separation.tucker.factors import TuckerFactors
from tests.conftest import ROOT
from tests.core.loop_songs import cancelling, tiny_song
from tests.core.results.odd_results import ODD, RATE, Odd, write_odd_result


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_odd_result(ODD["plain"], tmp_path_factory.mktemp("kept"))


@pytest.fixture
def plain(kept: Path, tmp_path: Path) -> Path:
    """A result to do with as one likes."""
    return shutil.copytree(kept, tmp_path / kept.name)


@pytest.fixture(scope="module")
def by_tucker() -> Extraction:
    song = tiny_song()
    return extract(song.clip, Settings(method="tucker", loops=3, iterations=20, notes=5, rhythms=4), grid=song.grid)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def points(view: View) -> np.ndarray:
    return np.frombuffer(base64.b64decode(view.data), np.uint8).reshape(view.rows, view.columns)


def told(page: Path) -> dict[str, Any]:
    """What a page is told."""
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert data is not None
    return dict(json.loads(data[1]))


def test_sections_begin_where_loops_come_and_go() -> None:
    song = np.repeat([[1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 0], [0, 0, 1]], [8, 8, 16, 4, 4], axis=0)
    found = find_sections(song)
    assert [(one.start, one.end) for one in found] == [(0, 8), (8, 16), (16, 32), (32, 36), (36, 40)]
    assert [one.name for one in found] == ["A", "B", "C", "B", "D"]


def test_a_loop_that_pauses_for_a_bar_makes_no_section() -> None:
    song = np.ones((16, 3))
    song[7, 1] = 0
    assert [(one.start, one.end) for one in find_sections(song)] == [(0, 16)]


@pytest.mark.parametrize("loops", [0, 1, 4])
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_sections_cover_every_bar_once(loops: int, bars: int, seed: int) -> None:
    found = find_sections(np.random.default_rng(seed).integers(0, 2, (bars, loops)).astype(np.float32))
    assert [bar for one in found for bar in range(one.start, one.end)] == list(range(bars))
    assert all(one.name != after.name for one, after in pairwise(found))


def test_the_wave_shows_the_highest_and_the_lowest_sample() -> None:
    audio = np.zeros((2, 4_800), np.float32)
    audio[0, 1_005], audio[1, 2_405] = 0.5, -0.25
    view = wave(audio)
    high, low = points(view)
    assert (view.columns, view.high) == (WAVE_COLUMNS, 0.5)
    assert np.flatnonzero(high != 128).tolist() == [100]
    assert np.flatnonzero(low != 128).tolist() == [240]
    assert (int(high[100]), int(low[240])) == (255, 128 - 64)


def test_the_spectrogram_shows_when_and_how_high_a_tone_sounds() -> None:
    time = np.arange(44_100) / 44_100
    audio = np.where(time < 0.5, np.sin(2 * np.pi * 1_000 * time), 0)[None].astype(np.float32)
    view = spectrogram(audio, 44_100)
    shade = points(view)
    assert shade.shape == (BANDS, COLUMNS)
    row, column = np.unravel_index(np.argmax(shade), shade.shape)
    bottom = view.low * (view.high / view.low) ** ((BANDS - 1 - row) / BANDS)
    top = bottom * (view.high / view.low) ** (1 / BANDS)
    assert bottom - 13 <= 1_000 <= top + 13, "to the nearest bin"
    assert column < COLUMNS / 2
    assert shade[:, 140:220].max() == 0


@pytest.mark.parametrize("audio", [np.zeros((1, 900)), np.zeros((8, 50)), np.ones((1, 1))], ids=str)
def test_views_of_silence_and_of_next_to_nothing(audio: np.ndarray) -> None:
    audio = audio.astype(np.float32)
    assert points(wave(audio)).shape == (2, WAVE_COLUMNS)
    assert points(spectrogram(audio, 8_000)).shape == (BANDS, COLUMNS)


def test_the_recipe_goes_from_high_to_low_and_from_early_to_late() -> None:
    notes, rhythms = np.eye(6, 3)[:, [2, 0, 1]], np.eye(4, 2)[:, ::-1]
    recipes = np.zeros((3, 2, 1), np.float32)
    recipes[1, 1, 0], recipes[0, 0, 0] = 4.0, 1.0  # the lowest note early; the highest one late, at half the amplitude
    factors = TuckerFactors(notes.astype(np.float32), rhythms.astype(np.float32), np.ones((5, 1), np.float32), recipes)
    assert points(recipe_view(factors, 0)).tolist() == [[0, 128], [0, 0], [255, 0]]


def test_sound_is_exact_to_sixteen_bits() -> None:
    frames = np.random.default_rng(0).uniform(-1, 1, (5_000, 2)).astype(np.float32)
    sound = encoded(frames, 44_100)
    assert isinstance(sound, Sound)
    decoded, rate = soundfile.read(io.BytesIO(sound.data), dtype="int16")
    assert rate == 44_100
    assert sound.gain == 1.0
    np.testing.assert_allclose(decoded / FULL, frames, atol=0.51 / FULL)


def test_what_exceeds_full_scale_comes_with_a_gain() -> None:
    frames = np.array([[0.5], [-2.5], [1.0]], np.float32)
    sound = encoded(frames, 48_000)
    assert isinstance(sound, Sound)
    decoded, _ = soundfile.read(io.BytesIO(sound.data), dtype="int16", always_2d=True)
    np.testing.assert_allclose(decoded * sound.gain / FULL, frames, atol=1e-4)


@pytest.mark.parametrize("frames", [np.zeros((10, 1)), np.full((10, 2), 1e-5)], ids=["silence", "-100 dBFS"])
def test_what_rounds_to_silence_costs_nothing(frames: np.ndarray) -> None:
    assert encoded(frames.astype(np.float32), 44_100) is None


@pytest.mark.parametrize(("rate", "kind"), [(8_000, b"fLaC"), (192_000, b"fLaC"), (70_001, b"RIFF")])
def test_rates_that_flac_refuses_are_wav(rate: int, kind: bytes) -> None:
    sound = encoded(np.ones((10, 1), np.float32), rate)
    assert isinstance(sound, Sound)
    assert sound.data[:4] == kind


def test_scripts_hold_all_of_the_song_and_the_loops_to_the_byte(tmp_path: Path) -> None:
    result = read_result(write_odd_result(Odd(loops=2, bars=32, bar_frames=4_000, channels=2), tmp_path))
    scripts = dict(sound_scripts(result))
    assert list(scripts) == ["song-0000.js", "song-0001.js", "song-0002.js", "loop-0000.js", "loop-0001.js"]
    heard: list[list[np.ndarray]] = [[], [], []]
    for name in list(scripts)[:3]:
        call = re.fullmatch(r'loopcubeSound\("([\w-]+)",(\[.*\])\)\n', scripts[name].decode("ascii"))
        assert call is not None
        assert f"{call[1]}.js" == name
        for stem, part in enumerate(json.loads(call[2])):
            length = min(48_000, result.piece.frames - 48_000 * len(heard[stem]))
            silence = np.zeros((length, 2))
            file = part and soundfile.read(io.BytesIO(base64.b64decode(part[1])), dtype="int16")[0] / FULL * part[0]
            heard[stem].append(silence if file is None else file)
    for stem, path in enumerate((*result.stems, result.rest)):
        np.testing.assert_allclose(np.concatenate(heard[stem]).T, result.audio(path), atol=0.51 / FULL)
    for number, path in enumerate(result.loops):
        part = json.loads(scripts[f"loop-000{number}.js"][len('loopcubeSound("loop-0000",') : -2])
        assert base64.b64decode(part[0][1]) == path.read_bytes()


def test_the_words_say_what_the_numbers_mean(plain: Path) -> None:
    manifest = read_manifest(plain)
    manifest["diagnostics"] = {
        "method": "coherent",
        "bars_changed": ["offset +1.20 ms"],
        "rest_share": 0.125,
        "bands_hz": [0.0, 100.0, 1000.0, 8000.0],
        "coherence": [0.2, 0.9, 0.6],
        "noise_gain": [0.1, 0.4, 2.0],
    }
    text = " ".join(in_words(manifest))
    for words in ("without masks", "8 bars of 4 beats", "host", "offset +1.20 ms", "87.5%", "from 100 to 8,000 Hz"):
        assert words in text
    trust = [trust_in_words(manifest, loop) for loop in range(4)]
    assert trust == ["very well separated", "well separated", "may contain parts of other loops", ""]
    manifest["diagnostics"] = {}
    assert len(in_words(manifest)) == 1, "what is not known is not told"


def test_the_page_is_told_what_the_result_holds(by_tucker: Extraction, tmp_path: Path) -> None:
    folder = write_result(replace(by_tucker, warnings=["one <b>", "two"]), tmp_path)
    page = told(folder / read_manifest(folder)["report"])
    assert page["warnings"] == ["one <b>", "two"]
    assert [loop["activations"] for loop in page["loops"]] == [
        pytest.approx(loop.activations, abs=1e-4) for loop in by_tucker.loops
    ]
    assert [(loop["recipe"]["rows"], loop["recipe"]["columns"]) for loop in page["loops"]] == [(5, 4)] * 3
    assert len(page["rest"]) == by_tucker.grid.bars
    assert page["starts"] == by_tucker.grid.starts.tolist()
    assert all((folder / loop["file"]).is_file() for loop in page["loops"])


def test_levels_of_the_rest_are_in_dbfs(plain: Path) -> None:
    result = read_result(plain)
    frames = np.zeros((result.piece.frames, 2), np.float32)
    start, end = result.piece.grid.starts[:2]
    frames[start:end] = 0.1
    soundfile.write(result.rest, frames, RATE, subtype="FLOAT")
    assert told(write_report(result))["rest"] == [-20.0, *[-120.0] * 7]


NAMES = ["</script><script>alert(1)", "<!-- ", "$title ${data}", "\"'`\\", "\u2028", "]]>", "&amp;"]


def test_no_name_ends_the_script_that_holds_it(tmp_path: Path) -> None:
    name = "".join(NAMES)
    folder = write_odd_result(Odd(loops=len(NAMES), name=name, labels=tuple(NAMES)), tmp_path)
    page = told(folder / "report.html")
    assert page["name"] == name
    assert [loop["label"] for loop in page["loops"]] == [f"{label} {k}" for k, label in enumerate(NAMES, start=1)]
    assert "<script>alert" not in (folder / "report.html").read_text(encoding="utf-8")


def test_modules_can_be_joined() -> None:
    assets = ROOT / "core" / "results" / "report" / "assets"
    assert {path.stem for path in assets.glob("*.js")} == set(MODULES)
    for number, name in enumerate(MODULES):
        text = (assets / f"{name}.js").read_text(encoding="utf-8")
        imports = re.findall(r'^import \{ [\w, ]+ \} from "\./(\w+)\.js";$', text, re.MULTILINE)
        assert len(imports) == text.count("import ")
        assert set(imports) <= set(MODULES[:number])
        assert "</script" not in text


def test_nothing_in_the_page_asks_for_anything_elsewhere(plain: Path) -> None:
    text = (plain / "report.html").read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?:|//\w+\.\w|@import|url\(", text) == []


def test_a_report_made_anew_is_the_same_and_leaves_the_rest_alone(by_tucker: Extraction, tmp_path: Path) -> None:
    folder = write_result(by_tucker, tmp_path)
    before = files_of(folder)
    assert write_report(read_result(folder)) == folder / "report.html"
    assert files_of(folder) == before


def test_an_older_result_gets_a_report(plain: Path) -> None:
    manifest = read_manifest(plain)
    del manifest["report"]
    for loop in manifest["loops"]:
        del loop["heard"]
    (plain / "manifest.json").write_text(json.dumps(manifest))
    (plain / "report.html").unlink()
    shutil.rmtree(plain / "report")
    before = files_of(plain)
    page = write_report(read_result(plain))
    after = files_of(plain)
    assert {name: after[name] for name in before} == before
    assert (plain / told(page)["sound"] / "song-0000.js").is_file()


def test_old_sound_goes_and_what_a_user_put_there_stays(plain: Path) -> None:
    (plain / "report" / "0123456789ab").mkdir()
    (plain / "report" / "mine").mkdir()
    page = write_report(read_result(plain))
    sound = Path(told(page)["sound"]).name
    assert sorted(path.name for path in (plain / "report").iterdir()) == sorted(["mine", sound])


def change_a_stem(folder: Path) -> None:
    """So that a new report has other sound."""
    result = read_result(folder)
    soundfile.write(result.stems[0], result.audio(result.stems[0]).T / 2, RATE, subtype="FLOAT")


def test_cancelled_it_leaves_the_old_report_whole(plain: Path) -> None:
    change_a_stem(plain)
    before = files_of(plain)
    for calls in range(3):
        with pytest.raises(Cancelled):
            write_report(read_result(plain), cancelling(calls))
        assert files_of(plain) == before


@pytest.mark.parametrize("function", ["mkdir", "rename", "replace"])
def test_when_the_disk_is_full_the_old_report_works(plain: Path, function: str) -> None:
    change_a_stem(plain)
    before = files_of(plain)

    def full(*_given: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with patch.object(os, function, full), pytest.raises(LoopError, match="No space left") as caught:
        write_report(read_result(plain))
    assert caught.value.code == Code.WRITE_FAILED
    after = files_of(plain)
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if ".part" in name]


@pytest.mark.parametrize("kind", ["stem", "loop", "rest"])
def test_a_damaged_file_is_told(plain: Path, kind: str) -> None:
    result = read_result(plain)
    path = {"stem": result.stems[1], "loop": result.loops[1], "rest": result.rest}[kind]
    path.write_bytes(b"no audio")
    before = files_of(plain)
    with pytest.raises(LoopError, match=re.escape(path.name)) as caught:
        write_report(result)
    assert caught.value.code == Code.INCOMPLETE
    assert files_of(plain) == before


def test_a_stem_that_is_too_short_is_told(plain: Path) -> None:
    result = read_result(plain)
    soundfile.write(result.rest, np.zeros((100, 2)), RATE, subtype="FLOAT")
    with pytest.raises(LoopError, match="100 frames") as caught:
        write_report(result)
    assert caught.value.code == Code.INCOMPLETE


def test_factors_come_back_from_their_file(by_tucker: Extraction, tmp_path: Path) -> None:
    assert by_tucker.factors is not None
    write_factors(tmp_path / "factors.npz", by_tucker.factors)
    back = read_factors(tmp_path / "factors.npz")
    for name in ("notes", "rhythms", "loops", "recipes"):
        np.testing.assert_array_equal(getattr(back, name), getattr(by_tucker.factors, name))


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "other"])
def test_damaged_factors_are_told(by_tucker: Extraction, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "factors.npz"
    assert by_tucker.factors is not None
    write_factors(path, by_tucker.factors)
    harm: dict[str, Callable[[], Any]] = {
        "missing": path.unlink,
        "text": lambda: path.write_text("mine"),
        "cut": lambda: path.write_bytes(path.read_bytes()[:500]),
        "other": lambda: np.savez(path, notes=np.ones(3)),
    }
    harm[damage]()
    with pytest.raises(LoopError, match="factors cannot be read") as caught:
        read_factors(path)
    assert caught.value.code == Code.INCOMPLETE


def test_the_command_writes_it_and_opens_it(
    plain: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (plain / "report.html").unlink()
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    app(["report", str(plain)], standalone_mode=False)
    assert capsys.readouterr().out == f"{plain / 'report.html'}\n"
    assert opened == []
    app(["report", str(plain), "--open"], standalone_mode=False)
    assert opened == [(plain / "report.html").as_uri()]
    monkeypatch.setattr("webbrowser.open", lambda _address: False)
    app(["report", str(plain), "--open"], standalone_mode=False)
    assert "no browser" in capsys.readouterr().err


def test_a_folder_that_is_no_result_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="is this a result"):
        app(["report", str(tmp_path)], standalone_mode=False)
    assert list(tmp_path.iterdir()) == []
