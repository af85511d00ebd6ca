/**
 * The spectra inspector: fills the Bokeh document that the builder made, and gives it controls that
 * keyboards and fingers can use.
 */

import { about } from "./aboutstar.js";
import { cited, nodes, places, write } from "./cited.js";
import { embedded, loadJson, wavelengths } from "./data.js";
import { byId, el, liveRegion, say } from "./dom.js";
import { fixed } from "./format.js";
import { t } from "./i18n.js";
import { color, onTheme } from "./palette.js";
import * as permalink from "./permalink.js";
import { C_KMS, rest, shown, smooth } from "./spectrum.js";
import { eachFrame } from "./stage.js";

const page = embedded("spe-data");
const NAMES = ["star", "smooth", "band", "model", "error", "about", "reading", "drag", "line"];
const ui = Object.fromEntries(NAMES.map((k) => [k, byId(`spe-${k}`)]));
const surface = byId("inspector");
const boxes = [...document.querySelectorAll("input[name=lines]")];
const radios = (name) => [...document.querySelectorAll(`input[name=${name}]`)];

const state = {
  key: page.stars[0].key,
  smooth: 0,
  observed: false,
  air: false,
  band: true,
  model: true,
  groups: boxes.filter((b) => b.checked).map((b) => b.value),
  line: null, // id of the line that was gone to
};
const MOST_ROWS = 200;
const AROUND = 25; // Angstrom on either side of a line that is gone to
let view = null; // {star, wave, velocity, x, flux, sigma}
let bokeh = null; // models of the document, by name
let index = null; // pixel that is read
let speak = () => {};

/** Load the document and find the parts that this script drives. */
async function embed() {
  const item = await loadJson(page.document);
  await window.Bokeh.embed.embed_item(item);
  const doc = window.Bokeh.documents.at(-1);
  const named = (name) => doc.get_model_by_name(name);
  bokeh = {
    doc,
    main: named("main"),
    residual: named("residual"),
    overview: named("overview"),
    cursor: named("cursor"),
  };
  bokeh.range = bokeh.main.x_range;
  bokeh.tools = { pan: named("pan"), box: named("box") };
  bokeh.sources = Object.fromEntries(
    ["spectrum", "model", "residual", "lines", "bands"].map((k) => [k, named(`data-${k}`)]),
  );
  bokeh.renderers = Object.fromEntries(bokeh.main.renderers.filter((r) => r.name).map((r) => [r.name, r]));
  bokeh.main.on_event("mousemove", (event) => view && read(nearest(event.x), false));
  bokeh.range.properties.start.change.connect(moved);
  bokeh.range.properties.end.change.connect(moved);
  if (window.matchMedia("(pointer: coarse)").matches) bokeh.main.toolbar.active_drag = null; // fingers scroll the page
  new ResizeObserver(fitTicks).observe(surface);
  paintTheme();
}

/** Fewer ticks where there is little room. */
function fitTicks() {
  const ticks = Math.max(3, Math.round(surface.clientWidth / 120));
  for (const plot of [bokeh.main, bokeh.overview]) plot.below[0].ticker.desired_num_ticks = ticks;
}

/** Resolve the colour tokens that the document carries as tags. */
function paintTheme() {
  for (const model of bokeh.doc._all_models.values()) {
    for (const tag of model.tags ?? []) {
      const [property, token] = String(tag).split("=");
      const target = property in model ? model : model.glyph;
      if (token && target)
        target[property] =
          property.startsWith("fill_color") || !target[property]?.value ? color(token) : { value: color(token) };
    }
  }
}

/** A spectrum that belongs to no run says z; what is at z = 0 has but one frame. */
function withVelocity(star) {
  if (star.kind !== "spectrum") return star;
  const known = star.frame === "rest" && star.z;
  return { ...star, rv_kms: known ? star.z * C_KMS : null, model_flux: null, predicted_logg: null };
}

