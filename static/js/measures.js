/** Measures of importance of one star, over the network's patches or over finer windows. */

import { cited } from "./cited.js";
import { byId, el } from "./dom.js";
import { fixed, weight } from "./format.js";
import { t } from "./i18n.js";
import { cut, linesIn, name } from "./patches.js";
import { mean } from "./starview.js";

/**
 * @typedef {object} Quantity
 * @property {string} id as in links
 * @property {string} title
 * @property {string} [size] place of the size of finer windows, which the title holds
 * @property {number[]} values one a window
 * @property {import("./patches.js").Patch[]} patches the windows
 * @property {"share"|"dex"|"length"} kind shares sum to 1
 */

const TITLES = {
  fisher: () => t("Fisher information on log g, all else unknown"),
  "fisher-plain": () => t("Fisher information on log g, all else known"),
  gradient: () => t("input gradient times noise"),
  occlusion: () => t("occlusion: change of log g"),
};
const COLUMNS = { fisher: "fisher", "fisher-plain": "fisher_plain", gradient: "gradient", occlusion: "occlusion" };

/** Fisher information, gradient and occlusion of a star, where it has them: on patches, then on finer windows. */
export function attributed(view) {
  const { attribution, star, attention, patches } = view;
  if (!attribution) return [];
  return attribution.cuts.flatMap((one, k) => {
    const coarse = one.size === attention.patch_size;
    const windows = coarse ? patches : cut(star.wave, one.size, one.fisher.length);
    return Object.entries(COLUMNS).map(([id, column]) => ({
      id: coarse ? id : `${id}-fine`,
      title: coarse ? TITLES[id]() : t("{measure}, {n}-pixel windows", { measure: TITLES[id](), n: one.size }),
      size: coarse ? null : view.at.attribution(`/cuts/${k}/size`),
      values: one[column],
      patches: windows,
      kind: id === "occlusion" ? "dex" : "share",
    }));
  });
}

/** Attention of the pooled output: rolled out, and layer by layer. */
export function attended(view) {
  const { attention, byLayer, patches } = view;
  const layer = (values, k) => ({
    id: `layer-${k + 1}`,
    title: t("attention in layer {k} (mean of heads)", { k: k + 1 }),
    values,
    patches,
    kind: "share",
  });
  const rollout = {
    id: "rollout",
    title: t("attention, rolled out over all layers"),
    values: attention.rollout,
    patches,
    kind: "share",
  };
  return [rollout, ...byLayer.map(layer)];
}

/** What a layer-by-layer view has none of: the mean of all layers. */
export function overall(view) {
  return {
    id: "attention",
    title: t("attention, mean of all layers"),
    values: mean(view.byLayer, view.patches.length),
    patches: view.patches,
    kind: "share",
  };
}

/** Values from the pixels themselves and from the first matrix. */
export function embeddedIn(view) {
  const { attention, attribution, patches } = view;
  const length = {
    id: "norm",
    title: t("length of the embedding"),
    values: attention.embedding_norm,
    patches,
    kind: "length",
  };
  if (!attribution) return [length];
  const input = {
    id: "input",
    title: t("distance from the mean spectrum"),
    values: attribution.activations.input_rms,
    patches,
    kind: "length",
  };
  return [length, input];
}

/** Range of tints: from 0 for what adds up, else from the smallest. */
export function scaleOf({ values, kind }) {
  return { lo: kind === "length" ? Math.min(...values) : 0, hi: Math.max(...values) };
}

/** One value as text. */
export function write(quantity, index) {
  const value = quantity.values[index];
  if (quantity.kind === "dex") return `${fixed(value, 3)} dex`;
  return quantity.kind === "share" ? weight(value) : fixed(value, 2);
}

/** Its title, for `write`. */
export const titled = ({ title, size }) => (size ? title.replace(/\d+/, (n) => cited(n, size)) : title);

/** Name of the axis of its bars. */
export function axisOf({ kind }) {
  return kind === "share" ? t("share") : kind === "dex" ? t("dex") : t("length");
}

/** The window of a quantity that holds a pixel. */
export function windowAt(quantity, pixel) {
  const size = quantity.patches[0].last - quantity.patches[0].first + 1;
  return quantity.patches[Math.floor(pixel / size)];
}

/** What a quantity says of a pixel, with the lines there. */
export function describe(view, quantity, pixel) {
  const window = windowAt(quantity, pixel);
  if (!window) return "";
  const names = linesIn(window, view.lines).map((line) => line.label);
  const place =
    quantity.patches === view.patches
      ? name(window, view.patches.length)
      : `${window.lo.toFixed(1)}\u2013${window.hi.toFixed(1)} \u00c5`;
  return `${place}: ${quantity.title} ${write(quantity, window.index)}${names.length ? `; ${names.join(", ")}` : ""}`;
}

/** Put quantities into a <select>, when they are not the ones it has. */
export function fillSelect(select, quantities, chosen) {
  const ids = quantities.map((q) => q.id).join();
  if ([...select.options].map((o) => o.value).join() !== ids)
    select.replaceChildren(...quantities.map((q) => el("option", { value: q.id, "data-src": q.size }, q.title)));
  select.value = chosen;
}

/** Links of a star's measures, hidden where it has none. */
export function linkMeasures(entry, ids) {
  for (const [id, field] of Object.entries(ids)) {
    const link = byId(id);
    link.hidden = !entry[field];
    if (entry[field]) link.href = entry[field];
  }
}
