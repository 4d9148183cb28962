// The device's course: look at the selection, send the clip, follow the job, fetch its manifest, place its loops.
//
// States: booting, unusable (an old Live, no token), idle, sending, running, fetching, placing. Whether the daemon
// answers is another matter, which only `client.online` tells: work that waits for it goes on once it is back.
//
// io: send, bind (see client.js), show(what the panel is to show), remember(text), open(uri).
var Device = (function () {
  "use strict";

  var LOOK_EVERY = 1000; // milliseconds
  var ASK_EVERY = 2000; // for the status, when no event has told it
  var FILES_GONE = -10;
  var UPLOAD_AGAIN = { "-10": true, "-16": true }; // a daemon that was started again has forgotten the document
  var OPTIONS = { longest: 0, loops: 0, place: 2, as: 0, mute: 1 };
  var LONGEST = [0, 1, 2, 4, 8]; // bars; 0 leaves it to the daemon
  var NO_TOKEN = "Not connected: run  loopcube install live  in a terminal, then add the device again.";

  function Device(io) {
    this.state = "booting";
    this.words = "";
    this.target = { words: "", usable: false };
    this.progress = 0;
    this.report = "";
    this.options = {};
    for (var name in OPTIONS) {
      this.options[name] = OPTIONS[name];
    }
    this.client = null;
    this._io = io;
    this._run = 0; // grows with every start and every cancel: answers to an older one come too late
    this._job = "";
    this._remembered = null;
    this._placement = null;
    this._due = { look: 0, ask: 0 };
    this._now = 0;
  }

  // Live is ready. `access`: {token, port} as installed, or null.
  Device.prototype.begin = function (access) {
    try {
      Clip.refuseOld(Lom.version());
    } catch (refusal) {
      this._unusable(refusal.words);
      return;
    }
    if (access === null) {
      this._unusable(NO_TOKEN);
      return;
    }
    this._port = access.port;
    this.client = new Client(
      { send: this._io.send, bind: this._io.bind, told: this._connected.bind(this) },
      access.token,
      "live"
    );
    this.client.on("/loopcube/event/job", this._event.bind(this));
    this.state = "idle";
    this._show();
  };

  Device.prototype.end = function () {
    if (this.client !== null) {
      this.client.close();
    }
    this._run += 1;
  };

  Device.prototype.tick = function (now) {
    this._now = now;
    if (this.client === null) {
      return;
    }
    this.client.tick(now);
    if (this.state === "idle" && now >= this._due.look) {
      this._due.look = now + LOOK_EVERY;
      this._look();
    } else if (this.state === "running" && this.client.online && now >= this._due.ask) {
      this._ask();
    } else if (this.state === "placing") {
      this._place(now);
    }
    this._show();
  };

  // A control of the panel, or what was remembered.
  Device.prototype.message = function (name, value) {
    if (OPTIONS.hasOwnProperty(name)) {
      this.options[name] = Number(value);
    } else if (name === "memory") {
      this._remembered = Text.unpacked(String(value));
      this._resume();
    } else if (name === "extract") {
      this._extract();
    } else if (name === "cancel") {
      this._cancel();
    } else if (name === "report" && this.report !== "") {
      this._io.open(this.report);
    }
    this._show();
  };

  // Something went wrong that nobody thought of; the device stays usable.
  Device.prototype.broken = function (error) {
    this._over("Internal error: " + error.message);
    this._show();
  };

  Device.prototype._unusable = function (words) {
    this.state = "unusable";
    this.words = words;
    this._show();
  };

  Device.prototype._connected = function (online) {
    if (online) {
      this._due.ask = 0;
      if (this.state === "running") {
        this._subscribe();
      }
      this._resume();
    }
  };

  Device.prototype._look = function () {
    try {
      var facts = Clip.read(Clip.selected());
      var bars = Plan.plan(facts).bars.length - 1;
      this.target = { words: facts.name + ": " + bars + " bars", usable: true };
    } catch (refusal) {
      this.target = { words: wordsOf(refusal), usable: false };
    }
  };

  // Send

  Device.prototype._extract = function () {
    if (this.state !== "idle" || this.client === null || !this.client.online) {
      return;
    }
    try {
      this._facts = Clip.read(Clip.selected());
      this._planned = Plan.plan(this._facts);
    } catch (refusal) {
      this._over(wordsOf(refusal));
      return;
    }
    this._chosen = {
      session: this.options.place !== 1,
      arrangement: this.options.place !== 0,
      asLoops: this.options.as === 1,
      mute: this.options.mute === 1,
      loops: this.options.loops,
      longest: LONGEST[this.options.longest]
    };
    this._begin("sending", "Sending the clip");
    this.target = { words: this._facts.name + ": " + (this._planned.bars.length - 1) + " bars", usable: true };
    this._send(Text.asciiJson(Plan.request(this._facts, this._planned, this._chosen)), 1);
  };

  Device.prototype._send = function (text, again) {
    var self = this;
    var client = this.client;
    var refused = this._guarded(function (code, words) {
      if (UPLOAD_AGAIN[code] && again > 0) {
        self._send(text, again - 1);
      } else {
        self._over(words);
      }
    });
    var run = this._run;
    client.upload(text, this._guarded(function (name) {
      client.request("/loopcube/job/start", [name, text.length, Text.crc32(text), 0], function (values) {
        if (self._run === run) {
          self._follow(values[0], self._facts.name);
        } else {
          client.request("/loopcube/job/cancel", [values[0]], nothing, nothing); // cancelled before it had a name
        }
      }, refused);
    }), refused);
  };

  // Follow

  Device.prototype._follow = function (job, name) {
    this._job = job;
    this._name = name;
    this._io.remember(Text.packed({ job: job, name: name }));
    this.state = "running";
    this.words = "Waiting for its turn";
    this._due.ask = 0;
    this._subscribe();
  };

  // A job that this set was closed over. Its loops are not placed by themselves: a copy of the device would do so, too.
  Device.prototype._resume = function () {
    var known = this._remembered;
    if (this.state === "idle" && known && known.job && this.client !== null && this.client.online) {
      this._remembered = null;
      this._begin("running", "");
      this._chosen = null;
      this._follow(String(known.job), String(known.name));
    }
  };

  Device.prototype._subscribe = function () {
    this.client.request("/loopcube/subscribe", [this._job], nothing, nothing);
  };

  Device.prototype._event = function (values) {
    if (this.state === "running" && values[0] === this._job) {
      this._due.ask = this._now + ASK_EVERY;
      if (values[2] === "running") {
        this._tellProgress(values[3], values[4]);
      } else {
        this._ask(); // an event may be late or lost: what counts is what the daemon answers
      }
    }
  };

  Device.prototype._ask = function () {
    this._due.ask = this._now + ASK_EVERY;
    var answered = this._guarded(this._status.bind(this));
    this.client.request("/loopcube/job/status", [this._job], answered, this._guarded(this._refused.bind(this)));
  };

  Device.prototype._status = function (values) {
    if (this.state !== "running") {
      return; // two questions were on their way
    }
    if (values[0] === "running") {
      this._tellProgress(values[1], values[2]);
    } else if (values[0] === "done") {
      this._ready(values[5]);
    } else if (values[0] === "failed") {
      this._over(String(values[5]));
    } else if (values[0] === "cancelled") {
      this._over("Cancelled.");
    }
  };

  Device.prototype._tellProgress = function (share, stage) {
    this.progress = Number(share);
    this.words = "Taking it apart: " + stage + ", " + Math.floor(100 * this.progress) + " %";
  };

  Device.prototype._ready = function (uri) {
    if (uri === "") {
      this._over("Done, but the path of the result is too long for Live. Move the song to a shorter one.");
    } else if (this._chosen === null) {
      this.report = uri + "/report.html";
      this._over("The loops of " + this._name + " are ready: choose that clip and press Extract loops.");
    } else {
      this.state = "fetching";
      this.words = "Reading the result";
      var done = this._guarded(this._fetched.bind(this, uri));
      this.client.download(this._job, "manifest", done, this._guarded(this._refused.bind(this)));
    }
  };

  // Place

  Device.prototype._fetched = function (uri, text) {
    var manifest = JSON.parse(text);
    this.report = manifest.report ? uri + "/" + manifest.report : "";
    var found = Outputs.tracks(manifest, Text.pathOf(uri), this._planned, this._facts.name, this._chosen);
    this._asStems = found.asStems;
    this._io.remember("none");
    if (manifest.loops.length === 0) {
      this._over("No loops found: nothing repeats enough in this clip.");
      return;
    }
    this.state = "placing";
    this._placement = new Placement(this._facts, found.tracks, this._chosen.mute);
  };

  Device.prototype._place = function (now) {
    var placement = this._placement;
    var more = placement.tick(now);
    this.progress = placement.placed / placement.total;
    this.words = "Placing track " + Math.min(placement.placed + 1, placement.total) + " of " + placement.total;
    if (!more) {
      this._over(Panel.summary(placement, this._asStems));
    }
  };

  // End

  Device.prototype._cancel = function () {
    if (this.state === "running" && this.words !== CANCELLING && this.client.online) {
      this.words = CANCELLING;
      var refused = this._guarded(this._refused.bind(this));
      this.client.request("/loopcube/job/cancel", [this._job], this._guarded(this._ask.bind(this)), refused);
    } else if (this.state === "placing") {
      this._placement.stop();
      this._over("Stopped. Tracks that were made are still there: Undo removes them.");
    } else if (this.state !== "idle" && this.state !== "unusable") {
      this._over("Cancelled.");
    }
  };
  var CANCELLING = "Cancelling";

  Device.prototype._refused = function (code, words) {
    this._over(code === FILES_GONE ? "The daemon knows nothing of it any more. Press Extract loops again." : words);
  };

  Device.prototype._begin = function (state, words) {
    this._run += 1;
    this.state = state;
    this.words = words;
    this.progress = 0;
    this.report = "";
  };

  Device.prototype._over = function (words) {
    if (this._job !== "") {
      this._io.remember("none");
    }
    this._run += 1;
    this._job = "";
    this._placement = null;
    this.state = this.state === "unusable" ? "unusable" : "idle";
    this.words = words;
    this.progress = 0;
    this._due.look = this._now + LOOK_EVERY;
    Lom.release();
  };

  // A handler that does nothing once this run is over.
  Device.prototype._guarded = function (handler) {
    var self = this;
    var run = this._run;
    return function () {
      if (self._run === run) {
        handler.apply(self, arguments);
      }
    };
  };

  Device.prototype._show = function () {
    this._io.show(Panel.view(this, this._port));
  };

  function wordsOf(refusal) {
    if (!(refusal instanceof Plan.Refusal)) {
      throw refusal;
    }
    return refusal.words;
  }

  function nothing() {}

  return Device;
})();
