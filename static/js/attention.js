/** The attention page: layers over the spectrum, all heads at a glance, one head in full. */

import { Chart } from "./chart.js";
import { cited, write } from "./cited.js";
import { embedded, loadJson } from "./data.js";
import { byId, say } from "./dom.js";
import { fixed, weight } from "./format.js";
import { HeadGrid } from "./headgrid.js";
import { HeadMap } from "./headmap.js";
import { t } from "./i18n.js";
import { drawColorBar } from "./heatmap.js";
import { NAME_SPACE, paintLines } from "./linemarks.js";
import { color, onTheme, tint } from "./palette.js";
import {
  attended,
  attributed,
  axisOf,
  describe as describeMeasure,
  fillSelect,
  linkMeasures,
  overall,
  titled,
  windowAt,
} from "./measures.js";
import { framePatch, paintMasked, paintPatches, perPixel } from "./patches.js";
import * as permalink from "./permalink.js";
import { eachFrame, stageHost } from "./stage.js";
import { hasNoise, linkFields, loadStar, seenFlux } from "./starview.js";
import { Strips } from "./strips.js";
import { Tour } from "./tour.js";

const page = embedded("att-data");
const KEYS = ["star", "by", "layer", "lines", "seen", "error", "log", "own", "bar", "grid", "map"];
const ui = Object.fromEntries(KEYS.map((k) => [k, byId(`att-${k}`)]));

/** `layer` 0 is the mean of all; `at` is the chosen [layer, head], from 0. */
const state = { key: page.stars[0].key, by: "attention", layer: 0, at: null, log: true, own: false, lines: true, seen: false };
let view = null;
let charts = null;
const tour = Tour.of("tour", (link) => (link ? choose(fromLink(link)) : remember()));
let row = null; // weights of the query token that is read, one per token
const grid = new HeadGrid(ui.grid, (layer, head) => choose({ at: [layer, head] }));
const map = new HeadMap(ui.map, (query) => showRow(query));

/** What the spectrum can be tinted by: attention in the chosen layer or over all, and the measures of the star. */
function quantities() {
  const [rollout, ...layers] = attended(view);
  const own = state.layer === 0 ? overall(view) : { ...layers[state.layer - 1], id: "attention" };
  return [own, rollout, ...attributed(view)];
}

const chosen = () => quantities().find((q) => q.id === state.by) ?? quantities()[0];
const layerName = () =>
  state.layer === 0 ? t("all layers (mean)") : t("layer {k} (mean of heads)", { k: state.layer });

function describe(pixel, list, what) {
  return describeMeasure(view, { title: what, values: list, patches: view.patches, kind: "share" }, pixel);
}

const redrawTop = eachFrame(() => charts?.top.redraw());

/** Charts, once; they read the present view at every drawing. */
function build() {
  const says = (i) => describeMeasure(view, chosen(), i);
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
      onWindow: () => charts && remember(),
      under: (u) => {
        paintPatches(u, chosen().patches, chosen().values, { lo: 0, hi: strongest() });
        paintMasked(u, view.entry.masked);
      },
      over: (u) => {
        if (state.lines) paintLines(u, view.lines);
        const index = charts?.top.index ?? null;
        const under = index === null ? null : windowAt(chosen(), index);
        if (under) framePatch(u, under);
      },
      onCursor: redrawTop,
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
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: () => axisOf(chosen()),
      describe: says,
      series: barSeries(),
      yRange: () => [0, strongest() * 1.08],
    },
    measureData(chosen()),
  );
  const strips = new Strips("att-strips", () => view);
  Chart.link(top, bars, ...strips.charts);
  const head = new Chart(
    stageHost("att-row"),
    {
      label: "",
      height: 210,
      tools: false,
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: t("weight"),
      top: NAME_SPACE,
      describe: (i) => describe(i, row.values, t("weight")),
      series: barSeries(),
      yRange: (lo, hi) => [0, hi * 1.1],
      over: (u) => state.lines && paintLines(u, view.lines),
    },
    barData(row.values),
  );
  charts = { top, bars, head, strips };
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

const measureData = ({ values, patches, kind }) => [
  view.wave,
  perPixel(patches, values, view.wave.length),
  new Array(view.wave.length).fill(kind === "share" ? 1 / patches.length : null),
];

/** One scale for all layers, so that sliding through them compares; else that of the measure. */
const strongest = () =>
  chosen().id === "attention" ? Math.max(...view.byLayer.flat()) : Math.max(...chosen().values);

function drawLayer(newStar) {
  if (!charts) build();
  else {
    charts.top.setData([view.wave, view.flux], !newStar);
    charts.bars.setData(measureData(chosen()), !newStar);
    charts.strips.show(!newStar);
  }
  const { title } = chosen();
  charts.top.rename(t("Spectrum of {star}, tinted by {measure}", { star: view.star.title, measure: title }));
  charts.bars.rename(t("{measure}, by patch", { measure: title }));
  fillSelect(ui.by, quantities(), chosen().id);
  write(byId("att-tint"), titled(chosen()));
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
  const title = t("Layer {layer}, head {head}", { layer: layer + 1, head: head + 1 });
  view.head = weights;
  if (all) grid.show(thumbs(), scale());
  grid.select(layer, head);
  map.show({ values: weights, n: attention.n_tokens, hasCls: attention.has_cls, patches, title }, scale(weights));
  drawColorBar(ui.bar, scale(weights), (v) => String(Number(v.toPrecision(3))));
  byId("att-head-name").textContent = title;
  write(byId("att-sums"), sums());
  showRow(map.cell[0]);
}

