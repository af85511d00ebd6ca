/** The attention page: layers over the spectrum, all heads at a glance, one head in full. */

import { Chart } from "./chart.js";
import { embedded, loadJson } from "./data.js";
import { byId, say } from "./dom.js";
import { fixed, weight } from "./format.js";
import { HeadGrid } from "./headgrid.js";
import { HeadMap } from "./headmap.js";
import { drawColorBar } from "./heatmap.js";
import { NAME_SPACE, paintLines } from "./linemarks.js";
import { color, onTheme, tint } from "./palette.js";
import { linesIn, name, paintMasked, paintPatches, perPixel } from "./patches.js";
import * as permalink from "./permalink.js";
import { stageHost } from "./stage.js";
import { hasNoise, loadStar, mean, seenFlux } from "./starview.js";

const page = embedded("att-data");
const KEYS = ["star", "layer", "lines", "seen", "error", "log", "own", "bar", "grid", "map"];
const ui = Object.fromEntries(KEYS.map((k) => [k, byId(`att-${k}`)]));

/** `layer` 0 is the mean of all; `at` is the chosen [layer, head], from 0. */
const state = { key: page.stars[0].key, layer: 0, at: null, log: true, own: false, lines: true, seen: false };
let view = null;
let charts = null;
let row = null; // weights of the query token that is read, one per token
const grid = new HeadGrid(ui.grid, (layer, head) => choose({ at: [layer, head] }));
const map = new HeadMap(ui.map, (query) => showRow(query));

/** Attention of the pooled output to each patch, in the chosen layer or over all. */
function values() {
  return state.layer === 0 ? mean(view.byLayer, view.patches.length) : view.byLayer[state.layer - 1];
}

const layerName = () => (state.layer === 0 ? "all layers (mean)" : `layer ${state.layer} (mean of heads)`);
const patchOf = (pixel) => view.patches.find((p) => pixel >= p.first && pixel <= p.last);

function describe(pixel, list, what) {
  const patch = patchOf(pixel);
  if (!patch) return "";
  const names = linesIn(patch, view.lines).map((line) => line.label);
  return `${name(patch, view.patches.length)}: ${what} ${weight(list[patch.index])}${names.length ? `; ${names.join(", ")}` : ""}`;
}

/** Charts, once; they read the present view at every drawing. */
function build() {
  const says = (i) => describe(i, values(), `attention in ${layerName()}`);
  const top = new Chart(
    stageHost("att-spectrum"),
    {
      label: "",
      details: "att-table",
      height: 300,
      hideX: true,
      top: NAME_SPACE,
      xLabel: "",
      yLabel: () => view.entry.unit,
      describe: says,
      series: [{ stroke: () => color("flux"), width: 1 }],
      under: (u) => {
        paintPatches(u, view.patches, values(), { lo: 0, hi: strongest() });
        paintMasked(u, view.entry.masked);
      },
      over: (u) => state.lines && paintLines(u, view.lines),
    },
    [view.wave, view.flux],
  );
  const bars = new Chart(
    stageHost("att-bars"),
    {
      label: "",
      height: 150,
      tools: false,
      quiet: true,
      xLabel: "vacuum wavelength (\u00c5)",
      yLabel: "attention",
      describe: says,
      series: barSeries(),
      yRange: () => [0, strongest() * 1.08],
    },
    barData(values()),
  );
  Chart.link(top, bars);
  const head = new Chart(
    stageHost("att-row"),
    {
      label: "",
      height: 210,
      tools: false,
      xLabel: "vacuum wavelength (\u00c5)",
      yLabel: "weight",
      top: NAME_SPACE,
      describe: (i) => describe(i, row.values, "weight"),
      series: barSeries(),
      yRange: (lo, hi) => [0, hi * 1.1],
      over: (u) => state.lines && paintLines(u, view.lines),
    },
    barData(row.values),
  );
  charts = { top, bars, head };
}

const barSeries = () => [
  { stroke: () => color("specvit"), width: 1, fill: () => tint("specvit", 0.45) },
  { stroke: () => color("ink"), width: 1, dash: [5, 4] },
];

const barData = (list) => [
  view.wave,
  perPixel(view.patches, list, view.wave.length),
  new Array(view.wave.length).fill(1 / view.attention.n_tokens),
];

/** One scale for all layers, so that sliding through them compares. */
const strongest = () => Math.max(...view.byLayer.flat());

function drawLayer(newStar) {
  if (!charts) build();
  else {
    charts.top.setData([view.wave, view.flux], !newStar);
    charts.bars.setData(barData(values()), !newStar);
  }
  charts.top.rename(`Spectrum of ${view.star.title}, tinted by attention in ${layerName()}`);
  charts.bars.rename(`Attention in ${layerName()}, by patch`);
  byId("att-layer-out").textContent = layerName();
  ui.layer.setAttribute("aria-valuetext", layerName());
}

/** Colours of the maps: the same for all heads, or of the chosen head alone. */
function scale(list) {
  const hi = state.own && list ? list.reduce((a, b) => Math.max(a, b), 0) : view.attention.largest;
  return state.log ? { lo: 0.02 / view.attention.n_tokens, hi, log: true } : { lo: 0, hi, log: false };
}

/** Maps of all heads, as weights: whole ones where they are small, averaged over blocks where they are not. */
function thumbs() {
  const { maps, thumbs: small, unit } = view.attention;
  view.thumbs ??= (maps ?? small).map((heads) =>
    heads.map((list) => Float64Array.from(list, (v) => v * (maps ? unit : 1e-6))),
  );
  return view.thumbs;
}

