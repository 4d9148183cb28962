from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio.bars import BarGrid, bars_from_csv, bars_from_frames, bars_from_tempo
from core.base.errors import Code, LoopError

RATE = 1_000 * 8
MINUTE = 60 * RATE


def _fails(code: Code, match: str, call: object, *args: object, **kwargs: object) -> None:
    assert callable(call)
    with pytest.raises(LoopError, match=match) as caught:
        call(*args, **kwargs)
    assert caught.value.code is code


# Bars of a host


def test_bars_of_a_host_are_taken_as_they_are() -> None:
    grid = bars_from_frames([100, 8_100, 16_100, 24_100, 30_000], MINUTE, RATE, beats_per_bar=3, origin="host")
    assert (grid.bars, grid.beats_per_bar, grid.origin) == (4, 3, "host")
    assert grid.lengths.tolist() == [8_000, 8_000, 8_000, 5_900]
    assert grid.starts.dtype == np.int64


@pytest.mark.parametrize(
    ("frames", "code", "match"),
    [
        ([], Code.MUSIC_NOT_USABLE, "0 bars, at least 4 are needed"),
        ([0], Code.MUSIC_NOT_USABLE, "0 bars, at least 4"),
        ([0, 4_000, 8_000, 12_000], Code.MUSIC_NOT_USABLE, "3 bars, at least 4 are needed; choose a longer clip"),
        ([0, 4_000, 4_000, 8_000, 12_000], Code.ARGUMENTS, "must increase, but bar 3 starts at 4000 after 4000"),
        ([0, 8_000, 4_000, 12_000, 16_000], Code.ARGUMENTS, "must increase, but bar 3 starts at 4000 after 8000"),
        ([-1, 4_000, 8_000, 12_000, 16_000], Code.ARGUMENTS, "must lie inside the clip"),
        ([0, 4_000, 8_000, 12_000, MINUTE + 1], Code.ARGUMENTS, "must lie inside the clip"),
        ([0, 4_000, 8_000, 12_000, 2**80], Code.ARGUMENTS, "must lie inside the clip"),
        ([0, 4_000, float("nan"), 12_000, 16_000], Code.ARGUMENTS, "must lie inside the clip"),
        ([0, 400, 800, 1_200, 1_600], Code.ARGUMENTS, "400 frames is too short .*beats, not bars"),
        ([[0, 4_000], [8_000, 12_000]], Code.ARGUMENTS, "list of positions, got 2 dimensions"),
    ],
)
def test_bars_that_make_no_sense_are_refused(frames: list[int], code: Code, match: str) -> None:
    _fails(code, match, bars_from_frames, frames, MINUTE, RATE, origin="host")


# Bars of a tempo


@pytest.mark.parametrize(
    ("meter", "seconds"),
    [((4, 4), 2.0), ((3, 4), 1.5), ((5, 4), 2.5), ((7, 8), 1.75), ((6, 8), 1.5), ((2, 2), 2.0), ((11, 16), 1.375)],
)
def test_a_tempo_counts_quarters_in_any_metre(meter: tuple[int, int], seconds: float) -> None:
    grid = bars_from_tempo(MINUTE, RATE, bpm=120, meter=meter)
    assert (grid.lengths == round(seconds * RATE)).all()
    assert grid.bars == int(60 / seconds)
    assert (grid.beats_per_bar, grid.beat_unit, grid.origin) == (*meter, "tempo")


@given(
    bpm=st.floats(20, 400),
    beats=st.integers(2, 13),
    unit=st.sampled_from([4, 8]),
    first=st.floats(0, 5),
    rate=st.sampled_from([8_000, 44_100, 192_000]),
)
def test_bars_of_a_tempo_never_drift_and_fill_the_clip(
    bpm: float, beats: int, unit: int, first: float, rate: int
) -> None:
    length = 240 / bpm / unit * beats
    if length < 0.21:
        return
    frames = round((first + 9.5 * length) * rate)
    grid = bars_from_tempo(frames, rate, bpm=bpm, meter=(beats, unit), first_downbeat=first)
    assert grid.bars == 9
    assert np.abs(grid.starts - (first + length * np.arange(10)) * rate).max() <= 0.5 + 1e-6
    assert grid.bpm(rate) == pytest.approx(bpm * unit / 4, rel=1e-3)


def test_a_clip_cut_to_whole_bars_keeps_its_last_one() -> None:
    length = 60 / 128.3 * 44_100 * 4
    for frames in (int(8 * length), round(8 * length)):
        grid = bars_from_tempo(frames, 44_100, bpm=128.3)
        assert grid.bars == 8
        assert grid.starts[-1] <= frames


