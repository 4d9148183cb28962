// The device on real sockets and the real clock, in the fake set of a test: `node real.js OPTIONS`, as JSON.
//
// {port: of the daemon, token, clip, controls, tempo, loss: share of packets lost each way, late: the longest time in
//  milliseconds that one is on its way, seconds: after which to give up}. Prints what the set has become.
"use strict";
const dgram = require("dgram");
const fs = require("fs");
const { Live } = require("./fake_live.js");
const { Device } = require("./fake_max.js");
const { decode } = require("./osc.js");

// One socket to send from and one to listen on, as udpsend and udpreceive are; a taken port is met with silence.
class Sockets {
  constructor({ port, loss = 0, late = 0 }) {
    Object.assign(this, { port, loss, late, lost: 0, passed: 0 });
    this.sender = dgram.createSocket("udp4").on("error", () => {});
    this.listener = null;
  }

  target() {} // the port is the test's

  send(device, packet) {
    this.carry(() => this.sender.send(packet, this.port, "127.0.0.1"));
  }

  bind(device, port) {
    this.close(this.listener);
    this.listener = dgram.createSocket("udp4").on("error", () => {});
    this.listener.on("message", (packet) => this.carry(() => device.receive(...decode(packet))));
    this.listener.bind(port, "127.0.0.1");
  }

  carry(deliver) {
    if (Math.random() < this.loss) {
      this.lost += 1;
      return;
    }
    this.passed += 1;
    if (this.late > 0) setTimeout(deliver, Math.random() * this.late);
    else deliver();
  }

  close(socket) {
    try {
      if (socket) socket.close();
    } catch {
      // it had never been bound
    }
  }
}

// Frames and rate of a float WAV file; null when it is none.
function audio(file) {
  if (!fs.existsSync(file)) return null;
  const data = fs.readFileSync(file);
  let found = {};
  for (let at = 12; at + 8 <= data.length; at += 8 + data.readUInt32LE(at + 4) + (data.readUInt32LE(at + 4) % 2)) {
    const name = data.toString("latin1", at, at + 4);
    if (name === "fmt ") found = { rate: data.readUInt32LE(at + 12), block: data.readUInt16LE(at + 20) };
    if (name === "data") return { rate: found.rate, frames: data.readUInt32LE(at + 4) / found.block };
  }
  return null;
}

function told(live, device, sockets) {
  const clipOf = (clip) => ({
    name: clip.name, file: clip.file_path, start: clip.start, end: live.endTime(clip), region: live.region(clip),
    looping: clip.looping, warping: clip.warping, markers: clip.markers,
  });
  return {
    lost: sockets.lost, passed: sockets.passed, status: device.status, posted: device.posted, port: device.port,
    muted: live.song.tracks[0].arrangement_clips.map((clip) => clip.muted),
    tracks: live.song.tracks.map((track) => ({
      name: track.name,
      arrangement: track.arrangement_clips.map(clipOf),
      session: track.clip_slots.filter((slot) => slot.clip).map((slot) => clipOf(slot.clip)),
    })),
  };
}

function main() {
  const options = JSON.parse(process.argv[2]);
  const live = new Live({ tempo: options.tempo || 120 });
  live.audio = audio;
  const source = live.addClip(live.song.tracks[0], { ...audio(options.clip.file_path), ...options.clip });
  live.view.detail_clip = source;
  const sockets = new Sockets(options);
  const files = { "loopcube_token.txt": [options.token, String(options.port)] };
  const device = new Device(live, { net: sockets, files, seed: process.pid });
  device.begin(options.controls);
  const since = Date.now();
  let last = since;
  let pressed = false;
  const end = () => {
    process.stdout.write(JSON.stringify(told(live, device, sockets)));
    process.exit(0);
  };
  // While clips are placed nothing is waited for but the fake, whose ticks need not take their time.
  setInterval(() => {
    const now = Date.now();
    const placing = /^Placing/.test(device.status);
    device.step(now - last);
    for (let more = 0; placing && more < 4; more++) device.step(20);
    last = now;
    if (!pressed && device.panel.extract[1] === 1) {
      pressed = true;
      device.message("extract", "bang");
    } else if (pressed && device.panel.extract[1] === 1) {
      end();
    }
    if (now - since > options.seconds * 1000) end();
  }, 5);
}

main();
