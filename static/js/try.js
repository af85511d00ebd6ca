/**
 * Try it: the published network in the reader's browser, on an example star or on a file of theirs.
 *
 * Everything is done here and in a worker; nothing of a file leaves the machine.
 */

import { Chart } from "./chart.js";
import { cited, places, write } from "./cited.js";
import { embedded, loadJson, wavelengths } from "./data.js";
import { byId, el, liveRegion, say } from "./dom.js";
import { angstrom, fixed, weight } from "./format.js";
import { NAME_SPACE, paintLines } from "./linemarks.js";
import { loader } from "./live/loader.js";
import { LiveModel, Overtaken } from "./live/model.js";
import { addNoise, normals, sigmaFlux } from "./noise.js";
import { color, onTheme } from "./palette.js";
import { cut, linesIn, name, paintMasked, paintPatches } from "./patches.js";
import * as permalink from "./permalink.js";
import { stageHost } from "./stage.js";
import { finished, t } from "./i18n.js";

const C_KMS = 299792.458;
const page = embedded("try-data");
const model = new LiveModel(page.live);
const networks = new Map(page.live.networks.map((n) => [n.name, n]));

const KEYS = ["star", "magnitude", "magnitude-out", "magnitude-field", "seed", "seed-out", "seed-field", "file", "drop", "about",
  "about-name", "row", "row-field", "unit", "unit-field", "unit-note", "air-field", "air-note", "rv", "rv-note", "network", "result",
  "verdict", "notes", "error", "save", "body", "caption", "table"];
const ui = Object.fromEntries(KEYS.map((k) => [k, byId(`try-${k}`)]));
const out = Object.fromEntries(["logg", "truth", "half95", "snr", "coverage", "network", "time"].map((k) => [k, byId(`try-out-${k}`)]));
const airs = [...document.querySelectorAll("input[name=air]")];
const speak = liveRegion(ui.body);

/** What is shown: an example (`key`, `magnitude`, `seed`) or a file (`file`, `source`, `touched` velocity). */
const state = { key: page.stars[0].key, magnitude: null, seed: 1, file: null, source: null, rvTouched: false, said: null };
let chart = null;

const entryOf = (key) => page.stars.find((s) => s.key === key) ?? page.stars[0];

// Examples

/** The spectrum of the chosen star as it would be observed: with seeded noise, or as it was. */
async function exampleSpectrum() {
  const entry = entryOf(state.key);
  const star = await loadJson(entry.url);
  const wave = wavelengths(star.wave);
  if (entry.noisy) {
    const instrument = await loadJson(entry.instrument);
    const flux = Float64Array.from(star.flux);
    const sigma = sigmaFlux(instrument, flux, state.magnitude);
    return { wave, flux: addNoise(flux, sigma, normals(state.seed, flux.length)), ivar: sigma.map((s) => s ** -2), z: 0, air: false };
  }
  const ivar = Float64Array.from(star.sigma, (s) => (s > 0 ? s ** -2 : 0));
  return { wave, flux: Float64Array.from(star.flux, (f) => f ?? 0), ivar, z: 0, air: false };
}

function fillExample() {
  const entry = entryOf(state.key);
  ui.star.value = entry.key;
  ui["magnitude-field"].hidden = ui["seed-field"].hidden = !entry.noisy;
  if (!entry.noisy) return;
  const [bright, faint] = entry.magnitudes;
  Object.assign(ui.magnitude, { min: bright, max: faint });
  state.magnitude = Math.min(Math.max(state.magnitude ?? (bright + faint) / 2, bright), faint);
  ui.magnitude.value = state.magnitude;
  ui["magnitude-out"].textContent = fixed(state.magnitude, 1);
  ui["seed-out"].textContent = t("pattern {seed}", { seed: state.seed });
}

async function answerExample() {
  state.file = state.source = null;
  ui.file.value = "";
  ui.about.hidden = true;
  fillExample();
  const entry = entryOf(state.key);
  await show(async () => ({ spectrum: await exampleSpectrum(), air: false, rv: 0, network: entry.network }), entry.label, entry);
  remember();
}

/** The view in the address: of a file that it was one, for it stays with its reader. */
function remember() {
  const { noisy } = entryOf(state.key);
  if (state.file) permalink.write({ file: 1 });
  else permalink.write({ star: state.key, mag: noisy ? state.magnitude : null, seed: noisy ? state.seed : null, ...(chart?.viewed() ?? {}) });
}

// Files

