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
