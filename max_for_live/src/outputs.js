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
