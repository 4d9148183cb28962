"""`loopcube export` and `loopcube pictures` as they are typed."""

import csv
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import mido
import pytest
import rpp
from typer.testing import CliRunner, Result

from bridge.cli.app import app
from core.base.errors import Code, LoopError
from core.base.new_files import write_new
from core.results.pictures import gallery
from core.results.pictures.gallery import PICTURES

OddResult = Callable[[str], Path]
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "midi": (".mid", mido.MidiFile),
    "rpp": (".rpp", lambda path: rpp.loads(path.read_text(encoding="utf-8"))),
    "dawproject": (".dawproject", zipfile.ZipFile),
    "csv": (".csv", lambda path: list(csv.DictReader(path.open(encoding="utf-8")))),
}


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folder(odd_result: OddResult, tmp_path: Path) -> Path:
    """A result of one's own, in a folder with an odd name."""
    return shutil.copytree(odd_result("quotes"), tmp_path / 'my "50%" it\'s')


@pytest.mark.parametrize("to", READERS)
def test_an_export_lies_in_the_result_and_a_second_beside_it(folder: Path, to: str) -> None:
    ending, read = READERS[to]
    for name in ("Say-hi-it-s-50-ok", "Say-hi-it-s-50-ok-2"):
        result = run("export", folder, "--to", to)
        assert result.exit_code == 0, result.output
        assert result.output.strip() == str(folder / f"{name}{ending}")
        assert read(folder / f"{name}{ending}")
    assert not list(folder.glob(".*"))


def test_an_export_goes_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    assert run("export", folder, "--to", "csv", "--out", tmp_path / "table.csv").exit_code == 0
    assert (tmp_path / "table.csv").read_bytes() == (folder / "activations.csv").read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["--to", "als"], Code.ARGUMENTS, "midi, rpp, dawproject, csv"),
        (["--to", "midi", "--out", "."], Code.ARGUMENTS, "is a folder"),
        (["--to", "midi", "--out", "none/x.mid"], Code.WRITE_FAILED, "No such file"),
    ],
)
def test_mistakes_are_told(folder: Path, words: list[str], code: Code, reason: str) -> None:
    result = run("export", folder, *words)
    assert isinstance(result.exception, LoopError)
    assert result.exception.code == code
    assert reason in result.exception.message


@pytest.mark.parametrize("command", [["export", "--to", "rpp"], ["pictures"]])
def test_what_is_no_result_is_refused(tmp_path: Path, command: list[str]) -> None:
    result = run(*command, tmp_path)
    assert isinstance(result.exception, LoopError)
    assert result.exception.code == Code.NO_SUCH_FILE
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(LoopError, match="No space left") as caught:
        write_new(tmp_path / "x.mid", full)
    assert caught.value.code == Code.WRITE_FAILED
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_was_claimed_in_vain_is_free_again(tmp_path: Path) -> None:
    with patch.object(Path, "replace", side_effect=OSError(13, "Permission denied")), pytest.raises(LoopError):
        write_new(tmp_path / "x.mid", lambda path: path.touch())
    assert list(tmp_path.iterdir()) == []


def test_writers_at_the_same_time_get_files_of_their_own(tmp_path: Path) -> None:
    barrier, paths = threading.Barrier(8), []

    def write(number: int) -> None:
        barrier.wait()
        paths.append((write_new(tmp_path / "x.y.mid", lambda path: path.write_text(str(number)) and None), number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {path.name for path, _ in paths} == {"x.y.mid", *(f"x.y-{k}.mid" for k in range(2, 9))}
    assert all(path.read_text() == str(number) for path, number in paths)


def test_pictures_are_drawn_once(folder: Path) -> None:
    drawn = []
    quick = dict.fromkeys(PICTURES, lambda _views, path: drawn.append(path.write_text("picture")))
    (folder / "figures" / "notes.png").write_text("mine")
    with patch.object(gallery, "PICTURES", quick), patch.object(gallery, "views_of", lambda *_: None):
        first, second = run("pictures", folder), run("pictures", folder)
    assert first.exit_code == second.exit_code == 0, first.output
    assert len(drawn) == len(first.output.splitlines()) == len(PICTURES) - 2, "all but the map and mine"
    assert (folder / "figures" / "notes.png").read_text() == "mine"
    assert {path.name for path in (folder / "figures").iterdir()} == set(PICTURES)
    assert "already" in second.output


def test_help_is_not_kept_waiting_by_what_only_exports_need() -> None:
    code = "import bridge.cli.app, sys; print(*{'matplotlib', 'mido', 'jsonschema', 'numpy', 'PIL'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout.split() == []
