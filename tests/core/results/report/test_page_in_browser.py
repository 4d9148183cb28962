"""The report in a real browser, opened from the disk: it draws, it plays to the sample, it talks to nobody."""

import base64
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from matplotlib.image import imread
from playwright.sync_api import Browser, Page, sync_playwright

from core.results.pictures.colours import loop_colour
from core.results.read import Result, read_result
from core.results.report.sound import CHUNK_SECONDS
from tests.core.results.odd_results import ODD, RATE, Odd, write_odd_result

LONG = Odd(loops=3, bars=32, bar_frames=4_000, channels=2, name="long")  # 16 s: three chunks
STEP = 1 / 32_767  # of 16 bits
FADE = 0.006  # seconds, as in player.js
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SPIED = """
() => {
  const start = AudioBufferSourceNode.prototype.start;
  globalThis.started = [];
  AudioBufferSourceNode.prototype.start = function (when, offset) {
    const rate = this.context.sampleRate;
    started.push({ at: when * rate, offset: offset * rate, frames: this.buffer.length });
    return start.call(this, when, offset);
  };
}
"""


@dataclass
class Opened:
    """A page, and what it said and asked for since."""

    page: Page
    result: Result
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def check_quiet(self) -> None:
        """It complained of nothing, and read nothing but its own folder."""
        home = self.result.folder.as_uri()
        assert self.said == []
        assert [address for address in self.asked if not address.startswith((home, "data:", "blob:"))] == []

    def chosen(self) -> dict[str, int]:
        return dict(self.page.evaluate("loopcube.map.chosen"))

    def playing(self) -> str | None:
        return self.page.evaluate("loopcube.player.playing?.kind ?? null")  # type: ignore[no-any-return]

    def gains(self) -> list[int]:
        return list(self.page.evaluate("loopcube.mixer.gains()"))

    def until(self, expression: str) -> None:
        self.page.wait_for_function(expression, timeout=20_000)


Opener = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser(needs_program: Callable[[str], str]) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=needs_program("chromium"),
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield launched
        launched.close()