async function load(key) {
  const entry = page.stars.find((star) => star.key === key) ?? page.stars[0];
  const star = withVelocity(await loadJson(entry.url));
  state.key = entry.key;
  view = { star, entry, wave: wavelengths(star.wave), velocity: star.rv_kms ?? 0 };
  index = null;
}

function axisLabel(air, observed) {
  if (air) {
    return observed ? t("wavelength in air, observed frame (\u00c5)") : t("wavelength in air, rest frame (\u00c5)");
  }
  return observed ? t("wavelength in vacuum, observed frame (\u00c5)") : t("wavelength in vacuum, rest frame (\u00c5)");
}

/** Smooth, shift and hand to Bokeh. */
function draw() {
  const { star, wave, velocity } = view;
  const how = { observed: state.observed && star.rv_kms !== null, air: state.air };
  const x = Array.from(wave, (w) => shown(w, how, velocity));
  const { flux, sigma } = smooth(star.flux, star.sigma, state.smooth);
  const model = star.model_flux ? smooth(star.model_flux, null, state.smooth).flux : null;
  const left = model ? flux.map((f, i) => f - model[i]) : [];
  Object.assign(view, { how, x, flux, sigma, model, residual: left });
  const around = (values, sign) => {
    let last = values.find(Number.isFinite) ?? 0; // over a gap the band has no width
    return values.map((v, i) => (Number.isFinite(v) ? ((last = v), sigma ? v + sign * sigma[i] : v) : last));
  };
  bokeh.sources.spectrum.data = { x, flux, low: around(flux, -1), high: around(flux, 1) };
  bokeh.sources.model.data = model && state.model ? { x, flux: model } : { x: [], flux: [] };
  const zero = left.map((v) => (Number.isNaN(v) ? NaN : 0));
  bokeh.sources.residual.data = model
    ? { x, value: left, low: around(zero, -1), high: around(zero, 1) }
    : { x: [], value: [], low: [], high: [] };
  bokeh.renderers.band.visible = state.band && sigma !== null;
  bokeh.residual.visible = Boolean(model) && state.model;
  bokeh.overview.below[0].axis_label = axisLabel(state.air, how.observed);
  bokeh.main.left[0].axis_label = view.entry.unit;
  bokeh.overview.x_range.setv({ start: x[0], end: x.at(-1) });
  setY(bokeh.overview.y_range, extremes([flux], [x[0], x.at(-1)]), 0.1, 0.1);
  fitY();
  drawLines();
}

/** Lines of the chosen groups, and what the network does not see. */
function drawLines() {
  const { how, velocity, star, entry } = view;
  const lines = { x: [], y: [], label: [] };
  const bands = { x0: [], x1: [], x: [], y: [], label: [] };
  const band = (lo, hi, label, y) => {
    bands.x0.push(lo);
    bands.x1.push(hi);
    bands.x.push((lo + hi) / 2);
    bands.y.push(y);
    bands.label.push(label);
  };
  for (const [lo, hi] of entry.masked) band(shown(lo, how, velocity), shown(hi, how, velocity), t("masked"), 0.06);
  const chosen = page.lines.filter((line) => state.groups.includes(line.group));
  chosen.forEach((line, i) => {
    const telluric = line.group === "telluric";
    if (telluric && star.origin !== "observed") return;
    // Telluric bands stand still in the observed frame.
    const at = (w) => shown(telluric ? rest(w, { observed: true, air: false }, velocity) : w, how, velocity);
    const y = 0.99 - 0.055 * (i % 3);
    if (line.width) band(at(line.vacuum), at(line.vacuum + line.width), line.label, y);
    else {
      lines.x.push(at(line.vacuum));
      lines.y.push(y);
      lines.label.push(line.label);
    }
  });
  bokeh.sources.lines.data = lines;
  bokeh.sources.bands.data = bands;
}

const limits = () => [view.x[0], view.x.at(-1)];

