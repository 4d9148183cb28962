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
