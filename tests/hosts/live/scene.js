// A small set with one clip, a device and a daemon: what the tests begin with.
"use strict";
const { Live } = require("./fake_live.js");
const { Device } = require("./fake_max.js");
const { Net, Daemon, FILES } = require("./fake_daemon.js");

const RATE = 44100;
const PLACE = { session: 0, arrangement: 1, both: 2 };

// The result of a request whose bars are `bars`: three loops of 1, 2 and 1 bars, the last one silent at first.
function manifestOf(request) {
  const [start, end] = request.region_frames;
  const starts = request.bars_frames.map((frame) => frame - start);
  const bars = starts.length - 1;
  const loop = (label, length, first, name) => ({
    label, bars: length, start_bar: first, loop: `loops/${name}.wav`, stem: `stems/${name}.wav`,
    activations: starts.slice(1).map((_, bar) => (bar >= first ? 1 : 0)),
    heard: starts.slice(1).map((_, bar) => (bar >= first ? (bar - first) % length : -1)),
  });
  return {
    schema: 1, source: { name: "song", path: request.path, frames: end - start, rate: request.rate, channels: 2 },
    bars: { starts, beats_per_bar: request.beats_per_bar, origin: "host", bpm: 120 },
    loops: [loop("drums", 1, 0, "01-drums-1-bar"), loop("bass", 2, 0, "02-bass-2-bars"), loop("pad", 1, Math.min(2, bars - 1), "03-pad-1-bar")],
    rest: "stems/rest.wav", report: "report.html", warnings: [],
  };
}

// A source of 40 s, 16 bars of 4/4 at 96 bpm: beat b lies at b * 60 / 96 s.
const SOURCE = {
  name: "Night", file_path: "/music/Söng 1.wav", frames: 40 * RATE, rate: RATE, markers: [[0, 0], [40, 64]], bpm: 96,
  startMarker: 0, endMarker: 64, loopStart: 0, loopEnd: 64, start: 16,
};

// options: live, clip (over SOURCE), session (the scene it is in), net, daemon, controls, begin: false.
function scene(options = {}) {
  const net = new Net(options.net);
  const daemon = options.daemon === null ? null : new Daemon(net, { manifest: manifestOf, ...options.daemon });
  const live = new Live(options.live);
  const clip = { ...SOURCE, ...options.clip };
  // Every file of the result is as long as the fake manifest says it is.
  live.audio = live.audio || ((file) => lengthOf(file, daemon));
  const track = live.song.tracks[0];
  const slot = options.session === undefined ? null : track.clip_slots[options.session];
  const source = live.addClip(track, clip, slot);
  live.view.detail_clip = source;
  live.view.highlighted_clip_slot = slot;
  live.appView.focused_document_view = slot ? "Session" : "Arranger";
  const device = new Device(live, { net, files: options.files || FILES, memory: options.memory, seed: options.seed });
  const step = device.step.bind(device);
  device.step = (milliseconds) => {
    net.tick();
    step(milliseconds);
  };
  if (options.begin !== false) device.begin(options.controls);
  return { net, daemon, live, source, device, track };
}

function lengthOf(file, daemon) {
  if (/missing/.test(file)) return null;
  const request = daemon.ran[daemon.ran.length - 1];
  const manifest = manifestOf(request);
  const loop = manifest.loops.find((each) => file.endsWith(each.loop));
  if (!loop) return { frames: manifest.source.frames, rate: RATE };
  const { starts } = manifest.bars;
  return { frames: starts[loop.start_bar + loop.bars] - starts[loop.start_bar], rate: RATE };
}

// Connected, extracted, placed.
function placed(options) {
  const all = scene(options);
  all.device.until(() => all.device.panel.extract[1] === 1);
  all.device.message("extract", "bang");
  all.device.until(() => /^(Placed|No loops)/.test(all.device.status), 240);
  return all;
}

module.exports = { scene, placed, manifestOf, SOURCE, RATE, PLACE };
