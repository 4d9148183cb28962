"""The result folder: whole or not at all, the same bytes for the same song, never over something else."""

import builtins
import csv
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import soundfile

from core.base.errors import Cancelled, Code, LoopError
from core.base.names import safe_name, slug
from core.extraction.ladder import Extraction, Settings, extract
from core.results.read import read_manifest
from core.results.write import check_writable, write_result
from tests.core.loop_songs import cancelling, tiny_song


@pytest.fixture(scope="module")
def extraction() -> Extraction:
    song = tiny_song()
    return extract(song.clip, Settings(loops=3, max_loop_bars=1), grid=song.grid)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@contextmanager
def failing_call(number: int) -> Iterator[list[str]]:
    """Opening for writing, making a folder and renaming are counted; the call of that number fails: disk full."""
    calls: list[str] = []

    def counted(name: str, function: Callable[..., Any], *, always: bool = True) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            mode = kwargs.get("mode", args[1] if len(args) > 1 else "r")
            if always or (isinstance(mode, str) and set(mode) & set("wax+")):
                calls.append(name)
                if len(calls) - 1 == number:
                    raise OSError(28, "No space left on device")
            return function(*args, **kwargs)

        return call

    with (
        patch.object(builtins, "open", counted("open", builtins.open, always=False)),
        patch.object(io, "open", counted("open", io.open, always=False)),
        patch.object(os, "mkdir", counted("mkdir", os.mkdir)),
        patch.object(os, "rename", counted("rename", os.rename)),
    ):
        yield calls


def test_the_folder_holds_what_the_architecture_says(extraction: Extraction, tmp_path: Path) -> None:
    labels = ("drums", "bass", "melody low")
    loops = [replace(loop, label=label) for loop, label in zip(extraction.loops, labels, strict=True)]
    folder = write_result(replace(extraction, loops=loops), tmp_path)
    names = ["01-drums-1-bar.wav", "02-bass-1-bar.wav", "03-melody-low-1-bar.wav"]
    assert folder == tmp_path / "tiny song-loops"
    sound = sorted(path for path in files_of(folder) if path.startswith("report/"))
    assert [path.rpartition("/")[2] for path in sound] == [
        *(f"loop-{number:04d}.js" for number in range(3)),
        "song-0000.js",
    ]
    assert sorted(files_of(folder)) == [
        "activations.csv",
        "activations.json",
        "activations.mid",
        "figures/map.png",
        *(f"loops/{name}" for name in names),
        "manifest.json",
        "report.html",
        *sound,
        *(f"stems/{name}" for name in names),
        "stems/rest.wav",
    ]
    assert list(tmp_path.iterdir()) == [folder]


def test_the_files_null_against_the_clip(extraction: Extraction, tmp_path: Path) -> None:
    folder = write_result(extraction, tmp_path)
    parts = [soundfile.read(path, dtype="float32", always_2d=True) for path in (folder / "stems").iterdir()]
    assert {rate for _, rate in parts} == {extraction.clip.rate}
    assert np.abs(sum(samples for samples, _ in parts).T - extraction.clip.samples).max() < 1e-5
    assert soundfile.info(folder / "stems" / "rest.wav").subtype == "FLOAT"


def test_the_manifest_leads_to_every_file(extraction: Extraction, tmp_path: Path) -> None:
    folder = write_result(extraction, tmp_path)
    manifest = read_manifest(folder)
    named = [manifest["rest"], *manifest["activations"], *manifest["figures"], "manifest.json"]
    named += [loop[kind] for loop in manifest["loops"] for kind in ("loop", "stem")]
    named += [manifest[key] for key in ("report", "factors") if key in manifest]
    assert sorted(named) == sorted(path for path in files_of(folder) if not path.startswith("report/"))
    assert manifest["source"]["frames"] == extraction.clip.frames
    assert manifest["bars"]["starts"] == extraction.grid.starts.tolist()
    for loop, truth in zip(manifest["loops"], extraction.loops, strict=True):
        assert soundfile.info(folder / loop["loop"]).frames == truth.audio.shape[1]
        np.testing.assert_allclose(loop["activations"], truth.activations, atol=1e-4)


def test_activations_are_the_same_in_csv_and_json(extraction: Extraction, tmp_path: Path) -> None:
    folder = write_result(extraction, tmp_path)
    table = json.loads((folder / "activations.json").read_text())
    rows = list(csv.DictReader((folder / "activations.csv").read_text().splitlines()))
    assert len(rows) == extraction.grid.bars * len(extraction.loops)
    for row in rows:
        loop = table["loops"][int(row["loop"]) - 1]
        assert float(row["activation"]) == loop["activations"][int(row["bar"]) - 1]
        assert float(row["start_seconds"]) == table["bar_starts_seconds"][int(row["bar"]) - 1]


def test_the_same_song_and_seed_give_the_same_bytes(extraction: Extraction, tmp_path: Path) -> None:
    song = tiny_song()
    again = extract(song.clip, Settings(loops=3, max_loop_bars=1), grid=song.grid)
    assert files_of(write_result(again, tmp_path / "a")) == files_of(write_result(extraction, tmp_path / "b"))


