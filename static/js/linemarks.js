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

const FIRST = ["ca2", "alkali", "mg1", "tio", "fe1", "ti1", "paschen", "telluric"]; // who is named where room is short

/**
 * Paint lines into a chart and their names above it; call from a chart's `over`.
 * @param {object} u uPlot with NAME_SPACE at the top
 * @param {Line[]} lines names that find no room in two rows are left out
 */
export function paintLines(u, lines) {
  const { ctx, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  const [lo, hi] = [u.scales.x.min, u.scales.x.max];
  const taken = [[], []];
  ctx.save();
  ctx.font = font(11 * ratio);
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.lineWidth = ratio;
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.strokeStyle = color("rule-strong");
  ctx.fillStyle = color("ink-2");
  const inside = lines.filter((line) => line.vacuum >= lo && line.vacuum <= hi);
  inside.sort((a, b) => FIRST.indexOf(a.group) - FIRST.indexOf(b.group) || a.vacuum - b.vacuum);
  for (const line of inside) {
    const x = Math.round(u.valToPos(line.vacuum, "x", true));
    const wide = ctx.measureText(line.label).width;
    const left = Math.max(bbox.left, Math.min(x - wide / 2, bbox.left + bbox.width - wide));
    const room = GAP * ratio;
    const row = taken.findIndex((spans) => spans.every(([a, b]) => left > b + room || left + wide < a - room));
    const top = bbox.top - (row < 0 ? 0 : (2 - row) * ROW * ratio);
    ctx.beginPath();
    ctx.moveTo(x + 0.5, row < 0 ? bbox.top : Math.min(bbox.top, top + ROW * ratio));
    ctx.lineTo(x + 0.5, bbox.top + bbox.height);
    ctx.stroke();
    if (row < 0) continue;
    taken[row].push([left, left + wide]);
    ctx.fillText(line.label, left, top);
  }
  ctx.restore();
}