/** First and last line of the Ca II triplet as shown. */
function triplet() {
  const lines = page.lines.filter((line) => line.group === "ca2");
  const at = lines.map((line) => shown(line.vacuum, view.how, view.velocity));
  return [Math.min(...at), Math.max(...at)];
}

/** Show [lo, hi], kept inside the spectrum. */
function setWindow(lo, hi) {
  const [first, last] = limits();
  const width = Math.min(Math.max(hi - lo, (12 * (last - first)) / view.x.length), last - first);
  const start = Math.min(Math.max((lo + hi - width) / 2, first), last - width);
  bokeh.range.setv({ start, end: start + width });
}

/** Extremes of lists over the pixels of the window; NaN counts nothing. */
function extremes(lists, [lo, hi]) {
  let [least, most] = [Infinity, -Infinity];
  for (let i = 0; i < view.x.length; i++) {
    if (view.x[i] < lo || view.x[i] > hi) continue;
    for (const list of lists) {
      if (list[i] < least) least = list[i];
      if (list[i] > most) most = list[i];
    }
  }
  return [least, most];
}

function setY(range, [least, most], below, above) {
  if (!(most > least)) return;
  const space = most - least;
  range.setv({ start: least - below * space, end: most + above * space });
}

/** The vertical axes follow the window; there is room for names above the curve. */
const fitY = eachFrame(() => {
  const shownNow = [bokeh.range.start, bokeh.range.end];
  const lists = view.model && state.model ? [view.flux, view.model] : [view.flux];
  setY(bokeh.main.y_range, extremes(lists, shownNow), 0.06, 0.2);
  if (view.residual.length) setY(bokeh.residual.y_range, extremes([view.residual], shownNow), 0.12, 0.12);
});

function moved() {
  if (!view?.how) return;
  fitY();
  fillNumbersSoon();
  remember();
}

const fillNumbersSoon = eachFrame(() => fillNumbers());

function zoom(factor) {
  const { start, end } = bokeh.range;
  const at = index !== null && view.x[index] > start && view.x[index] < end ? view.x[index] : (start + end) / 2;
  setWindow(at - (at - start) * factor, at + (end - at) * factor);
}

function pan(share) {
  const { start, end } = bokeh.range;
  const [first, last] = limits();
  const shift = Math.max(first - start, Math.min(last - end, share * (end - start)));
  setWindow(start + shift, end + shift);
}

function nearest(x) {
  let [a, b] = [0, view.x.length - 1];
  while (b - a > 1) {
    const middle = (a + b) >> 1;
    if (view.x[middle] > x) b = middle;
    else a = middle;
  }
  return x - view.x[a] < view.x[b] - x ? a : b;
}

/** The table behind the figure: the pixels of the window, every so many where there are more than a table can hold. */
function fillNumbers() {
  const place = byId("spe-numbers");
  if (!place.open) return;
  const { x, flux, sigma, model } = view;
  const inside = x.map((w, i) => i).filter((i) => x[i] >= bokeh.range.start && x[i] <= bokeh.range.end);
  const every = Math.ceil(inside.length / MOST_ROWS);
  const at = places(view.entry.url);
  const [placed, smoothed] = [view.how.observed || view.how.air ? "shifted" : "pixel", state.smooth ? "smoothed" : ""];
  const value = (list, name) => (i) => (Number.isNaN(flux[i]) ? "\u2013" : cited(fixed(list[i], 4), at(`/${name}/${i}`), smoothed));
  const columns = [[t("wavelength (\u00c5)"), (i) => cited(x[i].toFixed(2), at("/wave"), `${placed} ${i}`)], [t("flux"), value(flux, "flux")]];
  if (sigma) columns.push(["\u03c3", value(sigma, "sigma")]);
  if (model) columns.push([t("model"), value(model, "model_flux")]);
  const table = place.querySelector("table");
  const star = t(view.star.title);
  const thinned = t("{star}: one pixel in {n} of the window; the files below the figure have all", { star, n: cited(every, at("/wave"), "one-in") });
  write(table.caption, every === 1 ? t("{star}: the pixels of the window", { star }) : thinned);
  table.tHead.replaceChildren(el("tr", {}, ...columns.map(([name]) => el("th", { scope: "col" }, name))));
  table.tBodies[0].replaceChildren(
    ...inside.filter((_, k) => k % every === 0).map((i) => el("tr", {}, ...columns.map(([, text], k) => el(k ? "td" : "th", k ? {} : { scope: "row" }, ...nodes(text(i)))))),
  );
}