def test_an_existing_result_is_never_touched(extraction: Extraction, tmp_path: Path) -> None:
    (tmp_path / "tiny song-loops").mkdir()
    (tmp_path / "tiny song-loops-2").write_text("mine")
    assert write_result(extraction, tmp_path).name == "tiny song-loops-3"
    assert write_result(extraction, tmp_path).name == "tiny song-loops-4"
    assert list((tmp_path / "tiny song-loops").iterdir()) == []
    assert (tmp_path / "tiny song-loops-2").read_text() == "mine"


def test_writers_at_the_same_time_get_folders_of_their_own(extraction: Extraction, tmp_path: Path) -> None:
    barrier, folders = threading.Barrier(4), []

    def write() -> None:
        barrier.wait()
        folders.append(write_result(extraction, tmp_path))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tmp_path.iterdir()) == sorted(folders)
    assert len({frozenset(files_of(folder).items()) for folder in folders}) == 1


def test_whichever_write_fails_nothing_stays_behind(extraction: Extraction, tmp_path: Path) -> None:
    with failing_call(-1) as calls:
        write_result(extraction, tmp_path / "dry run" / "below")
    assert {"open", "mkdir", "rename"} <= set(calls)
    assert len(calls) >= 15
    for number in range(len(calls)):
        parent = tmp_path / f"run {number}"
        with failing_call(number), pytest.raises(LoopError, match="No space left on device") as caught:
            write_result(extraction, parent / "below")
        assert caught.value.code == Code.WRITE_FAILED
        assert not parent.exists()


def test_whenever_it_is_cancelled_nothing_stays_behind(extraction: Extraction, tmp_path: Path) -> None:
    told: list[float] = []
    write_result(extraction, tmp_path / "whole", lambda fraction, _stage: told.append(fraction))
    assert told == sorted(told)
    for stop_at in range(len(told)):
        with pytest.raises(Cancelled):
            write_result(extraction, tmp_path / "out", cancelling(stop_at))
        assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_stays_there(extraction: Extraction, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with failing_call(5), pytest.raises(LoopError):
        write_result(extraction, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_parent_that_is_a_file_is_refused_at_once(extraction: Extraction, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for parent in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(LoopError) as caught:
            check_writable(parent)
        assert caught.value.code == Code.WRITE_FAILED
        with pytest.raises(LoopError) as caught:
            write_result(extraction, parent)
        assert caught.value.code == Code.WRITE_FAILED
    assert (tmp_path / "file").read_text() == "mine"


def test_the_check_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "deeper")
    assert list(tmp_path.iterdir()) == []


NAMES = [
    "a/b\\c",
    "..",
    "",
    "con",
    "x" * 500,
    "ü" * 500,
    "ドラム",
    "a:b*c?",
    "tab\tnew\nline",
    " .hidden. ",
    "$x^2$",
    "🎵",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_song_and_label_make_files_that_every_system_takes(
    extraction: Extraction, tmp_path: Path, name: str
) -> None:
    loops = [replace(loop, label=name) for loop in extraction.loops]
    song = replace(extraction, clip=replace(extraction.clip, name=name), loops=loops)
    folder = write_result(song, tmp_path)
    assert folder.parent == tmp_path
    for path in (folder, *folder.rglob("*")):
        assert len(path.name.encode()) < 150
        assert not set(path.name) & set('<>:"/\\|?*\n\t')
        assert path.name.strip(" .") == path.name
    assert len(read_manifest(folder)["loops"]) == 3


def test_composed_and_decomposed_letters_make_one_name() -> None:
    assert safe_name("u\u0308") == safe_name("\u00fc")
    assert slug("", fallback="loop") == "loop"


def test_no_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="is this a result") as caught:
        read_manifest(tmp_path)
    assert caught.value.code == Code.NO_SUCH_FILE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "wrong"),
        ('{"schema": 1}', "wrong"),
        ('{"schema": NaN}', "NaN is no number"),
    ],
)
def test_a_broken_manifest_is_told(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(LoopError, match=reason) as caught:
        read_manifest(tmp_path)
    assert caught.value.code == Code.ARGUMENTS


def test_a_manifest_of_the_future_is_told(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"schema": 2}')
    with pytest.raises(LoopError, match="newer loopcube") as caught:
        read_manifest(tmp_path)
    assert caught.value.code == Code.VERSION


def test_a_manifest_may_not_point_outside_its_folder(extraction: Extraction, tmp_path: Path) -> None:
    folder = write_result(extraction, tmp_path)
    manifest = read_manifest(folder)
    for path in ("../secret.wav", "/etc/passwd", "stems/../../x.wav", "a\\b"):
        (folder / "manifest.json").write_text(json.dumps({**manifest, "rest": path}))
        with pytest.raises(LoopError, match=r"\$\.rest"):
            read_manifest(folder)
