// The device and its daemon: finding each other, losing packets, being restarted, being closed and opened again.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Live } = require("./fake_live.js");
const { Device } = require("./fake_max.js");
const { Daemon, FILES } = require("./fake_daemon.js");
const { scene, placed, manifestOf } = require("./scene.js");

const ready = (device) => device.panel.extract[1] === 1;

test("at rest the panel tells the clip and its bars, and offers to begin", () => {
  const { device } = scene();
  device.until(() => ready(device));
  assert.deepEqual(device.panel.target, ["set", "Night: 16 bars"]);
  assert.equal(device.status, "Ready.");
  assert.deepEqual([device.panel.cancel, device.panel.report], [["active", 0], ["active", 0]]);
  assert.deepEqual(device.posted, [], "nothing is printed");
});

test("without a daemon the panel says how to start it, and finds it once it is there", () => {
  const { device, net } = scene({ daemon: null });
  device.advance(3000);
  assert.match(device.status, /does not answer on port 47310\. Start it in a terminal: {2}loopcube daemon/);
  assert.equal(device.panel.extract[1], 0);
  new Daemon(net, { manifest: manifestOf });
  device.until(() => ready(device), 60);
});

test("a daemon of another protocol says so", () => {
  const { device, daemon } = scene();
  daemon.hello = () => ({ code: -2, text: "protocol 1 is newer than 0; update loopcube" });
  device.until(() => device.status === "protocol 1 is newer than 0; update loopcube");
  assert.equal(device.panel.extract[1], 0);
});

test("a reply port that another program has is passed over", () => {
  const { device } = scene({ net: { taken: [9310, 9311] } });
  device.until(() => ready(device));
  assert.equal(device.port, 9312);
});

test("two devices in one set get a port each, and their answers do not cross", () => {
  const first = scene();
  const { live, net } = first;
  const second = new Device(live, { net, files: FILES, seed: 9 });
  second.begin();
  first.device.until(() => {
    second.step(20);
    return ready(first.device) && ready(second);
  });
  assert.notEqual(first.device.port, second.port);
  assert.equal(second.hears, undefined);
});

test("a third of all packets lost, doubled and late: it only takes longer", () => {
  const { live, daemon, device } = placed({ net: { loss: 0.33, doubled: 0.2, late: 15 }, clip: { frames: 44100 * 400, markers: [[0, 0], [400, 640]], endMarker: 640, loopEnd: 640 } });
  assert.equal(daemon.ran.length, 1, "the job was started once");
  assert.equal(daemon.ran[0].bars_frames.length, 161);
  assert.equal(live.song.tracks.length, 6);
  assert.match(device.status, /^Placed 4 tracks/);
});

test("every request is named anew, and only resent as the same bytes", () => {
  const { daemon, net, device } = scene({ net: { loss: 0.4 } });
  const seen = new Map();
  const receive = daemon.receive.bind(daemon);
  daemon.receive = (from, [address, values]) => {
    const bytes = JSON.stringify([address, values]);
    assert.ok([undefined, bytes].includes(seen.get(values[1])), `${values[1]} was another request before`);
    seen.set(values[1], bytes);
    receive(from, [address, values]);
  };
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => /^Placed/.test(device.status), 240);
  assert.ok(seen.size > 8);
  assert.equal(net.daemon, daemon);
});

test("the lease is kept, also over a stall of Live", () => {
  const { device, daemon } = scene();
  device.until(() => ready(device));
  daemon.asked.length = 0;
  device.advance(30000);
  assert.ok(daemon.asked.filter((address) => address === "/loopcube/ping").length >= 4);
  device.stall(6000);
  device.advance(1000);
  assert.equal(device.status, "Ready.");
  assert.ok(!daemon.asked.includes("/loopcube/hello"), "standing still is not taken for a silent daemon");
});

test("Live standing still again and again does not use up the patience with an answer that is slow", () => {
  const { device, daemon } = scene({ net: { late: 12 } });
  device.until(() => ready(device));
  daemon.asked.length = 0;
  for (let i = 0; i < 300; i++) {
    device.stall(6000);
    device.step(20);
  }
  assert.ok(!daemon.asked.includes("/loopcube/hello"));
});

test("an answer meant for another device does not connect this one", () => {
  const { device } = scene({ daemon: null });
  device.advance(100);
  device.receive("/loopcube/reply", ["live.other.1", "/loopcube/hello", 1, 0, "0.1.0", "b009", 15, ":"]);
  device.advance(2000);
  assert.match(device.status, /does not answer/);
});

