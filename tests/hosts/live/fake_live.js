// A Live set: tracks, clips and their warp markers, and what Live does to them by itself. fake_api.js is how a script
// gets at it.
"use strict";
const path = require("path");

const SHADOW = 1 / 32; // beats by which the hidden marker follows the last visible one

class Live {
  // options: version, tempo, metre, tracks, scenes, delay (ticks until a made clip is seen), guess (what auto-warp does:
  // "none", "late", "wrong", "stubborn", "off"), refuseMarkers, copies(clip): what Live makes of a copy, ignore: the number
  // of a write that does nothing, audio(file) -> {frames, rate} or null when it is no audio file.
  constructor(options = {}) {
    Object.assign(this, { version: [12, 1, 5], tempo: 120, metre: [4, 4], delay: 0, guess: "none" }, options);
    this.objects = new Map();
    this.count = 0;
    this.later = []; // {ticks, deed}
    this.damaged = []; // clips that something was written over
    this.writes = [];
    this.moved = false; // an index may no longer name what it did
    this.held = new Set();
    this.allowed = false; // whether scripts may speak to Live now
    this.song = this.make("Song", {
      tempo: this.tempo, signature_numerator: this.metre[0], signature_denominator: this.metre[1],
      current_song_time: 0, is_playing: 0, record_mode: 0, tracks: [], scenes: [],
    });
    this.app = this.make("Application", {});
    this.appView = this.make("Application.View", { focused_document_view: "Arranger" });
    this.view = this.make("Song.View", { detail_clip: null, highlighted_clip_slot: null, selected_track: null, selected_scene: null });
    for (let i = 0; i < (options.scenes || 4); i++) this.song.scenes.push(this.make("Scene", { name: "" }));
    for (let i = 0; i < (options.tracks || 2); i++) this.addTrack(i, `Track ${i + 1}`);
    this.view.selected_track = this.song.tracks[0];
    this.view.selected_scene = this.song.scenes[0];
    this.moved = false;
  }

  make(cls, properties) {
    const object = { cls, id: ++this.count * 2 + 1, alive: true, ...properties };
    this.objects.set(object.id, object);
    return object;
  }

  addTrack(index, name = "Audio") {
    const track = this.make("Track", { name, color: 0, is_frozen: 0, has_audio_input: 1, mute: 0, arrangement_clips: [] });
    track.clip_slots = this.song.scenes.map(() => this.make("ClipSlot", { clip: null, track }));
    this.song.tracks.splice(index, 0, track);
    this.moved = true;
    return track;
  }

  // A clip as it lies in a set; `clip` holds its properties, as Live would tell them.
  addClip(track, clip, slot = null) {
    const made = this.make("Clip", {
      name: "Clip", color: 0x102030, muted: 0, is_audio_clip: 1, is_recording: 0, warping: 1, warp_mode: 4, looping: 0, gain: 0.4,
      pitch_coarse: 0, pitch_fine: 0, start: 0, length: null, startMarker: 0, endMarker: 4, loopStart: 0, loopEnd: 4,
      markers: [[0, 0]], bpm: this.tempo, signature: this.metre, track, slot, ours: false, ...clip,
    });
    if (slot) slot.clip = made;
    else track.arrangement_clips.push(made);
    return made;
  }

  tick() {
    const due = this.later.filter((item) => --item.ticks <= 0);
    this.later = this.later.filter((item) => item.ticks > 0);
    due.forEach((item) => item.deed());
  }

  after(ticks, deed) {
    if (ticks <= 0) deed();
    else this.later.push({ ticks, deed });
  }

  remove(object) {
    object.alive = false;
    this.objects.delete(object.id);
  }

  // Note a write; whether it is the one that Live does not do this time.
  ignores(key) {
    this.writes.push(key);
    return this.writes.length === this.ignore;
  }

  // Clips

  seconds(clip) {
    return clip.frames / clip.rate;
  }

  shadow(clip) {
    const [seconds, beat] = clip.markers[clip.markers.length - 1];
    return [seconds + (SHADOW * 60) / clip.bpm, beat + SHADOW];
  }

