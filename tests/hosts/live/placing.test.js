// Where clips end up in the set: bars, markers, names, and what happens when Live does otherwise than hoped.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { placed, scene, PLACE, RATE } = require("./scene.js");

const names = (live) => live.song.tracks.map((track) => track.name);
const made = (live) => live.song.tracks.filter((track) => / \/ /.test(track.name));

function near(actual, wanted, within = 1e-3) {
  assert.ok(Math.abs(actual - wanted) < within, `${actual} is not ${wanted}`);
}

function markersAre(clip, wanted) {
  assert.equal(clip.markers.length, wanted.length, JSON.stringify(clip.markers));
  clip.markers.forEach(([seconds, beat], i) => {
    near(seconds, wanted[i][0]);
    near(beat, wanted[i][1]);
  });
}

test("a warped clip of the Arrangement: stems over it, loops in the Session, the source muted", () => {
  const { live, source, daemon, device } = placed();
  assert.deepEqual(names(live), ["Track 1", "Night / 1 drums", "Night / 2 bass", "Night / 3 pad", "Night / rest", "Track 2"]);
  for (const track of made(live)) {
    const [stem] = track.arrangement_clips;
    assert.equal(track.arrangement_clips.length, 1);
    near(stem.start, 16);
    near(live.endTime(stem), 80);
    markersAre(stem, [[0, 0], [40, 64]]);
    assert.equal(stem.looping, 0);
  }
  const loop = made(live)[1].clip_slots[0].clip;
  markersAre(loop, [[0, 0], [5, 8]]);
  assert.deepEqual([loop.looping, loop.loopStart, loop.loopEnd, loop.name], [1, 0, 8, "2 bass"]);
  assert.equal(made(live)[3].clip_slots[0].clip, null, "the rest is no loop");
  assert.equal(source.muted, 1);
  assert.equal(daemon.ran[0].bars_frames.length, 17);
  assert.equal(daemon.ran[0].bars_frames[1], Math.round(2.5 * RATE));
  assert.equal(made(live)[0].arrangement_clips[0].file_path, "/music/Söng 1-loops/stems/01-drums-1-bar.wav");
  assert.match(device.status, /^Placed 4 tracks\./);
  assert.equal(live.held.size, 0, "no LiveAPI object is left listening");
  assert.deepEqual(live.damaged, []);
});

test("tempo changes: every marker of the source inside the clip is in the stems", () => {
  const markers = [[0, -4], [2, 0], [12, 20], [30, 44], [40, 64]];
  const { live, daemon } = placed({ clip: { markers, startMarker: 8, endMarker: 52, start: 8 } });
  const beatAt = (seconds) => (seconds < 12 ? (seconds - 2) * 2 : seconds < 30 ? 20 + ((seconds - 12) * 24) / 18 : 44 + (seconds - 30) * 2);
  const start = 6;
  const end = 34;
  markersAre(made(live)[0].arrangement_clips[0], [[0, 0], [12 - start, beatAt(12) - 8], [30 - start, beatAt(30) - 8], [end - start, 44]]);
  near(daemon.ran[0].bars_frames[3] / RATE, 12, 1e-4); // beat 20 is the third bar line after beat 8
  near(live.endTime(made(live)[0].arrangement_clips[0]), 52);
});

test("a pick-up stays in the stems, and bars are the song's", () => {
  const { live, daemon } = placed({ clip: { start: 15, startMarker: 3, endMarker: 37 } });
  const request = daemon.ran[0];
  assert.deepEqual(request.region_frames, [3, 37].map((beat) => Math.round((beat * 60 * RATE) / 96)));
  assert.deepEqual(request.bars_frames.slice(0, 2), [4, 8].map((beat) => Math.round((beat * 60 * RATE) / 96)));
  near(made(live)[0].arrangement_clips[0].start, 15);
  near(live.endTime(made(live)[0].arrangement_clips[0]), 49);
});

test("a file that ends a few samples early loses no bar", () => {
  const { daemon } = placed({ clip: { frames: 40 * RATE - 100 } });
  assert.equal(daemon.ran[0].bars_frames.length, 17);
  assert.equal(daemon.ran[0].bars_frames[16], 40 * RATE - 100);
});

test("three quarters: bars have three beats", () => {
  const { live, daemon } = placed({ live: { metre: [3, 4] }, clip: { start: 12, endMarker: 48 } });
  assert.equal(daemon.ran[0].bars_frames.length, 17);
  assert.equal(daemon.ran[0].beats_per_bar, 3);
  assert.equal("beat_unit" in daemon.ran[0], false);
  assert.equal(made(live)[1].clip_slots[0].clip.loopEnd, 6);
});