async function openFile(file) {
  if (!file) return;
  Object.assign(state, { file, source: null, rvTouched: false });
  reset();
  busy(true);
  ui.about.hidden = true;
  remember();
  try {
    state.source = await model.read(file);
  } catch (error) {
    refuse(finished(error.message));
    return;
  }
  fillAbout();
  await answerFile();
}

/** The questions that the file leaves open, and what it says itself. */
function fillAbout() {
  const { source, file } = state;
  ui["about-name"].textContent = 
    source.rows.length > 1
      ? t("{file}: {format}, {n} spectra", { file: file.name, format: t(source.format), n: source.rows.length })
      : t("{file}: {format}", { file: file.name, format: t(source.format) });
  ui["row-field"].hidden = source.rows.length < 2;
  ui.row.replaceChildren(...source.rows.slice(0, 5000).map((text, i) => el("option", { value: i }, text || file.name)));
  ui["unit-field"].hidden = source.unit === null;
  if (source.unit) {
    ui.unit.value = source.unit.given ? "" : source.unit.guess;
    ui["unit-note"].textContent = source.unit.given ? "" : t("The file does not say; this is what their size suggests.");
  }
  for (const radio of airs) radio.checked = source.air !== null && radio.value === (source.air ? "air" : "vacuum");
  ui["air-note"].textContent = source.air === null ? t("The file does not say.") : t("As the file says.");
  ui.rv.value = source.z === null ? 0 : (source.z * C_KMS).toFixed(1);
  ui["rv-note"].textContent = source.z === null ? t("The file does not say; 0 is taken.") : t("As the file says.");
  ui.network.value = "";
  ui.about.hidden = false;
}

async function answerFile() {
  const { source } = state;
  if (!source) return;
  const air = airs.find((radio) => radio.checked)?.value;
  if (!air) {
    refuse(t("One question first: are the wavelengths of this file in vacuum or in air?"));
    return;
  }
  const rv = state.rvTouched || source.z === null ? Number(ui.rv.value) : null;
  if (rv !== null && !(Math.abs(rv) < 2000)) {
    refuse(t("The velocity is none of a star: give km/s between \u22122000 and 2000."));
    return;
  }
  const row = Number(ui.row.value || 0);
  const question = { row, unit: ui.unit.value || null, air: air === "air", rv, network: ui.network.value || undefined };
  const which = source.rows.length > 1 ? `${state.file.name}, ${source.rows[row]}` : state.file.name;
  await show(async () => question, which);
}

// Answers

/** Ask, and show what is said; the latest question counts. */
async function show(question, label, truth = null) {
  busy(true);
  try {
    const asked = await question();
    const said = await model.answer(asked);
    state.said = { ...said, label, truth, how: { unit: asked.unit ?? null, air: asked.air, rv: asked.rv } };
  } catch (error) {
    if (!(error instanceof Overtaken)) refuse(finished(error.message));
    return;
  }
  say(ui.error);
  paint();
  busy(false);
}

function reset() {
  state.said = null;
  ui.result.hidden = true;
  say(ui.error);
}

/** Say that the page is at work; and, with a sentence, that it could not do it. */
function busy(on) {
  ui.body.setAttribute("aria-busy", String(on));
}

function refuse(sentence) {
  reset();
  say(ui.error, sentence);
  busy(false);
}

function paint() {
  const { said } = state;
  const network = networks.get(said.network);
  const { answer } = said;
  ui.result.hidden = false;
  const given = (value) => cited(fixed(value, 2), network.record, "live");
  write(out.logg, answer ? `${given(answer.logg)} \u00b1 ${given(answer.sigma)}` : t("refused"));
  out.truth.parentElement.hidden = !said.truth;
  if (said.truth) {
    byId("try-name-truth").textContent = said.truth.origin === "observed" ? t("Catalogue\u2019s log g") : t("True log g");
    write(out.truth, cited(fixed(said.truth.logg, 2), places(said.truth.url)("/logg")));
  }
  const { logg: middle, half95 } = answer ?? {};
  write(out.half95, answer ? t("{first} to {last}", { first: given(middle - half95), last: given(middle + half95) }) : "\u2013");
  out.snr.textContent = said.snr === null ? "\u2013" : fixed(said.snr, 1);
  out.coverage.textContent = `${Math.round(100 * said.coverage)}\u00a0%`;
  out.network.textContent = t(network.title);
  out.time.textContent = answer ? `${fixed(answer.ms, 0)} ms` : "\u2013";
  ui.verdict.textContent = finished(said.refusal ?? "");
  ui.verdict.hidden = !said.refusal;
  ui.notes.replaceChildren(...[coverageNote(said), ...said.notes.map(finished)].filter(Boolean).map((text) => el("li", {}, text)));
  ui.notes.hidden = !ui.notes.childElementCount;
  const logg = out.logg.textContent.replace("\u00b1", t("plus or minus"));
  speak(
    said.refusal
      ? finished(said.refusal)
      : t("{label}: log g {logg}, S/N {snr}", { label: said.label, logg, snr: out.snr.textContent }),
  );
  paintChart(network);
}

