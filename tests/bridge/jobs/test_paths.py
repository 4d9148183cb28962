"""Paths: what may be read and written, by the file that a path leads to and not by its spelling."""

import errno
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from bridge.jobs import paths
from bridge.jobs.paths import check_space, open_source, output_folder, readable_folder, windows_trap
from core.base.errors import Code, LoopError

OF_X = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # sha256sum of one x


def refused(code: Code, call: Callable[..., Any], *arguments: Any, **rules: Any) -> str:
    with pytest.raises(LoopError) as error:
        call(*arguments, **rules)
    assert error.value.code is code, error.value.message
    assert len(error.value.message) <= 120
    return error.value.message


def content(text: str, roots: Iterable[Path] = ()) -> str:
    with open_source(text, roots=roots) as source:
        assert source.file.read() == source.path.read_bytes()
        source.file.seek(0)
        return source.content_hash()


def opened(text: str, roots: Iterable[Path] = ()) -> Path:
    with open_source(text, roots=roots) as source:
        return source.path


def test_a_file_is_found_through_links(song: Path, tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(song)
    (tmp_path / "folder").symlink_to(song.parent)
    for spelled in ("link.wav", "folder/song.wav", "music/../music/song.wav", "music/./song.wav", "music//song.wav"):
        assert opened(f"{tmp_path}/{spelled}") == song.resolve()


@pytest.mark.parametrize(
    "text", ["", "song.wav", "./song.wav", "~/song.wav", "//host/share/a.wav", "\\\\host\\a.wav", "\\\\?\\C:\\a.wav"]
)
def test_only_absolute_local_paths(text: str) -> None:
    refused(Code.PATH_NOT_ALLOWED, opened, text)


def test_no_control_characters_and_no_endless_names(tmp_path: Path) -> None:
    for name in ("a\nb.wav", "a\0b.wav", "a\x7f.wav", "a\u0085.wav"):
        refused(Code.PATH_NOT_ALLOWED, opened, f"{tmp_path}/{name}")
    room = paths.MAX_PATH - len(f"{tmp_path}/")
    refused(Code.NO_SUCH_FILE, opened, f"{tmp_path}/{'a' * room}")
    refused(Code.PATH_NOT_ALLOWED, opened, f"{tmp_path}/{'a' * (room + 1)}")
    refused(Code.PATH_NOT_ALLOWED, opened, f"{tmp_path}/{'ä' * (room // 2 + 1)}")


def test_only_regular_files_that_are_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for name in ("nothing.wav", "pipe", "loop", "dangling", "x" * 300, ""):
        refused(Code.NO_SUCH_FILE, opened, str(tmp_path / name))
    for device in ("/dev/zero", "/dev/null", "/dev/stdin"):
        refused(Code.NO_SUCH_FILE, opened, device)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse names that are not UTF-8")
def test_a_name_that_is_no_utf_8_is_a_name(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.wav"))
    path.write_bytes(b"x")
    assert content(str(path)) == OF_X


@pytest.mark.parametrize(
    "name",
    ["\U0001f3b5 \u00e4.wav", unicodedata.normalize("NFD", "caf\u00e9.wav"), " a .wav", "a'b\"c$(d).wav", "-r.wav"],
)
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert content(str(tmp_path / name)) == OF_X


def test_an_empty_file_is_left_to_the_decoder(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert opened(str(tmp_path / "empty.wav")) == tmp_path / "empty.wav"


def test_a_file_that_may_not_be_read_is_named(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_open = os.open

    def denied(path: Any, flags: int, **rest: Any) -> int:  # the superuser, as tests may run, may read anything
        if path == "song.wav":
            raise PermissionError(errno.EACCES, "Permission denied")
        return system_open(path, flags, **rest)

    monkeypatch.setattr(os, "open", denied)
    monkeypatch.setattr(os, "supports_dir_fd", {denied})
    assert "Permission denied" in refused(Code.NO_SUCH_FILE, opened, str(song))


def test_only_inside_the_allowed_roots(song: Path, tmp_path: Path) -> None:
    evil = tmp_path / "music-evil"
    evil.mkdir()
    (evil / "a.wav").write_bytes(b"x")
    (song.parent / "out.wav").symlink_to(evil / "a.wav")
    (song.parent / "away").symlink_to(evil)
    (tmp_path / "alias").symlink_to(song.parent)
    for root in (song.parent, tmp_path / "alias", tmp_path):
        assert opened(str(song), [tmp_path / "unplugged", root]) == song
    for spelled in ("music-evil/a.wav", "music/../music-evil/a.wav", "music/out.wav", "music/away/a.wav"):
        refused(Code.PATH_NOT_ALLOWED, opened, f"{tmp_path}/{spelled}", [song.parent])
    refused(Code.PATH_NOT_ALLOWED, opened, str(song), [tmp_path / "unplugged"])


def test_inside_is_told_by_what_a_folder_is_and_not_by_its_spelling(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a case-insensitive disk MUSIC is music; here a path that leads there stands in for it."""
    shouted = tmp_path / "MUSIC"
    shouted.symlink_to(song.parent)
    monkeypatch.setattr(paths, "_resolved", Path)  # such a disk does not tell the two apart when it resolves
    monkeypatch.setattr(os, "O_NOFOLLOW", 0)
    assert opened(str(shouted / "song.wav"), [song.parent]) == shouted / "song.wav"


def test_no_file_that_is_too_long(tmp_path: Path) -> None:
    with (tmp_path / "sparse.wav").open("wb") as file:
        file.truncate(paths.MAX_BYTES)
    assert opened(str(tmp_path / "sparse.wav")).stat().st_size == 2 * 1024**3
    os.truncate(tmp_path / "sparse.wav", paths.MAX_BYTES + 1)
    assert "2147483649 bytes" in refused(Code.LIMIT, opened, str(tmp_path / "sparse.wav"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside the allowed folder, where a link may lead."""
    path = tmp_path / "secret" / "song.wav"
    path.parent.mkdir()
    path.write_bytes(b"secret")
    return path


def swapping(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], None]) -> None:
    """Have something happen after the path was looked at and before it is opened."""
    look, looks = paths._check_regular, list[int]()

    def look_and_swap(path: Path, status: os.stat_result) -> None:
        look(path, status)
        if not looks:
            swap()
        looks.append(1)

    monkeypatch.setattr(paths, "_check_regular", look_and_swap)


def put_link(at: Path, to: Path) -> None:
    at.rename(at.with_name("aside"))
    at.symlink_to(to)


def put_fifo(at: Path, _: Path) -> None:
    at.unlink()
    os.mkfifo(at)


@pytest.mark.parametrize(
    ("swap", "code"),
    [
        (lambda song, secret: put_link(song, secret), Code.PATH_NOT_ALLOWED),
        (lambda song, secret: put_link(song.parent, secret.parent), Code.PATH_NOT_ALLOWED),
        (put_fifo, Code.NO_SUCH_FILE),
        (lambda song, _: song.unlink(), Code.NO_SUCH_FILE),
    ],
    ids=["file for a link", "folder for a link", "file for a pipe", "file gone"],
)
def test_what_is_swapped_between_the_look_and_the_opening_is_refused(
    song: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path, Path], None], code: Code
) -> None:
    swapping(monkeypatch, lambda: swap(song, secret))
    refused(code, opened, str(song), [song.parent])


@pytest.mark.parametrize("swap", [put_link, lambda song, secret: secret.replace(song)], ids=["link", "other file"])
def test_what_is_swapped_after_the_opening_is_neither_read_nor_unnoticed(
    song: Path, secret: Path, swap: Callable[[Path, Path], None]
) -> None:
    with open_source(str(song), roots=[song.parent]) as source:
        swap(song, secret)
        assert "changed during reading" in refused(Code.INCOMPLETE, source.content_hash)
        source.file.seek(0)
        assert source.file.read() == b"RIFF"


def test_a_file_that_is_written_to_while_it_is_read_is_refused(song: Path) -> None:
    status = song.stat()
    with open_source(str(song)) as source:
        song.write_bytes(b"FFIR")
        os.utime(song, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing had been
        refused(Code.INCOMPLETE, source.content_hash)


def test_hashing_stops_when_told(song: Path) -> None:
    with open_source(str(song)) as source:
        refused(Code.SHUTTING_DOWN, source.content_hash, stopped=lambda: True)


def test_no_descriptor_is_left_open(song: Path, secret: Path) -> None:
    def count() -> int:
        return len(list(Path("/dev/fd").iterdir()))

    before = count()
    for text in (str(song), str(secret), str(song.parent), "/dev/zero", str(song / "x")):
        with pytest.raises(LoopError):
            opened(text, [song.parent / "nothing"])
    opened(str(song))
    assert count() == before


def test_a_folder_to_watch_keeps_the_same_rules(song: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(song.parent)
    assert readable_folder(str(tmp_path / "link"), roots=[song.parent]) == song.parent
    refused(Code.PATH_NOT_ALLOWED, readable_folder, str(tmp_path), roots=[song.parent])
    refused(Code.PATH_NOT_ALLOWED, readable_folder, "music")
    refused(Code.NO_SUCH_FILE, readable_folder, str(song))
    refused(Code.NO_SUCH_FILE, readable_folder, str(tmp_path / "nothing"))


@pytest.mark.parametrize("text", [r"C:\music\song.wav", r"d:/music/.hidden/a..b.wav", r"C:\cons\console.wav"])
def test_what_windows_takes_for_the_file_of_that_name(text: str) -> None:
    assert windows_trap(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"\\host\share\a.wav", "drive"),
        (r"\\?\C:\a.wav", "drive"),
        (r"\\.\pipe\a", "drive"),
        (r"\music\a.wav", "drive"),
        (r"C:a.wav", "drive"),
        (r"C:\music\CON", "device"),
        (r"C:\music\nul.wav", "device"),
        (r"C:\com1\a.wav", "device"),
        (r"C:\music\LPT9 .tar.wav", "device"),
        ("C:\\music\\COM\u00b9", "device"),
        (r"C:\music\a.wav.", "dot or a space"),
        (r"C:\music \a.wav", "dot or a space"),
        (r"C:\music\a.wav:stream", "holds :"),
        (r"C:\music\*.wav", r"holds *"),
    ],
)
def test_what_windows_would_take_for_something_else_is_refused(text: str, why: str) -> None:
    assert why in str(windows_trap(text))


def test_results_go_beside_the_source_or_below_the_configured_folder(song: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    (results / "deep").mkdir(parents=True)
    (tmp_path / "linked-results").symlink_to(results)
    assert output_folder(song, "") == song.parent
    assert output_folder(song, "", configured=results) == results
    assert output_folder(song, "", configured=tmp_path / "linked-results") == results, "the user may link"
    assert output_folder(song, str(results / "deep"), configured=results) == results / "deep"
    linked = tmp_path / "linked-results" / "deep"
    assert output_folder(song, str(linked), configured=tmp_path / "linked-results") == results / "deep"
    assert output_folder(song, str(song.parent), configured=results) == song.parent
    for text in (str(tmp_path), str(results), f"{results}-evil", f"{song.parent}/../results"):
        Path(text).mkdir(exist_ok=True)
        refused(Code.PATH_NOT_ALLOWED, output_folder, song, text)


def test_results_follow_no_links_below_the_folders(song: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (song.parent / "inside").mkdir()
    (song.parent / "away").symlink_to(tmp_path / "elsewhere")
    (song.parent / "round").symlink_to(song.parent / "inside")
    for name in ("away", "away/deep", "round"):
        refused(Code.PATH_NOT_ALLOWED, output_folder, song, str(song.parent / name))


def test_results_need_a_folder_that_is_there(song: Path) -> None:
    for text in (str(song), str(song.parent / "nothing")):
        with pytest.raises(LoopError) as error:
            output_folder(song, text)
        assert error.value.code in (Code.NO_SUCH_FILE, Code.PATH_NOT_ALLOWED)
    refused(Code.NO_SUCH_FILE, output_folder, song, "", configured=song.parent / "unplugged")


def test_results_need_a_folder_that_can_be_written_to(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # noqa: ARG005 - the superuser may write anywhere
    refused(Code.WRITE_FAILED, output_folder, song, "")


def test_results_need_room_for_half_as_much_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, 150_000_000))
    check_space(tmp_path, 100_000_000)
    message = refused(Code.WRITE_FAILED, check_space, tmp_path, 100_000_001)
    assert "150 MB free, 150 MB needed" in message


def test_a_folder_that_has_become_a_link_gets_no_results(song: Path, secret: Path) -> None:
    folder = song.parent
    check_space(folder, 0)
    put_link(folder, secret.parent)
    refused(Code.PATH_NOT_ALLOWED, check_space, folder, 0)
    folder.unlink()
    refused(Code.WRITE_FAILED, check_space, folder, 0)
