"""Paths: what may be read and written, by the file that a path leads to and not by its spelling."""

import os
from pathlib import Path

import pytest

from bridge import paths
from bridge.paths import output_folder, readable_file
from core.errors import Code, LoopError


def refused(code: Code, text: str, **rules: object) -> None:
    with pytest.raises(LoopError) as error:
        readable_file(text, **rules)  # type: ignore[arg-type]
    assert error.value.code is code
    assert len(error.value.message) <= 120


def test_a_file_is_found_through_links(song: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.wav"
    link.symlink_to(song)
    assert readable_file(str(link)) == song.resolve()
    assert readable_file(str(song.parent / ".." / "music" / "song.wav")) == song.resolve()


@pytest.mark.parametrize("text", ["", "song.wav", "./song.wav", "~/song.wav", "//host/share/a.wav", "\\\\host\\a.wav"])
def test_only_absolute_local_paths(text: str) -> None:
    refused(Code.PATH_NOT_ALLOWED, text)


def test_no_control_characters_and_no_endless_names(tmp_path: Path) -> None:
    refused(Code.PATH_NOT_ALLOWED, f"{tmp_path}/a\nb.wav")
    refused(Code.PATH_NOT_ALLOWED, f"{tmp_path}/{'a' * 1_024}")


def test_only_regular_files_that_are_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("nothing.wav", "pipe", "loop", "dangling", "x" * 300, ""):
        refused(Code.NO_SUCH_FILE, str(tmp_path / name))
    refused(Code.NO_SUCH_FILE, "/dev/zero")


def test_only_inside_the_allowed_roots(song: Path, tmp_path: Path) -> None:
    evil = tmp_path / "music-evil"
    evil.mkdir()
    (evil / "a.wav").write_bytes(b"x")
    (song.parent / "out.wav").symlink_to(evil / "a.wav")
    assert readable_file(str(song), roots=[song.parent])
    refused(Code.PATH_NOT_ALLOWED, str(evil / "a.wav"), roots=[song.parent])
    refused(Code.PATH_NOT_ALLOWED, str(song.parent / ".." / "music-evil" / "a.wav"), roots=[song.parent])
    refused(Code.PATH_NOT_ALLOWED, str(song.parent / "out.wav"), roots=[song.parent])


def test_no_file_that_is_too_long(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_BYTES", 3)
    refused(Code.LIMIT, str(song))


def test_results_go_beside_the_source_or_below_the_configured_folder(song: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    (results / "deep").mkdir(parents=True)
    (song.parent / "away").symlink_to(tmp_path)
    assert output_folder(song, "") == song.parent
    assert output_folder(song, "", configured=results) == results
    assert output_folder(song, str(results / "deep"), configured=results) == results / "deep"
    assert output_folder(song, str(song.parent), configured=results) == song.parent
    for text in (str(tmp_path), str(results), str(song.parent / "away")):
        with pytest.raises(LoopError) as error:
            output_folder(song, text)
        assert error.value.code is Code.PATH_NOT_ALLOWED


def test_results_need_a_folder_that_is_there(song: Path) -> None:
    for text in (str(song), str(song.parent / "nothing")):
        with pytest.raises(LoopError) as error:
            output_folder(song, text)
        assert error.value.code is Code.NO_SUCH_FILE


def test_results_need_a_folder_that_can_be_written_to(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # noqa: ARG005 - the superuser may write anywhere
    with pytest.raises(LoopError) as error:
        output_folder(song, "")
    assert error.value.code is Code.WRITE_FAILED
