// Draws the Plotly figures of a page over their static drawings, once they come near the screen.
//
// <div class="stage" data-plot="data/figures/x.plotly.json"> holds the static drawing. This script comes with the first
// sign of a reader (later.js) and fetches Plotly (vendored) for the first figure in sight, so the page is light and
// complete before it, and without it.
import { onTheme, readJson, token } from "./common.js";
import { PlotKeys } from "./plotkeys.js";

const setup = readJson("plots-setup"); // { plotly, style: addresses, standIns: { "#fe01..": token name } }
const stages = [...document.querySelectorAll("[data-plot]")];
const figures = new Map();
const keys = new Map();
const asDrawn = new Map(); // stage -> ranges of its axes before a reader changes them
let plotly = null;

/** An element in <head> that loads something. */
function loaded(tag, attributes) {
  return new Promise((resolve, reject) => {
    const node = Object.assign(document.createElement(tag), attributes, { onload: resolve, onerror: () => reject(new Error(tag)) });
    document.head.append(node);
  });
}

/** Plotly with its style sheet: where a link of this id and class is there, it writes no styles of its own, which the
 *  policy of the page would refuse. */
function loadPlotly() {
  plotly ??= loaded("link", { rel: "stylesheet", href: setup.style, id: "plotly.js-style-global", className: "no-inline-styles" })
    .then(() => loaded("script", { src: setup.plotly }))
    .then(() => globalThis.Plotly);
  return plotly;
}

/** A copy of the figure with the stand-in colours replaced by the theme's. */
function themed(text) {
  return JSON.parse(text.replace(/#fe01[0-9a-f]{2}/g, (standIn) => token(setup.standIns[standIn])));
}

/** The traces that the controls of a stage ask for; those that belong to no part are always there. */
function chosen(stage, traces) {
  if (stage.dataset.parts === undefined) return traces;
  const parts = stage.dataset.parts.split(" ");
  return traces.filter((trace) => !trace.meta?.part || parts.includes(trace.meta.part));
}

/** What the chosen parts change: fields of the layout, and columns of the traces by their place. */
function adapt(stage, figure) {
  for (const part of (stage.dataset.parts ?? "").split(" ")) {
    const change = figure.byPart?.[part];
    if (!change) continue;
    merge(figure.layout, change.layout ?? {});
    (change.traces ?? []).forEach((fields, i) => Object.assign(figure.data[i], fields));
  }
}

/** Axes as a reader has enlarged them, "x:20:21,y2:0.5:0.9", and back. */
function zoomed(stage, layout) {
  for (const [name, lo, hi] of (stage.dataset.zoom || "").split(",").filter(Boolean).map((part) => part.split(":"))) {
    const axis = `${name[0]}axis${name.slice(1)}`;
    if (layout[axis]) layout[axis] = { ...layout[axis], range: [Number(lo), Number(hi)], autorange: false };
  }
}

function rememberZoom(stage, target, event) {
  const changed = Object.keys(event).map((key) => /^([xy])axis(\d*)\.(range|autorange)/.exec(key)).filter(Boolean);
  if (!changed.length) return;
  const ranges = new Map((stage.dataset.zoom || "").split(",").filter(Boolean).map((part) => [part.split(":")[0], part]));
  for (const [, letter, number] of changed) {
    const name = letter + number;
    const { range, autorange } = target.layout[`${letter}axis${number}`];
    const before = asDrawn.get(stage)?.[name];
    const round = (value) => Number(value.toPrecision(5));
    if (autorange || (before && range.every((v, i) => Math.abs(v - before[i]) < 1e-9))) ranges.delete(name);
    else ranges.set(name, [name, ...range.map(round)].join(":"));
  }
  stage.dataset.zoom = [...ranges.values()].join(",");
  stage.dispatchEvent(new CustomEvent("specvit:zoomed", { bubbles: true }));
}

/** Fields of the layout that a narrow screen or a part changes. */
function merge(layout, changes) {
  for (const [key, value] of Object.entries(changes)) {
    layout[key] = value?.constructor === Object ? { ...layout[key], ...value } : value;
  }
}

const config = { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset" };

async function draw(stage) {
  const text = figures.get(stage);
  if (!text || stage.closest("[hidden]") || !stage.isConnected) return;
  const Plotly = await loadPlotly();
  const figure = themed(text);
  const narrow = stage.clientWidth < 560;
  if (narrow) {
    figure.layout.margin = { ...figure.layout.margin, l: 46, r: 8 };
    if (figure.narrow) merge(figure.layout, figure.narrow);
    else figure.layout.height = Math.min(figure.layout.height, 400);
  }
  adapt(stage, figure);
  asDrawn.set(stage, Object.fromEntries(Object.entries(figure.layout).filter(([key, axis]) => /^[xy]axis/.test(key) && axis.range).map(([key, axis]) => [key.replace("axis", ""), axis.range])));
  zoomed(stage, figure.layout);
  let target = stage.querySelector(".live");
  if (!target) {
    target = document.createElement("div");
    target.className = "live";
    stage.append(target);
  }
  stage.classList.add("is-live");
  const isNew = !target.on;
  await Plotly.react(target, chosen(stage, figure.data), figure.layout, config);
  if (isNew) {
    target.on("plotly_relayout", (event) => rememberZoom(stage, target, event));
    keys.set(stage, new PlotKeys(stage, target));
  } else keys.get(stage).changed();
}

async function upgrade(stage) {
  if (figures.has(stage)) return;
  figures.set(stage, null);
  try {
    const response = await fetch(stage.dataset.plot);
    if (!response.ok) throw new Error(response.statusText);
    figures.set(stage, await response.text());
    await draw(stage);
  } catch {
    stage.classList.remove("is-live"); // the static drawing stays
  }
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) upgrade(entry.target);
}, { rootMargin: "200px" });
stages.forEach((stage) => watcher.observe(stage));
document.addEventListener("specvit:shown", (event) => event.target.querySelectorAll("[data-plot]").forEach(draw));
document.addEventListener("specvit:parts", (event) => draw(event.target));
let first = true;
onTheme(() => {
  if (!first) for (const stage of figures.keys()) draw(stage);
  first = false;
});
