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
