// A card for each loop: it plays the loop round and round, shows its wave, spectrum and recipe, and offers its file.
import { decibels, drawHeat, drawWave, icon, make, named, whenSeen } from "./drawing.js";
import { barCount } from "./map.js";

export class Card {
  constructor(loop, number, song, { play, save }) {
    this.number = number;
    this.button = make("button", { class: "round", "aria-label": `Play ${loop.label} in a cycle`, "aria-pressed": "false" }, icon("play"));
    this.button.addEventListener("click", () => play(number));
    this.element = make("article", { class: "card", id: `loop-${number + 1}`, "aria-label": `Loop ${number + 1}: ${loop.label}` },
      make("div", { class: "title" }, this.button,
        make("div", { class: "names" }, make("h3", {}, make("span", { class: "quiet" }, `${number + 1} `), named(loop.label)), make("p", { class: "quiet" }, about(loop, song))),
        saveLink(loop, save)),
      ...pictures(loop, song));
    this.element.style.setProperty("--colour", loop.colour);
  }

  show(playing, loading) {
    this.button.setAttribute("aria-pressed", String(playing));
    this.button.classList.toggle("waiting", playing && loading);
    this.button.querySelector("use").setAttribute("href", playing ? "#icon-stop" : "#icon-play");
  }
}

function about(loop, song) {
  const heard = loop.heard.filter((phase) => phase >= 0).length;
  const facts = [barCount(loop.bars), `plays in ${heard} of ${song.starts.length - 1}`, `cut from bar ${loop.start_bar + 1}`];
  return (loop.trust ? [...facts, loop.trust] : facts).join(" · ");
}

// A link to the file itself, so that it can be dragged to other programs. A click saves a copy made from the sound
// scripts, because a page from a disk may not read the file.
function saveLink(loop, save) {
  const file = loop.file.split("/").map(encodeURIComponent).join("/");
  const name = loop.file.split("/").at(-1);
  const link = make("a", { class: "save", href: file, draggable: "true", "aria-label": `Save ${name}`, title: name }, icon("save"), "WAV");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    save(name);
  });
  link.addEventListener("dragstart", ({ dataTransfer }) => {
    dataTransfer.effectAllowed = "copy";
    dataTransfer.setData("text/uri-list", link.href);
    dataTransfer.setData("DownloadURL", `audio/wav:${name}:${link.href}`);
  });
  return link;
}

function pictures(loop, song) {
  const beats = loop.bars * song.metre[0];
  const hertz = (value) => (value < 1000 ? `${Math.round(value)} Hz` : `${(value / 1000).toFixed(value < 10000 ? 1 : 0)} kHz`);
  const shown = [
    picture("wave", `Waveform of ${loop.label}, ${barCount(loop.bars)}`, (canvas) => drawWave(canvas, loop.wave), beats,
      [decibels(20 * Math.log10(Math.max(loop.wave.high, 1e-6)), 1)]),
    picture("spectrum", `Spectrogram of ${loop.label}, ${hertz(loop.spectrogram.low)} to ${hertz(loop.spectrogram.high)}`,
      (canvas) => drawHeat(canvas, loop.spectrogram), beats, [hertz(loop.spectrogram.high), hertz(loop.spectrogram.low)]),
  ];
  if (loop.recipe) {
    const { rows, columns } = loop.recipe;
    shown.push(picture("recipe", `Recipe of ${loop.label}: ${rows} notes by ${columns} rhythms`,
      (canvas) => drawHeat(canvas, loop.recipe), 0, [`${rows} notes`, `${columns} rhythms`]));
  }
  return shown;
}

function picture(kind, label, draw, beats, corners) {
  const canvas = make("canvas", { role: "img", "aria-label": label });
  whenSeen(canvas, () => draw(canvas));
  const figure = make("figure", { class: kind }, canvas, ...corners.map((text) => make("span", { class: "corner" }, text)));
  figure.style.setProperty("--beats", beats);
  return figure;
}
