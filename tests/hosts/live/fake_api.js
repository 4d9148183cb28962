// A LiveAPI that is as strict as Live is silent: what Live would quietly ignore and no program should do is an error here;
// what Live refuses at its own will (an occupied slot, a frozen track) gives a bare 1, as in Live.
"use strict";
const fs = require("fs");
const path = require("path");

const TABLE = JSON.parse(fs.readFileSync(path.join(__dirname, "lom.json"), "utf8"));

function known(version, member) {
  const below = (a, b) => a.map((part, i) => part - b[i]).find((difference) => difference !== 0) < 0;
  const parse = (text) => text.split(".").map(Number);
  if (below(version, parse(member.since))) return false;
  if (member.missing.length === 0) return true;
  // What 12.0.0 lacks came back with 12.0.5.
  return below(version, [12, 0, 0]) || !below(version, [12, 0, 5]);
}

// What properties are read from and written to; what is not here is a plain field.
const READ = {
  "Song.view": (live) => live.view,
  "Application.view": (live) => live.appView,
  "Track.clip_slots": (live, track) => track.clip_slots,
  "ClipSlot.has_clip": (live, slot) => (slot.clip ? 1 : 0),
  "Clip.sample_length": (live, clip) => clip.frames,
  "Clip.sample_rate": (live, clip) => clip.rate,
  "Clip.is_midi_clip": (live, clip) => 1 - clip.is_audio_clip,
  "Clip.is_arrangement_clip": (live, clip) => (clip.slot ? 0 : 1),
  "Clip.start_marker": (live, clip) => clip.startMarker,
  "Clip.end_marker": (live, clip) => clip.endMarker,
  "Clip.loop_start": (live, clip) => live.region(clip)[0],
  "Clip.loop_end": (live, clip) => live.region(clip)[1],
  "Clip.start_time": (live, clip) => clip.start,
  "Clip.end_time": (live, clip) => live.endTime(clip),
  "Clip.signature_numerator": (live, clip) => clip.signature[0],
  "Clip.signature_denominator": (live, clip) => clip.signature[1],
  "Clip.warp_markers": (live, clip) => {
    const all = [...clip.markers, live.shadow(clip)];
    return JSON.stringify({ warp_markers: all.map(([sample_time, beat_time]) => ({ sample_time, beat_time })) });
  },
};

const WRITE = {
  "Clip.warping": (live, clip, value) => live.after(1, () => live.setWarping(clip, value)),
  "Clip.looping": (live, clip, value) => {
    if (value && !clip.warping) live.setWarping(clip, 1);
    clip.looping = value;
  },
  "Clip.start_marker": (live, clip, value) => {
    if (clip.looping) clip.startMarker = value; // else Live ignores it
  },
  "Clip.end_marker": (live, clip, value) => (clip.endMarker = value),
  "Clip.loop_start": (live, clip, value) => {
    if (value >= live.region(clip)[1]) throw new Error(`loop_start ${value} is not before the end`);
    if (clip.looping) clip.loopStart = value;
    else clip.startMarker = value;
  },
  "Clip.loop_end": (live, clip, value) => {
    if (value <= live.region(clip)[0]) throw new Error(`loop_end ${value} is not after the start`);
    const end = clip.warping ? value : Math.min(value, live.seconds(clip));
    if (clip.looping) clip.loopEnd = end;
    else clip.endMarker = end;
  },
  "Clip.muted": (live, clip, value) => (clip.muted = value),
  "Clip.color": (live, clip, value) => (clip.color = value),
};