/** The check that these are softmax weights, made on the exported values (the drawn ones are rounded). */
function sums() {
  const [lo, hi] = view.attention.row_sums;
  return t("Each row of each map of this star sums to 1: between {lo} and {hi} as exported.", {
    lo: cited(fixed(lo, 6), view.at.attention("/weights"), "least-sum"),
    hi: cited(fixed(hi, 6), view.at.attention("/weights"), "most-sum"),
  });
}

/** Plot the row of the query token that is read. */
function showRow(query) {
  const { attention, head } = view;
  const n = attention.n_tokens;
  const first = Number(attention.has_cls);
  row = { query, values: Array.from(head.slice(query * n + first, (query + 1) * n)) };
  if (!charts) return;
  charts.head.setData(barData(row.values));
  charts.head.rename(t("Weights from {from} to each patch", { from: map.token(query) }));
  const from = map.token(query, citedToken);
  const toCls = cited(weight(head[query * n]), view.at.attention(`/weights/${state.at.join("/")}/${query}/0`));
  write(
    byId("att-row-caption"),
    attention.has_cls
      ? t("What {from} attends to in this head; {weight} of its weight goes to the CLS token. The dashed line is an even share.", {
          from,
          weight: toCls,
        })
      : t("What {from} attends to in this head. The dashed line is an even share.", { from }),
  );
}

/** The numbers of a patch with their places. */
const citedToken = ({ index, first, last }, { n, lo, hi }) => ({
  n: cited(n, view.at.attention(`/rollout/${index}`), "place"),
  lo: cited(lo, view.at.star("/wave"), `pixel ${first - 0.5}`),
  hi: cited(hi, view.at.star("/wave"), `pixel ${last + 0.5}`),
});

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
  const about = [t(star.origin)];
  if (star.origin === "observed") about.push(t(star.credit));
  const told = (name, digits) => cited(fixed(attention[name], digits), view.at.attention(`/${name}`));
  if (hasNoise(view)) about.push(t("read at magnitude {magnitude}", { magnitude: told("magnitude", 1) }));
  const values = {
    star: t(star.title),
    about: about.join(t(", ")),
    answer: `${told("predicted_logg", 2)} \u00b1 ${told("predicted_sigma", 2)}`,
    truth: cited(fixed(star.logg, 2), view.at.star("/logg")),
  };
  write(
    byId("att-caption"),
    star.origin === "observed"
      ? t("{star} ({about}): log g {answer}, catalogue {truth}.", values)
      : t("{star} ({about}): log g {answer}, true {truth}.", values),
  );
  linkMeasures(view.entry, { "att-measures-json": "attribution", "att-measures-csv": "measures_csv" });
  byId("att-csv").href = view.entry.csv;
  byId("att-json").href = view.entry.data;
}

function remember() {
  permalink.write({
    star: state.key,
    by: state.by === "attention" ? null : state.by,
    layer: state.layer || null,
    head: state.at.map((i) => i + 1).join("."),
    scale: state.log ? null : "linear",
    own: state.own ? 1 : null,
    lines: state.lines ? null : 0,
    seen: state.seen ? 1 : null,
    tour: tour?.step || null,
    ...charts.top.viewed(),
  });
}

const FIELDS = {
  ...linkFields(page),
  layer: permalink.may.match(/^\d{1,3}$/),
  head: permalink.may.match(/^[1-9]\d{0,2}\.[1-9]\d{0,2}$/),
  scale: permalink.may.be(["linear", "log"]),
  own: permalink.may.flag,
};

/** Show what a link says. */
async function open(link) {
  await choose(fromLink(link));
  charts?.top.follow(link);
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

function fromLink(given) {
  const link = tour ? tour.expand(given) : given;
  const change = {};
  if (page.stars.some((star) => star.key === link.star)) change.key = link.star;
  if (/^[a-z]+(-[a-z0-9]+)*$/.test(link.by ?? "")) change.by = link.by;
  if (/^\d+$/.test(link.layer ?? "")) change.layer = Number(link.layer);
  if (link.tour) tour?.fromLink(link.tour);
  const head = /^([1-9]\d*)\.([1-9]\d*)$/.exec(link.head ?? "");
  if (head) change.at = [Number(head[1]) - 1, Number(head[2]) - 1];
  if (link.scale) change.log = link.scale !== "linear";
  if (link.own) change.own = link.own === "1";
  if (link.lines) change.lines = link.lines !== "0";
  if (link.seen) change.seen = link.seen === "1";
  return change;
}

ui.star.addEventListener("change", () => choose({ key: ui.star.value }));
ui.by.addEventListener("change", () => choose({ by: ui.by.value }));
ui.layer.addEventListener("input", () => {
  Object.assign(state, { layer: Number(ui.layer.value), by: "attention" });
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
permalink.onChange(open, FIELDS);
onTheme(() => view && drawHead(view.head));

await open(permalink.read(FIELDS));
