// Every single thing that is asked of Live not done once, and two devices at work in one set.
"use strict";
const assert = require("node:assert/strict");
const { test } = require("node:test");
const { Device } = require("./fake_max.js");
const { FILES } = require("./fake_daemon.js");
const { placed, scene } = require("./scene.js");

const round = (value) => Math.round(value * 1000) / 1000;

// What counts of a set: where which file plays, how it is warped, and what is left in the slots.
function picture(live) {
  const clip = (each) => [each.file_path, round(each.start), round(live.endTime(each)), each.warping, each.looping,
    live.region(each).map(round), each.markers.map((marker) => marker.map(round))];
  return live.song.tracks.slice(1, -1).map((track) => ({
    name: track.name,
    arrangement: track.arrangement_clips.map(clip),
    session: track.clip_slots.map((slot) => slot.clip && clip(slot.clip)),
  }));
}

for (const controls of [{ place: 2, as: 0 }, { place: 1, as: 1 }]) {
  test(`whatever Live does not do once is done again, or counted: ${JSON.stringify(controls)}`, () => {
    const clip = { endMarker: 24, markers: [[0, 0], [10, 16], [40, 70]] };
    const whole = placed({ controls, clip });
    const wanted = picture(whole.live);
    const count = whole.live.writes.length;
    assert.ok(count > 60);
    let mended = 0;
    for (let ignore = 1; ignore <= count; ignore++) {
      const what = `write ${ignore}, ${whole.live.writes[ignore - 1]}`;
      const { live, device, source } = placed({ controls, clip, live: { ignore } });
      assert.deepEqual(live.damaged, [], what);
      if (/^Placed 4 tracks\. Collect/.test(device.status)) {
        assert.deepEqual(picture(live), wanted, what);
        assert.equal(source.muted, 1, what);
        mended += 1;
      } else {
        assert.match(device.status, /unwarped|could not be placed/, what);
      }
      if (/could not/.test(device.status)) assert.equal(source.muted, 0, what);
    }
    assert.equal(mended, count, "a single fault is always mended");
  });
}

test("two devices place their loops in one set at the same time", () => {
  const first = scene();
  const { live, net, daemon } = first;
  const second = new Device(live, { net, files: FILES, seed: 9 });
  second.begin();
  const step = first.device.step;
  first.device.step = (milliseconds) => {
    step(milliseconds);
    live.later.forEach((item) => (item.ticks += 1)); // one set, one time: the second step is not another tick of Live
    second.step(milliseconds);
  };
  first.device.until(() => first.device.panel.extract[1] === 1 && second.panel.extract[1] === 1);
  first.device.message("extract");
  second.message("extract");
  first.device.until(() => /^Placed/.test(first.device.status) && /^Placed/.test(second.status), 240);
  assert.equal(daemon.ran.length, 2);
  assert.equal(live.song.tracks.length, 10);
  assert.deepEqual([first.device.status, second.status].map((status) => status.slice(0, 16)), ["Placed 4 tracks.", "Placed 4 tracks."]);
  assert.ok(live.song.tracks.slice(1, -1).every((track) => track.arrangement_clips.length === 1));
  assert.deepEqual(live.damaged, []);
});
