"""Work in threads: results in order, errors at once, nothing left behind, the same bytes on any number of cores."""

import threading
from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import core.base.threads
from core.base.threads import cores, each, in_order, one_blas_thread
from core.extraction.ladder import Settings, extract
from tests.core.loop_songs import tiny_song


@pytest.fixture(params=[1, 3])
def some_cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(core.base.threads, "cores", lambda: request.param)
    return int(request.param)


def test_results_come_in_the_order_of_the_items(some_cores: int) -> None:
    later = threading.Event()

    def work(item: int) -> int:
        if item == 0 and some_cores > 1:
            assert later.wait(10), "the second item runs beside the first"
        later.set()
        return item * item

    assert list(in_order(work, range(20))) == [item * item for item in range(20)]
    assert list(in_order(work, [])) == []


def test_few_items_are_taken_ahead(some_cores: int) -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_order(lambda item: item, items())
    assert next(results) == 0
    assert len(taken) <= some_cores + 1
    results.close()


@pytest.mark.usefixtures("some_cores")
def test_an_error_of_the_work_stops_the_rest() -> None:
    done = []

    def work(item: int) -> None:
        if item == 2:
            raise OSError("full")
        done.append(item)

    with pytest.raises(OSError, match="full"):
        each(work, range(1_000))
    assert len(done) < 20


def test_whoever_takes_the_results_may_stop(some_cores: int) -> None:
    started = []
    for item in in_order(lambda item: started.append(item) or item, range(1_000)):
        if item == 3:
            break
    assert max(started) <= 3 + 2 * some_cores
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool")]


def test_blas_keeps_to_one_thread_for_a_while() -> None:
    with threadpool_limits(2, user_api="blas"), one_blas_thread():
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_there_is_a_core() -> None:
    assert 1 <= cores() <= core.base.threads.MOST


@pytest.mark.parametrize("method", ["coherent", "auto"])
def test_stems_are_the_same_with_any_number_of_cores(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_song()
    if method == "auto":  # no waveform repeats then, and templates have to tell the loops apart
        monkeypatch.setattr("core.layout.search.search.EXACTLY", 2.0)
    found = []
    for count in (1, 3):
        monkeypatch.setattr(core.base.threads, "cores", lambda count=count: count)
        found.append(extract(tiny.clip, Settings(method=method), grid=tiny.grid))  # type: ignore[arg-type]
    assert found[0].diagnostics["method"] == {"coherent": "coherent", "auto": "played"}[method]
    assert found[0].stems.tobytes() == found[1].stems.tobytes()
    assert found[0].rest.tobytes() == found[1].rest.tobytes()
