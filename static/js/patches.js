/** The cut of a spectrum into patches: where they lie, and how a chart shows them. */

import { wavelengthAt } from "./data.js";
import { t } from "./i18n.js";
import { color, tint } from "./palette.js";

const FEW = 64; // boundaries are drawn up to this number of patches
const STRONGEST = 0.62; // opacity of the largest value

/**
 * @typedef {object} Patch
 * @property {number} index from 0
 * @property {number} first first pixel
 * @property {number} last last pixel, included
 * @property {number} lo wavelength at the left edge, vacuum Angstrom
 * @property {number} hi at the right edge
 */

/**
 * @param {object} axis wavelength axis of the contract
 * @param {number} size pixels of a patch
 * @param {number} n patches
 * @returns {Patch[]}
 */
export function cut(axis, size, n) {
  return Array.from({ length: n }, (_, index) => {
    const first = index * size;
    const last = Math.min(first + size, axis.n) - 1;
    return { index, first, last, lo: wavelengthAt(axis, first - 0.5), hi: wavelengthAt(axis, last + 0.5) };
  });
}

/** Values of patches, one per pixel, for a chart; pixels of no patch are null. */
export function perPixel(patches, values, n) {
  const out = new Array(n).fill(null);
  for (const patch of patches) out.fill(values[patch.index], patch.first, patch.last + 1);
  return out;
}

/** Lines inside a patch. */
export function linesIn(patch, lines) {
  return lines.filter((line) => line.vacuum >= patch.lo && line.vacuum < patch.hi);
}

/** A patch in words: number and wavelengths. */
export function name(patch, n) {
  return t("patch {k} of {n}, {lo}\u2013{hi} \u00c5", {
    k: patch.index + 1,
    n,
    lo: patch.lo.toFixed(1),
    hi: patch.hi.toFixed(1),
  });
}

function box(u, patch) {
  const left = Math.max(u.bbox.left, Math.round(u.valToPos(patch.lo, "x", true)));
  const right = Math.min(u.bbox.left + u.bbox.width, Math.round(u.valToPos(patch.hi, "x", true)));
  return [left, u.bbox.top, right - left, u.bbox.height];
}

/**
 * Tint every patch by its value; call from a chart's `under`.
 * @param {object} u uPlot
 * @param {Patch[]} patches
 * @param {ArrayLike<number>} values one per patch
 * @param {{lo: number, hi: number}} scale values of no and of the strongest tint
 */
export function paintPatches(u, patches, values, scale) {
  const { ctx } = u;
  const few = patches.length <= FEW;
  ctx.save();
  for (const patch of patches) {
    const [x, y, w, h] = box(u, patch);
    if (w <= 0) continue;
    const share = Math.max(0, Math.min(1, (values[patch.index] - scale.lo) / (scale.hi - scale.lo || 1)));
    ctx.fillStyle = tint("specvit", STRONGEST * share);
    ctx.fillRect(x, y, w, h);
    if (few && patch.index) {
      ctx.fillStyle = color("rule");
      ctx.fillRect(x, y, 1, h);
    }
  }
  ctx.restore();
}

/** Cover the bands that the network does not see; call from a chart's `under`. */
export function paintMasked(u, bands) {
  u.ctx.save();
  u.ctx.fillStyle = color("paper-3");
  for (const [lo, hi] of bands) {
    const [x, y, w, h] = box(u, { lo, hi });
    if (w > 0) u.ctx.fillRect(x, y, w, h);
  }
  u.ctx.restore();
}

/** Frame one patch; call from a chart's `over`. */
export function framePatch(u, patch) {
  const [x, y, w, h] = box(u, patch);
  if (w <= 0) return;
  const ratio = window.devicePixelRatio || 1;
  u.ctx.save();
  u.ctx.setLineDash([]);
  u.ctx.strokeStyle = color("focus");
  u.ctx.lineWidth = 2 * ratio;
  u.ctx.strokeRect(x, y + ratio, Math.max(w, 2 * ratio), h - 2 * ratio);
  u.ctx.restore();
}

/** The scale of tints: a bar from nothing to the strongest, drawn on a canvas, with its ends written beside it. */
export function drawTintBar(canvas) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const ctx = canvas.getContext("2d");
  const ramp = ctx.createLinearGradient(0, 0, canvas.width, 0);
  ramp.addColorStop(0, tint("specvit", 0));
  ramp.addColorStop(1, tint("specvit", STRONGEST));
  ctx.fillStyle = ramp;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.strokeStyle = color("rule-strong");
  ctx.strokeRect(0.5, 0.5, canvas.width - 1, canvas.height - 1);
}