test("six eighths: a bar is three quarter notes", () => {
  const { daemon } = placed({ live: { metre: [6, 8] }, clip: { start: 12, endMarker: 48 } });
  assert.equal(daemon.ran[0].bars_frames[1] - daemon.ran[0].bars_frames[0], Math.round((3 * 60 * RATE) / 96));
  assert.equal(daemon.ran[0].beats_per_bar, 6);
  assert.equal(daemon.ran[0].beat_unit, 8);
});

test("a looping clip of the Arrangement is laid out pass by pass", () => {
  const { live, daemon } = placed({ clip: { looping: 1, loopStart: 16, loopEnd: 32, startMarker: 20, length: 40 } });
  const starts = made(live)[0].arrangement_clips.map((clip) => [clip.start, live.endTime(clip), clip.startMarker]);
  // 20..32, then 16..32 and 12 beats more of it; the file begins with beat 16
  assert.deepEqual(starts, [[16, 28, 4], [28, 44, 0], [44, 56, 0]]);
  assert.equal(daemon.ran[0].bars_frames.length, 5);
});

test("an unwarped clip stays unwarped, and its loops are warped because they must be", () => {
  const clip = { warping: 0, startMarker: 1, endMarker: 33, loopStart: 1, loopEnd: 33 };
  const { live, daemon, device } = placed({ clip });
  const [stem] = made(live)[0].arrangement_clips;
  assert.equal(stem.warping, 0);
  near(stem.start, 16);
  near(live.endTime(stem), 16 + 64, 0.02);
  near(daemon.ran[0].bars_frames[1] / RATE, 3, 1e-4); // 120 bpm: a bar takes 2 s
  assert.deepEqual([stem.startMarker, stem.endMarker], [0, 32]);
  const loop = made(live)[0].clip_slots[0].clip;
  assert.equal(loop.warping, 1);
  markersAre(loop, [[0, 0], [2, 4]]);
  assert.match(device.status, /^Placed 4 tracks\. Collect/);
});

test("a clip of the Session: loops beside it, stems from the Arrangement's first bar on", () => {
  const { live, daemon } = placed({ session: 2, clip: { looping: 1, startMarker: -1, loopStart: 0, loopEnd: 64, markers: [[0, -1], [40, 63]] } });
  assert.equal(made(live)[0].clip_slots[2].clip.name, "1 drums");
  const [stem] = made(live)[0].arrangement_clips;
  near(stem.start, 3); // one beat before bar 2
  near(daemon.ran[0].bars_frames[0] / RATE, 0.625, 1e-4);
});

test("only the Session, only the Arrangement", () => {
  const session = placed({ controls: { place: PLACE.session } }).live;
  assert.deepEqual(made(session).map((track) => track.arrangement_clips.length), [0, 0, 0]);
  const arrangement = placed({ controls: { place: PLACE.arrangement, mute: 0 } });
  assert.deepEqual(made(arrangement.live).map((track) => track.clip_slots.filter((slot) => slot.clip).length), [0, 0, 0, 0]);
  assert.equal(arrangement.source.muted, 0);
});

test("loops at their bars instead of stems", () => {
  const { live } = placed({ controls: { place: PLACE.arrangement, as: 1 }, clip: { endMarker: 24 } });
  const [drums, bass, pad, rest] = made(live).map((track) => track.arrangement_clips);
  assert.deepEqual(drums.map((clip) => clip.start), [16, 20, 24, 28, 32, 36]);
  assert.deepEqual(bass.map((clip) => [clip.start, live.endTime(clip)]), [[16, 24], [24, 32], [32, 40]]);
  assert.deepEqual(pad.map((clip) => clip.start), [24, 28, 32, 36]);
  assert.equal(rest.length, 1);
  assert.ok(drums.every((clip) => clip.file_path.includes("/loops/")));
});

for (const guess of ["late", "wrong", "stubborn", "off"]) {
  test(`Live's own guess of the tempo, ${guess}, does not stay`, () => {
    const { live, device } = placed({ live: { guess } });
    for (const track of made(live)) {
      track.arrangement_clips.forEach((clip) => markersAre(clip, [[0, 0], [40, 64]]));
      near(live.endTime(track.arrangement_clips[0]), 80);
    }
    markersAre(made(live)[1].clip_slots[0].clip, [[0, 0], [5, 8]]);
    assert.match(device.status, /^Placed 4 tracks\. Collect/);
  });
}

for (const delay of [1, 3]) {
  test(`clips that are seen ${delay} ticks late are waited for`, () => {
    const { live } = placed({ live: { delay } });
    assert.deepEqual(made(live).map((track) => track.arrangement_clips.length), [1, 1, 1, 1]);
    near(live.endTime(made(live)[2].arrangement_clips[0]), 80);
  });
}

