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