@pytest.mark.parametrize("bpm", [19.9, 400.1, 0.0, -120.0, float("nan"), float("inf")])
def test_a_tempo_out_of_range_is_refused(bpm: float) -> None:
    _fails(Code.ARGUMENTS, "bpm must be 20 to 400", bars_from_tempo, MINUTE, RATE, bpm=bpm)


@pytest.mark.parametrize("meter", [(0, 4), (-3, 4), (33, 4), (4, 0), (4, 3), (4, 64)])
def test_an_impossible_metre_is_refused(meter: tuple[int, int]) -> None:
    _fails(Code.ARGUMENTS, "metre must be like 4/4 or 7/8", bars_from_tempo, MINUTE, RATE, bpm=120, meter=meter)


@pytest.mark.parametrize("first", [-0.1, 60.0, 1e9, float("nan")])
def test_a_first_downbeat_outside_the_clip_is_refused(first: float) -> None:
    _fails(
        Code.ARGUMENTS, "first downbeat must lie inside", bars_from_tempo, MINUTE, RATE, bpm=120, first_downbeat=first
    )


def test_a_clip_of_three_bars_is_too_short() -> None:
    _fails(Code.MUSIC_NOT_USABLE, "3 bars, at least 4", bars_from_tempo, 7 * RATE, RATE, bpm=120)


# Bars of a file


def _csv(folder: Path, text: str | bytes) -> Path:
    path = folder / "bars.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "0.5\n1\n1.5\n2\n2.5\n",
        "time,label\n0.5,intro\n1,\n1.5\n2\n2.5",
        "\ufefftime\n0.5\n1\n1.5\n2\n2.5\n",
        "\ufeff0.5\n1\n1.5\n2\n2.5\n",
        "\r\n0.5\r\n\r\n1\r\n1.5\r\n  \r\n2\r\n2.5\r\n\r\n",
        '"0.5",1\n 1 ,2\n1.5e0,3\n2,4\n2.5,5\n',
    ],
)
def test_downbeats_are_read_from_a_file(tmp_path: Path, text: str) -> None:
    grid = bars_from_csv(_csv(tmp_path, text), MINUTE, RATE, beats_per_bar=3)
    assert grid.starts.tolist() == [4_000, 8_000, 12_000, 16_000, 20_000]
    assert (grid.beats_per_bar, grid.origin) == (3, "file")


@pytest.mark.parametrize(
    ("text", "code", "match"),
    [
        ("", Code.MUSIC_NOT_USABLE, "0 bars"),
        ("time\n", Code.MUSIC_NOT_USABLE, "0 bars"),
        ("0\n1\n2\n", Code.MUSIC_NOT_USABLE, "2 bars, at least 4"),
        ("0\n1\ntwo\n3\n4\n", Code.ARGUMENTS, "line 3 must begin with a downbeat in seconds, got 'two'"),
        ("time\nagain\n0\n1\n2\n", Code.ARGUMENTS, "line 2 must begin"),
        ("0\n\n\n1\ntwo\n3\n4\n", Code.ARGUMENTS, "line 5 must begin"),
        ("0\n1\nnan\n3\n4\n", Code.ARGUMENTS, "line 3 must begin with a downbeat in seconds, got 'nan'"),
        ("0\n1\n2\n3\ninf\n", Code.ARGUMENTS, "line 5 must begin"),
        ("0\n1\n2\n3\n1e300\n", Code.ARGUMENTS, "must lie inside the clip"),
        ("-1\n1\n2\n3\n4\n", Code.ARGUMENTS, "must lie inside the clip"),
        ("9" * 200_000, Code.NO_SUCH_FILE, "cannot be read as a text file"),
        ("0\n1\n3\n2\n4\n", Code.ARGUMENTS, "bars must increase"),
        ("0\n10\n20\n30\n61\n", Code.ARGUMENTS, "must lie inside the clip"),
        ("0\n4000\n8000\n12000\n16000\n", Code.ARGUMENTS, "are they frames of this file"),
        (b"\x00\xff\xfe\x80junk", Code.NO_SUCH_FILE, "cannot be read as a text file"),
    ],
)
def test_files_of_downbeats_that_make_no_sense_are_refused(
    tmp_path: Path, text: str | bytes, code: Code, match: str
) -> None:
    _fails(code, match, bars_from_csv, _csv(tmp_path, text), MINUTE, RATE)


def test_a_missing_file_of_downbeats_is_refused(tmp_path: Path) -> None:
    _fails(Code.NO_SUCH_FILE, "cannot be read", bars_from_csv, tmp_path / "none.csv", MINUTE, RATE)
    _fails(Code.NO_SUCH_FILE, "cannot be read", bars_from_csv, tmp_path, MINUTE, RATE)


def test_a_grid_knows_its_tempo() -> None:
    assert BarGrid(np.array([0, 16_000, 32_000, 47_000]), 4, "host").bpm(RATE) == pytest.approx(120)