test("where Live takes no markers, clips are placed unwarped, and that is said", () => {
  const { live, device, source } = placed({ live: { refuseMarkers: true } });
  for (const track of made(live)) {
    assert.deepEqual(track.arrangement_clips.map((clip) => clip.warping), [0]);
    assert.deepEqual(track.clip_slots.filter((slot) => slot.clip).map((slot) => slot.clip.warping), / rest$/.test(track.name) ? [] : [0]);
  }
  assert.match(device.status, /7 clips unwarped: will not follow tempo changes/);
  assert.equal(source.muted, 1);
});

test("copies that Live makes longer or shorter get the length they should have", () => {
  for (const factor of [0.5, 1.5]) {
    const { live, device } = placed({ live: { copies: (clip) => (clip.endMarker *= factor) } });
    made(live).forEach((track) => near(live.endTime(track.arrangement_clips[0]), 80));
    assert.match(device.status, /^Placed 4 tracks\. Collect/);
  }
});

test("copies that stay as long as they are give way to unwarped clips, and nothing is left of them", () => {
  const { live, device } = placed({ live: { copies: (clip) => Object.assign(clip, { length: 100 }) } });
  made(live).forEach((track) => assert.deepEqual(track.arrangement_clips.map((clip) => clip.warping), [0]));
  assert.match(device.status, /4 clips unwarped/);
  assert.deepEqual(live.damaged, []);
});

test("unwarped instead of warped, loops at their bars end before the next begins", () => {
  const { live, device } = placed({ live: { refuseMarkers: true }, controls: { place: PLACE.arrangement, as: 1 }, clip: { endMarker: 24 } });
  assert.deepEqual(made(live)[0].arrangement_clips.map((clip) => clip.start), [16, 20, 24, 28, 32, 36]);
  assert.deepEqual(live.damaged, []);
  assert.match(device.status, /4 clips unwarped/);
});

test("a clip that appears together with a copy is not taken for it", () => {
  const mine = { name: "mine", start: 0, endMarker: 4, frames: RATE, rate: RATE };
  const copies = function (copy) {
    if (copy.name === "1 drums") this.addClip(copy.track, mine);
  };
  const { live } = placed({ live: { copies } });
  const [foreign, stem] = made(live)[0].arrangement_clips;
  assert.deepEqual([foreign.name, foreign.endMarker, live.endTime(stem)], ["mine", 4, 80]);
  markersAre(foreign, [[0, 0]]);
});

test("a file that is no audio is counted, the others are placed, the source keeps playing", () => {
  const { live, device, source } = placed({ live: { audio: (file) => (/01-drums/.test(file) ? null : { frames: 40 * RATE, rate: RATE }) } });
  assert.match(device.status, /2 clips could not be placed/);
  assert.equal(made(live)[1].arrangement_clips.length, 1);
  assert.equal(source.muted, 0);
});

test("what somebody puts on the new tracks meanwhile is left alone", () => {
  const { live, device } = scene();
  device.until(() => device.panel.extract[1] === 1);
  device.message("extract");
  device.until(() => made(live).length === 1, 60);
  const [track] = made(live);
  live.addClip(track, { name: "mine", start: 20, endMarker: 8, frames: RATE, rate: RATE });
  live.addClip(track, { name: "mine too", frames: RATE, rate: RATE }, track.clip_slots[0]);
  device.until(() => /^Placed/.test(device.status), 240);
  assert.deepEqual(live.damaged, []);
  assert.deepEqual(track.arrangement_clips.map((clip) => clip.name), ["mine"]);
  assert.equal(track.clip_slots[0].clip.name, "mine too");
  assert.equal(track.clip_slots[1].clip.name, "1 drums");
  assert.match(device.status, /1 clip could not be placed/);
});

test("tracks moved, added and removed by the user meanwhile", () => {
  const { live, device } = scene();
  device.until(() => device.panel.extract[1] === 1);
  device.message("extract");
  device.until(() => made(live).length === 2, 60);
  live.addTrack(0, "New");
  live.remove(made(live)[0]);
  live.song.tracks = live.song.tracks.filter((track) => track.alive);
  device.until(() => /^Placed/.test(device.status), 240);
  assert.deepEqual(names(live), ["New", "Track 1", "Night / 2 bass", "Night / 3 pad", "Night / rest", "Track 2"]);
  assert.deepEqual(live.damaged, []);
});

test("cancel while placing stops at once and keeps what is there", () => {
  const { live, device } = scene();
  device.until(() => device.panel.extract[1] === 1);
  device.message("extract");
  device.until(() => made(live).length === 2, 60);
  device.message("cancel");
  const writes = live.writes.length;
  device.advance(5000);
  assert.equal(live.writes.length, writes);
  assert.match(device.status, /^Stopped/);
  assert.equal(device.panel.extract[1], 1);
});

test("the report is opened from the panel", () => {
  const { device } = placed();
  assert.equal(device.panel.report[1], 1);
  device.message("report", "bang");
  assert.deepEqual(device.opened, [["max", "launchbrowser", "file:///music/S%C3%B6ng%201-loops/report.html"]]);
});
