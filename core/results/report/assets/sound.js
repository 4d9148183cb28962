// The sound beside the page: scripts that pass on base64. Each is decoded once; the last few chunks are kept.

const KEPT_CHUNKS = 4; // the chunk that plays, the next one, and two older ones

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

// A page from a disk may not fetch the files beside it, but it may run them as scripts.
function runScript(address) {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => { script.remove(); done(); };
    script.onerror = () => { script.remove(); failed(new Error("The sound of this page is missing: keep the folder report beside it.")); };
    document.head.append(script);
  });
}

export class SoundStore {
  #arrived = new Map();
  #chunks = new Map();

  constructor(folder) {
    this.folder = folder;
    globalThis.loopcubeSound = (name, parts) => this.#arrived.set(name, parts);
  }

  // One AudioBuffer for each stem, or null where the stem is silent.
  chunk(number, context) {
    const loading = this.#chunks.get(number) ?? this.#load(`song-${String(number).padStart(4, "0")}`, context);
    loading.catch(() => this.#chunks.delete(number));
    this.#chunks.delete(number);
    this.#chunks.set(number, loading); // last, as the most recently used
    if (this.#chunks.size > KEPT_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value);
    return loading;
  }

  async loop(number, context) {
    return (await this.#load(`loop-${String(number).padStart(4, "0")}`, context))[0];
  }

  // The exact bytes of a loop's file.
  async loopFile(number) {
    const [[, base64]] = await this.#parts(`loop-${String(number).padStart(4, "0")}`);
    return new Blob([bytesOf(base64)], { type: "audio/wav" });
  }

  async #load(name, context) {
    const parts = await this.#parts(name);
    return Promise.all(parts.map((part) => (part ? this.#decode(part, context) : null)));
  }

  async #parts(name) {
    await runScript(`${this.folder}/${name}.js`);
    const parts = this.#arrived.get(name);
    this.#arrived.delete(name);
    return parts;
  }

  async #decode([gain, base64], context) {
    const buffer = await context.decodeAudioData(bytesOf(base64).buffer);
    if (gain === 1) return buffer;
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
      const samples = buffer.getChannelData(channel);
      for (let i = 0; i < samples.length; i++) samples[i] *= gain;
    }
    return buffer;
  }
}