test("a daemon that forgot the device is greeted again", () => {
  const { device, daemon } = scene();
  device.until(() => ready(device));
  daemon.clients.clear();
  device.advance(20000);
  assert.equal(device.panel.extract[1], 1);
  assert.equal(daemon.clients.get(device), device.port);
});

test("a daemon that is started again goes on with the job", () => {
  const { net, daemon, device } = scene({ daemon: { steps: 1e9 } });
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => /^Taking it apart: bars, 50 %/.test(device.status));
  net.daemon = null;
  device.until(() => /does not answer.*Work goes on then/.test(device.status), 30);
  const again = new Daemon(net, { manifest: manifestOf, boot: "b002" });
  Object.assign(again, { jobs: daemon.jobs, ran: daemon.ran });
  Object.values(again.jobs).forEach((job) => (job.left = 0));
  device.until(() => /^Placed 4 tracks/.test(device.status), 120);
  assert.equal(daemon.ran.length, 1);
});

test("a daemon that is started again in the middle of the upload gets it again", () => {
  const { daemon, device } = scene();
  const start = daemon.job_start.bind(daemon);
  let forgot = false;
  daemon.job_start = (...values) => {
    if (!forgot) daemon.docs = {};
    forgot = true;
    return start(...values);
  };
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => /^Placed 4 tracks/.test(device.status), 120);
  assert.equal(daemon.ran.length, 1);
});

test("a manifest that was damaged on the way is pulled once more", () => {
  const { daemon, device, live } = scene();
  const get = daemon.get.bind(daemon);
  let damaged = 0;
  daemon.get = (...values) => {
    const [index, count, chunk] = get(...values);
    return [index, count, damaged++ === 0 ? chunk.replace("drums", "drugs") : chunk];
  };
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => /^Placed 4 tracks/.test(device.status), 120);
  assert.equal(live.song.tracks[1].name, "Night / 1 drums");
});

test("events move the progress, and none of them is needed", () => {
  const { daemon, device } = scene({ daemon: { steps: 1e9 } });
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => /^Taking/.test(device.status));
  daemon.event("0000000000000001", "running", 0.75, "stems");
  device.advance(100);
  assert.equal(device.status, "Taking it apart: stems, 75 %");
  daemon.event("ffffffffffffffff", "running", 0.9, "other");
  device.advance(100);
  assert.equal(device.status, "Taking it apart: stems, 75 %");
  daemon.jobs["0000000000000001"].left = 0;
  device.until(() => /^Placed/.test(device.status), 120);
});

test("cancel reaches the daemon, also before the job has a name", () => {
  const running = scene({ daemon: { steps: 1e9 } });
  running.device.until(() => ready(running.device));
  running.device.message("extract");
  running.device.until(() => /^Taking/.test(running.device.status));
  running.device.message("cancel");
  running.device.until(() => running.device.status === "Cancelled.");
  assert.equal(running.daemon.jobs["0000000000000001"].state, "cancelled");

  const early = scene({ daemon: { steps: 1e9 } });
  const start = early.daemon.job_start.bind(early.daemon);
  early.daemon.job_start = (...values) => {
    early.device.message("cancel");
    return start(...values);
  };
  early.device.until(() => ready(early.device));
  early.device.message("extract");
  early.device.until(() => early.device.status === "Cancelled.");
  early.device.advance(2000);
  assert.equal(early.daemon.jobs["0000000000000001"].state, "cancelled");
  assert.deepEqual(early.live.writes, []);
});

test("what the daemon refuses is said in its words, and the device stays usable", () => {
  const { daemon, device, live } = scene();
  daemon.job_start = () => ({ code: -8, text: "song.wav: is no audio file that can be read" });
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => device.status === "song.wav: is no audio file that can be read");
  device.until(() => ready(device));
  assert.deepEqual(live.writes, []);
});

test("a job that fails says why", () => {
  const { daemon, device } = scene({ daemon: { steps: 1 } });
  const start = daemon.job_start.bind(daemon);
  daemon.job_start = (...values) => {
    const answer = start(...values);
    daemon.jobs[answer[0]].failure = [-14, "song: silence"];
    return answer;
  };
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => device.status === "song: silence");
});

test("a set that was closed over a job and opened again follows it, and the loops are one press away", () => {
  const first = scene({ daemon: { steps: 1e9 } });
  first.device.until(() => ready(first.device));
  first.device.message("extract");
  first.device.until(() => /^Taking/.test(first.device.status));
  first.device.remove();
  assert.equal(first.live.held.size, 0);
  const second = new Device(first.live, { net: first.net, files: FILES, memory: first.device.memory, seed: 3 });
  second.begin();
  second.until(() => (first.net.tick(), /^Taking/.test(second.status)));
  first.daemon.jobs["0000000000000001"].left = 0;
  second.until(() => (first.net.tick(), /loops of Night are ready/.test(second.status)));
  assert.deepEqual(first.live.writes, []);
  assert.equal(second.memory, "none");
  assert.equal(second.panel.report[1], 1);
});

