/** The token page: one spectrum cut into patches, and one patch looked at closely. */

import { Chart } from "./chart.js";
import { cited, nodes, write } from "./cited.js";
import { embedded } from "./data.js";
import { byId, el, say, svg } from "./dom.js";
import { fixed, weight } from "./format.js";
import { t } from "./i18n.js";
import { NAME_SPACE, paintLines } from "./linemarks.js";
import { color, onTheme, tint } from "./palette.js";
import {
  attended,
  attributed,
  axisOf,
  describe as describeMeasure,
  embeddedIn,
  fillSelect,
  linkMeasures,
  scaleOf,
  titled,
} from "./measures.js";
import { drawTintBar, framePatch, linesIn, name, paintMasked, paintPatches, perPixel } from "./patches.js";
import * as permalink from "./permalink.js";
import { eachFrame, stageHost } from "./stage.js";
import { hasNoise, linkFields, loadStar, seenFlux } from "./starview.js";
import { Tour } from "./tour.js";

const page = embedded("tok-data");
const ui = Object.fromEntries(["star", "color", "patch", "lines", "seen", "error"].map((k) => [k, byId(`tok-${k}`)]));
const out = Object.fromEntries(
  ["index", "wave", "pixels", "norm", "rollout", "lines"].map((k) => [k, byId(`tok-out-${k}`)]),
);

/** What is shown: `patch` is kept, `preview` is under the pointer (null: none). */
const state = { key: page.stars[0].key, by: "rollout", patch: null, preview: null, lines: true, seen: false };
let view = null;
let charts = null;
const tour = Tour.of("tour", (link) => (link ? choose(fromLink(link)) : remember()));

/** Quantities to tint by. */
const quantities = () => [...attended(view), ...attributed(view), ...embeddedIn(view)];
const chosen = () => quantities().find((q) => q.id === state.by) ?? quantities()[0];
const shown = () => view.patches[state.preview ?? state.patch];
const patchOf = (pixel) => view.patches.find((p) => pixel >= p.first && pixel <= p.last);
const describe = (pixel) => describeMeasure(view, chosen(), pixel);

function preview(pixel) {
  const patch = pixel === null ? null : patchOf(pixel);
  const index = patch ? patch.index : null;
  if (index === state.preview) return;
  state.preview = index;
  refresh();
}

function pick(pixel) {
  const patch = patchOf(pixel);
  if (!patch) return;
  state.patch = patch.index;
  refresh();
  remember();
}

/** Charts, once; they read the present view at every drawing. */
function build() {
  const shared = { describe, onCursor: preview, onPick: pick };
  const top = new Chart(
    stageHost("tok-spectrum"),
    {
      ...shared,
      label: "",
      details: "tok-table",
      height: 320,
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: () => view.entry.unit,
      hideX: true,
      top: NAME_SPACE,
      series: [{ stroke: () => color("flux"), width: 1 }],
      onWindow: () => charts && remember(),
      under: (u) => {
        paintPatches(u, chosen().patches, chosen().values, scaleOf(chosen()));
        paintMasked(u, view.entry.masked);
      },
      over: (u) => {
        if (state.lines) paintLines(u, view.lines);
        framePatch(u, shown());
      },
    },
    [view.wave, view.flux],
  );
  const bars = new Chart(
    stageHost("tok-bars"),
    {
      ...shared,
      label: "",
      height: 130,
      tools: false,
      quiet: true,
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: () => axisOf(chosen()),
      series: [
        { stroke: () => color("specvit"), width: 1, fill: () => tint("specvit", 0.45) },
        { stroke: () => color("ink"), width: 1, dash: [5, 4] },
      ],
      yRange: (lo, hi) => [0, hi * 1.08],
      over: (u) => framePatch(u, shown()),
    },
    barData(),
  );
  Chart.link(top, bars);
  const zoom = new Chart(
    stageHost("tok-zoom"),
    {
      label: "",
      height: 280,
      tools: false,
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: () => view.entry.unit,
      top: NAME_SPACE,
      series: [
        { stroke: () => tint("flux", 0.35), width: 1 },
        { stroke: () => color("specvit"), width: 1.6, dots: true },
      ],
      describe: (i) =>
        t("pixel {k}: {wave} \u00c5, flux {flux}", {
          k: zoomStart() + i + 1,
          wave: charts.zoom.data[0][i].toFixed(2),
          flux: charts.zoom.data[1][i] === null ? t("missing") : fixed(charts.zoom.data[1][i], 3),
        }),
      over: (u) => state.lines && paintLines(u, view.lines),
    },
    zoomData(),
  );
  charts = { top, bars, zoom };
}

function barData() {
  const { values, kind, patches } = chosen();
  return [
    view.wave,
    perPixel(patches, values, view.wave.length),
    new Array(view.wave.length).fill(kind === "share" ? 1 / patches.length : null),
  ];
}

