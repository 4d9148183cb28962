// A daemon on a network, both in this process: as much of the protocol as the device uses, and every fault of the wire.
"use strict";
const zlib = require("zlib");
const { encode, decode } = require("./osc.js");

const TOKEN = "0123456789abcdef0123456789abcdef";
const FILES = { "Macintosh HD:/Users/me/loopcube_token.txt": [TOKEN, "47310"] };

function crc32(text) {
  return zlib.crc32(Buffer.from(text)) | 0;
}

// The ports of the machine, with packets lost, doubled and late; `random` is seeded.
class Net {
  constructor({ loss = 0, doubled = 0, late = 0, taken = [] } = {}) {
    Object.assign(this, { loss, doubled, late, ports: new Map(taken.map((port) => [port, null])), wire: [], seed: 5, daemon: null });
  }

  random() {
    this.seed = (this.seed * 16807) % 2147483647;
    return this.seed / 2147483647;
  }

  // Only one listener a port; whoever comes later hears nothing, and is not told.
  bind(device, port) {
    for (const [each, owner] of this.ports) if (owner === device) this.ports.delete(each);
    if (!this.ports.has(port)) this.ports.set(port, device);
  }

  send(device, packet) {
    this._carry(() => this.daemon && this.daemon.receive(device, decode(packet), this));
  }

  reply(port, address, values) {
    const packet = encode(address, values);
    if (packet.length > 1200) throw new Error(`the daemon's packet has ${packet.length} bytes`);
    this._carry(() => {
      const device = this.ports.get(port);
      if (device) device.receive(...decode(packet));
    });
  }

  tick() {
    const due = this.wire.filter((item) => --item.ticks <= 0);
    this.wire = this.wire.filter((item) => item.ticks > 0);
    due.forEach((item) => item.deliver());
  }

  _carry(deliver) {
    if (this.random() < this.loss) return;
    const copies = this.random() < this.doubled ? 2 : 1;
    for (let i = 0; i < copies; i++) this.wire.push({ ticks: 1 + Math.floor(this.random() * this.late), deliver });
  }
}

class Daemon {
  // manifest(request) is what a job comes to; steps: how often a status says running.
  constructor(net, { manifest = () => ({}), steps = 3, boot = "b001", folder = "file:///music/S%C3%B6ng%201-loops" } = {}) {
    Object.assign(this, { net, manifest, steps, boot, folder, clients: new Map(), docs: {}, jobs: {}, answers: new Map(), ran: [], asked: [] });
    net.daemon = this;
  }

  receive(device, [address, [token, rid, ...values]]) {
    if (token !== TOKEN) return;
    this.asked.push(address);
    if (address === "/loopcube/hello") this.clients.set(device, values[3]);
    const port = this.clients.get(device);
    if (!this.answers.has(rid)) this.answers.set(rid, this.answer(address, values));
    const answer = this.answers.get(rid);
    if (port === undefined || !answer) return;
    if (Array.isArray(answer)) this.net.reply(port, "/loopcube/reply", [rid, address, ...answer]);
    else this.net.reply(port, "/loopcube/error", [rid, address, answer.code, answer.text]);
  }

  event(job, state, progress, stage) {
    for (const port of this.clients.values()) this.net.reply(port, "/loopcube/event/job", [job, 1, state, progress + 1e-7, stage]);
  }

  answer(address, values) {
    const handler = this[address.replace("/loopcube/", "").replace("/", "_")];
    return handler ? handler.call(this, ...values) : [];
  }

  hello() {
    return [1, 0, "0.1.0", this.boot, 15, ":tcp:"];
  }

  ping() {
    return [this.boot, 1, 0, 0];
  }

  subscribe() {
    return [15];
  }

  put(doc, index, count, chunk) {
    const chunks = (this.docs[doc] = this.docs[doc] || {});
    chunks[index] = chunk;
    return [Object.keys(chunks).length, Object.keys(chunks).length === count ? -1 : 0];
  }

  job_start(doc, bytes, crc) {
    if (!this.docs[doc]) return { code: -10, text: "no document" };
    const text = Object.keys(this.docs[doc]).sort((a, b) => a - b).map((index) => this.docs[doc][index]).join("");
    if (text.length !== bytes || crc32(text) !== crc) return { code: -16, text: "document differs" };
    const request = JSON.parse(text);
    this.ran.push(request);
    const job = `00000000000000${String(this.ran.length).padStart(2, "0")}`;
    this.jobs[job] = { request, left: this.steps, state: "queued" };
    return [job, "queued"];
  }

  job_status(name) {
    const job = this.jobs[name];
    if (!job) return { code: -10, text: "no job" };
    if (job.state === "cancelled") return ["cancelled", 0.5, "", 9, 0, ""];
    if (job.failure) return ["failed", 0.5, "", 9, job.failure[0], job.failure[1]];
    if (job.left-- > 0) return ["running", 0.5, "bars", 5, 0, ""];
    job.text = job.text || JSON.stringify(this.manifest(job.request)).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
    return ["done", 1, "", 10, 0, this.folder];
  }

  job_cancel(name) {
    this.jobs[name].state = "cancelled";
    return ["cancelling"];
  }

  get_info(name) {
    const { text } = this.jobs[name];
    return [text.length, Math.ceil(text.length / 1000), crc32(text)];
  }

  get(name, doc, index) {
    const { text } = this.jobs[name];
    return [index, Math.ceil(text.length / 1000), text.slice(index * 1000, index * 1000 + 1000)];
  }
}

module.exports = { Net, Daemon, TOKEN, FILES, crc32 };
