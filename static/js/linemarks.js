/** Names of spectral lines over a chart: a dashed rule each, its name above the chart. */

import { color, font } from "./palette.js";

/**
 * @typedef {{id: string, label: string, group: string, vacuum: number, air: number, width: number|null}} Line
 *   wavelengths in Angstrom; width: bands reach that far to the red
 */

const ROW = 13; // CSS pixels of one row of names
const GAP = 5; // between two names of a row

/** Room that names need above a chart, CSS pixels. */
export const NAME_SPACE = 2 * ROW + 4;

/**
 * Paint lines into a chart and their names above it; call from a chart's `over`.
 * @param {object} u uPlot with NAME_SPACE at the top
 * @param {Line[]} lines by wavelength; names that find no room in two rows are left out
 */
export function paintLines(u, lines) {
  const { ctx, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  const [lo, hi] = [u.scales.x.min, u.scales.x.max];
  const free = [-Infinity, -Infinity];
  ctx.save();
  ctx.font = font(11 * ratio);
  ctx.textBaseline = "top";
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.strokeStyle = color("rule-strong");
  ctx.fillStyle = color("ink-2");
  for (const line of lines) {
    if (line.vacuum < lo || line.vacuum > hi) continue;
    const x = Math.round(u.valToPos(line.vacuum, "x", true));
    const wide = ctx.measureText(line.label).width;
    const left = Math.max(bbox.left, Math.min(x - wide / 2, bbox.left + bbox.width - wide));
    const row = free.findIndex((end) => left > end + GAP * ratio);
    const top = bbox.top - (row < 0 ? 0 : (2 - row) * ROW * ratio);
    ctx.beginPath();
    ctx.moveTo(x + 0.5, top + (row < 0 ? 0 : ROW * ratio));
    ctx.lineTo(x + 0.5, bbox.top + bbox.height);
    ctx.stroke();
    if (row < 0) continue;
    free[row] = left + wide;
    ctx.fillText(line.label, left, top);
  }
  ctx.restore();
}