  region(clip) {
    return clip.looping ? [clip.loopStart, clip.loopEnd] : [clip.startMarker, clip.endMarker];
  }

  endTime(clip) {
    const beats = clip.warping ? 1 : this.song.tempo / 60;
    return clip.start + (clip.length === null ? (clip.endMarker - clip.startMarker) * beats : clip.length);
  }

  newClip(track, file, extra) {
    const audio = this.audio(file);
    const beats = (audio.frames / audio.rate) * (this.song.tempo / 60);
    const warping = this.guess === "off" ? 0 : 1;
    const end = warping ? beats : audio.frames / audio.rate;
    const clip = this.make("Clip", {
      name: path.basename(file), color: track.color, muted: 0, is_audio_clip: 1, is_recording: 0, file_path: file, ...audio, warping,
      warp_mode: 0, looping: warping && extra.slot ? 1 : 0, gain: 0.4, pitch_coarse: 0, pitch_fine: 0, start: 0, length: null,
      startMarker: 0, endMarker: end, loopStart: 0, loopEnd: end, markers: [[0, 0]], bpm: this.song.tempo,
      signature: this.metre, track, slot: null, ours: true, ...extra,
    });
    if (warping && this.guess !== "none") this.after(this.guess === "wrong" ? 5 : 40, () => this.guessTempo(clip));
    return clip;
  }

  // What auto-warp does some time after a clip was made; a stubborn one even if its markers were touched meanwhile.
  guessTempo(clip) {
    if (!clip.alive || !clip.warping || (clip.touched && this.guess !== "stubborn")) return;
    const seconds = this.seconds(clip);
    clip.markers = [[0.013, 0], [seconds * 0.7, seconds * 1.1]];
    clip.bpm = 93;
    clip.endMarker = clip.loopEnd = seconds * 1.55;
  }

  setWarping(clip, on) {
    if (clip.warping === on || !clip.alive) return;
    clip.warping = on;
    clip.touched = true;
    clip.markers = [[0, 0]];
    clip.bpm = this.song.tempo;
    clip.length = null;
    if (on) {
      clip.startMarker = clip.loopStart = 0;
      clip.endMarker = clip.loopEnd = (this.seconds(clip) * this.song.tempo) / 60;
    } else {
      clip.looping = 0; // and the end marker stays what it was, now as seconds
      clip.startMarker = clip.loopStart = 0;
    }
  }

  addMarker(clip, seconds, beat) {
    const markers = clip.markers;
    if (!clip.warping || seconds < 0 || seconds > this.seconds(clip) + 1e-9) return false;
    if (markers.some((marker) => Math.abs(marker[0] - seconds) < 1e-9)) return false;
    const next = [...markers, [seconds, beat]].sort((a, b) => a[0] - b[0]);
    return this.acceptMarkers(clip, next);
  }

  acceptMarkers(clip, next) {
    if (this.refuseMarkers) return false;
    for (let i = 1; i < next.length; i++) {
      const bpm = ((next[i][1] - next[i - 1][1]) / (next[i][0] - next[i - 1][0])) * 60;
      if (!(bpm >= 5 && bpm <= 999)) return false;
    }
    if (next.length > 1) {
      const [a, b] = next.slice(-2);
      clip.bpm = ((b[1] - a[1]) / (b[0] - a[0])) * 60;
    }
    clip.markers = next;
    clip.touched = true;
    return true;
  }

  // The Arrangement has no two clips at a place: what is written takes the room of what was there.
  lay(track, clip) {
    const end = this.endTime(clip);
    for (const other of [...track.arrangement_clips]) {
      if (other.start < end - 1e-9 && clip.start < this.endTime(other) - 1e-9) {
        this.damaged.push(other.name);
        track.arrangement_clips = track.arrangement_clips.filter((each) => each !== other);
        this.remove(other);
      }
    }
    track.arrangement_clips.push(clip);
    track.arrangement_clips.sort((a, b) => a.start - b.start);
  }
}

module.exports = { Live };
