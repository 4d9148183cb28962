"""The demo, from the command to the files, with its song at 8 kHz to be quick."""

import functools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import core.evaluation.songs
from bridge.cli.app import app
from core.evaluation import scoring


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        core.evaluation.songs, "demo_song", functools.partial(core.evaluation.songs.demo_song, rate=8_000)
    )


def test_the_demo_tells_how_close_it_came(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo")])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    folder = Path(lines[-1])
    assert "SDR dB" in result.output
    assert folder == tmp_path / "demo" / "demo-loops"
    stems = [soundfile.read(path, dtype="float32")[0].T for path in sorted(folder.glob("stems/[0-9]*.wav"))]
    true = [
        soundfile.read(tmp_path / "demo" / "demo-true-loops" / f"{role}.wav", dtype="float32")[0].T
        for role in ("drums", "bass", "pluck", "pad")
    ]
    again = scoring.match(np.stack(true), np.stack(stems))
    said = next(line for line in lines if line.startswith("SDR over"))
    assert f"{again.sdr.mean():.1f} dB" in said


def test_a_second_demo_gets_a_name_of_its_own(tmp_path: Path) -> None:
    from bridge.cli.demo import named_demo

    (tmp_path / "demo.wav").touch()
    (tmp_path / "demo-2-loops").mkdir()
    assert named_demo(tmp_path).mixture.name == "demo-3"


def test_an_unknown_method_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "demo"), "--method", "magic"])
    assert result.exit_code != 0
    assert not (tmp_path / "demo").exists()