/** Read one pixel: cursor, sentence under the chart, and the live region if the keyboard asked. */
function read(at, aloud) {
  index = at;
  const { x, flux, sigma, model } = view;
  bokeh.cursor.setv({ location: x[at], visible: true });
  const value = Number.isNaN(flux[at])
    ? t("no data")
    : t("flux {flux}", { flux: `${fixed(flux[at], 3)}${sigma ? ` \u00b1 ${fixed(sigma[at], 3)}` : ""}` });
  const line = page.lines.find(
    (l) =>
      state.groups.includes(l.group) && !l.width && Math.abs(shown(l.vacuum, view.how, view.velocity) - x[at]) < 2.5,
  );
  const parts = [t("{wave} \u00c5: {value}", { wave: x[at].toFixed(2), value })];
  if (model) parts.push(t("model {flux}", { flux: fixed(model[at], 3) }));
  if (line) parts.push(line.label);
  const text = parts.join(t("; "));
  ui.reading.textContent = text;
  if (aloud) speak(text);
}

/** Lines of the chosen groups that lie within the spectrum, from blue to red; telluric bands stand still and are left out. */
function lineList() {
  const [first, last] = limits();
  const place = (line) => shown(line.vacuum, view.how, view.velocity);
  return page.lines
    .filter((line) => state.groups.includes(line.group) && line.group !== "telluric" && place(line) > first && place(line) < last)
    .sort((a, b) => a.vacuum - b.vacuum);
}

function fillLines() {
  const list = lineList();
  if (!list.some((line) => line.id === state.line)) state.line = null;
  const text = (line) => `${line.label} \u00b7 ${shown(line.vacuum, view.how, view.velocity).toFixed(1)} \u00c5`;
  const options = list.map((line) => el("option", { value: line.id, "data-src": "data/lines.json#", "data-op": `line ${line.id}` }, text(line)));
  ui.line.replaceChildren(new Option(list.length ? t("choose a line") : t("none in this spectrum"), ""), ...options);
  ui.line.value = state.line ?? "";
  for (const id of ["line", "line-previous", "line-next"]) byId(`spe-${id}`).disabled = !list.length;
}

/** Go to a line: show its surroundings, put the reading on it, say which it is. */
function goToLine(line) {
  if (!line) return;
  state.line = line.id;
  const at = shown(line.vacuum, view.how, view.velocity);
  setWindow(at - AROUND, at + AROUND);
  fillLines();
  read(nearest(at), false);
  const list = lineList();
  speak(t("{line}, {k} of {n}: {reading}", { line: line.label, k: list.indexOf(line) + 1, n: list.length, reading: ui.reading.textContent }));
  remember();
}

/** The next line (or the one before), from where the reader is; after the last comes the first. */
function cycle(step) {
  const list = lineList();
  if (!list.length) return;
  const { start, end } = bokeh.range;
  const known = list.findIndex((line) => line.id === state.line);
  const middle = (start + end) / 2;
  const after = list.findIndex((line) => shown(line.vacuum, view.how, view.velocity) > middle);
  const from = known >= 0 ? known + step : step > 0 ? (after < 0 ? 0 : after) : (after < 0 ? list.length : after) - 1;
  goToLine(list[(from + list.length) % list.length]);
}

