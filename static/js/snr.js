/**
 * The SNR explorer: one synthetic star, fainter and fainter.
 *
 * The spectrum is made here from the noise-free one and the instrument's noise model; the answers are
 * those that the network gave to the same spectra when the results were exported.
 */

import { AnswersPlot, describeLimits } from "./answers.js";
import { Chart } from "./chart.js";
import { embedded, loadJson, wavelengths } from "./data.js";
import { byId, el, liveRegion, say } from "./dom.js";
import { angstrom, fixed, signed } from "./format.js";
import { LadderPlot, describe } from "./ladder.js";
import { NAME_SPACE, paintLines } from "./linemarks.js";
import { addNoise, median, normals, sigmaFlux, snr } from "./noise.js";
import { color, tint } from "./palette.js";
import * as permalink from "./permalink.js";
import { eachFrame, stageHost } from "./stage.js";

const page = embedded("snr-data");
const keyOf = (star) => `${star.run}/${star.id}`;

/** What is shown now. `view` holds arrays of one entry per pixel. */
const state = { key: keyOf(page.stars[0]), index: 0, seed: 0, fit: false, lines: true };
const view = { star: null, instrument: null, wave: null, flux: null, sigma: null, noisy: null, scratch: null, z: null };
const ui = {
  star: byId("snr-star"),
  slider: byId("snr-magnitude"),
  seed: byId("snr-seed"),
  fit: byId("snr-fit"),
  lines: byId("snr-lines"),
  error: byId("snr-error"),
  magnitude: byId("snr-magnitude-out"),
  seedOut: byId("snr-seed-out"),
  out: Object.fromEntries(["snr", "logg", "truth", "residual", "spread"].map((k) => [k, byId(`snr-out-${k}`)])),
};
const speak = liveRegion(byId("snr-controls"));
const three = document.getElementById("snr-answers") ? new AnswersPlot(stageHost("snr-answers")) : null;
const limitOut = three && Object.fromEntries(["posterior", "crlb", "limits"].map((k) => [k, byId(`snr-out-${k}`)]));
const populationOut = document.getElementById("snr-out-population");
const ladder = new LadderPlot(stageHost("snr-ladder"), (index) => choose({ index }));
let chart = null;
let strip = null;

async function load(key) {
  const entry = page.stars.find((star) => keyOf(star) === key) ?? page.stars[0];
  const [star, instrument] = await Promise.all([loadJson(entry.url), loadJson(entry.instrument)]);
  const n = star.wave.n;
  state.key = keyOf(entry);
  Object.assign(view, {
    entry,
    star,
    instrument,
    wave: wavelengths(star.wave),
    flux: Float64Array.from(star.flux),
    sigma: new Float64Array(n),
    noisy: new Float64Array(n),
    scratch: new Float64Array(n),
    z: null,
    lines: page.lines[entry.instrument_name],
  });
  view.range = fixedRange();
}

/** The y axis that stays: wide enough for the noise at the middle of the ladder. */
function fixedRange() {
  const { magnitudes } = view.star.ladder;
  sigmaFlux(view.instrument, view.flux, magnitudes[magnitudes.length >> 1], view.sigma);
  return rangeFor(median(view.sigma, view.scratch));
}

function rangeFor(sigma) {
  let [lo, hi] = [Infinity, -Infinity];
  for (const f of view.flux) {
    lo = Math.min(lo, f);
    hi = Math.max(hi, f);
  }
  return [lo - 4 * sigma, hi + 4 * sigma];
}

/** Compute the noisy spectrum and write everything that follows from it: one repaint. */
function paint() {
  const { star, instrument, flux, sigma, noisy, scratch } = view;
  const { magnitudes, seeds, logg, sigma: errors } = star.ladder;
  const magnitude = magnitudes[state.index];
  view.z ??= normals(seeds[state.seed], flux.length);
  sigmaFlux(instrument, flux, magnitude, sigma);
  addNoise(flux, sigma, view.z, noisy);
  const ratio = snr(flux, sigma, scratch);
  const range = state.fit ? rangeFor(median(sigma, scratch)) : view.range;
  chart.options.yRange = () => range;
  chart.setData([view.wave, noisy, flux]);
  ladder.move(state.index);
  paintLimits(magnitude);
  const answer = logg[state.seed][state.index];
  const error = errors[state.seed][state.index];
  const text = {
    magnitude: fixed(magnitude, 2),
    snr: fixed(ratio, 1),
    answer: fixed(answer, 2),
    error: fixed(error, 2),
  };
  ui.magnitude.textContent = text.magnitude;
  ui.out.snr.textContent = text.snr;
  ui.out.logg.textContent = `${text.answer} \u00b1 ${text.error}`;
  ui.out.truth.textContent = fixed(star.logg, 2);
  ui.out.residual.textContent = `${signed(answer - star.logg, 2)} (${signed((answer - star.logg) / error, 1)}\u00a0\u03c3)`;
  ui.out.spread.textContent = describe(star, state.seed, state.index);
  ui.slider.setAttribute(
    "aria-valuetext",
    `magnitude ${text.magnitude}, SNR ${text.snr}, log g ${text.answer} plus or minus ${text.error}`,
  );
}

