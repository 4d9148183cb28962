// Text as it travels: JSON in pure ASCII, its CRC-32, and file: URIs as paths.
var Text = (function () {
  "use strict";

  var CHUNK = 1000; // characters of a document in one message

  function hex4(character) {
    return "\\u" + ("000" + character.charCodeAt(0).toString(16)).slice(-4);
  }

  // JSON without a character that OSC, Max or a symbol could take amiss.
  function asciiJson(value) {
    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, hex4);
  }

  // CRC-32 (IEEE 802.3) of ASCII text as a signed number, as OSC has no other.
  function crc32(text) {
    var crc = -1;
    for (var i = 0; i < text.length; i++) {
      crc ^= text.charCodeAt(i);
      for (var bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
      }
    }
    return ~crc;
  }

  function chunks(text) {
    var cut = [];
    for (var at = 0; at < text.length; at += CHUNK) {
      cut.push(text.slice(at, at + CHUNK));
    }
    return cut;
  }

  // file:///music/a%20b -> /music/a b; file:///C:/music -> C:/music; file://server/share -> //server/share
  function pathOf(uri) {
    var path = decodeURIComponent(uri.replace(/^file:/, "").replace(/^\/\/\//, "/"));
    return path.replace(/^\/([A-Za-z]:)/, "$1");
  }

  // A value as one symbol without spaces or commas, to be kept in a Live set.
  function packed(value) {
    return encodeURIComponent(asciiJson(value));
  }

  // What was packed, or null when the text is something else.
  function unpacked(text) {
    try {
      return JSON.parse(decodeURIComponent(text));
    } catch (error) {
      return null;
    }
  }

  return { asciiJson: asciiJson, crc32: crc32, chunks: chunks, pathOf: pathOf, packed: packed, unpacked: unpacked };
})();

// Warp markers: where in a file which beat lies. A marker is {seconds, beat}; between two of them time is linear, and
// before the first and after the last it goes on as between their neighbours.
var Warp = (function () {
  "use strict";

  // Live answers with JSON in a list of one; a plain string and an object are understood, too. [] when there are none.
  function parse(answer) {
    var value = Array.isArray(answer) ? answer.join(" ") : answer;
    try {
      var read = typeof value === "string" ? JSON.parse(value) : value;
      return read.warp_markers.map(function (marker) {
        return { seconds: Number(marker.sample_time), beat: Number(marker.beat_time) };
      });
    } catch (error) {
      return [];
    }
  }

  function interpolate(markers, from, to, value) {
    var i = 1;
    while (i < markers.length - 1 && markers[i][from] < value) {
      i++;
    }
    var a = markers[i - 1];
    var b = markers[i];
    return a[to] + ((value - a[from]) * (b[to] - a[to])) / (b[from] - a[from]);
  }

  function secondsAt(markers, beat) {
    return interpolate(markers, "beat", "seconds", beat);
  }

  function beatAt(markers, seconds) {
    return interpolate(markers, "seconds", "beat", seconds);
  }

  // The markers of a file that holds the seconds `start` to `end` of this one, where sample 0 is beat 0.
  function slice(markers, start, end) {
    var origin = beatAt(markers, start);
    var inside = markers.filter(function (marker) {
      return marker.seconds > start + 0.001 && marker.seconds < end - 0.001;
    });
    var edges = [{ seconds: start, beat: origin }].concat(inside, [{ seconds: end, beat: beatAt(markers, end) }]);
    return edges.map(function (marker) {
      return { seconds: marker.seconds - start, beat: marker.beat - origin };
    });
  }

  return { parse: parse, secondsAt: secondsAt, beatAt: beatAt, slice: slice };
})();

// From what is known of a clip to what the daemon is asked, and where in the Arrangement the clip's content sounds.
//
// A clip's content is counted in units: beats where it is warped, seconds where not. A pass is one run through the
// content without a jump: {at: song beat, from: unit, to: unit}; only a looping clip has more than one.
var Plan = (function () {
  "use strict";

  var FEWEST_BARS = 4;
  var MOST_PASSES = 64;
  var SLACK_SECONDS = 0.005; // by which a bar may stick out of the file: files end a few samples early
  var TINY = 1e-6;

  function Refusal(words) {
    this.words = words;
  }

  function plan(facts) {
    var clock = clockOf(facts);
    var passes = withinFile(passesOf(facts), facts, clock);
    var from = least(passes, "from");
    var to = most(passes, "to");
    var region = [frameAt(facts, clock, from), frameAt(facts, clock, to)];
    var barBeats = (facts.numerator * 4) / facts.denominator;
    var bars = barsWithin(from, to, firstBar(facts, passes[0], clock, barBeats), barBeats / clock.beatsPerUnit, clock);
    if (bars.length - 1 < FEWEST_BARS) {
      throw new Refusal("Only " + (bars.length - 1) + " whole bars. Make the clip " + FEWEST_BARS + " bars or longer.");
    }
    return {
      region: region,
      bars: bars.map(function (unit) {
        return Math.max(region[0], Math.min(region[1], frameAt(facts, clock, unit)));
      }),
      barUnits: bars,
      barBeats: barBeats,
      passes: facts.arrangement ? passes : onTheGrid(passes[0], bars[0], barBeats, clock),
      origin: clock.unitAt(region[0] / facts.rate),
      beatsPerUnit: clock.beatsPerUnit,
      markers: facts.warped ? Warp.slice(facts.markers, region[0] / facts.rate, region[1] / facts.rate) : null
    };
  }

  function request(facts, planned, options) {
    var asked = {
      v: 1,
      path: facts.path,
      region_frames: planned.region,
      bars_frames: planned.bars,
      beats_per_bar: facts.numerator,
      rate: facts.rate,
      host: { name: "Ableton Live", version: facts.version, clip: facts.name.slice(0, 80) }
    };
    if (facts.denominator !== 4) {
      asked.beat_unit = facts.denominator; // what a daemon older than this device does not know
    }
    if (options.loops > 0) {
      asked.loops = options.loops;
    }
    if (options.longest > 0) {
      asked.max_loop_bars = options.longest;
    }
    return asked;
  }

  // How units become seconds of the file, and beats of the song.
  function clockOf(facts) {
    if (!facts.warped) {
      return { secondsAt: Number, unitAt: Number, beatsPerUnit: facts.tempo / 60 };
    }
    if (facts.markers.length < 2) {
      throw new Refusal("Live does not tell this clip's warp markers. Turn Warp off and on, and try again.");
    }
    return {
      secondsAt: function (beat) {
        return Warp.secondsAt(facts.markers, beat);
      },
      unitAt: function (seconds) {
        return Warp.beatAt(facts.markers, seconds);
      },
      beatsPerUnit: 1
    };
  }

  function passesOf(facts) {
    if (!facts.looping || facts.startMarker >= facts.loopEnd) {
      var start = facts.looping ? facts.startMarker : facts.loopStart;
      var end = facts.looping ? facts.endMarker : facts.loopEnd;
      return [{ at: facts.startTime, from: start, to: end }];
    }
    if (!facts.arrangement) {
      return [{ at: 0, from: Math.min(facts.startMarker, facts.loopStart), to: facts.loopEnd }];
    }
    return unrolled(facts);
  }

  // A looping clip of the Arrangement begins at its start marker and wraps from loop end to loop start until it ends.
  function unrolled(facts) {
    var passes = [];
    var at = facts.startTime;
    var from = facts.startMarker;
    while (at < facts.endTime - TINY) {
      var to = Math.min(facts.loopEnd, from + facts.endTime - at);
      passes.push({ at: at, from: from, to: to });
      at += to - from;
      from = facts.loopStart;
      if (passes.length > MOST_PASSES) {
        throw new Refusal("The clip loops more than " + MOST_PASSES + " times. Shorten it, or turn its Loop off.");
      }
    }
    return passes;
  }

  // Passes without what lies before the file's first and after its last sample: Live plays silence there.
  function withinFile(passes, facts, clock) {
    var first = clock.unitAt(0);
    var last = clock.unitAt(facts.frames / facts.rate);
    var kept = passes.map(function (pass) {
      var from = Math.max(pass.from, first);
      return { at: pass.at + (from - pass.from) * clock.beatsPerUnit, from: from, to: Math.min(pass.to, last) };
    });
    kept = kept.filter(function (pass) {
      return pass.to > pass.from + TINY;
    });
    if (kept.length === 0) {
      throw new Refusal("The clip plays no part of its file. Check its start and end.");
    }
    return kept;
  }

  // The unit of some bar line: the song's bars in the Arrangement; in the Session the clip's own, or where it starts.
  function firstBar(facts, pass, clock, barBeats) {
    if (!facts.arrangement) {
      return facts.warped ? 0 : pass.from;
    }
    var line = Math.ceil(pass.at / barBeats - TINY) * barBeats;
    return pass.from + (line - pass.at) / clock.beatsPerUnit;
  }

  function barsWithin(from, to, line, length, clock) {
    var slack = (SLACK_SECONDS * length) / (clock.secondsAt(line + length) - clock.secondsAt(line));
    var lines = [];
    var last = Math.floor((to + slack - line) / length);
    for (var n = Math.ceil((from - slack - line) / length); n <= last; n++) {
      lines.push(line + n * length);
    }
    return lines;
  }

  // A clip of the Session goes to the start of the Arrangement, its first bar line on a bar line.
  function onTheGrid(pass, firstLine, barBeats, clock) {
    var pickUp = Math.max(0, (firstLine - pass.from) * clock.beatsPerUnit);
    var at = Math.ceil(pickUp / barBeats - TINY) * barBeats - pickUp;
    return [{ at: Math.max(0, at), from: pass.from, to: pass.to }];
  }

  function frameAt(facts, clock, unit) {
    return Math.max(0, Math.min(facts.frames, Math.round(clock.secondsAt(unit) * facts.rate)));
  }

  function least(passes, key) {
    return passes.reduce(function (found, pass) {
      return Math.min(found, pass[key]);
    }, Infinity);
  }

  function most(passes, key) {
    return passes.reduce(function (found, pass) {
      return Math.max(found, pass[key]);
    }, -Infinity);
  }

  return { plan: plan, request: request, Refusal: Refusal };
})();

// The daemon's client: requests and their answers, each sent until it is answered; hello, lease and reply port.
//
// `udpreceive` does not say whether it got its port, so the port is found by trying: hello names one, and if no answer
// comes the next is taken. While nobody answers, requests wait; they go out again once somebody does.
//
// io: send(address, list of arguments), bind(port), told(online). Time is what `tick` is given, in milliseconds.
var Client = (function () {
  "use strict";

  var FIRST_REPLY_PORT = 9310;
  var REPLY_PORTS = 20;
  var HELLO_EVERY = 600;
  var HELLOS_A_PORT = 3;
  var RESEND_AFTER = [250, 500, 1000, 2000, 2000];
  var CHUNK_AFTER = [250, 250, 250, 250, 500, 500, 1000, 2000];
  var AT_ONCE = 8;
  var PING_EVERY = 5000; // a third of the lease
  var VERSION = [1, 0];

  function Client(io, token, name) {
    this.online = false;
    this.bootId = "";
    this._io = io;
    this._token = token;
    this._name = name;
    this._prefix = name + "." + Math.floor(Math.random() * 0x7fffffff).toString(36) + ".";
    this._count = 0;
    this._now = 0;
    this._waiting = []; // in their order; the first AT_ONCE are under way
    this._events = {};
    this._replyPort = -1;
    this._hello = { rid: "", tries: HELLOS_A_PORT, due: 0 };
    this._heard = 0;
    this._refused = "";
  }

  // answered(list of values) or refused(code, text) is called once, unless the client is closed before.
  Client.prototype.request = function (address, values, answered, refused) {
    this._queue(address, values, answered, refused, RESEND_AFTER);
  };

  Client.prototype.on = function (address, handler) {
    this._events[address] = handler;
  };

  // Upload a document; done(its name) or refused(code, text).
  Client.prototype.upload = function (text, done, refused) {
    var name = this._newName();
    var chunks = Text.chunks(text);
    var gather = gatherer(chunks.length, function () {
      done(name);
    }, refused);
    for (var i = 0; i < chunks.length; i++) {
      var values = [name, i, chunks.length, chunks[i]];
      this._queue("/loopcube/put", values, gather.answered(i), gather.refused, CHUNK_AFTER);
    }
  };

  // Pull a document of a job, once more if it changed on the way; done(text) or refused(code, text).
  Client.prototype.download = function (job, name, done, refused) {
    this._download(job, name, done, refused, 1);
  };

  Client.prototype.receive = function (address, values) {
    if (address === "/loopcube/reply") {
      this._answer(values[0], function (waiting) {
        waiting.answered(values.slice(2));
      }, values);
    } else if (address === "/loopcube/error") {
      this._answer(values[0], function (waiting) {
        waiting.refused(values[2], String(values[3]));
      }, values);
    } else if (this._events[address]) {
      this._events[address](values);
    }
  };

  Client.prototype.tick = function (now) {
    this._now = now;
    if (!this.online) {
      this._greet();
      return;
    }
    if (now - this._heard > PING_EVERY && this._waiting.length === 0) {
      this._ping();
    }
    this._sendDue();
  };

  // Forget the requests that wait for an answer; none of their handlers is called any more.
  Client.prototype.forget = function () {
    this._waiting = [];
  };

  Client.prototype.close = function () {
    if (this.online) {
      this._io.send("/loopcube/bye", [this._token, this._newName()]);
    }
    this.forget();
    this.online = false;
  };

  // Why the daemon turned this client away, "" if it did not.
  Client.prototype.refusal = function () {
    return this._refused;
  };

  Client.prototype._newName = function () {
    this._count += 1;
    return this._prefix + this._count;
  };

  Client.prototype._queue = function (address, values, answered, refused, waits) {
    var rid = this._newName();
    this._waiting.push({
      rid: rid,
      address: address,
      values: [this._token, rid].concat(values),
      answered: answered,
      refused: refused,
      waits: waits,
      sent: 0,
      due: 0
    });
  };

  Client.prototype._sendDue = function () {
    var under = this._waiting.slice(0, AT_ONCE);
    for (var i = 0; i < under.length && this.online; i++) {
      var waiting = under[i];
      if (waiting.due > this._now) {
        continue;
      }
      if (waiting.sent > waiting.waits.length) {
        this._lost();
      } else {
        this._io.send(waiting.address, waiting.values);
        waiting.due = this._now + waiting.waits[Math.min(waiting.sent, waiting.waits.length - 1)];
        waiting.sent += 1;
      }
    }
  };

  Client.prototype._answer = function (rid, tell, values) {
    if (rid === this._hello.rid && !this.online) {
      this._greeted(values);
      return;
    }
    for (var i = 0; i < this._waiting.length; i++) {
      if (this._waiting[i].rid === rid) {
        this._heard = this._now;
        tell(this._waiting.splice(i, 1)[0]);
        return;
      }
    }
  };

  Client.prototype._greet = function () {
    var hello = this._hello;
    if (this._now < hello.due) {
      return;
    }
    if (hello.tries === HELLOS_A_PORT) {
      this._replyPort = (this._replyPort + 1) % REPLY_PORTS;
      this._io.bind(FIRST_REPLY_PORT + this._replyPort);
      hello.tries = 0;
      hello.rid = this._newName();
    }
    hello.tries += 1;
    hello.due = this._now + HELLO_EVERY;
    var port = FIRST_REPLY_PORT + this._replyPort;
    this._io.send("/loopcube/hello", [this._token, hello.rid, VERSION[0], VERSION[1], this._name, port]);
  };

  Client.prototype._greeted = function (values) {
    if (values.length < 8) {
      this._refused = String(values[3]); // an error: another version
      return;
    }
    this.online = true;
    this.bootId = values[5];
    this._refused = "";
    this._heard = this._now;
    this._waiting.forEach(function (waiting) {
      waiting.sent = 0;
      waiting.due = 0;
    });
    this._io.told(true);
  };

  Client.prototype._ping = function () {
    var self = this;
    this.request("/loopcube/ping", [], function (values) {
      if (values[0] !== self.bootId) {
        self._lost(); // another daemon, which has not been told where to answer from now on
      }
    }, function () {});
  };

  // Nobody answers. The port has worked, so hello begins with it.
  Client.prototype._lost = function () {
    this.online = false;
    this._hello = { rid: this._newName(), tries: 0, due: 0 };
    this._io.told(false);
  };

  Client.prototype._download = function (job, name, done, refused, again) {
    var self = this;
    this.request("/loopcube/get/info", [job, name], function (info) {
      var gather = gatherer(info[1], function (chunks) {
        var text = chunks.join("");
        if (Text.crc32(text) === info[2]) {
          done(text);
        } else if (again > 0) {
          self._download(job, name, done, refused, again - 1);
        } else {
          refused(-16, "The " + name + " changes while it is read. Try again.");
        }
      }, refused);
      for (var i = 0; i < info[1]; i++) {
        self._queue("/loopcube/get", [job, name, i], gather.answered(i), gather.refused, CHUNK_AFTER);
      }
    }, refused);
  };

  // Collects the third value of `count` answers; of several refusals only the first is told.
  function gatherer(count, done, refused) {
    var found = [];
    var left = count;
    var over = false;
    return {
      answered: function (index) {
        return function (values) {
          found[index] = values[2];
          left -= 1;
          if (left === 0 && !over) {
            done(found);
          }
        };
      },
      refused: function (code, text) {
        if (!over) {
          over = true;
          refused(code, text);
        }
      }
    };
  }

  return Client;
})();

// The Live Object Model behind a few plain functions, whose target is an id (a number) or a path. One LiveAPI object
// is pointed at one thing after another: each that is held makes Live slower. Where there is no such object they give
// null, NaN, 0 or "": LiveAPI itself raises nothing.
var Lom = (function () {
  "use strict";

  var cursor = null;

  function at(target) {
    if (cursor === null) {
      cursor = new LiveAPI("live_set");
    }
    if (typeof target === "number") {
      cursor.id = target;
    } else {
      cursor.goto(target);
    }
    return cursor;
  }

  function exists(target) {
    return String(at(target).path).replace(/"/g, "") !== "";
  }

  function pathOf(target) {
    return String(at(target).path).replace(/"/g, "");
  }

  // The list that Live answers with, null when there is no such object.
  function get(target, property) {
    var answer = at(target).get(property);
    return Array.isArray(answer) ? answer : null;
  }

  function number(target, property) {
    var answer = get(target, property);
    return answer === null ? NaN : Number(answer[0]);
  }

  function flag(target, property) {
    return number(target, property) === 1;
  }

  // Names made of digits come back as numbers, and words with spaces may come as several.
  function text(target, property) {
    var answer = get(target, property);
    return answer === null ? "" : answer.map(String).join(" ");
  }

  function ids(target, property) {
    var answer = get(target, property) || [];
    return answer.filter(function (item) {
      return typeof item === "number" && item !== 0;
    });
  }

  function id(target, property) {
    var found = ids(target, property);
    return found.length > 0 ? found[0] : 0;
  }

  function set(target, property, value) {
    at(target).set(property, value);
  }

  // The id of what a call made, 0 when it made nothing or does not tell.
  function call(target, method) {
    var api = at(target);
    var answer = api.call.apply(api, Array.prototype.slice.call(arguments, 1));
    return Array.isArray(answer) && answer[0] === "id" ? Number(answer[1]) : 0;
  }

  function version() {
    return ["get_major_version", "get_minor_version", "get_bugfix_version"].map(function (method) {
      return Number(at("live_app").call(method));
    });
  }

  // Let go of Live: a LiveAPI object keeps listening along its path until the path is empty.
  function release() {
    if (cursor !== null) {
      cursor.path = "";
      cursor = null;
    }
  }

  return {
    exists: exists,
    pathOf: pathOf,
    get: get,
    number: number,
    flag: flag,
    text: text,
    ids: ids,
    id: id,
    set: set,
    call: call,
    version: version,
    release: release
  };
})();

// Which clip is meant, and what is known of it; nothing here changes anything in Live.
var Clip = (function () {
  "use strict";

  var NEEDED = "Live 11.3.25, or 12.0.5, or later";

  // Whether this Live can make audio clips from files: the call came with 11.3.25 and was missing in 12.0.0 to 12.0.4.
  function supported(version) {
    var number = version[0] * 1e6 + version[1] * 1e3 + version[2];
    return (number >= 11003025 && version[0] === 11) || number >= 12000005;
  }

  function refuseOld(version) {
    if (!supported(version)) {
      throw new Plan.Refusal("Live " + version.join(".") + " cannot place audio files. " + NEEDED + " is needed.");
    }
  }

  // The id of the clip that the user most likely means; 0 if none. The detail view may lag behind a click into the
  // Arrangement, so there the clip under the insert mark of the selected track comes first.
  function selected() {
    var inArrangement = Lom.text("live_app view", "focused_document_view") !== "Session";
    var clip = inArrangement && !Lom.flag("live_set", "is_playing") ? underInsertMark() : 0;
    return clip || Lom.id("live_set view", "detail_clip") || inHighlightedSlot();
  }

  function underInsertMark() {
    var track = Lom.id("live_set view", "selected_track");
    var now = Lom.number("live_set", "current_song_time");
    var clips = track ? Lom.ids(track, "arrangement_clips") : [];
    for (var i = 0; i < clips.length; i++) {
      if (Lom.number(clips[i], "start_time") <= now && now < Lom.number(clips[i], "end_time")) {
        return clips[i];
      }
    }
    return 0;
  }

  function inHighlightedSlot() {
    var slot = Lom.id("live_set view", "highlighted_clip_slot");
    return slot ? Lom.id(slot, "clip") : 0;
  }

  // What is known of a clip, as plain values; throws a Plan.Refusal when its audio cannot be used.
  function read(clip) {
    if (!clip || !Lom.exists(clip)) {
      throw new Plan.Refusal("Click an audio clip first.");
    }
    if (!Lom.flag(clip, "is_audio_clip")) {
      throw new Plan.Refusal("This is a MIDI clip. Choose an audio clip.");
    }
    if (Lom.flag(clip, "is_recording")) {
      throw new Plan.Refusal("This clip is being recorded. Stop recording first.");
    }
    var path = Lom.text(clip, "file_path");
    if (path === "") {
      throw new Plan.Refusal("This clip has no file on disk. Save the set, or freeze and flatten, and try again.");
    }
    return facts(clip, path);
  }

  function facts(clip, path) {
    var arrangement = Lom.flag(clip, "is_arrangement_clip");
    var metre = arrangement ? "live_set" : clip;
    var warped = Lom.flag(clip, "warping");
    return {
      id: clip,
      where: Lom.pathOf(clip),
      name: Lom.text(clip, "name") || path.replace(/^.*[\/\\]/, ""),
      path: path,
      arrangement: arrangement,
      warped: warped,
      looping: warped && Lom.flag(clip, "looping"),
      startMarker: Lom.number(clip, "start_marker"),
      endMarker: Lom.number(clip, "end_marker"),
      loopStart: Lom.number(clip, "loop_start"),
      loopEnd: Lom.number(clip, "loop_end"),
      startTime: Lom.number(clip, "start_time"),
      endTime: Lom.number(clip, "end_time"),
      markers: warped ? Warp.parse(Lom.get(clip, "warp_markers")) : [],
      frames: Lom.number(clip, "sample_length"),
      rate: Math.round(Lom.number(clip, "sample_rate")),
      numerator: Lom.number(metre, "signature_numerator"),
      denominator: Lom.number(metre, "signature_denominator"),
      tempo: Lom.number("live_set", "tempo"),
      sound: {
        gain: Lom.number(clip, "gain"),
        pitch_coarse: Lom.number(clip, "pitch_coarse"),
        pitch_fine: Lom.number(clip, "pitch_fine"),
        warp_mode: Lom.number(clip, "warp_mode")
      },
      version: Lom.version().join(".")
    };
  }

  // The index of the track that a clip is on, -1 if unknown; `where` is a canonical path.
  function trackOf(where) {
    var found = /^live_set tracks (\d+) /.exec(where);
    return found ? Number(found[1]) : -1;
  }

  return { refuseOld: refuseOld, selected: selected, read: read, trackOf: trackOf };
})();

// A clip brought to what it should be, by one change a call: each returns true once there is nothing to change.
// Whatever Live does meanwhile, such as guessing warp markers late, is seen and mended by the next call.
var Adjust = (function () {
  "use strict";

  var SAME_SECONDS = 0.001;
  var SAME_BEATS = 0.0005;

  function markersOf(clip) {
    return Warp.parse(Lom.get(clip, "warp_markers"));
  }

  // Warp markers exactly as wanted, [{seconds, beat}].
  function markers(clip, wanted) {
    var there = markersOf(clip);
    var change = nextChange(there, wanted);
    if (change !== null) {
      change(clip);
    }
    return there.length > 0 && change === null;
  }

  function isWarpedAs(clip, wanted) {
    var there = markersOf(clip);
    return there.length > 0 && nextChange(there, wanted) === null;
  }

  // What brings the markers that are there one step closer, null when they are as wanted. The last one that Live tells
  // is hidden, and only says how the tempo goes on: it may be what it likes.
  function nextChange(there, wanted) {
    var visible = there.slice(0, -1);
    var strays = visible.filter(function (marker) {
      return find(wanted, marker.seconds) === null;
    });
    if (strays.length > 0) {
      // The only one cannot be removed, and one close to it would make a tempo that Live refuses.
      return visible.length > 1 ? removing(strays[strays.length - 1]) : adding(farthest(wanted, strays[0].seconds));
    }
    for (var i = 0; i < wanted.length; i++) {
      var found = find(there, wanted[i].seconds);
      if (found === null) {
        return adding(wanted[i]);
      }
      if (Math.abs(found.beat - wanted[i].beat) > SAME_BEATS) {
        return moving(found, wanted[i].beat - found.beat);
      }
    }
    return null;
  }

  function removing(marker) {
    return function (clip) {
      Lom.call(clip, "remove_warp_marker", marker.beat);
    };
  }

  function moving(marker, distance) {
    return function (clip) {
      Lom.call(clip, "move_warp_marker", marker.beat, distance);
    };
  }

  function adding(marker) {
    return function (clip) {
      var told = new Dict();
      told.set("sample_time", marker.seconds);
      told.set("beat_time", marker.beat);
      Lom.call(clip, "add_warp_marker", told);
    };
  }

  function farthest(markers, seconds) {
    return markers.reduce(function (far, marker) {
      return Math.abs(marker.seconds - seconds) > Math.abs(far.seconds - seconds) ? marker : far;
    });
  }

  function find(markers, seconds) {
    for (var i = 0; i < markers.length; i++) {
      if (Math.abs(markers[i].seconds - seconds) < SAME_SECONDS) {
        return markers[i];
      }
    }
    return null;
  }

  // A property that is a number.
  function value(clip, property, wanted) {
    if (Math.abs(Lom.number(clip, property) - wanted) < SAME_BEATS) {
      return true;
    }
    Lom.set(clip, property, wanted);
    return false;
  }

  // Two properties of which Live never lets the first pass the second.
  function span(clip, first, second, from, to) {
    var endComesFirst = to > Lom.number(clip, first);
    return endComesFirst
      ? value(clip, second, to) && value(clip, first, from)
      : value(clip, first, from) && value(clip, second, to);
  }

  // The part of its file that a clip plays once; units as Live counts them for it.
  function once(clip, from, to) {
    return value(clip, "looping", 0) && span(clip, "loop_start", "loop_end", from, to);
  }

  // The part that it plays round and round.
  function round(clip, from, to) {
    return (
      value(clip, "looping", 1) &&
      span(clip, "loop_start", "loop_end", from, to) &&
      span(clip, "start_marker", "end_marker", from, to)
    );
  }

  return { isWarpedAs: isWarpedAs, markers: markers, value: value, once: once, round: round };
})();

// What goes where: from the manifest of a result to tracks with a loop for the Session and clips for the Arrangement.
//
// A track: {name, color, loop: {file, name, seconds, beats, markers} or null,
//           stem: {file, name, seconds, markers or null where it is not warped, passes: [{at, from, to}]} or null}.
// Passes of a warped file count beats from its first sample, others seconds; `at` is a beat of the song.
var Outputs = (function () {
  "use strict";

  var COLORS = [0x24b6a1, 0x5a43a4, 0xbb9b39, 0x3884a5, 0x952755, 0x9e8cf4, 0xab5d2b]; // those of the result's map
  var REST_COLOR = 0x808080;
  var MOST_LOOP_CLIPS = 400; // in the Arrangement: Live takes about a tenth of a second for each
  var TINY = 1e-6;

  // options: session, arrangement, asLoops (loops at their bars instead of stems).
  function tracks(manifest, folder, planned, name, options) {
    var asLoops = options.asLoops && clipCount(manifest, planned) <= MOST_LOOP_CLIPS;
    var made = manifest.loops.map(function (loop, index) {
      var title = index + 1 + " " + loop.label;
      var single = singleLoop(manifest, folder, planned, loop, title);
      var stem = asLoops
        ? atItsBars(single, loop, planned)
        : wholeStem(manifest, folder, planned, loop.stem, title);
      return {
        name: name + " / " + title,
        color: COLORS[index % COLORS.length],
        loop: options.session ? single : null,
        stem: options.arrangement ? stem : null
      };
    });
    if (options.arrangement) {
      var rest = wholeStem(manifest, folder, planned, manifest.rest, "rest");
      made.push({ name: name + " / rest", color: REST_COLOR, loop: null, stem: rest });
    }
    return { tracks: made, asStems: options.asLoops && !asLoops };
  }

  function singleLoop(manifest, folder, planned, loop, title) {
    var starts = manifest.bars.starts;
    var seconds = (starts[loop.start_bar + loop.bars] - starts[loop.start_bar]) / manifest.source.rate;
    var beats = loop.bars * planned.barBeats;
    return {
      file: folder + "/" + loop.loop,
      name: title,
      seconds: seconds,
      beats: beats,
      markers: [{ seconds: 0, beat: 0 }, { seconds: seconds, beat: beats }]
    };
  }

  function wholeStem(manifest, folder, planned, file, title) {
    return {
      file: folder + "/" + file,
      name: title,
      seconds: manifest.source.frames / manifest.source.rate,
      markers: planned.markers,
      passes: planned.passes.map(function (pass) {
        return { at: pass.at, from: pass.from - planned.origin, to: pass.to - planned.origin };
      })
    };
  }

  function atItsBars(single, loop, planned) {
    return { file: single.file, name: single.name, seconds: single.seconds, markers: single.markers,
             passes: runs(loop, planned) };
  }

  function clipCount(manifest, planned) {
    if (manifest.bars.starts.length !== planned.barUnits.length) {
      return Infinity; // the bars are not those that were asked for, so where they lie in the song is not known
    }
    return manifest.loops.reduce(function (sum, loop) {
      return sum + runs(loop, planned).length;
    }, 0);
  }

  // Where a loop sounds in the Arrangement, in pieces that run through its file without a jump.
  function runs(loop, planned) {
    var found = [];
    planned.passes.forEach(function (pass) {
      heard(loop).forEach(function (bar, index) {
        var unit = planned.barUnits[index];
        var length = planned.barBeats / planned.beatsPerUnit;
        if (bar < 0 || unit < pass.from - TINY || unit + length > pass.to + TINY) {
          return;
        }
        var from = bar * planned.barBeats;
        var at = pass.at + (unit - pass.from) * planned.beatsPerUnit;
        var last = found[found.length - 1];
        if (last && Math.abs(last.to - from) < TINY && Math.abs(last.at + last.to - last.from - at) < TINY) {
          last.to = from + planned.barBeats;
        } else {
          found.push({ at: at, from: from, to: from + planned.barBeats });
        }
      });
    });
    return found;
  }

  // Which bar of the loop's file sounds in each bar, -1 where it is silent.
  function heard(loop) {
    return loop.heard || loop.activations.map(function (strength, bar) {
      return strength > 0 ? (((bar - loop.start_bar) % loop.bars) + loop.bars) % loop.bars : -1;
    });
  }

  return { tracks: tracks };
})();

// Work on Live in single steps, one a tick, each looked at before the next begins.
//
// A step: {act: does one thing (false: not finished, call it again), check: whether it has happened, tries, every}.
// What has not happened after so many looks is done once more, and looked at as often again. Steps come in groups; when
// one fails, the rest of its group is dropped and group.failed() may add others.
var Steps = (function () {
  "use strict";

  var TRIES = 10;
  var EVERY = 100; // milliseconds between two looks

  function Steps() {
    this._queue = [];
    this._current = null;
  }

  Steps.prototype.add = function (group, steps) {
    this._queue = this._queue.concat(inGroup(group, steps));
  };

  // Steps that come before all others, in their order: for what is known only once a step is done.
  Steps.prototype.addNext = function (group, steps) {
    this._queue = inGroup(group, steps).concat(this._queue);
  };

  Steps.prototype.clear = function () {
    this._queue = [];
    this._current = null;
  };

  Steps.prototype.left = function () {
    return this._queue.length + (this._current ? 1 : 0);
  };

  // Do one thing; whether there is more to do.
  Steps.prototype.tick = function (now) {
    if (this._current === null) {
      this._begin(now);
    } else if (now >= this._current.due) {
      this._look(now);
    }
    return this.left() > 0;
  };

  Steps.prototype._begin = function (now) {
    var next = this._queue.shift();
    if (!next) {
      return;
    }
    var refused = next.step.act && next.step.act() === false;
    if (!next.step.check && !refused) {
      return;
    }
    var wait = refused ? next.step.every || EVERY : 0;
    this._current = { step: next.step, group: next.group, tries: 1, again: 1, refused: refused, due: now + wait };
  };

  Steps.prototype._look = function (now) {
    var current = this._current;
    if (current.refused) {
      current.refused = current.step.act() === false;
    }
    if (!current.refused && (!current.step.check || current.step.check())) {
      if (this._current === current) {
        this._current = null;
      }
      return;
    }
    current.tries += 1;
    current.due = now + (current.step.every || EVERY);
    if (current.tries <= (current.step.tries || TRIES)) {
      return;
    }
    if (current.again > 0 && current.step.act && current.step.check) {
      current.again -= 1;
      current.tries = 1;
      current.refused = current.step.act() === false;
    } else {
      this._fail(current.group);
    }
  };

  Steps.prototype._fail = function (group) {
    this._current = null;
    this._queue = this._queue.filter(function (item) {
      return item.group !== group;
    });
    if (group.failed) {
      group.failed();
    }
  };

  function inGroup(group, steps) {
    return steps.map(function (step) {
      return { group: group, step: step };
    });
  }

  return Steps;
})();

// The steps that make one clip each. `work` is the placement that they are part of, see placement.js.
//
// Audio of a warped clip is first put into a slot of the Session, because only there can its markers and its length be
// set before Live lays it out, and copied to the Arrangement from there.
var Recipes = (function () {
  "use strict";

  var SAME_BEATS = 0.001;
  var UNWARPED_BEATS = 0.02; // as exactly as the length of an unwarped clip follows from the tempo
  var PATIENT = 30; // looks at what Live may take seconds for, such as reading a long file
  var SETTLED = 3; // equal looks in a row that mean that Live has finished guessing
  var SOON = 20; // milliseconds

  // A loop in the Session, round and round.
  function loop(work, track) {
    var audio = track.loop;
    var made = { slot: 0, clip: 0 };
    var group = {
      failed: function () {
        work.steps.addNext(missing(work), leftUnwarped(work, made));
      }
    };
    work.steps.addNext(group, staged(work, track, audio, made).concat(warped(made, audio.markers), [
      repeated(function () { return Adjust.round(made.clip, 0, audio.beats); }, 30),
      { act: function () { work.warped.push({ clip: made.clip, markers: audio.markers }); } }
    ]));
  }

  // A stem, or a loop at its bars, in the Arrangement.
  function stem(work, track) {
    if (track.stem.markers === null) {
      unwarpedStem(work, track, track.stem.passes);
    } else {
      warpedStem(work, track);
    }
  }

  function warpedStem(work, track) {
    var audio = track.stem;
    var made = { slot: 0, clip: 0 };
    var laid = [];
    var group = {
      failed: function () {
        var instead = function () {
          unwarpedStem(work, track, inSeconds(audio, Lom.number("live_set", "tempo")), true);
        };
        work.steps.addNext({}, removed(made).concat(deleted(track, laid), [{ act: instead }]));
      }
    };
    var steps = staged(work, track, audio, made).concat(warped(made, audio.markers));
    audio.passes.forEach(function (pass) {
      steps = steps.concat(copied(work, track, audio, made, pass, laid));
    });
    work.steps.addNext(group, steps.concat(removed(made)));
  }

  function copied(work, track, audio, made, pass, laid) {
    var before = [];
    var told = 0;
    var clip = 0;
    return [
      repeated(function () { return Adjust.once(made.clip, pass.from, pass.to); }, 30),
      {
        act: function () {
          before = Lom.ids(track.id, "arrangement_clips");
          if (!work.allOurs(before)) {
            return false;
          }
          told = Lom.call(track.id, "duplicate_clip_to_arrangement", "id", made.clip, pass.at);
        },
        check: function () {
          clip = work.found(track, before, told);
          return clip !== 0;
        }
      },
      { act: function () { laid.push(clip); } },
      repeated(function () { return Adjust.once(clip, pass.from, pass.to); }, 30),
      { check: function () { return lies(clip, pass.at, pass.to - pass.from, SAME_BEATS); } },
      { act: function () { work.warped.push({ clip: clip, markers: audio.markers }); } }
    ];
  }

  // Seconds of the file as they are, which follow no change of tempo. `instead`: because warping failed.
  function unwarpedStem(work, track, passes, instead) {
    var steps = [];
    passes.forEach(function (pass) {
      steps = steps.concat(laidUnwarped(work, track, pass));
    });
    if (instead) {
      steps.push({ act: function () { work.unwarped += 1; } });
    }
    work.steps.addNext(missing(work), steps);
  }

  function laidUnwarped(work, track, pass) {
    var before = [];
    var told = 0;
    var clip = 0;
    return [
      {
        act: function () {
          before = Lom.ids(track.id, "arrangement_clips");
          if (!work.allOurs(before)) {
            return false;
          }
          told = Lom.call(track.id, "create_audio_clip", track.stem.file, pass.at);
        },
        check: function () {
          clip = work.found(track, before, told);
          return clip !== 0;
        },
        tries: PATIENT
      },
      switched(function () { return clip; }, 0)
    ].concat(dressed(work, function () { return clip; }, track.stem.name), [
      repeated(function () { return Adjust.once(clip, pass.from, pass.to); }, 30),
      {
        check: function () {
          var beats = ((pass.to - pass.from) * Lom.number("live_set", "tempo")) / 60;
          return !Lom.flag(clip, "warping") && lies(clip, pass.at, beats, UNWARPED_BEATS);
        }
      }
    ]);
  }

  // A clip in an empty slot, with the name of the audio and the sound of the source.
  function staged(work, track, audio, made) {
    return [
      {
        act: function () {
          made.slot = emptySlot(track.id, work.scene);
          Lom.call(made.slot, "create_audio_clip", audio.file);
        },
        check: function () {
          made.clip = Lom.id(made.slot, "clip");
          return made.clip !== 0;
        },
        tries: PATIENT
      }
    ].concat(dressed(work, function () { return made.clip; }, audio.name));
  }

  function removed(made) {
    return [
      {
        act: function () {
          if (made.clip && Lom.id(made.slot, "clip") === made.clip) {
            Lom.call(made.slot, "delete_clip");
          }
        },
        check: function () { return !made.clip || Lom.id(made.slot, "clip") !== made.clip; }
      }
    ];
  }

  function deleted(track, clips) {
    return clips.map(function (clip) {
      return { act: function () { Lom.call(track.id, "delete_clip", "id", clip); } };
    });
  }

  function dressed(work, clip, name) {
    var sound = work.source.sound;
    var properties = Object.keys(sound).filter(function (property) {
      return sound[property] !== null && sound[property] === sound[property] && !isRex(property, sound[property]);
    });
    return [{ act: function () { Lom.set(clip(), "name", name); } }].concat(properties.map(function (property) {
      return { act: function () { Lom.set(clip(), property, sound[property]); } };
    }));
  }

  function isRex(property, value) {
    return property === "warp_mode" && value === 5; // only for files that are sliced
  }

  // Live guesses markers by itself and late; switching Warp off and on leaves the first one only.
  function warped(made, markers) {
    var seen = { text: "", times: 0 };
    return [
      { act: function () { return Adjust.value(made.clip, "warping", 1); } },
      { check: function () { return hasSettled(made.clip, seen); }, tries: 30 },
      switchedUnless(made, markers, 0),
      switchedUnless(made, markers, 1),
      repeated(function () { return Adjust.markers(made.clip, markers); }, 2 * markers.length + 30)
    ];
  }

  function hasSettled(clip, seen) {
    var text = Lom.text(clip, "warp_markers");
    seen.times = text === seen.text ? seen.times + 1 : 0;
    seen.text = text;
    return seen.times >= SETTLED;
  }

  function switchedUnless(made, markers, on) {
    var right = false;
    return {
      act: function () {
        right = Lom.flag(made.clip, "warping") && Adjust.isWarpedAs(made.clip, markers);
        if (!right) {
          Lom.set(made.clip, "warping", on);
        }
      },
      check: function () { return right || Lom.flag(made.clip, "warping") === (on === 1); }
    };
  }

  function switched(clip, on) {
    return {
      act: function () { Lom.set(clip(), "warping", on); },
      check: function () { return Lom.flag(clip(), "warping") === (on === 1); }
    };
  }

  function repeated(change, tries) {
    return { act: change, every: SOON, tries: tries };
  }

  function leftUnwarped(work, made) {
    return [
      { check: function () { return made.clip !== 0 && Lom.exists(made.clip); }, tries: 1 },
      { act: function () { return Adjust.value(made.clip, "warping", 0); } },
      { act: function () { work.unwarped += 1; } }
    ];
  }

  function missing(work) {
    return { failed: function () { work.failed += 1; } };
  }

  // The passes of a warped file, counted in its seconds; each ends before the next begins.
  function inSeconds(audio, tempo) {
    return audio.passes.map(function (pass, index) {
      var next = audio.passes[index + 1];
      var from = Math.max(0, Warp.secondsAt(audio.markers, pass.from));
      var room = next ? ((next.at - pass.at) * 60) / tempo : Infinity;
      var to = Math.min(audio.seconds, Warp.secondsAt(audio.markers, pass.to), from + room);
      return { at: pass.at, from: from, to: to };
    });
  }

  function lies(clip, at, beats, within) {
    var start = Lom.number(clip, "start_time");
    return Math.abs(start - at) < within && Math.abs(Lom.number(clip, "end_time") - start - beats) < within;
  }

  // The first empty slot of a track from a scene on, else before it; 0 if there is none.
  function emptySlot(track, scene) {
    var slots = Lom.ids(track, "clip_slots");
    var order = slots.slice(scene).concat(slots.slice(0, scene));
    for (var i = 0; i < order.length; i++) {
      if (!Lom.flag(order[i], "has_clip")) {
        return order[i];
      }
    }
    return 0;
  }

  return { loop: loop, stem: stem };
})();

// Tracks and clips for a result, one step a tick. Everything goes to tracks made here, beside the source's, into slots
// and stretches found empty. What cannot be warped is placed unwarped, what cannot be placed is counted, and at the end
// all warp markers are looked at once more: Live may have guessed again.
var Placement = (function () {
  "use strict";

  var PATIENT = 30; // looks at what Live may take seconds for

  // source: the facts of the clip.
  function Placement(source, tracks, mute) {
    this.source = source;
    this.steps = new Steps();
    this.scene = sceneOf(source.where);
    this.warped = []; // {clip, markers}
    this.unwarped = 0; // clips that should have been warped
    this.failed = 0; // clips or tracks that are missing
    this.placed = 0; // tracks
    this.total = tracks.length;
    this._ours = {}; // clips of the Arrangement made here, by their ids
    this._last = beside(source.where);
    tracks.forEach(this._track, this);
    this.steps.add({}, [{ act: this._finish.bind(this, mute) }]);
  }

  // Do one thing; whether there is more to do.
  Placement.prototype.tick = function (now) {
    return this.steps.tick(now);
  };

  // Stop at once; what is there stays.
  Placement.prototype.stop = function () {
    this.steps.clear();
  };

  // Whether all of these clips were made here.
  Placement.prototype.allOurs = function (clips) {
    return clips.every(function (clip) {
      return this._ours[clip];
    }, this);
  };

  // The clip that a track's Arrangement has got since: the one that Live told, or else a new one; 0 if there is none.
  Placement.prototype.found = function (track, before, told) {
    var now = Lom.ids(track.id, "arrangement_clips");
    var clip = now.indexOf(told) >= 0 ? told : fresh(now, before);
    if (clip !== 0) {
      this._ours[clip] = true;
    }
    return clip;
  };

  Placement.prototype._track = function (track) {
    var self = this;
    var before = [];
    var group = { failed: function () { self.failed += 1; } };
    this.steps.add(group, [
      {
        act: function () {
          before = Lom.ids("live_set", "tracks");
          track.id = Lom.call("live_set", "create_audio_track", before.indexOf(self._last) + 1 || -1);
        },
        check: function () {
          track.id = track.id || fresh(Lom.ids("live_set", "tracks"), before);
          return track.id !== 0 && Lom.exists(track.id);
        },
        tries: PATIENT
      },
      { act: function () { self._last = track.id; self.steps.addNext({}, named(track)); } },
      { act: function () { if (track.stem) { Recipes.stem(self, track); } } },
      { act: function () { if (track.loop) { Recipes.loop(self, track); } } },
      { act: function () { self.placed += 1; } }
    ]);
  };

  Placement.prototype._finish = function (mute) {
    var self = this;
    this.warped.forEach(function (made) {
      self.steps.add({ failed: function () { self.failed += 1; } }, [
        {
          act: function () { return !Lom.exists(made.clip) || Adjust.markers(made.clip, made.markers); },
          every: 20,
          tries: 2 * made.markers.length + 30
        }
      ]);
    });
    var last = function () {
      if (mute && self.failed === 0) {
        self.steps.add({}, muted(self.source.id));
      }
    };
    this.steps.add({}, [{ act: last }]);
  };

  function named(track) {
    return [
      {
        act: function () { Lom.set(track.id, "name", track.name); },
        check: function () { return Lom.text(track.id, "name") === track.name; }
      },
      { act: function () { Lom.set(track.id, "color", track.color); } } // Live takes the nearest of its palette
    ];
  }

  function muted(clip) {
    return [
      {
        act: function () { if (Lom.exists(clip)) { Lom.set(clip, "muted", 1); } },
        check: function () { return !Lom.exists(clip) || Lom.flag(clip, "muted"); }
      }
    ];
  }

  function sceneOf(where) {
    var found = / clip_slots (\d+) /.exec(where);
    if (found) {
      return Number(found[1]);
    }
    var scenes = Lom.ids("live_set", "scenes");
    return Math.max(0, scenes.indexOf(Lom.id("live_set view", "selected_scene")));
  }

  // The track after which the new ones come; 0 when it is not known.
  function beside(where) {
    var track = Clip.trackOf(where);
    return track < 0 ? 0 : Lom.ids("live_set", "tracks")[track] || 0;
  }

  function fresh(now, before) {
    for (var i = 0; i < now.length; i++) {
      if (before.indexOf(now[i]) < 0) {
        return now[i];
      }
    }
    return 0;
  }

  return Placement;
})();

// What the panel says: from the device's state to the messages for its objects.
var Panel = (function () {
  "use strict";

  var BUSY = { sending: true, running: true, fetching: true, placing: true };

  function view(device, port) {
    var online = device.client !== null && device.client.online;
    var idle = device.state === "idle";
    return {
      target: ["set", BUSY[device.state] || device.target.words ? device.target.words : "Click an audio clip."],
      status: ["set", status(device, online, port)],
      progress: ["set", BUSY[device.state] ? device.progress : 0],
      extract: ["active", idle && online && device.target.usable ? 1 : 0],
      cancel: ["active", BUSY[device.state] ? 1 : 0],
      report: ["active", idle && device.report !== "" ? 1 : 0]
    };
  }

  function status(device, online, port) {
    if (device.client === null) {
      return device.words || "Starting";
    }
    if (!online) {
      return device.client.refusal() || absent(port, BUSY[device.state]);
    }
    return device.words || "Ready.";
  }

  function absent(port, busy) {
    return (
      "The daemon does not answer on port " + port + ". Start it in a terminal:  loopcube daemon" +
      (busy ? "  Work goes on then." : "")
    );
  }

  // How the placing went, in words.
  function summary(placement, asStems) {
    var said = ["Placed " + counted(placement.placed, "track") + "."];
    if (placement.unwarped > 0) {
      said.push(counted(placement.unwarped, "clip") + " unwarped: will not follow tempo changes.");
    }
    if (placement.failed > 0) {
      said.push(counted(placement.failed, "clip") + " could not be placed.");
    }
    if (asStems) {
      said.push("Too many clips for loops at their bars: stems instead.");
    }
    if (said.length === 1) {
      said.push("Collect All and Save keeps the files with the set.");
    }
    return said.join(" ");
  }

  function counted(number, noun) {
    return number + " " + noun + (number === 1 ? "" : "s");
  }

  return { view: view, summary: summary };
})();

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

// The script's side of Max: what comes in from other objects, and what goes out to them.
autowatch = 0;
inlets = 1;
outlets = 4; // 0 to udpsend, 1 to udpreceive, 2 to the panel, 3 to the memory kept in the set

var TICK = 20; // milliseconds
var LONGEST_TICK = 100; // Live may stand still for seconds, which must not count as waiting for an answer
var ACCESS_FILE = "loopcube_token.txt"; // two lines: token, port
var patch = this.patcher;
var device = null;
var ticker = null;
var clock = { now: 0, wall: 0 };
var shown = {};
var early = []; // messages from before Live was ready

function bang() {
  if (device !== null) {
    return;
  }
  device = new Device({
    send: function (address, values) {
      outlet.apply(null, [0, address].concat(values));
    },
    bind: function (port) {
      outlet(1, "port", port);
    },
    show: show,
    remember: function (text) {
      outlet(3, text);
    },
    open: function (uri) {
      messnamed("max", "launchbrowser", uri);
    }
  });
  var access = readAccess();
  if (access !== null) {
    outlet(0, "port", access.port);
  }
  device.begin(access);
  while (early.length > 0) {
    device.message.apply(device, early.shift());
  }
  clock.wall = new Date().getTime();
  ticker = new Task(tick);
  ticker.interval = TICK;
  ticker.repeat();
}

function anything() {
  var values = arrayfromargs(arguments);
  if (device === null) {
    early.push([messagename, values[0]]);
  } else if (messagename.charAt(0) === "/") {
    if (device.client !== null) {
      guarded(function (address) {
        device.client.receive(address, values);
      });
    }
  } else {
    guarded(function (name) {
      device.message(name, values[0]);
    });
  }
}

function notifydeleted() {
  if (ticker !== null) {
    ticker.cancel();
    device.end();
  }
  Lom.release();
}

function tick() {
  var wall = new Date().getTime();
  clock.now += Math.max(0, Math.min(LONGEST_TICK, wall - clock.wall));
  clock.wall = wall;
  guarded(function () {
    device.tick(clock.now);
  });
}
tick.local = 1;

// An error must not stop the ticking: it is shown, and the device goes on.
function guarded(work) {
  try {
    work(messagename);
  } catch (error) {
    post("loopcube: " + error + "\n");
    device.broken(error);
  }
}
guarded.local = 1;

function show(view) {
  for (var name in view) {
    var text = view[name].join("\n");
    if (shown[name] !== text) {
      shown[name] = text;
      outlet.apply(null, [2, name].concat(view[name]));
    }
  }
}
show.local = 1;

// The token and the port that `loopcube install live` has put beside the device; null without.
function readAccess() {
  var folder = String(patch.filepath).replace(/[^\/\\]*$/, "");
  var lines = readLines(folder + ACCESS_FILE) || readLines(ACCESS_FILE);
  if (lines === null || !/^[0-9a-f]{32}$/.test(lines[0])) {
    return null;
  }
  return { token: lines[0], port: Number(lines[1]) || 47310 };
}
readAccess.local = 1;

function readLines(path) {
  var file = new File(path, "read");
  if (!file.isopen) {
    return null;
  }
  var lines = [String(file.readline(100)).trim(), String(file.readline(100)).trim()];
  file.close();
  return lines;
}
readLines.local = 1;
