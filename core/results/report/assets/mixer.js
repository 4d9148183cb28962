// The mixer: which stems are muted or soloed, and the resulting gain of each stem. It needs neither sound nor page.

export class Mixer extends EventTarget {
  #muted = new Set();
  #soloed = new Set();
  #original = false;

  constructor(stems) {
    super();
    this.stems = stems;
  }

  get original() { return this.#original; }

  set original(on) {
    this.#original = on;
    this.#changed();
  }

  get touched() { return this.#muted.size + this.#soloed.size > 0; }

  isMuted(stem) { return this.#muted.has(stem); }

  isSoloed(stem) { return this.#soloed.has(stem); }

  toggleMute(stem) { this.#toggle(this.#muted, stem); }

  toggleSolo(stem) { this.#toggle(this.#soloed, stem); }

  reset() {
    this.#muted.clear();
    this.#soloed.clear();
    this.#changed();
  }

  // Solo has priority over mute, as in every DAW. The original is all stems and the rest, which sum to the song.
  gains() {
    return Array.from({ length: this.stems }, (_, stem) => (this.#sounds(stem) ? 1 : 0));
  }

  #sounds(stem) {
    if (this.#original) return true;
    return this.#soloed.size ? this.#soloed.has(stem) : !this.#muted.has(stem);
  }

  #toggle(set, stem) {
    if (!set.delete(stem)) set.add(stem);
    this.#original = false;
    this.#changed();
  }

  #changed() { this.dispatchEvent(new Event("change")); }
}
