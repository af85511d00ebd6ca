/**
 * Heat maps on canvas: one pixel of an image per cell, enlarged without smoothing, so that a map of
 * 257 x 257 weights is one small image and one copy.
 */

import { CIVIDIS, step, mapped, ticks } from "./colormap.js";
import { color, font } from "./palette.js";

/** Little-endian RGBA of the 256 steps: one write a cell instead of four. */
const PACKED = Uint32Array.from(
  { length: 256 },
  (_, i) => (0xff000000 | (CIVIDIS[3 * i + 2] << 16) | (CIVIDIS[3 * i + 1] << 8) | CIVIDIS[3 * i]) >>> 0,
);

/**
 * Colour steps of values, by a table where the scale is logarithmic (a logarithm a cell is too slow).
 * @param {ArrayLike<number>} values
 * @param {{lo: number, hi: number, log: boolean}} scale
 * @param {Uint32Array} out same length
 */
function paintSteps(values, scale, out) {
  const { lo, hi, log } = scale;
  const a = log ? 255 / Math.log(hi / lo) : 255 / (hi - lo);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    const t = log ? (v <= lo ? 0 : a * Math.log(v / lo)) : a * (v - lo);
    out[i] = PACKED[t <= 0 ? 0 : t >= 255 ? 255 : (t + 0.5) | 0];
  }
}

const scratch = document.createElement("canvas");

/**
 * Draw a matrix over a whole canvas.
 * @param {HTMLCanvasElement} canvas its size in device pixels is kept
 * @param {ArrayLike<number>} values rows * columns, row by row
 * @param {number} rows
 * @param {number} columns
 * @param {{lo: number, hi: number, log: boolean}} scale
 */
export function drawMatrix(canvas, values, rows, columns, scale) {
  if (scratch.width !== columns || scratch.height !== rows) {
    scratch.width = columns;
    scratch.height = rows;
  }
  const small = scratch.getContext("2d");
  const image = small.createImageData(columns, rows);
  paintSteps(values, scale, new Uint32Array(image.data.buffer));
  small.putImageData(image, 0, 0);
  const ctx = canvas.getContext("2d");
  ctx.imageSmoothingEnabled = rows > canvas.height;
  ctx.drawImage(scratch, 0, 0, canvas.width, canvas.height);
}

/**
 * Give a canvas the device pixels of its box.
 * @param {HTMLCanvasElement} canvas
 * @returns {boolean} true if its size changed (which also wipes it)
 */
export function fitCanvas(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}

/**
 * A frame around one cell of a matrix that fills the canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {number} row
 * @param {number} column
 * @param {number} rows
 * @param {number} columns
 */
export function frameCell(canvas, row, column, rows, columns) {
  const ctx = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.width / columns, canvas.height / rows];
  const grow = Math.max(0, (6 * ratio - Math.min(w, h)) / 2); // small cells: a frame that can be seen
  const box = [column * w - grow, row * h - grow, w + 2 * grow, h + 2 * grow];
  ctx.lineWidth = 3 * ratio;
  ctx.strokeStyle = "#000";
  ctx.strokeRect(...box);
  ctx.lineWidth = 1.5 * ratio;
  ctx.strokeStyle = "#fff";
  ctx.strokeRect(...box);
}

/**
 * A colour bar with ticks below it.
 * @param {HTMLCanvasElement} canvas
 * @param {{lo: number, hi: number, log: boolean}} scale
 * @param {(value: number) => string} write a tick
 */
export function drawColorBar(canvas, scale, write) {
  fitCanvas(canvas);
  const ratio = window.devicePixelRatio || 1;
  const ctx = canvas.getContext("2d");
  ctx.clearRect(0, 0, canvas.width, canvas.height);
  const bar = 12 * ratio;
  for (let x = 0; x < canvas.width; x++) {
    const i = 3 * Math.round((255 * x) / (canvas.width - 1));
    ctx.fillStyle = `rgb(${CIVIDIS[i]}, ${CIVIDIS[i + 1]}, ${CIVIDIS[i + 2]})`;
    ctx.fillRect(x, 0, 1, bar);
  }
  ctx.font = font(11 * ratio);
  ctx.textBaseline = "top";
  ctx.fillStyle = color("ink-2");
  let end = -Infinity;
  for (const value of ticks(scale)) {
    const x = (step(scale, value) / 255) * (canvas.width - 1);
    const text = write(value);
    const wide = ctx.measureText(text).width;
    const left = Math.max(0, Math.min(canvas.width - wide, x - wide / 2));
    if (left < end + 6 * ratio) continue;
    end = left + wide;
    ctx.fillRect(Math.round(x), bar, ratio, 4 * ratio);
    ctx.fillText(text, left, bar + 5 * ratio);
  }
}

export { mapped };
