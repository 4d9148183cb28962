// The map: a row for each loop and one for the rest, a column for each bar; the shade shows how strongly a loop plays.
import { decibels, make, named } from "./drawing.js";

const QUIETEST_DB = -60; // level of the rest that is drawn empty
const LOUDEST_DB = -10; // level of the rest that is drawn full
const NUMBER_WIDTH = 30; // pixels that a bar's number needs

// Sends the events "hear" {loop, bar}, "seek" {bar} and "hover" {text}. `chosen` is the chosen cell.
export class SongMap extends EventTarget {
  constructor(element, song, mixer) {
    super();
    Object.assign(this, { element, song, mixer, bars: song.starts.length - 1, chosen: { loop: 0, bar: 0 } });
    this.rows = [...song.loops.map((loop, k) => this.#loopRow(loop, k)), this.#restRow(song.loops.length)];
    this.ruler = this.#makeRuler();
    this.playhead = make("div", { class: "playhead", "aria-hidden": "true" });
    const grid = make("div", { role: "grid", class: "grid", "aria-label": "Loops by bars", "aria-colcount": String(this.bars + 1) });
    grid.append(...this.rows.map((row) => row.element));
    this.lanes = make("div", { class: "lanes" }, this.#makeSections(), this.ruler, grid, this.playhead);
    this.lanes.style.setProperty("--bars", this.bars);
    this.lanes.style.setProperty("--rows", this.rows.length);
    element.append(this.lanes);
    this.#listen(grid);
    this.choose(0, 0);
    mixer.addEventListener("change", () => this.#showMixer());
    new ResizeObserver(() => this.#numberBars()).observe(this.lanes);
  }

  // The position of a frame on the map, in bars.
  barAt(frame) {
    const { starts } = this.song;
    if (frame <= starts[0]) return 0;
    let low = 0;
    let high = this.bars;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= frame) low = middle;
      else high = middle;
    }
    return Math.min(low + (frame - starts[low]) / (starts[low + 1] - starts[low]), this.bars);
  }

  choose(loop, bar, focus = false) {
    const row = Math.min(Math.max(loop, 0), this.rows.length - 1);
    const column = Math.min(Math.max(bar, 0), this.bars - 1);
    this.#cell(this.chosen).tabIndex = -1;
    this.rows[this.chosen.loop].element.classList.remove("chosen");
    this.chosen = { loop: row, bar: column };
    this.rows[row].element.classList.add("chosen");
    const cell = this.#cell(this.chosen);
    cell.tabIndex = 0;
    if (focus) cell.focus();
  }

  showPosition(frame, follow) {
    const at = this.barAt(frame);
    this.playhead.style.setProperty("--at", at / this.bars);
    const bar = Math.min(Math.floor(at), this.bars - 1);
    if (bar !== this.bar) this.#showBar(bar);
    if (follow) this.#follow(at / this.bars);
  }

  #showBar(bar) {
    this.bar = bar;
    this.ruler.setAttribute("aria-valuenow", bar + 1);
    this.ruler.setAttribute("aria-valuetext", `bar ${bar + 1} of ${this.bars}`);
    for (const row of this.rows) row.element.classList.toggle("sounding", row.sounds(bar));
  }

  #follow(share) {
    const { scrollLeft, clientWidth, scrollWidth } = this.element;
    if (scrollWidth <= clientWidth) return;
    const lane = this.ruler.offsetWidth * share + scrollWidth - this.ruler.offsetWidth;
    if (lane < scrollLeft + clientWidth * 0.25 || lane > scrollLeft + clientWidth * 0.9) {
      this.element.scrollLeft = lane - clientWidth * 0.4;
    }
  }

  #cell({ loop, bar }) { return this.rows[loop].cells[bar]; }

  #loopRow(loop, number) {
    const called = `${number + 1} ${loop.label}`; // the number, because two loops may have the same label
    const on = loop.heard.map((phase) => phase >= 0);
    const goesOn = (bar) => on[bar] && on[bar + 1] && loop.heard[bar + 1] === loop.heard[bar] + 1;
    const cells = loop.activations.map((strength, bar) => {
      const cell = this.#makeCell(`${called}, bar ${bar + 1}: ${on[bar] ? percent(strength) : "silent"}`);
      if (!on[bar]) return cell;
      cell.className = `cell on${goesOn(bar - 1) ? "" : " first"}${goesOn(bar) ? "" : " last"}`;
      cell.style.setProperty("--shade", Math.min(strength, 1));
      return cell;
    });
    const name = make("a", { class: "name", href: `#loop-${number + 1}` }, named(loop.label));
    const row = this.#makeRow(number, called, name, barCount(loop.bars), cells);
    row.element.style.setProperty("--colour", loop.colour);
    return { ...row, sounds: (bar) => on[bar] };
  }

