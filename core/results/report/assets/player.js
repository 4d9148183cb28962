// Plays stems in sync to the sample: every source starts at a whole frame of one clock.

const AHEAD = 0.06; // seconds from a request to the first sound: more than one buffer of any sound card
const FADE = 0.006; // seconds: starts, stops and mutes do not click
const REFILL = 0.2; // seconds between checks whether the next chunk must be scheduled

// Mixes stems, each with its gain, into one output. It works in an OfflineAudioContext as well.
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

  // Plays buffers (one for each stem, or null) from frame `offset` on, for `frames` frames, at frame `when` of the
  // context's clock.
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

  // Plays a buffer in a cycle, without a gap.
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

  // Fades from a level to silence at `end`, in seconds of the clock. All sources end there.
  fadeOut(end, level = 1) {
    this.out.gain.setValueAtTime(level, end - FADE);
    this.out.gain.linearRampToValueAtTime(0, end);
    for (const source of this.sources) source.stop(end);
  }
}

// Plays the song from a frame on, one stem of it for some bars, or a loop in a cycle. Sends the event "change" when
// this changes, and "trouble" when the sound cannot be loaded.
export class Player extends EventTarget {
  #turn = 0; // increased at each request: sound that was loading for an older request is not played
  #desk = null;
  #timer = 0;
  #at = 0; // the position in the song, in frames, while it does not play

  constructor(song, sound, mixer) {
    super();
    Object.assign(this, { song, sound, mixer, playing: null, loading: false, context: null });
    mixer.addEventListener("change", () => {
      if (this.playing?.kind === "song") this.#desk?.setGains(mixer.gains());
    });
  }

  get desk() { return this.#desk; }

  // The audible position in the song, in frames.
  get position() {
    if (!this.playing || this.playing.kind === "loop" || this.loading) return this.#at;
    const { from, to, start } = this.playing;
    const audible = this.context.currentTime * this.song.rate - start - (this.context.outputLatency || 0) * this.song.rate;
    return Math.min(Math.max(from + audible, from), to);
  }

  seek(frame) {
    const at = Math.min(Math.max(Math.round(frame), 0), this.song.frames - 1);
    if (this.playing?.kind === "song") return this.playSong(at);
    this.stop();
    this.#at = at;
    this.#changed();
    return Promise.resolve();
  }

  playSong(from = this.#at) {
    return this.#play({ kind: "song", from: from >= this.song.frames - 1 ? 0 : from, to: this.song.frames });
  }

  // Plays one stem alone between two frames.
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
    this.#changed();
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

  // Schedules the chunk that contains `frame`, from that frame on. Returns the frame where the next chunk starts.
  #schedule(what, buffers, frame) {
    const end = this.#endOf(what, frame);
    this.#desk.schedule(buffers, frame % this.song.chunk, end - frame, what.start + frame - what.from);
    if (end < what.to) this.#chunkAt(end).catch(() => {}); // loads ahead; an error is reported when the chunk is needed
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
      if (clock > what.next) return await this.#play({ ...what, from: what.next, filling: false }); // the chunk came too late
      what.next = this.#schedule(what, buffers, what.next);
    } catch (error) { this.#fail(turn, error); }
    what.filling = false;
    return undefined;
  }

  // The position in the song. A part that is played alone in between does not change it.
  get #place() { return this.playing?.kind === "part" ? this.playing.back : Math.round(this.position); }

  // The end of the chunk that contains `frame`, or the end of the played part if that comes first.
  #endOf(what, frame) { return Math.min((Math.floor(frame / this.song.chunk) + 1) * this.song.chunk, what.to); }

  #isNear(frame, end) { return end - frame < this.song.chunk / 2; }

  #end(what) {
    this.#silence();
    this.playing = null;
    this.#at = what.kind === "part" ? what.back : 0;
    this.#changed();
  }

  #begin(what) {
    this.#silence();
    this.playing = what;
    this.loading = true;
    this.#changed();
    return this.#turn;
  }

  #ready() {
    this.loading = false;
    this.#changed();
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

  // Opens the context at the song's own rate: one frame of the song is one frame of the clock.
  #openContext() {
    this.context ??= new AudioContext({ sampleRate: this.song.rate });
    this.context.resume();
  }

  #chunkAt(frame) { return this.sound.chunk(Math.floor(frame / this.song.chunk), this.context); }

  #changed() { this.dispatchEvent(new Event("change")); }
}
