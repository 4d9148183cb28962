// Draws pictures of one byte a point onto canvases, in the loop's colour on any background.

const STRONG = 0.7; // above this level the colour of a heat map turns towards the text colour

function pointsOf(view) { return Uint8Array.from(atob(view.data), (letter) => letter.charCodeAt(0)); }

function rgb(colour) {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
}

// Draws the highest and the lowest sample of each column, around the middle.
export function drawWave(canvas, view) {
  const points = pointsOf(view);
  const { width, height } = Object.assign(canvas, { width: view.columns * 2, height: 128 });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(canvas).color;
  for (let column = 0; column < view.columns; column++) {
    const top = (1 - (points[column] - 128) / 127) * (height / 2);
    const bottom = (1 - (points[view.columns + column] - 128) / 127) * (height / 2);
    context.fillRect((column * width) / view.columns, top - 0.5, width / view.columns - 0.5, bottom - top + 1);
  }
}

// Draws a heat map: transparent at level 0, then more and more of the loop's colour, then towards the text colour.
export function drawHeat(canvas, view) {
  const points = pointsOf(view);
  Object.assign(canvas, { width: view.columns, height: view.rows });
  const colour = rgb(getComputedStyle(canvas).color);
  const ink = rgb(getComputedStyle(document.body).color);
  const image = new ImageData(view.columns, view.rows);
  points.forEach((point, i) => {
    const level = point / 255;
    const turn = (Math.max(level - STRONG, 0) / (1 - STRONG)) * 0.6;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = colour[c] + (ink[c] - colour[c]) * turn;
    image.data[4 * i + 3] = 255 * Math.min(level / STRONG, 1);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Draws when the canvas comes into view, and again when the theme changes.
export function whenSeen(canvas, draw) {
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  }, { rootMargin: "300px" });
  seen.observe(canvas);
}

// Makes an element with children. Values that are no strings become properties if the element has such a property, all
// others become attributes.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

// A name inside other text, isolated from it, because names may be written in any direction.
export function named(text) { return make("bdi", {}, text); }

export function decibels(level, digits = 0) { return `${level.toFixed(digits).replace("-", "\u2212")} dBFS`; }