const CALL = {
  "Application.get_major_version": (live) => live.version[0],
  "Application.get_minor_version": (live) => live.version[1],
  "Application.get_bugfix_version": (live) => live.version[2],
  "Song.create_audio_track": (live, song, index) => {
    if (index < -1 || index > song.tracks.length) throw new Error(`no track index ${index}`);
    return live.addTrack(index < 0 ? song.tracks.length : index);
  },
  "Track.create_audio_clip": (live, track, file, position) => {
    if (!(position >= 0 && position <= 1576800)) throw new Error(`position ${position}`);
    if (track.is_frozen || !track.has_audio_input || !live.audio(file)) return null;
    const clip = live.newClip(track, file, { start: position });
    live.after(live.delay, () => live.lay(track, clip));
    return live.delay ? undefined : clip;
  },
  "Track.duplicate_clip_to_arrangement": (live, track, clip, position) => {
    if (!clip.slot) throw new Error("only clips of the Session are copied: others crash some Lives");
    if (track.is_frozen) return null;
    const [from, to] = live.region(clip);
    const copy = live.make("Clip", { ...clip, id: undefined, slot: null, track, start: position, markers: clip.markers.map((each) => [...each]),
      length: clip.looping ? to - from : null });
    if (live.copies) live.copies(copy);
    live.objects.delete(copy.id);
    copy.id = ++live.count * 2 + 1;
    live.objects.set(copy.id, copy);
    live.after(live.delay, () => live.lay(track, copy));
    return live.delay ? undefined : copy;
  },
  "Track.delete_clip": (live, track, clip) => {
    track.arrangement_clips = track.arrangement_clips.filter((each) => each !== clip);
    live.remove(clip);
    return 0;
  },
  "ClipSlot.create_audio_clip": (live, slot, file) => {
    if (slot.clip || slot.track.is_frozen || !live.audio(file)) return null;
    const clip = live.newClip(slot.track, file, { slot });
    live.after(live.delay, () => (slot.clip = clip));
    return live.delay ? undefined : clip;
  },
  "ClipSlot.delete_clip": (live, slot) => {
    if (!slot.clip) throw new Error("the slot is empty");
    live.remove(slot.clip);
    slot.clip = null;
    return 0;
  },
  "Clip.add_warp_marker": (live, clip, dict) => {
    if (typeof dict.get !== "function") throw new Error("add_warp_marker takes a Dict");
    live.addMarker(clip, dict.get("sample_time"), dict.get("beat_time"));
  },
  "Clip.move_warp_marker": (live, clip, beat, distance) => {
    const next = clip.markers.map(([seconds, at]) => [seconds, Math.abs(at - beat) < 1e-6 ? at + distance : at]);
    live.acceptMarkers(clip, next);
  },
  "Clip.remove_warp_marker": (live, clip, beat) => {
    const next = clip.markers.filter((marker) => Math.abs(marker[1] - beat) > 1e-6);
    if (next.length > 0) live.acceptMarkers(clip, next);
  },
};

