// The stand-in for Live is as strict, as silent and as late as it is meant to be.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { apiOf } = require("./fake_api.js");
const { Live } = require("./fake_live.js");
const { encode, decode } = require("./osc.js");

function set(options) {
  const live = new Live(options);
  live.audio = (file) => (/\.wav$/.test(file) ? { frames: 441000, rate: 44100 } : null);
  live.allowed = true;
  const api = new (apiOf(live))("live_set");
  const at = (object) => ((api.id = object.id), api);
  const [track] = live.song.tracks;
  return { live, api, at, track, slot: track.clip_slots[0] };
}

test("what no program should do is an error", () => {
  const { live, api, at, track } = set();
  assert.throws(() => api.get("nonsense"), /not in the Live Object Model/);
  assert.throws(() => api.call("begin_undo_step"), /not in the Live Object Model/);
  assert.throws(() => api.set("name", "x"), /access is g/);
  assert.throws(() => api.set("tempo", "fast"), /tempo = fast/);
  assert.throws(() => api.call("create_audio_track"), /wants a number/);
  assert.throws(() => api.call("create_audio_track", 0, 1), /takes 1 arguments/);
  assert.throws(() => at(track).call("duplicate_clip_to_arrangement", 5, 0), /wants "id"/);
  assert.throws(() => at(track).call("create_audio_clip", "/a.wav", -1), /position/);
  assert.throws(() => api.goto("id 3"), /does not take ids/);
  assert.throws(() => (api.id = "3"), /must be a number/);
  live.addTrack(0);
  assert.throws(() => api.goto("live_set tracks 1"), /may have moved/);
  live.allowed = false;
  assert.throws(() => api.get("tempo"), /low-priority/);
});

test("what Live lacks in a version is an error, what it never tells scripts too", () => {
  const { at, slot } = set({ version: [12, 0, 3] });
  assert.throws(() => at(slot).call("create_audio_clip", "/a.wav"), /not in Live 12\.0\.3/);
  const newer = set();
  newer.at(newer.slot).call("create_audio_clip", "/a.wav");
  assert.throws(() => newer.at(newer.slot.clip).call("beat_to_sample_time", 1), /not in the Live Object Model/);
});

test("what Live refuses gives a bare 1, what it makes an id", () => {
  const { live, at, track, slot } = set();
  assert.deepEqual(at(slot).call("create_audio_clip", "/a.txt"), 1);
  const [word, id] = at(slot).call("create_audio_clip", "/a.wav");
  assert.deepEqual([word, id], ["id", slot.clip.id]);
  assert.equal(at(slot).call("create_audio_clip", "/a.wav"), 1, "the slot is taken");
  track.is_frozen = 1;
  assert.equal(at(track).call("create_audio_clip", "/a.wav", 0), 1);
  assert.equal(at(track).call("duplicate_clip_to_arrangement", "id", id, 0), 1);
  track.is_frozen = 0;
  assert.deepEqual(at(track).get("is_frozen"), [0]);
  assert.deepEqual(at(slot).get("clip"), ["id", id]);
  assert.equal(live.damaged.length, 0);
});

test("an object that is gone has no path, and answers 1 to everything", () => {
  const { live, at, slot } = set();
  at(slot).call("create_audio_clip", "/a.wav");
  const clip = at(slot.clip);
  live.remove(slot.clip);
  assert.equal(clip.path, '""');
  assert.notEqual(clip.id, "0");
  assert.deepEqual([clip.get("name"), clip.set("looping", 1), clip.call("crop")], [1, 1, 1]);
});

test("warping is switched a tick later, and changes what positions are counted in", () => {
  const { live, at, slot } = set({ tempo: 120 });
  at(slot).call("create_audio_clip", "/a.wav");
  const clip = slot.clip;
  assert.deepEqual(at(clip).get("loop_end"), [20]);
  at(clip).set("warping", 0);
  assert.deepEqual(at(clip).get("warping"), [1]);
  live.tick();
  assert.deepEqual([at(clip).get("warping"), at(clip).get("looping"), at(clip).get("end_marker")], [[0], [0], [20]]);
  at(clip).set("start_marker", 3);
  assert.deepEqual(at(clip).get("start_marker"), [0], "ignored while the clip does not loop");
  at(clip).set("loop_end", 99);
  assert.deepEqual(at(clip).get("loop_end"), [10], "not past the end of the file");
  at(clip).set("looping", 1);
  assert.deepEqual(at(clip).get("warping"), [1], "looping needs warping");
  assert.throws(() => at(clip).set("loop_start", 50), /not before the end/);
});

test("warp markers are refused where another is, outside the file, and at tempos Live does not know", () => {
  const { at, slot } = set();
  at(slot).call("create_audio_clip", "/a.wav");
  const marker = (sample_time, beat_time) => ({ get: (key) => ({ sample_time, beat_time })[key] });
  const told = () => JSON.parse(at(slot.clip).get("warp_markers")[0]).warp_markers.length;
  for (const refused of [marker(0, 1), marker(10.1, 20), marker(5, 500), marker(5, -1)]) {
    at(slot.clip).call("add_warp_marker", refused);
    assert.equal(told(), 2, "one, and the hidden one");
  }
  at(slot.clip).call("add_warp_marker", marker(10, 16));
  assert.equal(told(), 3);
  assert.throws(() => at(slot.clip).call("add_warp_marker", 10, 16), /wants a object/);
});

test("what is written over in the Arrangement is noted", () => {
  const { live, at, track } = set();
  at(track).call("create_audio_clip", "/a.wav", 0);
  at(track).call("create_audio_clip", "/b.wav", 8);
  assert.deepEqual(live.damaged, ["a.wav"]);
  assert.equal(track.arrangement_clips.length, 1);
});

test("OSC by hand: the example of the specification, and back", () => {
  const packet = encode("/oscillator/4/frequency", [440.5]);
  assert.equal(packet.toString("latin1", 0, 28), "/oscillator/4/frequency\0,f\0\0");
  assert.equal(packet.readFloatBE(28), 440.5);
  assert.deepEqual(decode(encode("/foo", [1000, -1, "hello", 1.5])), ["/foo", [1000, -1, "hello", 1.5]]);
  assert.throws(() => decode(packet.subarray(0, 30)), /multiple of 4/);
});