function coverageNote({ coverage, refusal }) {
  if (refusal || coverage > 0.995) return null;
  return t("Your spectrum covers {coverage}\u00a0% of the band; where it has no data the network is given its mean training spectrum.", { coverage: Math.round(100 * coverage) });
}

/** What the chart draws of the present answer. */
function view() {
  const { said } = state;
  const network = networks.get(said.network);
  const n = network.wave.n;
  const flux = said.drawn ? Array.from(said.drawn.flux, (f, i) => (said.drawn.valid[i] ? f : null)) : new Array(n).fill(null);
  const patches = cut(network.wave, network.patch_size, Math.floor(n / network.patch_size));
  return { network, wave: said.drawn?.wave ?? wavelengths(network.wave), flux, patches, rollout: said.answer?.rollout ?? null };
}

function paintChart(network) {
  state.view = view();
  const { wave, flux } = state.view;
  const data = [wave, flux];
  if (!chart) chart = build(data);
  else chart.setData(data, false);
  chart.rename(t("Spectrum of {label}, as {title} would see it", { label: state.said.label, title: t(network.title) }));
  chart.redraw();
  ui.caption.hidden = !state.view.rollout;
  fillTable();
}

function build(data) {
  const made = new Chart(
    stageHost("try-spectrum"),
    {
      label: "",
      details: "try-table",
      height: 320,
      top: NAME_SPACE,
      xLabel: t("rest wavelength in vacuum (\u00c5)"),
      yLabel: () => (networks.get(state.said.network).masked.length ? t("flux / {by}", { by: t("continuum") }) : t("flux / {by}", { by: t("median") })),
      series: [{ stroke: () => color("flux"), width: 0.9 }],
      yRange: range,
      describe,
      onWindow: () => chart && remember(),
      under: (u) => {
        if (!state.view) return;
        const { patches, rollout, network } = state.view;
        paintMasked(u, network.masked);
        if (rollout) paintPatches(u, patches, rollout, { lo: 0, hi: Math.max(...rollout) });
      },
      over: (u) => paintLines(u, page.lines[state.said.network] ?? []),
    },
    data,
  );
  onTheme(() => made.redraw());
  return made;
}

/** All but the wildest pixels: bad sky may be hundreds of times the flux. */
function range() {
  const values = state.view.flux.filter((f) => f !== null).sort((a, b) => a - b);
  if (!values.length) return [0, 2];
  const at = (share) => values[Math.min(Math.floor(share * values.length), values.length - 1)];
  const [lo, hi] = [at(0.005), at(0.995)];
  const space = 0.12 * (hi - lo || 1);
  return [lo - space, hi + space];
}

function describe(i) {
  const { wave, flux, patches, rollout, network } = state.view;
  const said = `${angstrom(wave[i])}: ${flux[i] === null ? t("no data") : t("flux {flux}, \u03c3 {sigma}", { flux: fixed(flux[i], 3), sigma: fixed(state.said.drawn.sigma[i], 3) })}`;
  const patch = patches[Math.min(Math.floor(i / network.patch_size), patches.length - 1)];
  return rollout ? `${said}${t("; ")}${name(patch, patches.length)}: ${t("attention")} ${weight(rollout[patch.index])}` : said;
}

/** The table behind the chart: attention by patch. */
function fillTable() {
  const { patches, rollout, network } = state.view;
  const lines = page.lines[network.name] ?? [];
  ui.table.hidden = !rollout;
  if (!rollout) return;
  const { dims, data } = state.said.answer.pooled;
  const [layers, heads, count] = dims;
  const byLayer = (layer, patch) => {
    let sum = 0;
    for (let h = 0; h < heads; h++) sum += data[(layer * heads + h) * count + patch];
    return sum / heads;
  };
  const head = [t("patch"), t("wavelengths (\u00c5)"), t("lines"), t("rollout"), ...Array.from({ length: layers }, (_, k) => t("layer {k}", { k: k + 1 }))];
  ui.table.tHead.replaceChildren(el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text))));
  ui.table.tBodies[0].replaceChildren(
    ...patches.map((p) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, String(p.index + 1)),
        el("td", {}, `${p.lo.toFixed(1)}\u2013${p.hi.toFixed(1)}`),
        el("td", {}, linesIn(p, lines).map((line) => line.label).join(", ") || "\u2013"),
        el("td", {}, weight(rollout[p.index])),
        ...Array.from({ length: layers }, (_, k) => el("td", {}, weight(byLayer(k, p.index)))),
      ),
    ),
  );
}

