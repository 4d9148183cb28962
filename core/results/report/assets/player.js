// Playing stems locked to the sample: every source is started at a whole frame of one clock.

const AHEAD = 0.06; // seconds between asking and the first sound: more than a buffer of any sound card
const FADE = 0.006; // seconds, so that starts, stops and mutes do not click
const REFILL = 0.2; // seconds between looks at what is to be scheduled next

// Stems through a gain each into one output. Works the same in an OfflineAudioContext.
export class Desk {
  constructor(context, gains) {
    this.context = context;
    this.out = new GainNode(context);
    this.out.connect(context.destination);
    this.gains = gains.map((gain) => {
      const node = new GainNode(context, { gain });
      node.connect(this.out);
      return node;
    });
    this.sources = new Set();
  }

  // Buffers, one a stem or null, from frame `offset` on for `frames` frames, at `when` in frames of the context's clock.
  schedule(buffers, offset, frames, when) {
    const rate = this.context.sampleRate;
    buffers.forEach((buffer, stem) => {
      if (!buffer || offset >= buffer.length) return;
      const source = new AudioBufferSourceNode(this.context, { buffer });
      source.connect(this.gains[stem]);
      source.start(when / rate, offset / rate);
      if (offset + frames < buffer.length) source.stop((when + frames) / rate);
      source.onended = () => this.sources.delete(source);
      this.sources.add(source);
    });
  }

  // A buffer round and round, without a gap.
  cycle(buffer) {
    const source = new AudioBufferSourceNode(this.context, { buffer, loop: true });
    source.connect(this.gains[0]);
    source.start(this.context.currentTime + AHEAD);
    this.sources.add(source);
  }

  setGains(gains, when = this.context.currentTime) {
    gains.forEach((gain, stem) => {
      const node = this.gains[stem].gain;
      node.setValueAtTime(node.value, when);
      node.linearRampToValueAtTime(gain, when + FADE);
    });
  }

  fadeIn(when) {
    this.out.gain.setValueAtTime(0, when);
    this.out.gain.linearRampToValueAtTime(1, when + FADE);
  }

  // From a level down to silence at `end`, seconds of the clock; all sources end there.
  fadeOut(end, level = 1) {
    this.out.gain.setValueAtTime(level, end - FADE);
    this.out.gain.linearRampToValueAtTime(0, end);
    for (const source of this.sources) source.stop(end);
  }
}

// What plays: the song from a frame on, one stem of it for some bars, or a loop round and round. Tells "change" when
// that changes and "trouble" when the sound cannot be had.
export class Player extends EventTarget {
  #turn = 0; // raised whenever something else is asked for: what was loading before then is not played
  #desk = null;
  #timer = 0;
  #at = 0; // where the song stands, in frames, while it does not play

  constructor(song, sound, mixer) {
    super();
    Object.assign(this, { song, sound, mixer, playing: null, loading: false, context: null });
    mixer.addEventListener("change", () => {
      if (this.playing?.kind === "song") this.#desk?.setGains(mixer.gains());
    });
  }