// The LiveAPI class of one script.
function apiOf(live) {
  return class LiveAPI {
    constructor(where) {
      this._check();
      this._object = null;
      this.goto(where);
    }

    _check() {
      if (!live.allowed) throw new Error("LiveAPI is used outside of the low-priority thread, or before Live is ready");
    }

    get id() {
      return String(this._object ? this._object.id : 0);
    }

    set id(value) {
      this._check();
      if (typeof value !== "number") throw new Error(`id must be a number, got ${value}`);
      this._hold(live.objects.get(value) || null);
    }

    get path() {
      return `"${this._object && this._object.alive ? pathOf(live, this._object) : ""}"`;
    }

    set path(value) {
      this._check();
      if (value !== "") throw new Error("paths are gone to, not set");
      this._hold(null);
    }

    goto(where) {
      this._check();
      if (/\d/.test(where) && live.moved) throw new Error(`${where}: an index that may have moved`);
      if (where.startsWith("id")) throw new Error("goto does not take ids");
      this._hold(resolve(live, where));
    }

    get(name) {
      this._check();
      const member = this._member(name, "g");
      if (!member) return 1;
      const value = this._value(name);
      if (Array.isArray(value)) return value.flatMap((object) => ["id", object.id]);
      if (value === null || (typeof value === "object" && value.cls)) return ["id", value ? value.id : 0];
      return typeof value === "string" && /^\d+$/.test(value) ? [Number(value)] : [value];
    }

    set(name, value) {
      this._check();
      const member = this._member(name, "s");
      if (!member) return 1;
      if (typeof value !== (name === "name" ? "string" : "number") || value !== value) throw new Error(`${name} = ${value}`);
      const key = `${this._object.cls}.${name}`;
      if (live.ignores(key)) return 1;
      if (WRITE[key]) WRITE[key](live, this._object, value);
      else if (name in this._object) this._object[name] = value;
      else throw new Error(`the fake has no ${key}`);
      return 1;
    }

    call(name, ...given) {
      this._check();
      const member = this._member(name, "fn");
      if (!member) return 1;
      const key = `${this._object.cls}.${name}`;
      if (!CALL[key]) throw new Error(`the fake has no ${key}`);
      if (name.startsWith("get_")) return CALL[key](live, this._object);
      if (live.ignores(key)) return 1;
      const made = CALL[key](live, this._object, ...this._arguments(key, member, given));
      if (made === null || made === undefined) return 1;
      return typeof made === "object" ? ["id", made.id] : made === 0 ? ["id", 0] : made;
    }

    _hold(object) {
      this._object = object;
      if (object) live.held.add(this);
      else live.held.delete(this);
    }

    // The member's row in the table; null when there is no such object any more.
    _member(name, access) {
      if (!this._object || !this._object.alive) return null;
      const member = (TABLE[this._object.cls] || {})[name];
      const key = `${this._object.cls}.${name}`;
      if (!member || !member.documented) throw new Error(`${key} is not in the Live Object Model`);
      if (!known(live.version, member)) throw new Error(`${key} is not in Live ${live.version.join(".")}`);
      const allowed = access === "fn" ? member.access === "fn" : member.access !== "fn" && member.access.includes(access);
      if (!allowed) throw new Error(`${key}: access is ${member.access}, not ${access}`);
      return member;
    }

    _value(name) {
      const key = `${this._object.cls}.${name}`;
      if (READ[key]) return READ[key](live, this._object);
      if (!(name in this._object)) throw new Error(`the fake has no ${key}`);
      return this._object[name];
    }

    // The arguments as the member wants them; an object is given as "id" and a number.
    _arguments(key, member, given) {
      const rest = [...given];
      const found = member.args.map((type) => {
        if (type === "id" && rest.shift() !== "id") throw new Error(`${key} wants "id" before the number`);
        const value = rest.shift();
        const wanted = { id: "number", number: "number", text: "string", dict: "object" }[type];
        if (typeof value !== wanted || value !== value) throw new Error(`${key} wants a ${wanted}, got ${value}`);
        if (type === "id" && !live.objects.has(value)) throw new Error(`${key}: there is no object ${value}`);
        return type === "id" ? live.objects.get(value) : value;
      });
      if (rest.length > 0) throw new Error(`${key} takes ${member.args.length} arguments`);
      return found;
    }
  };
}

function resolve(live, where) {
  if (where === "live_app") return live.app;
  if (where === "live_app view") return live.appView;
  if (where === "live_set") return live.song;
  if (where === "live_set view") return live.view;
  throw new Error(`the fake does not know the path ${where}`);
}

function pathOf(live, object) {
  const fixed = [[live.app, "live_app"], [live.appView, "live_app view"], [live.song, "live_set"], [live.view, "live_set view"]];
  const found = fixed.find(([each]) => each === object);
  if (found) return found[1];
  if (object.cls === "Scene") return `live_set scenes ${live.song.scenes.indexOf(object)}`;
  const track = object.cls === "Track" ? object : object.track;
  const start = `live_set tracks ${live.song.tracks.indexOf(track)}`;
  if (object.cls === "Track") return start;
  const slot = object.cls === "ClipSlot" ? object : object.slot;
  if (slot) return `${start} clip_slots ${track.clip_slots.indexOf(slot)}${object === slot ? "" : " clip"}`;
  return `${start} arrangement_clips ${track.arrangement_clips.indexOf(object)}`;
}

module.exports = { apiOf };
