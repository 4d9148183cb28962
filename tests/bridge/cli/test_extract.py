"""`loopcube extract` as a user runs it: another process, what it prints, its exit status, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer

from bridge.cli.app import app, main
from bridge.cli.loop_table import activation_blocks, loop_table
from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.audio.wav import write_wav
from core.base.disk_cache import Cache
from core.base.progress import Progress
from core.extraction.ladder import Settings, extract
from core.results.read import read_manifest
from tests.core.loop_songs import tiny_song


@pytest.fixture
def song(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny song as a file, and its bars beside it; what is remembered of it goes elsewhere."""
    monkeypatch.setenv("LOOPCUBE_HOME", str(tmp_path_factory.mktemp("home")))
    tiny = tiny_song()
    path = tmp_path / "tiny.wav"
    write_wav(path, tiny.clip.samples, tiny.clip.rate)
    lines = "\n".join(f"{start / tiny.clip.rate:.6f}" for start in tiny.grid.starts)
    (tmp_path / "bars.csv").write_text(f"seconds\n{lines}\n")
    return path


def loopcube(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["loopcube", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_a_song_becomes_a_folder(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status = loopcube("extract", song, "--bars", tmp_path / "bars.csv", "--loops", 3, monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert status == 0
    folder = Path(out.strip().splitlines()[-1])
    assert folder == tmp_path / "tiny-loops"
    assert len(read_manifest(folder)["loops"]) == 3
    assert "bass" in out
    assert "█" in out


def test_json_is_all_that_is_on_stdout(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["extract", song, "--bpm", "120", "--meter", "1/4", "--first-downbeat", "0.0625", "--json"]
    assert loopcube(*arguments, "--out", tmp_path / "new" / "out", monkeypatch=monkeypatch) == 0
    summary = json.loads(capsys.readouterr().out)
    assert Path(summary["folder"]) == tmp_path / "new" / "out" / "tiny-loops"
    assert summary["bars"]["origin"] == "tempo"
    assert summary["bars"]["bpm"] == pytest.approx(120)


def test_a_bad_song_or_option_is_one_line_status_2_and_no_file(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tiny_song()
    bars = tmp_path / "bars.csv"
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "falling.csv").write_text("1\n2\n1.5\n3\n4\n5\n")
    (tmp_path / "outside.csv").write_text("1\n2\n3\n4\n500\n")
    (tmp_path / "few.csv").write_text("1\n2\n3\n")
    (tmp_path / "words.csv").write_text("1\n2\nthree\n4\n5\n")
    write_wav(tmp_path / "empty.wav", tiny.clip.samples[:, :0], 8_000)
    write_wav(tmp_path / "silent.wav", np.zeros_like(tiny.clip.samples), 8_000)
    write_wav(tmp_path / "nan.wav", np.full_like(tiny.clip.samples, np.nan), 8_000)
    write_wav(tmp_path / "infinite.wav", np.full_like(tiny.clip.samples, np.inf), 8_000)
    before = sorted(tmp_path.rglob("*"))
    mistakes: list[tuple[int, list[object]]] = [
        (-7, [tmp_path / "missing.wav"]),
        (-7, [tmp_path]),
        (-8, [tmp_path / "text.wav"]),
        (-8, [tmp_path / "empty.wav"]),
        (-8, [tmp_path / "nan.wav"]),
        (-8, [tmp_path / "infinite.wav"]),
        (-14, [tmp_path / "silent.wav"]),
        (-14, [song, "--bars", tmp_path / "few.csv"]),
        (-14, [song, "--bpm", 21]),
        (-5, [song, "--bars", tmp_path / "falling.csv"]),
        (-5, [song, "--bars", tmp_path / "outside.csv"]),
        (-5, [song, "--bars", tmp_path / "words.csv"]),
        (-7, [song, "--bars", tmp_path / "missing.csv"]),
        (-5, [song, "--bpm", 19]),
        (-5, [song, "--bpm", 401]),
        (-5, [song, "--bpm", "nan"]),
        (-5, [song, "--bpm", 120, "--meter", "four"]),
        (-5, [song, "--bpm", 120, "--meter", "4/5"]),
        (-5, [song, "--bpm", 120, "--first-downbeat", -1]),
        (-5, [song, "--bpm", 120, "--bars", bars]),
        (-5, [song, "--meter", "3/4"]),
        (-5, [song, "--bars", bars, "--loops", 0]),
        (-5, [song, "--bars", bars, "--loops", 11]),
        (-5, [song, "--bars", bars, "--loops", "many"]),
        (-5, [song, "--bars", bars, "--method", "magic"]),
        (-5, [song, "--bars", bars, "--solver", "magic"]),
        (-5, [song, "--bars", bars, "--solver", "tensorly", "--device", "gpu"]),
        (-5, [song, "--bars", bars, "--method", "coherent", "--solver", "hals"]),
        (-5, [song, "--bars", bars, "--method", "coherent", "--device", "gpu"]),
        (-5, [song, "--bars", bars, "--seed", -1]),
        (-15, [song, "--bars", bars, "--out", song]),
        (-15, [song, "--bars", bars, "--out", song / "below"]),
    ]
    for code, arguments in mistakes:
        assert loopcube("extract", *arguments, monkeypatch=monkeypatch) == 2, arguments
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith(f"loopcube: error {code}: "), (arguments, shown.err)
        assert len(shown.err.splitlines()) == 1, shown.err
        assert sorted(tmp_path.rglob("*")) == before


def test_a_second_result_gets_a_name_of_its_own(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        loopcube("extract", song, "--bars", tmp_path / "bars.csv", "--loops", 2, monkeypatch=monkeypatch)
    assert capsys.readouterr().out.strip().endswith("tiny-loops-2")


def test_a_song_is_remembered_unless_told_otherwise(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["LOOPCUBE_HOME"])
    given = ("extract", song, "--bars", song.with_name("bars.csv"))
    loopcube(*given, "--no-cache", monkeypatch=monkeypatch)
    monkeypatch.setenv("LOOPCUBE_CACHE_MIB", "0")
    loopcube(*given, monkeypatch=monkeypatch)
    assert not (home / "cache").exists()
    monkeypatch.delenv("LOOPCUBE_CACHE_MIB")
    loopcube(*given, monkeypatch=monkeypatch)
    assert list((home / "cache").glob("*.npz"))


class Stop(Exception):  # noqa: N818 - no error: extract was reached
    pass


# Of each option: how it is given, and what of extract's settings, grid and cache shows that it arrived there.
REACHES: dict[str, tuple[list[str], Callable[..., object], object]] = {
    "bpm": (["--bpm", "240"], lambda _settings, grid, _cache: grid.bpm(8_000), 240.0),
    "meter": (["--bpm", "120", "--meter", "2/4"], lambda _settings, grid, _cache: grid.beats_per_bar, 2),
    "first_downbeat": (["--bpm", "240", "--first-downbeat", "0.5"], lambda _s, grid, _cache: grid.starts[0], 4_000),
    "bars": (["--bars", "BARS"], lambda _settings, grid, _cache: grid.origin, "file"),
    "loops": (["--loops", "7"], lambda settings, _grid, _cache: settings.loops, 7),
    "method": (["--method", "coherent"], lambda settings, _grid, _cache: settings.method, "coherent"),
    "solver": (["--solver", "tensorly"], lambda settings, _grid, _cache: settings.solver, "tensorly"),
    "device": (["--device", "gpu"], lambda settings, _grid, _cache: settings.device, "gpu"),
    "seed": (["--seed", "9"], lambda settings, _grid, _cache: settings.seed, 9),
    "no_cache": (["--no-cache"], lambda _settings, _grid, cache: cache, None),
}
SHOWN_BY_FILES = {"song", "out", "as_json"}  # in the tests above


def test_every_option_is_looked_at() -> None:
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    options = {option.name for option in command.commands["extract"].params}
    assert options == {*REACHES, *SHOWN_BY_FILES}


@pytest.mark.parametrize("name", REACHES)
def test_an_option_reaches_the_extraction(song: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    reached: list[tuple[Settings, BarGrid, Cache]] = []

    def record(_clip: Clip, settings: Settings, _progress: Progress, grid: BarGrid, cache: Cache) -> None:
        reached.append((settings, grid, cache))
        raise Stop

    monkeypatch.setattr("core.extraction.ladder.extract", record)
    options, seen, wanted = REACHES[name]
    given = [option.replace("BARS", str(song.with_name("bars.csv"))) for option in options]
    for arguments in ([], given):
        monkeypatch.setattr(sys, "argv", ["loopcube", "extract", str(song), *arguments])
        with pytest.raises(Stop):
            main()
    (plain_settings, plain_grid, plain_cache), (settings, grid, cache) = reached
    assert (plain_settings, plain_grid) == (Settings(), None)
    assert plain_cache is not None
    assert seen(settings, grid, cache) == wanted


def test_a_gpu_that_is_not_there_is_one_line_at_once(
    song: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    before = sorted(song.parent.iterdir())
    for method in ("auto", "tucker"):
        assert loopcube("extract", song, "--method", method, "--device", "gpu", monkeypatch=monkeypatch) == 2
        shown = capsys.readouterr().err
        assert shown.startswith("loopcube: error -5: device gpu needs PyTorch")
        assert len(shown.splitlines()) == 1
    assert sorted(song.parent.iterdir()) == before


# The longest step, and one that writes files.
STEPS = {
    "fitting": "core.separation.tucker.decomposition._until_settled",
    "writing": "core.results.pictures.map.draw_map",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send to one process")
@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, "fitting"), (signal.SIGTERM, "writing")])
def test_a_signal_stops_it_and_leaves_nothing_behind(song: Path, tmp_path: Path, number: int, step: str) -> None:
    before = sorted(tmp_path.iterdir())
    arguments = ["extract", str(song), "--bars", str(tmp_path / "bars.csv"), "--method", "tucker"]
    script = (
        "import signal, sys, unittest.mock\n"
        f"wait = lambda *given, **more: (print('{step}', flush=True), signal.pause())\n"
        f"sys.argv = ['loopcube', *{arguments!r}]\n"
        "from bridge.cli import main\n"
        f"with unittest.mock.patch('{STEPS[step]}', wait): main()"
    )
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"{step}\n"
    assert (step == "writing") == any(path.suffix == ".part" for path in tmp_path.iterdir())
    process.send_signal(number)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 128 + number, shown
    assert shown == "loopcube: stopped\n"
    assert sorted(tmp_path.iterdir()) == before


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    heavy = {"librosa", "tensorly", "matplotlib", "madmom", "scipy", "numpy"}
    script = f"import sys, bridge.cli; print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


def test_blocks_show_the_activations() -> None:
    assert activation_blocks(np.array([0.0, 0.04, 0.06, 0.5, 1.0])) == "  ▁▄█"


def test_the_table_takes_more_columns() -> None:
    tiny = tiny_song()
    table = loop_table(extract(tiny.clip, Settings(loops=2, iterations=3), grid=tiny.grid), columns={"dB": ["1", "2"]})
    assert [column.header for column in table.columns] == ["loop", "bars", "best in bar", "dB", "where it plays"]
    assert list(table.columns[3].cells) == ["1", "2"]
