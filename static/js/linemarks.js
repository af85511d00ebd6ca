/** Names of spectral lines over a chart: a dashed rule each, labels in as many rows as they need. */

import { color, font } from './palette.js';

/**
 * @typedef {{id: string, label: string, group: string, vacuum: number, air: number, width: number|null}} Line
 *   wavelengths in Angstrom; width: bands reach that far to the red
 */

/**
 * Paint lines; call from a chart's `over`.
 * @param {object} u uPlot
 * @param {Line[]} lines
 * @param {number} [rows] rows of labels at most; names that find no room are left out
 */
export function paintLines(u, lines, rows = 2) {
  const { ctx, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  const [lo, hi] = [u.scales.x.min, u.scales.x.max];
  ctx.save();
  ctx.font = font(11 * ratio);
  ctx.textAlign = 'left';
  ctx.textBaseline = 'top';
  const free = new Array(rows).fill(-Infinity);
  for (const line of lines) {
    if (line.vacuum < lo || line.vacuum > hi) continue;
    const x = Math.round(u.valToPos(line.vacuum, 'x', true));
    const wide = ctx.measureText(line.label).width;
    const left = Math.min(x + 3 * ratio, bbox.left + bbox.width - wide);
    const row = free.findIndex((end) => left > end + 4 * ratio);
    rule(ctx, x, bbox, ratio, row < 0 ? 0 : row);
    if (row < 0) continue;
    free[row] = left + wide;
    ctx.fillStyle = color('ink-2');
    ctx.fillText(line.label, left, bbox.top + (2 + 13 * row) * ratio);
  }
  ctx.restore();
}

function rule(ctx, x, bbox, ratio, row) {
  ctx.strokeStyle = color('rule-strong');
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x + 0.5, bbox.top + 13 * row * ratio);
  ctx.lineTo(x + 0.5, bbox.top + bbox.height);
  ctx.stroke();
}
