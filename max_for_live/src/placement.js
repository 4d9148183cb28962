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
