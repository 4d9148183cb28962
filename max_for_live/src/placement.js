// Tracks and clips for a result, one step a tick. Everything goes to tracks made here, beside the source's, into slots
// and stretches found empty. What cannot be warped is placed unwarped, what cannot be placed is counted, and at the end
// all warp markers are looked at once more: Live may have guessed again.
var Placement = (function () {
  "use strict";

  var PATIENT = 50;

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

  // The clip that a track's Arrangement has got since; 0 as long as there is none.
  Placement.prototype.found = function (track, before) {
    var clip = fresh(Lom.ids(track.id, "arrangement_clips"), before);
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
          Lom.call("live_set", "create_audio_track", before.indexOf(self._last) + 1 || -1);
        },
        check: function () {
          track.id = fresh(Lom.ids("live_set", "tracks"), before);
          return track.id !== 0;
        },
        tries: PATIENT
      },
      { act: function () { self._last = track.id; Lom.set(track.id, "name", track.name); } },
      { act: function () { Lom.set(track.id, "color", track.color); } },
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
    this.steps.add({}, [{ act: function () { if (mute && self.failed === 0) { muteSource(self.source); } } }]);
  };

  function muteSource(source) {
    if (Lom.exists(source.id)) {
      Lom.set(source.id, "muted", 1);
    }
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