/** What any estimator could know of this spectrum, and of all stars this faint. */
function paintLimits(magnitude) {
  const { limits } = view.star.ladder;
  if (three) byId("fig-snr-answers").hidden = !limits;
  for (const node of document.querySelectorAll(".readout-limit")) node.hidden = !limits;
  if (three && limits) {
    three.move(state.index);
    limitOut.posterior.textContent = `${fixed(limits.mean[state.seed][state.index], 2)} \u00b1 ${fixed(limits.sd[state.seed][state.index], 2)}`;
    limitOut.crlb.textContent = `${fixed(limits.crlb3[state.index], 2)}, ${fixed(limits.crlb5[state.index], 2)}`;
    limitOut.limits.textContent = describeLimits(view.star, view.entry.prior, state.seed, state.index);
  }
  if (!populationOut) return;
  const bins = page.population[view.entry.run] ?? [];
  const distance = (bin) => Math.abs((bin.lo + bin.hi) / 2 - magnitude);
  const bin = bins.reduce((best, one) => (!best || distance(one) < distance(best) ? one : best), null);
  populationOut.parentElement.hidden = !bin;
  if (!bin) return;
  byId("snr-name-population").textContent = `Bayes limit, all stars of magnitude ${bin.name}`;
  populationOut.textContent = `R\u00b2 ${fixed(bin.r2, 3)}, RMSE ${fixed(bin.rmse, 2)}`;
}

/** Build the charts, once. */
function build() {
  const { wave, flux, noisy, instrument } = view;
  chart = new Chart(
    stageHost("snr-spectrum"),
    {
      label: "",
      details: "snr-table",
      height: 340,
      xLabel: "vacuum wavelength (\u00c5)",
      yLabel: "flux / median",
      hideX: true,
      top: NAME_SPACE,
      series: [
        { stroke: () => tint("flux-noisy", 0.7), width: 0.8 },
        { stroke: () => color("specvit"), width: 1.4 },
      ],
      yRange: () => view.range,
      describe: (i) =>
        `${angstrom(view.wave[i])}: flux ${fixed(view.noisy[i], 3)}, without noise ${fixed(view.flux[i], 3)}, \u03c3 ${fixed(view.sigma[i], 3)}`,
      over: (u) => state.lines && paintLines(u, view.lines),
    },
    [wave, noisy, flux],
  );
  strip = new Chart(
    stageHost("snr-sky"),
    {
      label: "",
      height: 130,
      tools: false,
      xLabel: "vacuum wavelength (\u00c5)",
      yLabel: "sky (10\u00b3 e\u207b)",
      yTick: (v) => fixed(v / 1000, 0),
      series: [{ stroke: () => color("sky"), width: 1, fill: () => tint("sky", 0.25) }],
      yRange: (lo, hi) => [0, hi * 1.05],
      describe: (i) => `${angstrom(view.wave[i])}: ${fixed(view.sky[i], 0)} sky electrons per pixel and exposure`,
    },
    [wave, sky(instrument)],
  );
  Chart.link(chart, strip);
}

const sky = (instrument) => Float64Array.from(instrument.sky_e ?? new Array(instrument.wave.n).fill(0));

/** Put a newly chosen star on the charts. */
function stage() {
  const { star, instrument, wave } = view;
  view.sky = sky(instrument);
  if (!chart) build();
  else if (strip.data[0].length !== wave.length || strip.data[0][0] !== wave[0]) {
    chart.setData([wave, view.noisy, view.flux], false);
    strip.setData([wave, view.sky], false);
  }
  chart.rename(`Noisy and noise-free spectrum of ${star.title}`);
  strip.rename(`Sky electrons per pixel and exposure, ${instrument.title}`);
}

