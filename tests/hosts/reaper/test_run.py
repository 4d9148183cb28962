"""The action from the click to the tracks: what it shows, asks for, places, and leaves behind."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge.hosts.reaper.helper import JobFolder
from tests.hosts.reaper.host import Host, project_of
from tests.hosts.reaper.made_up import Helper, MadeUpSong, items_below, levels, rendered, song_on
from tests.hosts.reaper.model import Item, Project, Take, TempoMap
from tests.hosts.reaper.test_parts import MAPS

Hosting = Callable[..., tuple[Host, Helper]]


def extract(host: Host) -> None:
    """Run the action as a user does, up to its last page."""
    host.run()
    host.until(lambda: host.shows("Extract"))
    host.click("Extract")
    host.until(lambda: host.shows("Close"))


def test_from_the_click_to_the_tracks(hosting: Hosting, lua: str) -> None:
    host, helper = hosting(lua=lua)
    song = helper.song
    extract(host)
    assert host.shows("3 loops found")
    assert levels(host.project) == [
        (0, "Song"), (0, "song loops"), (1, "Stems"), (2, "01 drums"), (2, "02 bass"), (2, "03 drums"),
        (1, "Loop clips"), (2, "01 drums (1 bar)"), (2, "02 bass (2 bars)"), (2, "03 drums (1 bar)"), (1, "Rest"),
    ]  # fmt: skip
    frames = len(song.rest)
    rest = items_below(host.project, "song loops")[-1:]
    stems = rendered(song.rate, items_below(host.project, "Stems") + rest, frames=frames)
    clips = rendered(song.rate, items_below(host.project, "Loop clips") + rest, frames=frames)
    np.testing.assert_allclose(stems, song.samples, atol=1e-6)
    np.testing.assert_allclose(clips, song.samples, atol=1e-6)
    host.click("Close")
    assert host.ended
    host.check_tidy()
    assert [label for label, _ in host.project.undo] == ["Extract loops"]


def test_what_the_helper_is_asked_for(hosting: Hosting, tmp_path: Path) -> None:
    host, helper = hosting(answers=False)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    request = helper.requests[0]
    heard, rate = soundfile.read(request["path"], dtype="float32", always_2d=True)
    np.testing.assert_array_equal(heard, helper.song.samples)
    assert rate == helper.song.rate
    assert request["bars_frames"] == helper.song.starts
    assert Path(request["out"]).parent == tmp_path / "project" / "loopcube"
    assert {key: request[key] for key in ("v", "beats_per_bar", "beat_unit", "rate", "method")} == {
        "v": 1, "beats_per_bar": 4, "beat_unit": 4, "rate": rate, "method": "auto",
    }  # fmt: skip
    assert helper.commands[0][:3] == ["/opt/python", "-m", "bridge.hosts.reaper"]


def test_a_second_run_takes_the_place_of_the_first(hosting: Hosting) -> None:
    host, _ = hosting()
    extract(host)
    host.click("Close")
    once = [(level, name) for level, name in levels(host.project)]
    again = next_host(host)
    extract(again)
    assert levels(again.project) == once
    assert [label for label, _ in again.project.undo] == ["Extract loops"] * 2
    again.check_tidy()


def test_what_the_user_put_into_a_folder_stays(hosting: Hosting) -> None:
    host, _ = hosting()
    extract(host)
    host.click("Close")
    stems = next(track for track in host.project.tracks if track.name == "01 drums")
    stems.items.append(Item(takes=[Take()]))
    again = next_host(host)
    extract(again)
    assert [name for _, name in levels(again.project)].count("song loops") == 2
    assert len(stems.items) == 1  # the user's; ours are gone from there
    again.check_tidy()


def next_host(host: Host) -> Host:
    """REAPER, with the script started once more."""
    again = Host(host.reaper.projects, host.reaper.resources.parent, scripts=host.scripts)
    again.reaper.exec, again.reaper.ext = host.reaper.exec, host.reaper.ext
    return again


def test_items_of_one_track_share_its_folder(hosting: Hosting) -> None:
    host, helper = hosting()
    track = host.project.tracks[0]
    second = copy.deepcopy(track.items[0])
    second.texts, second.take.texts = {"GUID": "{second}"}, {"P_NAME": "second", "GUID": "{take}"}
    second.values["D_POSITION"] = 32.0
    track.items.append(second)
    extract(host)
    assert len(helper.requests) == 2
    assert host.shows("6 loops found")
    names = [name for _, name in levels(host.project)]
    assert names[:3] == ["Song", "Song loops", "Stems"]
    drums = next(track for track in host.project.tracks if track.name == "01 drums")
    assert [item.values["D_POSITION"] for item in drums.items] == [0.0, 32.0]
    host.click("Close")
    host.check_tidy()


def test_the_tab_that_was_open_gets_the_loops_whichever_is_open_now(hosting: Hosting, tmp_path: Path) -> None:
    host, helper = hosting(answers=False)
    other = Project(tmp_path / "other")
    host.reaper.projects.append(other)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    host.reaper.current = other
    helper.finish()
    host.until(lambda: host.shows("Close"))
    assert len(host.project.tracks) > 1
    assert other.tracks == []
    assert host.reaper.current is other
    host.check_tidy()


@pytest.mark.parametrize("gone", ["item", "project"])
def test_without_the_item_or_its_project_nothing_is_placed(hosting: Hosting, tmp_path: Path, gone: str) -> None:
    host, helper = hosting(answers=False)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    project = host.project
    if gone == "item":
        project.tracks[0].items.clear()
    else:
        host.reaper.current = Project(tmp_path / "other")
        host.reaper.projects[:] = [host.reaper.current]
    before = project.state()
    helper.finish()
    host.until(lambda: host.shows("That did not work"))
    assert project.state() == before
    assert host.project.tracks == project.tracks or host.project.tracks == []
    assert list((project.path / "loopcube").rglob("rest.wav"))  # the work is not lost
    host.check_tidy()


@pytest.mark.parametrize("way", ["button", "escape", "closed"])
def test_cancelling_while_the_item_is_read(hosting: Hosting, way: str) -> None:
    host, helper = hosting(made=song_on(TempoMap(), rate=48_000))
    before = host.project.state()
    host.run()
    host.click("Extract")
    host.tick()
    assert host.reaper.accessors
    stop(host, way)
    host.until(lambda: host.ended)
    assert helper.requests == []
    assert host.project.state() == before
    assert list((host.project.path / "loopcube").iterdir()) == []
    host.check_tidy()


def stop(host: Host, way: str) -> None:
    if way == "button":
        host.click("Cancel")
    else:
        host.press(27 if way == "escape" else -1)


@pytest.mark.parametrize("way", ["button", "escape", "closed"])
def test_cancelling_while_the_helper_works(hosting: Hosting, way: str) -> None:
    host, helper = hosting(answers=False)
    host.run()
    before = host.project.state()
    host.click("Extract")
    host.until(lambda: helper.requests)
    stop(host, way)
    if way != "closed":
        assert (helper.folders[0] / "cancel").exists()
        JobFolder(helper.folders[0]).end("cancelled")
    host.until(lambda: host.ended)
    assert host.project.state() == before
    assert host.reaper.messages == []
    host.check_tidy()


def test_a_helper_that_does_not_hear_is_left_behind(hosting: Hosting) -> None:
    host, helper = hosting(answers=False)
    host.tick_seconds = 0.5
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    host.click("Cancel")
    host.until(lambda: host.ended, ticks=15)
    assert (helper.folders[0] / "cancel").exists()
    host.check_tidy()


def test_a_script_that_is_killed_cancels_its_job(hosting: Hosting) -> None:
    host, helper = hosting(answers=False)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    host.kill()
    assert (helper.folders[0] / "cancel").exists()
    host.check_tidy()


def test_silence_is_a_failure_but_long_work_is_none(hosting: Hosting) -> None:
    host, helper = hosting(answers=False)
    host.tick_seconds = 1.0
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    for second in range(4_000):  # more than an hour
        if second % 10 == 0:
            helper.tell(progress=second / 5_000, stage="bars")
        host.tick()
    assert host.shows("bars")
    host.tick_seconds = 3_600.0  # the computer slept
    host.tick()
    host.tick_seconds = 1.0
    host.until(lambda: host.shows("That did not work"), ticks=35)
    assert (helper.folders[0] / "cancel").exists()
    host.click("Close")
    host.check_tidy()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda result: Path(result["loops"][0]["stem"]).unlink(), "is missing"),
        (lambda result: result.update(frames=7), "7 frames"),
    ],
    ids=["a file is missing", "another length"],
)
def test_a_result_that_does_not_fit_is_refused(hosting: Hosting, spoil: Callable[..., None], told: str) -> None:
    host, helper = hosting()
    helper.change = spoil
    before = host.project.state()
    extract(host)
    assert any(told in text for text in host.gfx.texts)
    assert host.project.state() == before
    host.click("Close")
    host.check_tidy()


def test_what_the_daemon_says_is_shown(hosting: Hosting) -> None:
    host, helper = hosting(answers=False)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    helper.fail("song: silence; choose another clip")
    host.until(lambda: host.shows("silence; choose another clip"))
    host.press(27)
    assert host.ended
    host.check_tidy()


def test_half_a_line_of_events_is_left_for_later(hosting: Hosting) -> None:
    host, helper = hosting(answers=False)
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    events = helper.folders[0] / "events.txt"
    with events.open("a") as file:
        file.write('{"stage": "fin')
        file.flush()
        host.tick()
        file.write('ding loops", "progress": 0.5}\n')
    host.until(lambda: host.shows("finding loops"))
    assert host.shows("52 %")


def refused(host: Host) -> str:
    """The message of a run that does not even begin."""
    host.run()
    assert host.ended
    assert host.reaper.deferred == []
    host.check_tidy()
    return host.reaper.messages[0]


def test_a_second_launch_while_one_runs(hosting: Hosting) -> None:
    host, _ = hosting(answers=False)
    host.run()
    host.click("Extract")
    second = next_host(host)
    second.clock.now = host.clock.now + 1.0
    second.run()
    assert "running already" in second.reaper.messages[0]
    assert second.reaper.deferred == []
    assert ("loopcube", "running") in host.reaper.ext
    third = next_host(host)
    third.clock.now = host.clock.now + 60.0  # a lock that a crash has left
    third.run()
    assert third.reaper.messages == []


def test_items_that_cannot_be_taken_apart(hosting: Hosting) -> None:
    host, _ = hosting()
    item = host.project.tracks[0].items[0]
    item.take.midi = True
    assert "is MIDI" in refused(host)
    item.take.midi, item.take.source.rate = False, 0
    assert "is offline" in refused(next_host(host))
    item.take.source.rate, item.values["D_LENGTH"] = 8_000, 0.0
    assert "has no length" in refused(next_host(host))
    item.takes.clear()
    assert "is empty" in refused(next_host(host))
    item.selected = False
    assert "Select an audio item" in refused(next_host(host))
    recording = next_host(host)
    recording.reaper.play_state = 5
    assert "recording" in refused(recording)


def test_too_few_bars_are_told(hosting: Hosting) -> None:
    host, _ = hosting()
    host.project.tracks[0].items[0].values["D_LENGTH"] = 7.9
    extract(host)
    assert host.shows("3 whole bars by the project's tempo; at least 4")
    host.click("Close")
    host.check_tidy()


def test_without_loopcube_the_way_to_it_is_told(hosting: Hosting) -> None:
    host, _ = hosting()
    config = host.reaper.resources / "loopcube" / "config.json"
    config.unlink()
    assert "loopcube install reaper" in refused(host)
    config.write_text("{")
    assert "is damaged" in refused(next_host(host))


def test_a_helper_that_cannot_be_started_is_told(hosting: Hosting) -> None:
    host, _ = hosting()
    host.reaper.exec = lambda _words, _timeout: None
    extract(host)
    assert host.shows("could not be started")
    host.click("Close")
    host.check_tidy()


def test_take_effects_are_asked_about(hosting: Hosting) -> None:
    host, helper = hosting()
    host.project.tracks[0].items[0].take.effects = (False, True)
    host.reaper.answer = 2  # Cancel
    host.run()
    host.click("Extract")
    assert "Take FX are left out: song" in host.reaper.messages[0]
    assert helper.requests == []
    host.reaper.answer = 1
    host.click("Extract")
    host.until(lambda: host.shows("3 loops found"))


def test_options_are_asked_for_remembered_and_kept_to(hosting: Hosting) -> None:
    host, helper = hosting()
    host.run()
    for value, pick in (("Stems and loop clips", 2), ("None", 2), ("Automatic", 2)):
        host.gfx.picks = [pick]
        host.click(value)
        host.tick()
    extract_button(host)
    names = [name for _, name in levels(host.project)]
    assert names == ["Song", "song loops", "Stems", "01 drums", "02 bass", "03 drums", "Rest"]
    sections = [(region["span"], region["name"]) for region in host.project.regions]
    assert sections == [
        ((0.0, 4.0), "01 drums"), ((4.0, 8.0), "01 drums + 02 bass"),
        ((8.0, 12.0), "01 drums + 02 bass + 03 drums"), ((12.0, 16.0), "01 drums + 03 drums"),
    ]  # fmt: skip
    assert helper.requests[0]["method"] == "coherent"
    host.click("Close")
    again = next_host(host)
    again.run()
    assert again.shows("One for each section")
    extract_button(again)
    assert len(again.project.regions) == 4  # those of the first run are gone
    again.check_tidy()


def extract_button(host: Host) -> None:
    host.click("Extract")
    host.until(lambda: host.shows("Close"))


def test_the_report_is_opened_by_the_helper(hosting: Hosting) -> None:
    host, helper = hosting()
    extract(host)
    host.click("Open report")
    assert helper.commands[-1][-2:] == ["--open", str(helper.folders[0])]
    host.click("Close")
    assert not helper.folders[0].exists()


def test_stems_keep_the_items_own_ways(hosting: Hosting) -> None:
    host, _ = hosting()
    item = host.project.tracks[0].items[0]
    item.values |= {"D_VOL": 0.5, "D_FADEINLEN": 0.25, "C_BEATATTACHMODE": 0.0, "C_FADEINSHAPE": 3.0}
    item.take.values |= {"D_VOL": -0.8, "D_PAN": 0.3}
    extract(host)
    for stem in items_below(host.project, "Stems"):
        assert {key: stem.values[key] for key in ("D_VOL", "D_FADEINLEN", "C_BEATATTACHMODE", "C_FADEINSHAPE")} == {
            "D_VOL": 0.5, "D_FADEINLEN": 0.25, "C_BEATATTACHMODE": 0.0, "C_FADEINSHAPE": 3.0,
        }  # fmt: skip
        assert (stem.take.values["D_VOL"], stem.take.values["D_PAN"]) == (-0.8, 0.3)
    clips = items_below(host.project, "Loop clips")
    assert [clip.take.values["D_VOL"] for clip in clips] == [-0.8, -0.8, -0.8, -0.4]
    assert {clip.values["C_BEATATTACHMODE"] for clip in clips} == {1.0}
    stems_folder = next(track for track in host.project.tracks if track.name == "Stems")
    assert stems_folder.values["B_MUTE"] == 1.0
    assert host.reaper.commands == [40047]


def test_with_undo_switched_off_a_failure_leaves_no_track(hosting: Hosting) -> None:
    host, helper = hosting()
    host.project.keeps_undo = False
    before = host.project.state()
    helper.change = lambda result: Path(result["loops"][2]["loop"]).write_text("no audio")
    host.reaper.PCM_Source_CreateFromFile = unreadable(host)  # type: ignore[method-assign]
    extract(host)
    assert host.shows("REAPER refused to open")
    assert host.project.state() == before
    host.check_tidy()


def unreadable(host: Host) -> Callable[[str], object]:
    """PCM_Source_CreateFromFile, which gives nothing for what is no audio."""
    usual = host.reaper.PCM_Source_CreateFromFile

    def create(path: str) -> object:
        return usual(path) if Path(path).read_bytes()[:4] == b"RIFF" else None

    return create


LONG = "/".join(["Ordner mit Leerzeichen"] * 11)  # with the rest of the path more than 300 characters


@pytest.mark.parametrize(
    "name",
    ["Grüße", 'it\'s "mine"', "🎛️ beats", "a'b`c$(d)", "50 % & more; #1", LONG],
    ids=["umlaut", "quotes", "emoji", "shell", "signs", "300"],
)
def test_names_of_all_kinds(tmp_path: Path, scripts: Path, song: MadeUpSong, name: str) -> None:
    project = project_of(tmp_path / name, song.samples, song.rate)
    project.tracks[0].items[0].take.texts["P_NAME"] = name
    host = Host([project], tmp_path, scripts=scripts)
    helper = Helper(song)
    host.reaper.exec = helper
    extract(host)
    assert Path(helper.requests[0]["out"]).is_relative_to(project.path)
    assert levels(project)[1] == (0, f"{name} loops")
    host.click("Close")
    host.check_tidy()


def test_silence_and_what_lies_past_the_end_are_written_as_such(
    tmp_path: Path, scripts: Path, song: MadeUpSong
) -> None:
    samples = np.zeros((200_000, 2), np.float32)  # silent for more than one block
    samples[:1_000] = samples[-500:] = np.random.default_rng(0).standard_normal((1, 2))
    project = project_of(tmp_path / "project", samples, 8_000)
    item = project.tracks[0].items[0]
    item.values["D_LENGTH"] = 26.0001  # a second more than the source has, and no whole number of frames
    item.take.values["D_STARTOFFS"] = 0.01
    host = Host([project], tmp_path, scripts=scripts)
    helper = Helper(song, answers=False)
    host.reaper.exec = helper
    host.run()
    host.click("Extract")
    host.until(lambda: helper.requests)
    heard, _ = soundfile.read(helper.requests[0]["path"], dtype="float32", always_2d=True)
    expected = np.zeros((208_001, 2), np.float32)
    expected[: 200_000 - 80] = samples[80:]
    np.testing.assert_array_equal(heard, expected)


@pytest.mark.parametrize("name", MAPS)
def test_clips_begin_and_end_on_the_tempo_map_bit_for_bit(hosting: Hosting, name: str) -> None:
    made = song_on(MAPS[name])
    host, _ = hosting(made=made)
    host.project.tempo = MAPS[name]
    extract(host)
    times = set(MAPS[name].times)
    clips = items_below(host.project, "Loop clips")
    assert {clip.values["D_POSITION"] for clip in clips} <= times
    assert all(min(abs(clip.span[1] - time) for time in times) < 1e-9 for clip in clips)
    host.click("Close")
    host.check_tidy()