/** The answer as a file. */
function save() {
  const { said, view: shown } = state;
  const network = networks.get(said.network);
  const { answer } = said;
  const round = (value) => (value === null || value === undefined ? null : Number(value.toPrecision(6)));
  const content = {
    spectrum: said.label,
    taken_as: { unit: said.how.unit, air: said.how.air, radial_velocity_kms: said.how.rv },
    network: { instrument: network.name, url: new URL(network.url, document.baseURI).href, sha256: network.sha256 },
    logg: round(answer?.logg),
    sigma: round(answer?.sigma),
    half_95_percent_interval: round(answer?.half95),
    snr: round(said.snr),
    coverage: round(said.coverage),
    misfit: round(said.misfit),
    refused: said.refusal,
    notes: said.notes,
    attention: answer && {
      patches: shown.patches.map((p) => [round(p.lo), round(p.hi)]),
      rollout: answer.rollout.map(round),
      pooled: { dims: answer.pooled.dims, values: answer.pooled.data.map(round) },
    },
    page: document.baseURI,
  };
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(content, null, 1)}\n`], { type: "application/json" }));
  const stem = said.label.replace(/\.(fits?|csv|ecsv|gz)\b/gi, "").replace(/[^\w.-]+/g, "-").slice(0, 60);
  el("a", { href: url, download: `specvit-${stem}.json` }).click();
  window.setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Wiring

const seeds = (text) => Number.isInteger(Number(text)) && Number(text) > 0 && Number(text) < 2 ** 32;
const FIELDS = {
  star: permalink.may.be(page.stars.map((s) => s.key)),
  mag: permalink.may.number(0, 99),
  seed: seeds,
  file: permalink.may.flag,
  ...permalink.WINDOW,
};

function fromLink(link) {
  if (link.file === "1") permalink.tell(t("This link was made with a file of its reader\u2019s own, which never left their machine: choose the file again."));
  if (page.stars.some((s) => s.key === link.star)) state.key = link.star;
  const magnitude = Number(link.mag);
  if (link.mag && Number.isFinite(magnitude)) state.magnitude = magnitude;
  if (link.seed) state.seed = Number(link.seed);
}

/** What a link shows before the network is there. */
function announce({ star, mag }) {
  const { label, noisy } = entryOf(star);
  if (!star) return;
  permalink.tell(
    mag && noisy
      ? t("This link shows {star} at magnitude {magnitude}; load the network for its answer.", { star: label, magnitude: fixed(Number(mag), 1) })
      : t("This link shows {star}; load the network for its answer.", { star: label }),
  );
}

function wire() {
  ui.star.addEventListener("change", () => {
    state.key = ui.star.value;
    answerExample();
  });
  ui.magnitude.addEventListener("input", () => {
    state.magnitude = Number(ui.magnitude.value);
    answerExample();
  });
  ui.seed.addEventListener("click", () => {
    state.seed += 1;
    answerExample();
  });
  ui.file.addEventListener("change", () => openFile(ui.file.files[0]));
  for (const control of [ui.row, ui.unit, ui.network, ...airs]) control.addEventListener("change", answerFile);
  ui.rv.addEventListener("input", () => {
    state.rvTouched = true;
    answerFile();
  });
  ui.save.addEventListener("click", save);
  for (const type of ["dragover", "dragenter"])
    ui.drop.addEventListener(type, (event) => {
      event.preventDefault();
      ui.drop.classList.add("over");
    });
  ui.drop.addEventListener("dragleave", () => ui.drop.classList.remove("over"));
  ui.drop.addEventListener("drop", (event) => {
    event.preventDefault();
    ui.drop.classList.remove("over");
    openFile(event.dataTransfer.files[0]);
  });
  for (const form of document.querySelectorAll("#try-body form")) form.addEventListener("submit", (event) => event.preventDefault());
  permalink.onChange(async (link) => {
    fromLink(link);
    if (ui.body.hidden) return void announce(link);
    await answerExample();
    chart?.follow(link);
  }, FIELDS);
}

const link = permalink.read(FIELDS);
fromLink(link);
announce(link);
wire();
const { begin } = loader(byId("try-loader"), model, {
  ready: async () => {
    ui.body.hidden = false;
    if (link.star) permalink.tell("");
    await answerExample();
    if (link.from) chart?.follow(link);
  },
});
if (await model.kept()) begin(true);