  get desk() { return this.#desk; }

  // Where the song is heard, in frames.
  get position() {
    if (!this.playing || this.playing.kind === "loop" || this.loading) return this.#at;
    const { from, to, start } = this.playing;
    const heard = this.context.currentTime * this.song.rate - start - (this.context.outputLatency || 0) * this.song.rate;
    return Math.min(Math.max(from + heard, from), to);
  }

  seek(frame) {
    const at = Math.min(Math.max(Math.round(frame), 0), this.song.frames - 1);
    if (this.playing?.kind === "song") return this.playSong(at);
    this.stop();
    this.#at = at;
    this.#tell("change");
    return Promise.resolve();
  }

  playSong(from = this.#at) {
    return this.#play({ kind: "song", from: from >= this.song.frames - 1 ? 0 : from, to: this.song.frames });
  }

  // One stem alone between two frames.
  playPart(stem, from, to) { return this.#play({ kind: "part", stem, from, to, back: this.#place }); }

  async playLoop(number) {
    const turn = this.#begin({ kind: "loop", number });
    try {
      this.#openContext();
      const buffer = await this.sound.loop(number, this.context);
      if (turn !== this.#turn) return;
      this.#desk = new Desk(this.context, [1]);
      this.#desk.cycle(buffer);
      this.#ready();
    } catch (error) { this.#fail(turn, error); }
  }

  stop() {
    this.#at = this.#place;
    this.#silence();
    this.playing = null;
    this.loading = false;
    this.#tell("change");
  }

  async #play(what) {
    const turn = this.#begin(what);
    this.#at = what.from;
    try {
      this.#openContext();
      const first = await this.#chunkAt(what.from);
      const end = this.#endOf(what, what.from);
      const second = this.#isNear(what.from, end) && end < what.to ? await this.#chunkAt(end) : null;
      if (turn !== this.#turn) return;
      const gains = what.kind === "song" ? this.mixer.gains() : this.mixer.gains().map((_, stem) => Number(stem === what.stem));
      this.#desk = new Desk(this.context, gains);
      what.start = Math.ceil((this.context.currentTime + AHEAD) * this.song.rate);
      this.#desk.fadeIn(what.start / this.song.rate);
      what.next = this.#schedule(what, first, what.from);
      if (second) what.next = this.#schedule(what, second, end);
      this.#ready();
      this.#timer = setInterval(() => this.#refill(turn, what), REFILL * 1000);
    } catch (error) { this.#fail(turn, error); }
  }

  // Puts the chunk that holds `frame` on the desk from there on; returns the frame where the next one starts.
  #schedule(what, buffers, frame) {
    const end = this.#endOf(what, frame);
    this.#desk.schedule(buffers, frame % this.song.chunk, end - frame, what.start + frame - what.from);
    if (end < what.to) this.#chunkAt(end).catch(() => {}); // told when it is needed
    else if (what.kind === "part") this.#desk.fadeOut((what.start + what.to - what.from) / this.song.rate);
    return end;
  }

  async #refill(turn, what) {
    const position = this.position;
    if (position >= what.to) return this.#end(what);
    if (what.next >= what.to || !this.#isNear(position, what.next) || what.filling) return undefined;
    what.filling = true;
    try {
      const buffers = await this.#chunkAt(what.next);
      if (turn !== this.#turn) return undefined;
      const clock = this.context.currentTime * this.song.rate - what.start + what.from;
      if (clock > what.next) return await this.#play({ ...what, from: what.next, filling: false }); // it came too late
      what.next = this.#schedule(what, buffers, what.next);
    } catch (error) { this.#fail(turn, error); }
    what.filling = false;
    return undefined;
  }

  // Where the song stands: a part of it that is heard alone in between does not move it.
  get #place() { return this.playing?.kind === "part" ? this.playing.back : Math.round(this.position); }

  // Where the chunk that holds `frame` ends, or what is played.
  #endOf(what, frame) { return Math.min((Math.floor(frame / this.song.chunk) + 1) * this.song.chunk, what.to); }

  #isNear(frame, end) { return end - frame < this.song.chunk / 2; }

  #end(what) {
    this.#silence();
    this.playing = null;
    this.#at = what.kind === "part" ? what.back : 0;
    this.#tell("change");
  }

  #begin(what) {
    this.#silence();
    this.playing = what;
    this.loading = true;
    this.#tell("change");
    return this.#turn;
  }

  #ready() {
    this.loading = false;
    this.#tell("change");
  }

  #silence() {
    this.#turn++;
    clearInterval(this.#timer);
    this.#desk?.fadeOut(this.context.currentTime + FADE, this.#desk.out.gain.value);
    this.#desk = null;
  }

  #fail(turn, error) {
    if (turn !== this.#turn) return;
    this.stop();
    this.dispatchEvent(new CustomEvent("trouble", { detail: error.message }));
  }

  // At the song's own rate, so that a frame of the song is a frame of the clock.
  #openContext() {
    this.context ??= new AudioContext({ sampleRate: this.song.rate });
    this.context.resume();
  }

  #chunkAt(frame) { return this.sound.chunk(Math.floor(frame / this.song.chunk), this.context); }

  #tell(name) { this.dispatchEvent(new Event(name)); }
}
