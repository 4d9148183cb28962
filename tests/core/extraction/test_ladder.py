"""The ladder from a clip to its loops, on a song whose loops are known."""

from itertools import pairwise

import numpy as np
import pytest

from core.audio.clip import Clip
from core.base.errors import Cancelled, Code, LoopError
from core.extraction.ladder import Extraction, Method, Settings, extract
from tests.core.loop_songs import BAR, cancelling, tiny_song


@pytest.fixture(scope="module")
def extraction() -> Extraction:
    song = tiny_song()
    return extract(song.clip, Settings(loops=3), grid=song.grid)


def test_stems_and_rest_null_against_the_clip(extraction: Extraction) -> None:
    null = extraction.clip.samples - extraction.stems.sum(axis=0) - extraction.rest
    assert np.abs(null).max() < 1e-5
    assert extraction.stems.shape == (3, *extraction.clip.samples.shape)
    assert extraction.stems.dtype == extraction.rest.dtype == np.float32


def test_every_loop_is_found_where_it_plays(extraction: Extraction) -> None:
    song = tiny_song()
    match = np.corrcoef(extraction.layout.activations.T, song.layout.T)[:3, 3:]
    assert sorted(match.argmax(axis=1)) == [0, 1, 2]
    assert match.max(axis=1).min() > 0.9


def test_every_stem_is_nearest_to_one_true_stem(extraction: Extraction) -> None:
    song = tiny_song()
    match = np.corrcoef(extraction.stems.reshape(3, -1), song.stems.reshape(3, -1))[:3, 3:]
    assert sorted(match.argmax(axis=1)) == [0, 1, 2]
    assert match.max(axis=1).min() > 0.9


def test_layout_and_loops_agree(extraction: Extraction) -> None:
    assert extraction.layout.activations.shape == (10, 3)
    for k, loop in enumerate(extraction.loops):
        np.testing.assert_array_equal(loop.activations, extraction.layout.activations[:, k])
        assert loop.audio.shape == (2, BAR * loop.bars)


@pytest.mark.parametrize("method", ["coherent", "tucker"])
def test_the_loudest_loop_comes_first(method: Method) -> None:
    song = tiny_song()
    found = extract(song.clip, Settings(method=method, loops=3), grid=song.grid)
    energies = np.square(found.stems).sum(axis=(1, 2))
    assert list(energies) == sorted(energies, reverse=True)
    heard = np.array([np.square(found.stems[:, :, a:b]).sum(axis=(1, 2)) for a, b in pairwise(found.grid.starts)])
    assert np.corrcoef(np.sqrt(heard.T), found.layout.activations.T)[:3, 3:].argmax(axis=1).tolist() == [0, 1, 2]


def test_the_tucker_method_keeps_its_factors_in_the_order_of_the_loops() -> None:
    song = tiny_song()
    found = extract(song.clip, Settings(method="tucker", loops=3), grid=song.grid)
    assert found.factors is not None
    assert found.factors.loops.shape == found.layout.activations.shape == (10, 3)
    np.testing.assert_allclose(found.layout.activations.max(axis=0), 1.0)
    for k, loop in enumerate(found.loops):
        np.testing.assert_array_equal(loop.recipe, found.factors.recipes[:, :, k])


def test_the_number_of_loops_is_found_when_not_given() -> None:
    song = tiny_song()
    assert len(extract(song.clip, grid=song.grid).loops) == 3


def test_the_same_seed_gives_the_same_samples(extraction: Extraction) -> None:
    song = tiny_song()
    again = extract(song.clip, Settings(loops=3), grid=song.grid)
    np.testing.assert_array_equal(again.stems, extraction.stems)
    np.testing.assert_array_equal(again.rest, extraction.rest)


def test_more_loops_than_the_song_has_are_no_error() -> None:
    song = tiny_song(channels=1)
    found = extract(song.clip, Settings(loops=6, iterations=30), grid=song.grid)
    assert 1 <= len(found.loops) <= 6
    assert (found.layout.activations.max(axis=0) > 0).all()


def test_progress_rises_and_every_call_may_cancel() -> None:
    song = tiny_song(channels=1)
    settings = Settings(loops=2, iterations=3)
    told: list[float] = []
    extract(song.clip, settings, lambda fraction, _stage: told.append(fraction), grid=song.grid)
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] <= 1
    for stop_at in range(len(told)):
        with pytest.raises(Cancelled):
            extract(song.clip, settings, cancelling(stop_at), grid=song.grid)


def test_a_clip_mostly_outside_its_bars_is_told_of() -> None:
    song = tiny_song(channels=1)
    longer = Clip(np.pad(song.clip.samples, ((0, 0), (0, 40_000))), song.clip.rate)
    warnings = extract(longer, Settings(loops=2, iterations=3), grid=song.grid).warnings
    assert any("outside its bars" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "magic"}, "method must be one of auto, .*, got magic"),
        ({"solver": "magic"}, "solver must be one of kl, hals, tensorly, got magic"),
        ({"device": "magic"}, "device must be one of cpu, gpu, got magic"),
        ({"solver": "tensorly", "device": "gpu"}, "device must be cpu with solver tensorly, got gpu"),
        ({"loops": 0}, "loops must be 1 or more, or left out, got 0"),
        ({"notes": -1}, "notes must be 1 or more"),
        ({"rhythms": 0}, "rhythms must be 1 or more"),
        ({"max_loop_bars": 3}, "max_loop_bars must be 1, 2, 4 or 8, got 3"),
        ({"iterations": 0}, "iterations must be 1 or more"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"beats_per_bar": ()}, "beats_per_bar must be"),
        ({"beats_per_bar": (4, 0)}, "beats_per_bar must be"),
    ],
)
def test_wrong_settings_name_the_field_its_rule_and_its_value(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(LoopError, match=message) as caught:
        Settings(**wrong)  # type: ignore[arg-type]
    assert caught.value.code == Code.ARGUMENTS


@pytest.mark.parametrize("name", ["loops", "notes", "rhythms"])
def test_ranks_above_the_cubes_sides_are_refused(name: str) -> None:
    song = tiny_song(channels=1)
    with pytest.raises(LoopError, match=f"{name} must be 1 to .* for this clip, got 100000") as caught:
        extract(song.clip, Settings(**{name: 100_000}), grid=song.grid)  # type: ignore[arg-type]
    assert caught.value.code == Code.ARGUMENTS


def test_silence_is_refused_before_anything_is_tracked() -> None:
    with pytest.raises(LoopError, match="silent") as caught:
        extract(Clip(np.zeros((1, 80_000), np.float32), 8_000))
    assert caught.value.code == Code.MUSIC_NOT_USABLE