const zoomStart = () => Math.max(0, shown().first - Math.ceil((shown().last - shown().first + 1) / 4));

/** Pixels of the patch, and a quarter of a patch to either side. */
function zoomData() {
  const patch = shown();
  const a = zoomStart();
  const b = Math.min(view.wave.length, patch.last + 1 + Math.ceil((patch.last - patch.first + 1) / 4));
  const flux = Array.from(view.flux.slice(a, b));
  return [view.wave.slice(a, b), flux, flux.map((f, i) => (a + i >= patch.first && a + i <= patch.last ? f : null))];
}

/** What changes with the patch under the pointer. */
const refresh = eachFrame(() => {
  const patch = shown();
  const { attention, patches, lines } = view;
  charts.top.redraw();
  charts.bars.redraw();
  charts.zoom.setData(zoomData(), false);
  charts.zoom.rename(t("Pixels of {patch}", { patch: name(patch, patches.length) }));
  const told = numbersOf(patch);
  const which = t("{k} of {n}", { k: told.index, n: cited(patches.length, view.at.attention("/rollout"), "len") });
  write(out.index, which);
  write(out.wave, `${told.lo}\u2013${told.hi} \u00c5`);
  write(out.pixels, `${told.first}\u2013${told.last} (${told.size})`);
  write(out.norm, told.norm);
  const { rollout } = attention;
  const times = cited(fixed(rollout[patch.index] * patches.length, 2), told.rollout, "even");
  write(out.rollout, t("{weight} ({times} \u00d7 an even share)", { weight: cited(weight(rollout[patch.index]), told.rollout), times }));
  const inside = linesIn(patch, lines);
  out.lines.replaceChildren(inside.length ? inside.map((line) => line.label).join(", ") : t("none of the list"));
  drawLayers(patch);
  ui.patch.value = patch.index + 1;
  write(byId("tok-patch-out"), which);
  ui.patch.setAttribute(
    "aria-valuetext",
    t("{patch}; embedding length {length}", {
      patch: describe(patch.first),
      length: fixed(attention.embedding_norm[patch.index], 2),
    }),
  );
});

/** The numbers of a patch with their places; `rollout` is the place alone. */
function numbersOf({ index, first, last, lo, hi }) {
  const { at, attention } = view;
  const size = at.run("/vit/patch_size");
  const rollout = at.attention(`/rollout/${index}`);
  return {
    rollout,
    index: cited(index + 1, rollout, "place"),
    lo: cited(lo.toFixed(1), at.star("/wave"), `pixel ${first - 0.5}`),
    hi: cited(hi.toFixed(1), at.star("/wave"), `pixel ${last + 0.5}`),
    first: cited(first + 1, size, `first ${index}`),
    last: cited(last + 1, size, `last ${index}`),
    size: cited(last - first + 1, size),
    norm: cited(fixed(attention.embedding_norm[index], 2), at.attention(`/embedding_norm/${index}`)),
  };
}

/** Bars of the attention to one patch, one a layer. */
function drawLayers(patch) {
  const { byLayer, patches } = view;
  const even = 1 / patches.length;
  const top = Math.max(even * 1.2, ...byLayer.flat());
  const row = 22;
  const width = 320;
  const x = (v) => 62 + (v / top) * (width - 62 - 62);
  const nodes = byLayer.flatMap((values, k) => {
    const v = values[patch.index];
    const y = k * row + 4;
    return [
      svg("text", { x: 0, y: y + 11 }, t("layer {k}", { k: k + 1 })),
      svg("rect", { x: 62, y, width: Math.max(1, x(v) - 62).toFixed(1), height: 14, class: "layer-bar" }),
      svg("path", { d: `M${x(even).toFixed(1)} ${y - 2}v18`, class: "even" }),
      svg("text", { x: Math.max(x(v), x(even)) + 6, y: y + 11 }, weight(v)),
    ];
  });
  const height = byLayer.length * row + 4;
  const label = byLayer.map((values, k) => `${t("layer {k}", { k: k + 1 })}: ${weight(values[patch.index])}`).join(", ");
  byId("tok-layers").replaceChildren(
    svg(
      "svg",
      { class: "svgplot layers", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      ...nodes,
    ),
  );
}

function fillControls() {
  ui.star.value = state.key;
  fillSelect(ui.color, quantities(), chosen().id);
  linkMeasures(view.entry, { "tok-measures-json": "attribution", "tok-measures-csv": "measures_csv" });
  ui.patch.max = view.patches.length;
  ui.lines.checked = state.lines;
  ui.seen.checked = state.seen && hasNoise(view);
  byId("tok-seen-label").hidden = !hasNoise(view);
  const { at, star, patches, attention } = view;
  write(
    byId("tok-caption"),
    t("{star} ({origin}), {pixels} pixels in {n} patches of {size}; the deeper the red, the larger the value. Shown: {measure}.", {
      star: t(star.title),
      origin: star.origin === "observed" ? `${t(star.origin)}${t(", ")}${t(star.credit)}` : t(star.origin),
      pixels: cited(star.wave.n, at.star("/wave/n")),
      n: cited(patches.length, at.attention("/rollout"), "len"),
      size: cited(attention.patch_size, at.run("/vit/patch_size")),
      measure: titled(chosen()),
    }),
  );
  byId("tok-table-caption").textContent = t(star.title);
  byId("tok-csv").href = view.entry.csv;
  byId("tok-json").href = view.entry.data;
}

function fillTable() {
  const { patches, attention, lines } = view;
  const row = (patch) => {
    const told = numbersOf(patch);
    const cells = [told.lo, told.hi, told.norm, cited(fixed(attention.rollout[patch.index], 4), told.rollout)];
    const inside = linesIn(patch, lines).map((line) => line.label);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, ...nodes(told.index)),
      ...cells.map((cell) => el("td", {}, ...nodes(cell))),
      el("td", { class: "text" }, inside.join(", ")),
    );
  };
  byId("tok-table").tBodies[0].replaceChildren(...patches.map(row));
}