@pytest.fixture
def open_report(browser: Browser) -> Iterator[Opener]:
    """`open_report(folder, viewport, scheme)` opens its page in a fresh context; what it did wrong fails the test."""
    contexts, opened = [], []

    def open_page(
        folder: Path, viewport: dict[str, int] = WIDE, scheme: str = "light", *, quiet: bool = True
    ) -> Opened:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page = context.new_page()
        here = Opened(page, read_result(folder))
        page.on(
            "console", lambda message: here.said.append(message.text) if message.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: here.said.append(str(error)))
        page.on("request", lambda request: here.asked.append(request.url))
        page.goto((folder / "report.html").as_uri())
        contexts.append(context)
        if quiet:
            opened.append(here)
        return here

    yield open_page
    for here in opened:
        here.check_quiet()
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_odd_result(LONG, tmp_path_factory.mktemp("long"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`odd(case)` is a result, in a folder whose path is as bad as its name; each is written once."""
    parent = tmp_path_factory.mktemp("odd") / """it's "50%20" & #1?"""
    made: dict[str, Path] = {}

    def write(case: str) -> Path:
        if case not in made:
            made[case] = write_odd_result(ODD[case], parent)
        return made[case]

    return write


def rendered(here: Opened, script: str, frames: int) -> np.ndarray:
    """What the page's own desk gives out, [channels, frames], in a context that runs as fast as it can.

    The script gets `context`, `desk` with all stems at full gain, and every chunk scheduled from frame 0.
    """
    channels = here.result.piece.channels
    program = """
    async ([script, channels, frames]) => {
      const { song, sound, Desk } = loopcube;
      const context = new OfflineAudioContext(channels, frames, song.rate);
      const desk = new Desk(context, loopcube.mixer.gains().map(() => 1));
      for (let start = 0; start < song.frames; start += song.chunk) {
        const length = Math.min(song.chunk, song.frames - start);
        desk.schedule(await sound.chunk(start / song.chunk, context), 0, length, start);
      }
      new Function("context", "desk", script)(context, desk);
      const played = await context.startRendering();
      const text = [];
      for (let channel = 0; channel < channels; channel++) {
        const bytes = new Uint8Array(played.getChannelData(channel).buffer);
        let letters = "";
        for (let i = 0; i < bytes.length; i += 8192) letters += String.fromCharCode(...bytes.subarray(i, i + 8192));
        text.push(btoa(letters));
      }
      return text;
    }
    """
    text = here.page.evaluate(program, [script, channels, frames])
    return np.array([np.frombuffer(base64.b64decode(one), np.float32) for one in text])


def test_it_draws_the_map_and_a_card_for_each_loop(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    piece = here.result.piece
    assert here.page.locator("h1").inner_text() == "long"
    rows = here.page.get_by_role("row")
    assert rows.count() == len(piece.parts) + 1
    for number, part in enumerate(piece.parts):
        cells = rows.nth(number).locator(".cell")
        assert cells.count() == piece.grid.bars
        shown = cells.evaluate_all("cells => cells.map((cell) => cell.style.getPropertyValue('--shade'))")
        strengths = [float(shade) if shade else 0.0 for shade in shown]
        np.testing.assert_allclose(strengths, np.where(part.plays, part.activations, 0), atol=1e-4)
    assert here.page.locator(".card").count() == len(piece.parts)
    here.page.locator(".card").last.scroll_into_view_if_needed()
    here.until("[...document.querySelectorAll('canvas')].every((canvas) => canvas.width > 300 || canvas.width === 240)")
    drawn = here.page.locator("canvas").evaluate_all(
        "all => all.map((canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
        ".reduce((sum, value) => sum + value, 0))"
    )
    assert min(drawn) > 0


def test_passes_of_a_loop_are_drawn_in_one_piece(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    for number, part in enumerate(here.result.piece.parts):
        on, heard = part.plays, part.heard
        first = [bar for bar in np.flatnonzero(on) if bar == 0 or not on[bar - 1] or heard[bar] != heard[bar - 1] + 1]
        cells = here.page.locator(f'[data-row="{number}"] .cell')
        shown = cells.evaluate_all("cells => cells.map((cell, bar) => [cell.className, bar])")
        assert [bar for name, bar in shown if "first" in name] == first


@pytest.mark.parametrize("age", ["new", "old"])
def test_all_stems_play_as_the_song(open_report: Opener, long: Path, age: str) -> None:
    here = open_report(long)
    if age == "old":  # browsers before 2025
        here.page.evaluate("delete Uint8Array.fromBase64")
    song = here.result.song()
    assert song.shape[1] > 2 * CHUNK_SECONDS * RATE, "must cross from chunk to chunk"
    played = rendered(here, "", song.shape[1])
    # Each stem is rounded to 16 bits, and Chromium scales positive samples by 32767, negative ones by 32768.
    np.testing.assert_allclose(played, song, atol=1.5 * STEP * (len(here.result.stems) + 1))


@pytest.mark.parametrize("stem", [0, 2])
def test_a_mute_takes_one_stem_away_to_the_sample(open_report: Opener, long: Path, stem: int) -> None:
    here = open_report(long)
    at = 128 * math.ceil(CHUNK_SECONDS * RATE / 128)  # offline contexts can be stopped at every 128th frame
    gains = [float(number != stem) for number in range(4)]
    script = f"context.suspend({at} / context.sampleRate).then(() => {{ desk.setGains({gains}); context.resume(); }})"
    song = here.result.song()
    played = rendered(here, script, song.shape[1])
    frames = np.arange(song.shape[1])
    gain = np.clip(1 - (frames - at) / (FADE * RATE), 0, 1)
    expected = song - (1 - gain) * here.result.audio(here.result.stems[stem])
    np.testing.assert_allclose(played, expected, atol=1.5 * STEP * 4)


def test_the_song_plays_with_sound_and_stops(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    here.page.get_by_role("button", name="Play", exact=True).click()
    here.until("loopcube.player.playing && !loopcube.player.loading")
    assert here.page.evaluate("loopcube.player.context.state") == "running"
    here.page.evaluate(
        "globalThis.ear = new AnalyserNode(loopcube.player.context); loopcube.player.desk.out.connect(ear);"
        "globalThis.loudness = () => { const heard = new Float32Array(ear.fftSize); ear.getFloatTimeDomainData(heard);"
        " return heard.reduce((sum, value) => sum + value * value, 0); }"
    )
    here.until("loudness() > 1e-3")
    here.until("loopcube.player.position > 4000")
    assert float(here.page.evaluate("+loopcube.map.playhead.style.getPropertyValue('--at')")) > 0
    for stem in range(4):
        here.page.locator(".solo" if stem == 3 else ".mute").nth(stem).click()
    here.until("loudness() < 1e-3")  # the rest alone is left, 60 dB down
    here.page.get_by_role("button", name="Original").click()
    here.until("loudness() > 1e-3")
    here.page.get_by_role("button", name="Pause").click()
    here.until("loudness() === 0")
    assert here.playing() is None
    assert here.page.evaluate("loopcube.player.position") > 4000


@pytest.mark.parametrize("left", [1_001, 26_001], ids=["known at the start", "scheduled on the way"])
def test_chunks_follow_each_other_without_a_gap(open_report: Opener, long: Path, left: int) -> None:
    here = open_report(long)
    here.page.evaluate(SPIED)
    chunk = round(CHUNK_SECONDS * RATE)
    here.page.evaluate("(frame) => loopcube.player.playSong(frame)", chunk - left)
    here.until(f"started.some(({{ frames, offset }}) => offset === 0 && frames === {chunk})")
    started = here.page.evaluate("started")
    at = {one["offset"]: round(one["at"], 6) for one in started}
    assert set(at) == {chunk - left, 0}
    assert at[0] - at[chunk - left] == pytest.approx(left, abs=1e-4)
    assert len({one["at"] for one in started if one["offset"] == 0}) == 1, "stems of a chunk start together"


def test_a_cell_plays_that_loop_in_that_bar(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    piece = here.result.piece
    here.page.evaluate(
        "globalThis.told = []; loopcube.player.addEventListener('change', () => told.push({ ...loopcube.player.playing,"
        " gains: loopcube.player.desk?.gains.map(({ gain }) => gain.value) }))"
    )
    bar = int(np.flatnonzero(piece.parts[1].plays)[2])
    here.page.locator('[data-row="1"] .cell').nth(bar).click()
    assert here.chosen() == {"loop": 1, "bar": bar}
    here.until("told.some(({ gains }) => gains)")
    told = here.page.evaluate("told.find(({ gains }) => gains)")
    assert (told["kind"], told["stem"], told["gains"]) == ("part", 1, [0, 1, 0, 0])
    assert [told["from"], told["to"]] == piece.grid.starts[bar : bar + 2].tolist()
    assert f"bar {bar + 1}" in here.page.locator("#status").inner_text()
    here.until("loopcube.player.playing === null")
    silent = int(np.flatnonzero(~piece.parts[1].plays)[0])
    here.page.locator('[data-row="1"] .cell').nth(silent).click()
    assert here.playing() is None
    assert "silent" in here.page.locator("#status").inner_text()


def test_cells_heard_in_between_do_not_move_the_song(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    starts = here.result.piece.grid.starts
    here.page.evaluate("(frame) => loopcube.player.seek(frame)", int(starts[3]))
    for stem in (1, 2):
        bar = int(np.flatnonzero(here.result.piece.parts[stem].plays)[-1])
        here.page.locator(f'[data-row="{stem}"] .cell').nth(bar).click()
    here.until("loopcube.player.playing === null")
    assert here.page.evaluate("loopcube.player.position") == starts[3]


def test_a_loop_goes_round_and_round(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    button = here.page.locator(".card .round").nth(1)
    button.click()
    here.until("loopcube.player.playing?.kind === 'loop' && !loopcube.player.loading")
    source = "[...loopcube.player.desk.sources][0]"
    assert here.page.evaluate(f"{source}.loop") is True
    assert here.page.evaluate(f"{source}.buffer.length") == soundfile.info(here.result.loops[1]).frames
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert here.playing() is None


def test_the_keyboard_does_it_all(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    keyboard, starts = here.page.keyboard, here.result.piece.grid.starts
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    assert here.page.evaluate("loopcube.player.position") == starts[2]
    keyboard.press("ArrowLeft")
    assert here.page.evaluate("loopcube.player.position") == starts[1]
    keyboard.press("2")
    assert here.chosen() == {"loop": 1, "bar": 1}
    keyboard.press("ArrowDown")
    keyboard.press("ArrowRight")
    assert here.chosen() == {"loop": 2, "bar": 2}
    assert here.page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("3 ")
    keyboard.press("m")
    assert here.gains() == [1, 1, 0, 1]
    keyboard.press("o")
    assert here.gains() == [1, 1, 1, 1]
    keyboard.press("o")
    keyboard.press("s")
    assert here.gains() == [0, 0, 1, 0]
    keyboard.press("9")
    assert here.chosen()["loop"] == 2, "there is no loop 9"
    keyboard.press("Space")
    here.until("loopcube.player.playing?.kind === 'song'")
    keyboard.press("Space")
    assert here.playing() is None
    bar = int(np.flatnonzero(here.result.piece.parts[0].plays)[0])
    keyboard.press("1")
    keyboard.press("Home")
    for _ in range(bar):
        keyboard.press("ArrowRight")
    keyboard.press("Enter")
    here.until("loopcube.player.playing?.kind === 'part'")


def test_a_click_leaves_the_space_bar_to_the_player(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    here.page.locator(".mute").first.click()
    here.page.keyboard.press("Space")
    assert here.gains() == [0, 1, 1, 1]
    assert here.playing() == "song"


def test_the_ruler_and_the_sections_are_places_to_go(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    starts = here.result.piece.grid.starts
    box = here.page.locator(".ruler").bounding_box()
    assert box is not None
    here.page.mouse.click(box["x"] + box["width"] * 10.5 / 32, box["y"] + 5)
    assert here.page.evaluate("loopcube.player.position") == starts[10]
    assert here.page.locator(".ruler").get_attribute("aria-valuetext") == "bar 11 of 32"
    section = here.page.evaluate("loopcube.song.sections[1]")
    here.page.locator(".section").nth(1).click()
    assert here.page.evaluate("loopcube.player.position") == starts[section["start"]]


def test_a_loop_is_saved_to_the_byte_and_can_be_dragged_out(open_report: Opener, long: Path) -> None:
    here = open_report(long)
    loop = here.result.loops[1]
    with here.page.expect_download() as waiting:
        here.page.locator(".save").nth(1).click()
    assert waiting.value.suggested_filename == loop.name
    assert Path(waiting.value.path()).read_bytes() == loop.read_bytes()
    dragged = (
        here.page.locator(".save")
        .nth(1)
        .evaluate(
            "(link) => { const dataTransfer = new DataTransfer();"
            " link.dispatchEvent(new DragEvent('dragstart', { dataTransfer, bubbles: true }));"
            " return [dataTransfer.getData('text/uri-list'), dataTransfer.getData('DownloadURL')]; }"
        )
    )
    assert dragged == [loop.as_uri(), f"audio/wav:{loop.name}:{loop.as_uri()}"]


def test_without_its_sound_it_still_shows_and_says_so(open_report: Opener, tmp_path: Path) -> None:
    folder = write_odd_result(ODD["plain"], tmp_path)
    shutil.rmtree(folder / "report")
    here = open_report(folder, quiet=False)
    here.page.get_by_role("button", name="Play", exact=True).click()
    here.until("document.getElementById('status').textContent.includes('missing')")
    assert here.playing() is None
    assert here.page.get_by_role("row").count() == 4


@pytest.mark.parametrize("case", ODD)
def test_odd_results_show_and_play(open_report: Opener, odd: Callable[[str], Path], case: str) -> None:
    here = open_report(odd(case), PHONE)
    piece = here.result.piece
    assert here.page.evaluate("document.getElementById('name').textContent") == piece.name
    assert here.page.locator(".row").count() == len(piece.parts) + 1
    names = here.page.locator(".row .name").evaluate_all("names => names.map((name) => name.textContent)")
    assert names == [*(part.label for part in piece.parts), "rest"]
    assert here.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a phone scrolls down alone"
    here.page.keyboard.press("Space")
    here.until("loopcube.player.playing && !loopcube.player.loading")
    assert here.page.evaluate("loopcube.player.context.sampleRate") == RATE


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desktop", "phone"])
def test_what_it_looks_like(open_report: Opener, long: Path, tmp_path: Path, viewport: Any, scheme: str) -> None:
    """The picture is kept among pytest's temporary files, to be looked at."""
    here = open_report(long, viewport, scheme)
    here.page.locator(".solo").nth(1).click()
    here.page.screenshot(path=tmp_path / "report.png")
    pixels = np.round(255 * imread(tmp_path / "report.png")[..., :3]).astype(int)
    paper = {"light": 250, "dark": 19}[scheme]
    assert abs(int(np.median(pixels)) - paper) < 10
    if scheme == "light":  # where a loop that is heard plays at full strength, its very colour is seen
        wanted = [int(loop_colour(1)[i : i + 2], 16) for i in (1, 3, 5)]
        assert (np.abs(pixels - wanted).max(axis=-1) <= 2).sum() > 500


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["desktop", "phone"])
def test_nothing_keeps_anyone_out(open_report: Opener, odd: Callable[[str], Path], viewport: Any, scheme: str) -> None:
    here = open_report(odd("quotes"), viewport, scheme)
    here.page.locator(".mute").first.click()
    here.page.locator("summary").click()
    found = Axe().run(here.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}] == []
