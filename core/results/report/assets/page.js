// Builds the page from its data: the mixer, the player, the map, the cards, and the keys.
import { Mixer } from "./mixer.js";
import { SoundStore } from "./sound.js";
import { Desk, Player } from "./player.js";
import { make } from "./drawing.js";
import { SongMap, barCount } from "./map.js";
import { Card } from "./cards.js";

const song = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const mixer = new Mixer(song.loops.length + 1);
const sound = new SoundStore(song.sound);
const player = new Player(song, sound, mixer);
const map = new SongMap($("map"), song, mixer);
const cards = song.loops.map((loop, number) => new Card(loop, number, song, { play: toggleLoop, save: (name) => saveLoop(number, name) }));

// For tests and for use in a browser's console.
globalThis.loopcube = { song, mixer, sound, player, map, Desk };

function clock(frame) {
  const seconds = Math.floor(frame / song.rate);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function showStatus(text) { $("status").textContent = text; }

function togglePlay() {
  if (player.playing) player.stop();
  else player.playSong();
}

function toggleLoop(number) {
  if (player.playing?.kind === "loop" && player.playing.number === number) player.stop();
  else player.playLoop(number);
}

async function saveLoop(number, name) {
  try {
    const address = URL.createObjectURL(await sound.loopFile(number));
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (error) { showStatus(error.message); }
}

function hear({ loop, bar }) {
  const row = map.rows[loop];
  showStatus(row.cells[bar].getAttribute("aria-label"));
  if (row.sounds(bar)) player.playPart(loop, song.starts[bar], song.starts[bar + 1]);
}

function stepBar(step) {
  const bar = map.barAt(player.position);
  const wanted = step < 0 && bar % 1 > 0.25 ? Math.floor(bar) : Math.floor(bar) + step; // like other players: first to the start of this bar
  player.seek(song.starts[Math.min(Math.max(wanted, 0), map.bars - 1)]);
}

function showPlayer() {
  const playing = Boolean(player.playing);
  $("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  $("play").classList.toggle("waiting", player.loading);
  $("play").querySelector("use").setAttribute("href", playing ? "#icon-pause" : "#icon-play");
  document.body.classList.toggle("playing", playing);
  cards.forEach((card) => card.show(player.playing?.kind === "loop" && player.playing.number === card.number, player.loading));
  showPosition();
}

function showPosition() {
  const { position, playing } = player;
  $("time").textContent = clock(position);
  $("bar").textContent = `bar ${Math.min(Math.floor(map.barAt(position)) + 1, map.bars)}`;
  map.showPosition(position, playing?.kind === "song");
  if (playing && playing.kind !== "loop") requestAnimationFrame(showPosition);
}

function showMixer() {
  $("mix").setAttribute("aria-pressed", String(!mixer.original));
  $("original").setAttribute("aria-pressed", String(mixer.original));
  $("reset").hidden = !mixer.touched;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const onControl = event.target.closest("button, a, summary");
  const keys = {
    " ": onControl ? null : togglePlay,
    ArrowLeft: () => stepBar(-1),
    ArrowRight: () => stepBar(1),
    Home: () => player.seek(0),
    m: () => mixer.toggleMute(map.chosen.loop),
    s: () => mixer.toggleSolo(map.chosen.loop),
    o: () => { mixer.original = !mixer.original; },
  };
  const digit = /^[1-9]$/.test(event.key) && Number(event.key) <= song.loops.length;
  const act = digit ? () => map.choose(Number(event.key) - 1, Math.floor(map.barAt(player.position)), true) : keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function fillIn() {
  const loops = song.loops.length === 1 ? "1 loop" : `${song.loops.length} loops`;
  $("name").textContent = song.name;
  $("facts").textContent = [loops, barCount(map.bars), `${song.bpm.toFixed(1)} bpm`, song.metre.join("/"), clock(song.frames)].join(" · ");
  $("total").textContent = ` / ${clock(song.frames)}`;
  $("version").textContent = `loopcube ${song.version}`;
  $("words").append(...song.words.map((words) => make("li", {}, words)));
  $("figures").append(...Object.entries(song.diagnostics).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, JSON.stringify(value)))));
  $("warning-list").append(...song.warnings.map((words) => make("li", {}, words)));
  $("warnings").hidden = song.warnings.length === 0;
  $("loops-section").hidden = cards.length === 0;
  if (cards.length === 0) $("map-hint").textContent = "No loops were found. The whole song is in the rest.";
  $("cards").append(...cards.map((card) => card.element));
}

function listen() {
  const hint = $("map-hint").textContent;
  player.addEventListener("change", showPlayer);
  player.addEventListener("trouble", ({ detail }) => showStatus(detail));
  mixer.addEventListener("change", showMixer);
  map.addEventListener("hear", ({ detail }) => hear(detail));
  map.addEventListener("seek", ({ detail }) => player.seek(song.starts[detail.bar]));
  map.addEventListener("hover", ({ detail }) => { $("map-hint").textContent = detail.text ?? hint; });
  $("play").addEventListener("click", togglePlay);
  $("to-start").addEventListener("click", () => player.seek(0));
  $("mix").addEventListener("click", () => { mixer.original = false; });
  $("original").addEventListener("click", () => { mixer.original = true; });
  $("reset").addEventListener("click", () => mixer.reset());
  document.addEventListener("keydown", onKey);
  // After a click the button loses the focus, so that the space bar controls the player.
  document.addEventListener("click", ({ target, detail }) => { if (detail > 0) target.closest("button")?.blur(); });
}

fillIn();
listen();
showPlayer();