function onKey(event) {
  const { start, end } = bokeh.range;
  const last = view.x.length - 1;
  const step =
    (event.shiftKey ? 10 : 1) * Math.max(1, Math.round((((end - start) / (limits()[1] - limits()[0])) * last) / 200));
  const from = index ?? nearest((start + end) / 2);
  const target = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: last }[event.key];
  if (target !== undefined) {
    const at = Math.max(0, Math.min(last, target));
    if (view.x[at] < start || view.x[at] > end)
      setWindow(view.x[at] - (end - start) / 2, view.x[at] + (end - start) / 2);
    read(at, true);
  } else if (event.key === "+" || event.key === "=") zoom(0.5);
  else if (event.key === "-") zoom(2);
  else if (event.key === "PageUp") pan(-0.5);
  else if (event.key === "PageDown") pan(0.5);
  else if (event.key === "n" && !event.ctrlKey && !event.metaKey) cycle(1);
  else if (event.key === "p" && !event.ctrlKey && !event.metaKey) cycle(-1);
  else return;
  event.preventDefault();
}

function fillControls() {
  const { star } = view;
  ui.star.value = state.key;
  ui.smooth.value = state.smooth;
  const width = state.smooth ? t("\u03c3 = {n} pixels", { n: fixed(state.smooth, 1) }) : t("none");
  byId("spe-smooth-out").textContent = width;
  ui.smooth.setAttribute("aria-valuetext", width);
  ui.band.checked = state.band;
  ui.band.disabled = !star.sigma;
  ui.model.checked = state.model;
  ui.model.disabled = !star.model_flux;
  for (const radio of radios("frame")) {
    radio.checked = (radio.value === "observed") === view.how.observed;
    radio.disabled = radio.value === "observed" && star.rv_kms === null;
  }
  for (const radio of radios("medium")) radio.checked = (radio.value === "air") === state.air;
  for (const box of boxes) box.checked = state.groups.includes(box.value);
  for (const link of document.querySelectorAll("[data-star]")) {
    if (link.dataset.star === state.key) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  byId("spe-json").href = view.entry.url;
  byId("spe-csv").href = view.entry.csv;
  byId("spe-fits").href = view.entry.fits;
  const [blue, red] = triplet();
  byId("spe-triplet").disabled = blue < limits()[0] || red > limits()[1];
  write(ui.about, about(star, places(view.entry.url)));
  fillLines();
  surface.setAttribute(
    "aria-label",
    t("Spectrum of {star}. Arrow keys move the reading, plus and minus zoom, Page Up and Page Down pan, n and p go to the next and the previous line.", {
      star: t(star.title),
    }),
  );
}

function remember() {
  const { start, end } = bokeh.range;
  const [first, last] = limits();
  const whole = Math.abs(start - first) < 0.01 && Math.abs(end - last) < 0.01;
  permalink.write({
    star: state.key,
    from: whole ? null : start.toFixed(1),
    to: whole ? null : end.toFixed(1),
    smooth: state.smooth || null,
    frame: state.observed ? "observed" : null,
    air: state.air ? 1 : null,
    band: state.band ? null : 0,
    model: state.model ? null : 0,
    lines: state.groups.join(",") || "none",
    line: state.line,
  });
}

const FIELDS = {
  star: permalink.may.be(page.stars.map((star) => star.key)),
  smooth: permalink.may.number(0, 10),
  frame: permalink.may.be(["rest", "observed"]),
  air: permalink.may.flag,
  band: permalink.may.flag,
  model: permalink.may.flag,
  lines: (text) => text === "none" || text.split(",").every((id) => page.groups.some((group) => group.id === id)),
  line: permalink.may.be(page.lines.map((line) => line.id)),
  ...permalink.WINDOW,
};

async function choose(change) {
  const before = view;
  const [lo, hi] = before
    ? [bokeh.range.start, bokeh.range.end].map((w) => rest(w, before.how, before.velocity))
    : [null, null];
  const whole = !before || (bokeh.range.start <= limits()[0] && bokeh.range.end >= limits()[1]);
  try {
    if (!view || (change.key && change.key !== state.key)) await load(change.key ?? state.key);
  } catch (error) {
    say(ui.error, error.message);
    return;
  }
  say(ui.error);
  const { from, to, ...rest_ } = change;
  Object.assign(state, rest_, { key: view.entry.key });
  draw();
  if (from && to) setWindow(from, to);
  else if (whole) setWindow(...limits());
  else {
    const [from_, to_] = [lo, hi].map((w) => shown(w, view.how, view.velocity));
    const [first, last] = limits();
    if (from_ < last && to_ > first) setWindow(from_, to_); // the same lines stay in view
    else setWindow(first, last); // another band
  }
  fillControls();
  fillNumbersSoon();
  remember();
}

function fromLink(link) {
  const change = {};
  if (page.stars.some((star) => star.key === link.star)) change.key = link.star;
  const number = (text) => (Number.isFinite(Number(text)) ? Number(text) : null);
  if (link.from && link.to) Object.assign(change, { from: number(link.from), to: number(link.to) });
  if (link.smooth) change.smooth = Math.max(0, Math.min(10, number(link.smooth) ?? 0));
  if (link.frame) change.observed = link.frame === "observed";
  if (link.air) change.air = link.air === "1";
  if (link.band) change.band = link.band !== "0";
  if (link.model) change.model = link.model !== "0";
  if (link.line) change.line = link.line;
  if (link.lines) change.groups = link.lines.split(",").filter((id) => page.groups.some((g) => g.id === id));
  return change;
}

function move(step) {
  const at = page.stars.findIndex((star) => star.key === state.key);
  choose({ key: page.stars[(at + step + page.stars.length) % page.stars.length].key });
}

function wire() {
  const click = (id, action) => byId(`spe-${id}`).addEventListener("click", action);
  ui.star.addEventListener("change", () => choose({ key: ui.star.value }));
  const smoothly = eachFrame(() => choose({ smooth: Number(ui.smooth.value) }));
  ui.smooth.addEventListener("input", () => smoothly());
  ui.band.addEventListener("change", () => choose({ band: ui.band.checked }));
  ui.model.addEventListener("change", () => choose({ model: ui.model.checked }));
  for (const radio of radios("frame"))
    radio.addEventListener("change", () => choose({ observed: radio.value === "observed" }));
  for (const radio of radios("medium")) radio.addEventListener("change", () => choose({ air: radio.value === "air" }));
  for (const box of boxes)
    box.addEventListener("change", () => choose({ groups: boxes.filter((b) => b.checked).map((b) => b.value) }));
  ui.line.addEventListener("change", () => goToLine(page.lines.find((line) => line.id === ui.line.value)));
  byId("spe-numbers").addEventListener("toggle", fillNumbers);
  click("line-previous", () => cycle(-1));
  click("line-next", () => cycle(1));
  click("previous", () => move(-1));
  click("next", () => move(1));
  click("left", () => pan(-0.5));
  click("right", () => pan(0.5));
  click("in", () => zoom(0.5));
  click("out", () => zoom(2));
  click("all", () => setWindow(...limits()));
  click("triplet", () => {
    const [blue, red] = triplet();
    setWindow(blue - 40, red + 40);
  });
  ui.drag.addEventListener("click", () => {
    const on = ui.drag.getAttribute("aria-pressed") !== "true";
    ui.drag.setAttribute("aria-pressed", String(on));
    bokeh.main.toolbar.active_drag = on ? bokeh.tools.box : bokeh.tools.pan;
  });
  surface.addEventListener("keydown", onKey);
  permalink.onChange((link) => choose(fromLink(link)), FIELDS);
  onTheme(paintTheme);
}

try {
  await embed();
  speak = liveRegion(byId("fig-spe"));
  wire();
  await choose(fromLink(permalink.read(FIELDS)));
  byId("spe-stage").classList.add("is-live");
} catch (error) {
  say(ui.error, error.message);
}
