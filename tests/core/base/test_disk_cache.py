"""The cache gives back what was put, or nothing; it stays in its bounds, and never stands in the way."""

import multiprocessing
import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import core.base.disk_cache
from core.base.disk_cache import Cache, code_version, key_of

ARRAYS = {"bins": np.arange(6, dtype=np.complex64).reshape(2, 3), "told": np.array('{"origin": "host"}')}
ENTRY_BYTES = 10_000
KEYS = [f"{number:032x}" for number in range(8)]


def entry(number: int) -> dict[str, np.ndarray]:
    return {"numbers": np.full(ENTRY_BYTES // 8, number, dtype=np.int64)}


def test_what_was_put_comes_back(tmp_path: Path) -> None:
    Cache(tmp_path / "not" / "there").put(KEYS[0], ARRAYS)
    found = Cache(tmp_path / "not" / "there").get(KEYS[0])
    assert found is not None
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert Cache(tmp_path).get(KEYS[1]) is None
    assert [path.suffix for path in (tmp_path / "not" / "there").iterdir()] == [".npz"]


@pytest.mark.parametrize("place", [0, 20, -20, None])
def test_a_damaged_entry_counts_as_missing_and_is_replaced(tmp_path: Path, place: int | None) -> None:
    kept = Cache(tmp_path)
    kept.put(KEYS[0], ARRAYS)
    (file,) = tmp_path.iterdir()
    contents = bytearray(file.read_bytes())
    if place is None:
        contents = contents[:30]
    else:
        contents[place] ^= 1
    file.write_bytes(contents)
    assert kept.get(KEYS[0]) is None
    kept.put(KEYS[0], ARRAYS)
    assert kept.get(KEYS[0]) is not None


def test_what_was_unused_for_longest_makes_room(tmp_path: Path) -> None:
    kept = Cache(tmp_path, 3 * (ENTRY_BYTES + 500))
    for number in range(3):
        kept.put(KEYS[number], entry(number))
        os.utime(tmp_path / f"{KEYS[number]}.npz", (number, number))
    (tmp_path / "killed.part").write_bytes(b"x" * 100)
    os.utime(tmp_path / "killed.part", (0, 0))
    assert kept.get(KEYS[0]) is not None
    kept.put(KEYS[3], entry(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{KEYS[number]}.npz" for number in (0, 2, 3)]


def test_an_entry_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    Cache(tmp_path, 100).put(KEYS[0], entry(0))
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    kept = Cache(tmp_path / "file")
    kept.put(KEYS[0], ARRAYS)
    assert kept.get(KEYS[0]) is None


def test_a_disk_that_fills_up_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, contents: bytes) -> int:
        with path.open("wb") as file:
            file.write(contents[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    Cache(tmp_path).put(KEYS[0], ARRAYS)
    assert list(tmp_path.iterdir()) == []


def _use(folder: Path, wrong: "multiprocessing.Queue[int]") -> None:
    kept = Cache(folder, 4 * ENTRY_BYTES)
    for turn in range(200):
        number = turn * 7 % len(KEYS)
        found = kept.get(KEYS[number])
        if found is not None and not (found["numbers"] == number).all():
            wrong.put(number)
        kept.put(KEYS[number], entry(number))


def test_processes_share_a_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    wrong: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=_use, args=(tmp_path, wrong)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert wrong.empty()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4 * ENTRY_BYTES


def test_keys_tell_everything_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.arange(12, dtype=np.float32)
    parts = [
        (samples,),
        (samples.reshape(2, 6),),
        (samples.astype(np.int32),),
        (samples[::-1],),
        (samples, 1),
        (samples, 1.0),
        (samples, "1"),
        (samples, None),
        (1, samples),
    ]
    assert len({key_of(*each) for each in parts}) == len(parts)
    assert key_of(samples, 1) == key_of(samples.copy(), 1)
    before = key_of(samples)
    monkeypatch.setattr(core.base.disk_cache, "code_version", lambda: "of another release")
    assert key_of(samples) != before


def test_changed_code_has_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {code_version()}
    (tmp_path / "layout" / "search").mkdir(parents=True)
    changes = [
        ("gains.py", "FLOOR = 1"),
        ("gains.py", "FLOOR = 2"),
        ("layout/search/moves.py", "FLOOR = 1"),
        ("layout/search/moves.py", "FLOOR = 2"),
        ("layout/gains.py", "FLOOR = 2"),
    ]
    for name, text in changes:
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(resources, "files", lambda _: tmp_path)
        code_version.cache_clear()
        versions.add(code_version())
    code_version.cache_clear()
    assert len(versions) == 1 + len(changes)