function fillControls() {
  const { magnitudes, seeds } = view.star.ladder;
  ui.star.value = state.key;
  ui.slider.max = magnitudes.length - 1;
  ui.slider.value = state.index;
  ui.seedOut.textContent = `${state.seed + 1} of ${seeds.length}`;
  ui.fit.checked = state.fit;
  ui.lines.checked = state.lines;
  byId("snr-json").href = view.entry.url;
  byId("snr-noise-json").href = view.entry.instrument;
}

/** The table behind the charts: this star, this noise pattern. */
function fillTable() {
  const { star } = view;
  const { magnitudes, snr: ratios, logg, sigma, limits } = star.ladder;
  const bounds = (k) =>
    limits ? [limits.mean[state.seed][k], limits.sd[state.seed][k], limits.crlb3[k], limits.crlb5[k]] : [];
  byId("snr-table-caption").textContent =
    `${star.title}, noise pattern ${state.seed + 1}; true log g ${fixed(star.logg, 2)}`;
  byId("snr-table").tBodies[0].replaceChildren(
    ...magnitudes.map((m, k) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, fixed(m, 2)),
        el("td", {}, fixed(ratios[k], 1)),
        el("td", {}, fixed(logg[state.seed][k], 2)),
        el("td", {}, fixed(sigma[state.seed][k], 2)),
        el("td", {}, signed(logg[state.seed][k] - star.logg, 2)),
        ...bounds(k).map((value) => el("td", {}, fixed(value, 2))),
      ),
    ),
  );
}

function remember() {
  permalink.write({
    star: state.key,
    mag: view.star.ladder.magnitudes[state.index],
    seed: view.star.ladder.seeds[state.seed],
    fit: state.fit ? 1 : null,
    lines: state.lines ? null : 0,
  });
}

const repaint = eachFrame(() => paint());

/** Apply a change; only a new star needs data. */
async function choose(change) {
  const newStar = change.key !== undefined && change.key !== state.key;
  const newSeed = change.seed !== undefined && change.seed !== state.seed;
  try {
    if (newStar || !view.star) await load(change.key ?? state.key);
  } catch (error) {
    say(ui.error, error.message);
    return;
  }
  say(ui.error);
  Object.assign(state, change, { key: state.key });
  const { magnitudes, seeds } = view.star.ladder;
  state.index = Math.min(state.index, magnitudes.length - 1);
  state.seed %= seeds.length;
  if (newSeed) view.z = null;
  if (newStar || !chart) stage();
  if (newStar || newSeed || !ladder.star) {
    ladder.show(view.star, state.seed, state.index);
    if (three && view.star.ladder.limits) three.show(view.star, view.entry.prior, state.seed, state.index);
    fillTable();
  }
  fillControls();
  repaint();
  remember();
}

/** A permalink in terms of the page's own indices. */
function fromLink(link) {
  const change = {};
  if (page.stars.some((star) => keyOf(star) === link.star)) change.key = link.star;
  const entry = page.stars.find((star) => keyOf(star) === (change.key ?? state.key)) ?? page.stars[0];
  const at = (list, value) => list.findIndex((v) => Math.abs(v - Number(value)) < 1e-6);
  if (at(entry.magnitudes, link.mag) >= 0) change.index = at(entry.magnitudes, link.mag);
  if (at(entry.seeds, link.seed) >= 0) change.seed = at(entry.seeds, link.seed);
  if (link.fit) change.fit = link.fit === "1";
  if (link.lines) change.lines = link.lines !== "0";
  return change;
}

ui.star.addEventListener("change", () => choose({ key: ui.star.value }));
ui.slider.addEventListener("input", () => choose({ index: Number(ui.slider.value) }));
ui.seed.addEventListener("click", async () => {
  await choose({ seed: (state.seed + 1) % view.star.ladder.seeds.length });
  paint();
  speak(`Noise pattern ${state.seed + 1}: log g ${ui.out.logg.textContent.replace("\u00b1", "plus or minus")}`);
});
ui.fit.addEventListener("change", () => choose({ fit: ui.fit.checked }));
ui.lines.addEventListener("change", () => choose({ lines: ui.lines.checked }));
permalink.onChange((link) => choose(fromLink(link)));

state.index = page.default_index;
await choose({ key: state.key, ...fromLink(permalink.read()) });
