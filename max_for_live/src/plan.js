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