function drawScale() {
  const q = chosen();
  const { lo, hi } = scaleOf(q);
  byId("tok-scale-lo").textContent = q.kind === "length" ? fixed(lo, 1) : "0";
  byId("tok-scale-hi").textContent = q.kind === "share" ? weight(hi) : q.kind === "dex" ? `${fixed(hi, 3)} dex` : fixed(hi, 1);
  write(byId("tok-scale-name"), titled(q));
  drawTintBar(byId("tok-scale-bar"));
}

const mostAttended = () => {
  const { rollout } = view.attention;
  return rollout.indexOf(Math.max(...rollout));
};

/** Draw a newly chosen star or quantity. */
function draw(newStar) {
  const label = t("Spectrum of {star} in {n} patches", { star: t(view.star.title), n: view.patches.length });
  if (!charts) build();
  else {
    charts.top.setData([view.wave, view.flux], !newStar);
    charts.bars.setData(barData(), !newStar);
  }
  charts.top.rename(label);
  charts.bars.rename(t("{measure}, by patch", { measure: chosen().title }));
  drawScale();
  refresh();
}

function remember() {
  permalink.write({
    star: state.key,
    by: state.by === "rollout" ? null : state.by,
    patch: state.patch + 1,
    lines: state.lines ? null : 0,
    seen: state.seen ? 1 : null,
    tour: tour?.step || null,
    ...charts.top.viewed(),
  });
}

const FIELDS = {
  ...linkFields(page),
  patch: permalink.may.number(1),
};

/** Show what a link says. */
async function open(link) {
  await choose(fromLink(link));
  charts?.top.follow(link);
}

async function choose(change) {
  const key = change.key ?? state.key;
  const newStar = !view || key !== state.key;
  try {
    const next = newStar ? await loadStar(page, key) : view;
    const seen = change.seen ?? state.seen;
    const flux = seen ? await seenFlux(next) : next.star.flux;
    view = next;
    view.flux = flux;
  } catch (error) {
    say(ui.error, error.message);
    return;
  }
  say(ui.error);
  Object.assign(state, change, { key: view.entry.key });
  state.patch = Math.max(0, Math.min(state.patch ?? mostAttended(), view.patches.length - 1));
  if (newStar) {
    state.preview = null;
    fillTable();
  }
  fillControls();
  draw(newStar);
  remember();
}

function fromLink(given) {
  const link = tour ? tour.expand(given) : given;
  const change = {};
  if (page.stars.some((star) => star.key === link.star)) change.key = link.star;
  if (/^[a-z]+(-[a-z0-9]+)*$/.test(link.by ?? "")) change.by = link.by;
  if (link.tour) tour?.fromLink(link.tour);
  if (/^\d+$/.test(link.patch ?? "")) change.patch = Number(link.patch) - 1;
  if (link.lines) change.lines = link.lines !== "0";
  if (link.seen) change.seen = link.seen === "1";
  return change;
}

ui.star.addEventListener("change", () => choose({ key: ui.star.value }));
ui.color.addEventListener("change", () => choose({ by: ui.color.value }));
ui.patch.addEventListener("input", () => {
  Object.assign(state, { patch: Number(ui.patch.value) - 1, preview: null });
  refresh();
  remember();
});
ui.lines.addEventListener("change", () => choose({ lines: ui.lines.checked }));
ui.seen.addEventListener("change", () => choose({ seen: ui.seen.checked }));
permalink.onChange(open, FIELDS);
onTheme(() => view && drawScale());

await open(permalink.read(FIELDS));