/** The full map of one head; large ones are loaded when they are asked for. */
async function headMap(of, [layer, head]) {
  if (of.attention.maps) return thumbs()[layer][head];
  const list = await loadJson(`${of.entry.maps}${layer}-${head}.json`);
  return Float64Array.from(list, (v) => v * of.attention.unit);
}

function drawHead(weights, all = true) {
  const { attention, patches } = view;
  const [layer, head] = state.at;
  const title = `Layer ${layer + 1}, head ${head + 1}`;
  view.head = weights;
  if (all) grid.show(thumbs(), scale());
  grid.select(layer, head);
  map.show({ values: weights, n: attention.n_tokens, hasCls: attention.has_cls, patches, title }, scale(weights));
  drawColorBar(ui.bar, scale(weights), (v) => String(Number(v.toPrecision(3))));
  byId("att-head-name").textContent = `${title}`;
  byId("att-sums").textContent = sums();
  showRow(map.cell[0]);
}

/** The check that these are softmax weights, made on the exported values (the drawn ones are rounded). */
function sums() {
  const [lo, hi] = view.attention.row_sums;
  return `Each row of each map of this star sums to 1: between ${fixed(lo, 6)} and ${fixed(hi, 6)} as exported.`;
}

/** Plot the row of the query token that is read. */
function showRow(query) {
  const { attention, head } = view;
  const n = attention.n_tokens;
  const first = Number(attention.has_cls);
  row = { query, values: Array.from(head.slice(query * n + first, (query + 1) * n)) };
  if (!charts) return;
  charts.head.setData(barData(row.values));
  const from = map.token(query);
  const rest = attention.has_cls ? `; ${weight(head[query * n])} of its weight goes to the CLS token` : "";
  charts.head.rename(`Weights from ${from} to each patch`);
  byId("att-row-caption").textContent =
    `What ${from} attends to in this head${rest}. The dashed line is an even share.`;
}

function fillControls() {
  const { star, attention } = view;
  ui.star.value = state.key;
  ui.layer.max = view.byLayer.length;
  ui.layer.value = state.layer;
  ui.lines.checked = state.lines;
  ui.log.checked = state.log;
  ui.own.checked = state.own;
  ui.seen.checked = state.seen && hasNoise(view);
  byId("att-seen-label").hidden = !hasNoise(view);
  const noise = hasNoise(view) ? `, read at magnitude ${fixed(attention.magnitude, 1)}` : "";
  byId("att-caption").textContent =
    `${star.title} (${star.origin}${star.origin === "observed" ? `, ${star.credit}` : ""}${noise}): log g ` +
    `${fixed(attention.predicted_logg, 2)} \u00b1 ${fixed(attention.predicted_sigma, 2)}, ${star.origin === "observed" ? "catalogue" : "true"} ${fixed(star.logg, 2)}.`;
  byId("att-csv").href = view.entry.csv;
  byId("att-json").href = view.entry.data;
}

function remember() {
  permalink.write({
    star: state.key,
    layer: state.layer || null,
    head: state.at.map((i) => i + 1).join("."),
    scale: state.log ? null : "linear",
    own: state.own ? 1 : null,
    lines: state.lines ? null : 0,
    seen: state.seen ? 1 : null,
  });
}

let latest = 0;

async function choose(change) {
  const ticket = ++latest;
  const key = change.key ?? state.key;
  const newStar = !view || key !== state.key;
  let loaded;
  try {
    const next = newStar ? await loadStar(page, key) : view;
    const last = next.pooled.length - 1;
    const at = [change.at ?? state.at ?? [last, 0]].map(([k, h]) => [
      Math.min(k, last),
      Math.min(h, next.pooled[0].length - 1),
    ])[0];
    const flux = (change.seen ?? state.seen) ? await seenFlux(next) : next.star.flux;
    const before = view;
    if (newStar) view = next; // thumbs() reads the star that is being loaded
    const weights = await headMap(next, at).catch((error) => {
      view = before ?? next;
      throw error;
    });
    loaded = { next, at, flux, weights };
  } catch (error) {
    say(ui.error, error.message);
    return;
  }
  if (ticket !== latest) return; // a later choice has overtaken this one
  say(ui.error);
  view = loaded.next;
  view.flux = loaded.flux;
  Object.assign(state, change, { key: view.entry.key, at: loaded.at });
  state.layer = Math.min(state.layer, view.byLayer.length);
  const all = !charts || Object.keys(change).some((field) => field !== "at"); // another head leaves the rest alone
  drawHead(loaded.weights, all);
  if (all) {
    fillControls();
    drawLayer(newStar);
    showRow(map.cell[0]);
  }
  remember();
}

function fromLink(link) {
  const change = {};
  if (page.stars.some((star) => star.key === link.star)) change.key = link.star;
  if (/^\d+$/.test(link.layer ?? "")) change.layer = Number(link.layer);
  const head = /^([1-9]\d*)\.([1-9]\d*)$/.exec(link.head ?? "");
  if (head) change.at = [Number(head[1]) - 1, Number(head[2]) - 1];
  if (link.scale) change.log = link.scale !== "linear";
  if (link.own) change.own = link.own === "1";
  if (link.lines) change.lines = link.lines !== "0";
  if (link.seen) change.seen = link.seen === "1";
  return change;
}

ui.star.addEventListener("change", () => choose({ key: ui.star.value }));
ui.layer.addEventListener("input", () => {
  state.layer = Number(ui.layer.value);
  drawLayer(false);
  remember();
});
for (const [box, field] of [
  [ui.lines, "lines"],
  [ui.seen, "seen"],
  [ui.log, "log"],
  [ui.own, "own"],
]) {
  box.addEventListener("change", () => choose({ [field]: box.checked }));
}
permalink.onChange((link) => choose(fromLink(link)));
onTheme(() => view && drawHead(view.head));

await choose(fromLink(permalink.read()));
