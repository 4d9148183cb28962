// What Max gives a script in [js], with a clock that a test turns, or that follows the real one.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");
const { apiOf } = require("./fake_api.js");
const { encode } = require("./osc.js");

const UNFROZEN = path.join(__dirname, "..", "..", "..", "max_for_live", "unfrozen");
const LARGEST = 1200; // bytes of a packet, both ways
const TICK = 20;
// What the engine of [js] does not have, so that its use is an error here, too.
const NEWER = ["Map", "Set", "WeakMap", "WeakSet", "Promise", "Symbol", "Proxy", "Reflect", "globalThis"];
const NEWER_METHODS = `
  ["find", "findIndex", "includes", "fill", "flat", "flatMap", "at"].forEach(function (name) { delete Array.prototype[name]; });
  ["startsWith", "endsWith", "includes", "repeat", "padStart", "padEnd", "at", "matchAll", "replaceAll"].forEach(function (name) {
    delete String.prototype[name];
  });
  ["assign", "values", "entries", "fromEntries", "is"].forEach(function (name) { delete Object[name]; });
  ["isInteger", "isNaN", "isFinite", "parseFloat"].forEach(function (name) { delete Number[name]; });
  ["sign", "trunc", "log2", "hypot", "cbrt"].forEach(function (name) { delete Math[name]; });
  Math.random = seeded;
`;

class Device {
  // live: the set. net: send(packet values), bind(port) -> whether this device has the port. files: path -> lines.
  constructor(live, { net, files = {}, memory = "", seed = 0 } = {}) {
    Object.assign(this, { live, net, files, memory, panel: {}, posted: [], opened: [], wall: 1000 + seed * 7, tasks: [] });
    this.port = 0;
    this.inbox = [];
    const context = this._globals(seed);
    NEWER.forEach((name) => (context[name] = undefined));
    vm.createContext(context);
    vm.runInContext(NEWER_METHODS, context);
    vm.runInContext(script(), context, { filename: "loopcube.js" });
    this.context = context;
  }

  // Live is ready: live.thisdevice bangs, the controls tell their values, the memory that the set has kept is told.
  begin(options = {}) {
    for (const [name, value] of Object.entries(options)) this.message(name, value);
    if (this.memory) this.message("memory", this.memory);
    this._enter(() => this.context.bang());
  }

  message(selector, ...values) {
    this._enter(() => {
      this.context.messagename = selector;
      this.context.anything(...values);
    });
  }

  // What udpreceive got: kept until the low-priority queue has its turn.
  receive(address, values) {
    this.inbox.push([address, values]);
  }

  advance(milliseconds) {
    for (let passed = 0; passed < milliseconds; passed += TICK) this.step(TICK);
  }

  step(milliseconds) {
    this.wall += milliseconds;
    this.live.tick();
    for (const [address, values] of this.inbox.splice(0)) this.message(address, ...values);
    for (const task of this.tasks.filter((each) => each.running && each.due <= this.wall)) {
      task.due = this.wall + task.interval;
      this._enter(() => task.deed());
    }
  }

  // Live stands still, as while it freezes a track: the wall clock runs, nothing else does.
  stall(milliseconds) {
    this.wall += milliseconds;
  }

  until(met, seconds = 60) {
    for (let passed = 0; passed < seconds * 1000; passed += TICK) {
      if (met()) return;
      this.step(TICK);
    }
    throw new Error(`not met within ${seconds} s; the panel says: ${JSON.stringify(this.panel)} ${this.posted.join("")}`);
  }

  get status() {
    return this.panel.status[1];
  }

  remove() {
    this._enter(() => this.context.notifydeleted());
  }

  _enter(work) {
    this.live.allowed = true;
    try {
      work();
    } finally {
      this.live.allowed = false;
    }
  }

  _globals(seed) {
    const self = this;
    let random = seed + 1;
    return {
      LiveAPI: apiOf(this.live),
      Task: class {
        constructor(deed) {
          Object.assign(this, { deed, running: false, interval: 500, due: 0 });
          self.tasks.push(this);
        }
        repeat() {
          this.running = true;
          this.due = self.wall + this.interval;
        }
        cancel() {
          this.running = false;
        }
      },
      Dict: class {
        constructor() {
          this.values = {};
        }
        set(key, value) {
          this.values[key] = value;
        }
        get(key) {
          return this.values[key];
        }
      },
      File: class {
        constructor(name) {
          this.lines = self.files[name];
          this.isopen = this.lines !== undefined;
          this.at = 0;
        }
        readline() {
          return this.lines[this.at++] || "";
        }
        close() {}
      },
      Date: class {
        getTime() {
          return self.wall;
        }
      },
      seeded: () => (random = (random * 16807) % 2147483647) / 2147483647,
      patcher: { filepath: "Macintosh HD:/Users/me/LoopCube.amxd" },
      arrayfromargs: (given) => [...given],
      messnamed: (...given) => self.opened.push(given),
      post: (text) => self.posted.push(text),
      outlet: (number, ...values) => self._outlet(number, values),
      inlets: 1, outlets: 1, autowatch: 1, messagename: "", // Max has set these
    };
  }

  _outlet(number, values) {
    if (number === 0) this._send(values);
    else if (number === 1) {
      this.port = values[1];
      this.hears = this.net.bind(this, values[1]);
    } else if (number === 2) this.panel[values[0]] = values.slice(1);
    else {
      this.memory = values[0];
      this.inbox.push(["memory", values]); // pattr tells what it was told
    }
  }

  _send([address, ...values]) {
    if (!address.startsWith("/")) {
      if (this.net.target) this.net.target(this, values[0]);
      return;
    }
    for (const value of values) {
      if (typeof value === "string" && !/^[\x20-\x7e]+$/.test(value)) throw new Error(`${address}: not plain ASCII, or empty: ${value}`);
    }
    const packet = encode(address, values);
    if (packet.length > LARGEST || values.length > 64) throw new Error(`${address}: a packet of ${packet.length} bytes`);
    this.net.send(this, packet);
  }
}

function script() {
  const name = fs.readdirSync(UNFROZEN).find((each) => /^loopcube-.*\.js$/.test(each));
  return fs.readFileSync(path.join(UNFROZEN, name), "utf8");
}

module.exports = { Device, script };