  #restRow(number) {
    const shades = this.song.rest.map((level) => Math.min(Math.max((level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB), 0), 1));
    const cells = shades.map((shade, bar) => {
      const cell = this.#makeCell(`rest, bar ${bar + 1}: ${shade > 0 ? decibels(this.song.rest[bar]) : "silent"}`);
      if (shade > 0) cell.className = "cell on";
      cell.style.setProperty("--shade", shade);
      return cell;
    });
    const row = this.#makeRow(number, "rest", make("span", { class: "name" }, "rest"), "in no loop", cells);
    row.element.classList.add("rest");
    return { ...row, sounds: (bar) => shades[bar] > 0 };
  }

  #makeRow(number, label, name, detail, cells) {
    const mute = make("button", { class: "toggle mute", "aria-pressed": "false", "aria-label": `Mute ${label}`, title: "Mute" }, "M");
    const solo = make("button", { class: "toggle solo", "aria-pressed": "false", "aria-label": `Solo ${label}`, title: "Solo" }, "S");
    mute.addEventListener("click", () => this.mixer.toggleMute(number));
    solo.addEventListener("click", () => this.mixer.toggleSolo(number));
    const count = number < this.song.loops.length ? String(number + 1) : "";
    const head = make("div", { role: "rowheader", class: "head" }, make("span", { class: "number" }, count),
      make("span", { class: "swatch", "aria-hidden": "true" }),
      make("span", { class: "names" }, name, make("small", {}, detail)), mute, solo);
    const lane = make("div", { class: "lane", role: "presentation" }, ...cells);
    const element = make("div", { role: "row", class: "row", "data-row": String(number) }, head, lane);
    return { element, cells, mute, solo };
  }

  #makeCell(label) { return make("div", { role: "gridcell", class: "cell", tabIndex: -1, "aria-label": label }); }

  #makeSections() {
    const strip = make("div", { class: "lane sections" });
    for (const { start, end, name } of this.song.sections) {
      const label = `Section ${name}, bars ${start + 1} to ${end}: play from here`;
      const button = make("button", { class: "section", "aria-label": label, title: label }, make("span", {}, name));
      button.style.gridColumn = `${start + 1} / ${end + 1}`;
      button.addEventListener("click", () => this.#send("seek", { bar: start }));
      strip.append(button);
      if (start > 0) this.#markEdge(start);
    }
    return strip;
  }

  #markEdge(bar) {
    for (const row of this.rows) row.cells[bar].classList.add("edge");
  }

  #makeRuler() {
    const ruler = make("div", { class: "ruler", role: "slider", tabIndex: 0, "aria-label": "Position", "aria-valuemin": "1",
      "aria-valuemax": String(this.bars), "aria-valuenow": "1" });
    ruler.addEventListener("pointerdown", (event) => {
      const { left, width } = ruler.getBoundingClientRect();
      const bar = Math.floor(((event.clientX - left) / width) * this.bars);
      this.#send("seek", { bar: Math.min(Math.max(bar, 0), this.bars - 1) });
    });
    return ruler;
  }

  #numberBars() {
    let step = 1;
    while ((this.ruler.offsetWidth / this.bars) * step < NUMBER_WIDTH) step *= 2;
    if (step === this.step) return;
    this.step = step;
    const numbers = [];
    for (let bar = 0; bar < this.bars; bar += step) {
      const number = make("span", { "aria-hidden": "true" }, String(bar + 1));
      number.style.left = `${(100 * bar) / this.bars}%`;
      numbers.push(number);
    }
    this.ruler.replaceChildren(...numbers);
  }

  #listen(grid) {
    const placeOf = (target) => {
      const cell = target.closest(".cell");
      if (!cell) return null;
      const loop = Number(cell.closest(".row").dataset.row);
      return { loop, bar: this.rows[loop].cells.indexOf(cell), cell };
    };
    grid.addEventListener("click", ({ target }) => {
      const place = placeOf(target);
      if (!place) return;
      this.choose(place.loop, place.bar, true);
      this.#send("hear", this.chosen);
    });
    grid.addEventListener("focusin", ({ target }) => {
      const place = placeOf(target);
      if (place) this.choose(place.loop, place.bar);
    });
    grid.addEventListener("pointerover", ({ target }) => this.#send("hover", { text: placeOf(target)?.cell.getAttribute("aria-label") }));
    grid.addEventListener("pointerleave", () => this.#send("hover", {}));
    grid.addEventListener("keydown", (event) => this.#onKey(event));
  }

  #onKey(event) {
    if (!event.target.classList.contains("cell") || event.ctrlKey || event.metaKey || event.altKey) return;
    const { loop, bar } = this.chosen;
    const moves = { ArrowLeft: [loop, bar - 1], ArrowRight: [loop, bar + 1], ArrowUp: [loop - 1, bar], ArrowDown: [loop + 1, bar],
      Home: [loop, 0], End: [loop, this.bars - 1] };
    if (moves[event.key]) this.choose(...moves[event.key], true);
    else if (event.key === "Enter") this.#send("hear", this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #showMixer() {
    const gains = this.mixer.gains();
    this.rows.forEach((row, stem) => {
      row.mute.setAttribute("aria-pressed", String(this.mixer.isMuted(stem)));
      row.solo.setAttribute("aria-pressed", String(this.mixer.isSoloed(stem)));
      row.element.classList.toggle("off", gains[stem] === 0);
    });
  }

  #send(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }
}

export function barCount(bars) { return bars === 1 ? "1 bar" : `${bars} bars`; }

function percent(strength) { return `${Math.round(strength * 100)} %`; }