test("a second press while one is under way does nothing", () => {
  const { daemon, device } = scene({ daemon: { steps: 20 } });
  device.until(() => ready(device));
  for (let i = 0; i < 20; i++) {
    device.message("extract");
    device.advance(60);
  }
  assert.equal(daemon.ran.length, 1);
});

test("options reach the daemon", () => {
  const { daemon } = placed({ controls: { longest: 3, loops: 5 } });
  assert.deepEqual([daemon.ran[0].max_loop_bars, daemon.ran[0].loops, daemon.ran[0].host.version], [4, 5, "12.1.5"]);
  const plain = placed().daemon.ran[0];
  assert.deepEqual([plain.max_loop_bars, plain.loops, plain.v], [undefined, undefined, 1]);
  assert.equal(plain.path, "/music/Söng 1.wav");
});

test("without a token the panel says what to do", () => {
  for (const files of [{}, { "loopcube_token.txt": ["no token"] }]) {
    const { device, daemon } = scene({ files });
    device.advance(3000);
    assert.match(device.status, /loopcube install live/);
    assert.deepEqual(daemon.asked, []);
  }
});

test("a token beside the device, or where Max searches, is found", () => {
  const lines = Object.values(FILES)[0];
  const { device } = scene({ files: { "loopcube_token.txt": lines } });
  device.until(() => ready(device));
});

for (const [version, usable] of [[[11, 3, 20], false], [[11, 3, 25], true], [[12, 0, 0], false], [[12, 0, 4], false], [[12, 0, 5], true], [[12, 3, 6], true]]) {
  test(`Live ${version.join(".")} is ${usable ? "" : "not "}taken`, () => {
    const { device, daemon } = scene({ live: { version } });
    device.advance(3000);
    assert.equal(ready(device), usable);
    if (!usable) {
      assert.match(device.status, /Live 11\.3\.25, or 12\.0\.5, or later is needed/);
      assert.deepEqual(daemon.asked, []);
    }
  });
}

const REFUSED = {
  "MIDI clip": { is_audio_clip: 0 },
  "being recorded": { is_recording: 1 },
  "no file on disk": { file_path: "" },
  "Only 2 whole bars": { endMarker: 11 },
  "plays no part of its file": { startMarker: 70, endMarker: 80 },
  "loops more than 64 times": { looping: 1, loopEnd: 4, length: 400 },
};
for (const [words, clip] of Object.entries(REFUSED)) {
  test(`refused before anything starts: ${words}`, () => {
    const { device, live, daemon } = scene({ clip });
    device.advance(5000);
    assert.match(device.panel.target[1], new RegExp(words));
    device.message("extract");
    device.advance(3000);
    assert.match(device.status, new RegExp(words));
    assert.deepEqual([live.writes, daemon.ran], [[], []]);
  });
}

test("nothing selected", () => {
  const { device, live } = scene();
  live.view.detail_clip = null;
  device.advance(3000);
  assert.equal(device.panel.target[1], "Click an audio clip first.");
  assert.equal(device.panel.extract[1], 0);
});

test("in the Arrangement the clip under the insert mark counts, not what the detail view still shows", () => {
  const { device, live, track } = scene();
  live.addClip(track, { name: "Later", file_path: "/music/b.wav", frames: 44100 * 40, rate: 44100, start: 100, endMarker: 32, bpm: 96 });
  live.song.current_song_time = 104;
  device.until(() => device.panel.target[1] === "Later: 8 bars");
  live.song.is_playing = 1;
  device.until(() => device.panel.target[1] === "Night: 16 bars");
});

test("an error nobody thought of is shown, and the device goes on", () => {
  const { daemon, device } = scene({ daemon: { manifest: () => ({ nonsense: 1 }) } });
  device.until(() => ready(device));
  device.message("extract");
  device.until(() => /^Internal error/.test(device.status));
  device.until(() => ready(device));
  assert.equal(daemon.ran.length, 1);
});

test("a device that is removed says good-bye and stops", () => {
  const { daemon, device, live } = scene();
  device.until(() => ready(device));
  device.remove();
  device.advance(2000);
  assert.equal(daemon.asked[daemon.asked.length - 1], "/loopcube/bye");
  assert.equal(live.held.size, 0);
  assert.ok(live instanceof Live);
});
