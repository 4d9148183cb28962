"""The parts of the scripts by themselves, against Python's own: JSON, WAV, names, bars, clips."""

import importlib
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import needs
from tests.hosts.reaper.host import SCRIPTS, Host, project_of
from tests.hosts.reaper.model import TempoMap, TempoPoint

LUA = importlib.import_module("lupa.lua54").LuaRuntime(unpack_returned_tuples=True)


def lib(name: str, runtime: Any = LUA) -> Any:
    return runtime.globals().dofile(str(SCRIPTS / "lib" / f"{name}.lua"))


def as_lua(value: Any) -> Any:
    if isinstance(value, dict):
        return LUA.table_from({key: as_lua(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return LUA.table_from([as_lua(inner) for inner in value])
    return value


def from_lua(value: Any) -> Any:
    if not hasattr(value, "items"):
        return value
    items = dict(value.items())
    if items and set(items) == set(range(1, len(items) + 1)):
        return [from_lua(items[index]) for index in range(1, len(items) + 1)]
    return {key: from_lua(inner) for key, inner in items.items()}


TEXT = st.text(st.characters(codec="utf-8"))  # what a Lua string of UTF-8 can hold
NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(TEXT.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_is_pythons_both_ways(value: Any) -> None:
    module = lib("json")
    assert json.loads(module.encode(as_lua(value))) == value
    for ascii_only in (True, False):
        assert from_lua(module.decode(json.dumps(value, ensure_ascii=ascii_only, indent=1))) == value


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", '{"a" 1}', '"open', "[1] 2", "nul", '"\\x"', '"\\ud800"', "{1:2}", "--1"]
)
def test_what_is_no_json_is_told_and_raises_nothing(text: str) -> None:
    value, reason = lib("json").decode(text)
    assert value is None
    assert "no JSON" in reason


@pytest.mark.parametrize("lua", ["lua53", "lua54"])
@pytest.mark.parametrize(("channels", "frames"), [(1, 1), (1, 127), (2, 64), (2, 1_001)])
def test_a_wav_is_bit_exact(lua: str, channels: int, frames: int, tmp_path: Path) -> None:
    runtime = importlib.import_module(f"lupa.{lua}").LuaRuntime(unpack_returned_tuples=True)
    samples = np.random.default_rng(frames).standard_normal((frames, channels)).astype(np.float32)
    samples[0, 0] = 1e-42  # smaller than normal numbers
    writer = lib("wav", runtime).create(str(tmp_path / "a.wav"), frames, 44_100, channels)
    for part in np.array_split(samples, 3):  # written piece by piece
        writer.write(runtime.table_from(part.ravel().tolist()), part.size)
    writer.close()
    heard, rate = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    np.testing.assert_array_equal(heard.view(np.int32), samples.view(np.int32))
    assert rate == 44_100
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"
    whole = (tmp_path / "a.wav").read_bytes()
    assert int.from_bytes(whole[4:8], "little") == len(whole) - 8
    assert len(whole) == 56 + samples.nbytes


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("song.wav", "song-wav"),
        ('AC/DC: "live"?', "AC-DC- -live"),
        ("Grüße 🎛", "Grüße 🎛"),
        ("../..", "item"),
        ("", "item"),
        ("ü" * 300, "ü" * 30),
        ("a" * 59 + "🎛", "a" * 59),
    ],
)
def test_names_of_files(name: str, safe: str) -> None:
    assert lib("files")(None).safe_name(name) == safe


RAMP = TempoMap(TempoPoint(0.0, 90.0, (4, 4), linear=True), TempoPoint(12.0, 150.0), TempoPoint(20.0, 150.0, (7, 8)))
ODD = TempoMap(
    TempoPoint(0.0, 100.0, (7, 8)), TempoPoint(4 * 7 * 0.3, 133.0, (5, 4)), TempoPoint(4 * 7 * 0.3 + 9.0, 71.3, (3, 4))
)
MAPS = {"steady": TempoMap(), "ramp": RAMP, "odd": ODD}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("position", [0.0, 0.7, 4.2, 9.99])
def test_bars_are_those_of_the_tempo_map(name: str, position: float, tmp_path: Path) -> None:
    tempo, rate, length = MAPS[name], 44_100, 17.3
    host = Host([project_of(tmp_path, [[0.0]], rate, tempo=tempo)], tmp_path)
    bars = lib("tempo", host.lua)(host.lua.globals().reaper).bars(host.project, position, length, rate)
    inside = [time for time in tempo.times if position - 0.5 / rate <= time <= position + length + 0.5 / rate]
    assert list(bars.times.values()) == inside  # bit for bit
    assert list(bars.frames.values()) == [round((time - position) * rate) for time in inside]
    metres = [metre for time, (_, metre) in zip(tempo.times, tempo.bars, strict=True) if time in inside]
    assert (bars.beats, bars.unit) == max(metres, key=metres.count)
    host.check_tidy()


def test_an_item_cut_a_hair_beside_the_bar_line_keeps_its_first_bar(tmp_path: Path) -> None:
    host = Host([project_of(tmp_path, [[0.0]], 44_100)], tmp_path)
    tempo = lib("tempo", host.lua)(host.lua.globals().reaper)
    for hair in (-1e-6, 1e-6):
        assert list(tempo.bars(host.project, 2.0 + hair, 8.0, 44_100).frames.values()) == [
            0,
            88_200,
            176_400,
            264_600,
            352_800,
        ]


def clips_of(heard: list[int], bars: list[int], length: int, start: int, gains: list[float] | None = None) -> list[Any]:
    loop = {"heard": heard, "bars": length, "start_bar": start + 1, "gains": gains or [1.0] * len(heard)}
    return [dict(clip.items()) for clip in lib("clips").clips(as_lua(loop), as_lua(bars)).values()]


@given(st.data())
def test_clips_sound_where_the_loop_does_and_nowhere_else(data: st.DataObject) -> None:
    """Whatever the bars: each frame of a clip is, to one frame, the frame of the file that sounds there."""
    count, length = data.draw(st.integers(4, 12)), data.draw(st.sampled_from([1, 2, 4]))
    lengths = data.draw(st.lists(st.sampled_from([1_000, 1_000, 1_001, 1_002, 1_300]), min_size=count, max_size=count))
    bars = [0, *itertools.accumulate(lengths)]
    heard = data.draw(st.lists(st.integers(-1, length - 1), min_size=count, max_size=count))
    start = data.draw(st.integers(0, count - length))
    heard[start : start + length] = range(length)
    into = [bars[start + bar] - bars[start] for bar in range(length + 1)]
    played = dict.fromkeys(range(count), 0)
    for clip in clips_of(heard, bars, length, start):
        for bar in range(clip["first"] - 1, clip["first"] - 1 + clip["bars"]):
            played[bar] += 1
            at = (clip["offset"] + bars[bar] - bars[clip["first"] - 1]) % into[-1]
            wanted = into[heard[bar]]
            assert min(abs(at - wanted), into[-1] - abs(at - wanted)) <= 1
    assert played == {bar: int(value >= 0) for bar, value in enumerate(heard)}


def test_clips_are_as_few_as_can_be() -> None:
    steady = [bar * 1_000 for bar in range(9)]
    assert len(clips_of([0] * 8, steady, 1, 0)) == 1
    assert len(clips_of([0, 1] * 4, steady, 2, 0)) == 1
    assert [clip["offset"] for clip in clips_of([0, 1, -1, 1, 0, 1, 0, -1], steady, 2, 0)] == [0, 1_000]
    assert [clip["gain"] for clip in clips_of([0] * 4, steady[:5], 1, 0, [1.0, 1.02, 0.5, 0.5])] == [1.0, 0.5]
    drifting = [round(bar * 1_000.4) for bar in range(9)]  # a file of 1000 frames is late by 0.4 a bar
    assert [clip["first"] for clip in clips_of([0] * 8, drifting, 1, 0)] == [1, 5]


def test_edges_are_the_tempo_maps_where_the_sound_is_on_it() -> None:
    item, host = as_lua({"position": 1.0, "rate": 1_000}), as_lua({"frames": [0, 500], "times": [1.0, 1.50037]})
    edge = lib("clips").edges(as_lua([0, 501, 990]), item, host)
    assert [edge(bar) for bar in (1, 2, 3)] == [1.0, 1.50037, 1.99]


def test_a_full_disk_is_told() -> None:
    needs(Path("/dev/full").exists(), "/dev/full")
    code = """
    local wav, path = ...
    local fine, problem = pcall(function()
      local writer = wav.create(path, 100000, 44100, 1)
      local values = {}
      for i = 1, 100000 do values[i] = 0.5 end
      writer.write(values, #values)
      writer.close()
    end)
    return problem.told
    """
    assert "cannot be written" in LUA.execute(code, lib("wav"), "/dev/full")
