/**
 * The SNR explorer: one synthetic star, fainter and fainter.
 *
 * The spectrum is made here from the noise-free one and the instrument's noise model; the answers are
 * those that the network gave to the same spectra when the results were exported; or, once the reader has
 * loaded it, those that it gives here, at any magnitude between the exported ones.
 */

import { AnswersPlot, describeLimits } from "./answers.js";
import { Chart } from "./chart.js";
import { cited, citedEntry, nodes, places, write } from "./cited.js";
import { embedded, loadJson, wavelengths } from "./data.js";
import { byId, el, liveRegion, say } from "./dom.js";
import { angstrom, fixed, signed } from "./format.js";
import { t } from "./i18n.js";
import { LadderPlot, describe } from "./ladder.js";
import { NAME_SPACE, paintLines } from "./linemarks.js";
import { loader } from "./live/loader.js";
import { LiveModel, Overtaken } from "./live/model.js";
import { addNoise, median, normals, sigmaFlux, snr } from "./noise.js";
import { color, tint } from "./palette.js";
import * as permalink from "./permalink.js";
import { eachFrame, stageHost } from "./stage.js";

const page = embedded("snr-data");
const keyOf = (star) => `${star.run}/${star.id}`;

/** What is shown now; `at` is the slider, `index` the exported magnitude nearest to it. `view` holds arrays of one entry per pixel. */
const state = { key: keyOf(page.stars[0]), at: 0, index: 0, seed: 0, fit: false, lines: true };
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
  live: document.getElementById("snr-live"),
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
    at: places(entry.url),
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

/** Make the spectrum at the present magnitude with the present noise. */
function simulate() {
  const { star, instrument, flux, sigma, noisy, scratch } = view;
  view.magnitude = magnitudeAt(state.at);
  view.z ??= normals(star.ladder.seeds[state.seed], flux.length);
  sigmaFlux(instrument, flux, view.magnitude, sigma);
  addNoise(flux, sigma, view.z, noisy);
  view.ratio = snr(flux, sigma, scratch);
}

/** Draw the spectrum and write everything that follows from it: one repaint. */
function paint() {
  const { star, flux, sigma, noisy, scratch, magnitude, ratio } = view;
  const { logg, sigma: errors } = star.ladder;
  const range = state.fit ? rangeFor(median(sigma, scratch)) : view.range;
  chart.options.yRange = () => range;
  chart.setData([view.wave, noisy, flux]);
  ladder.move(state.index);
  paintLimits(magnitude);
  write(ui.out.spread, describe(star, view.at, state.seed, state.index));
  write(ui.magnitude, citedEntry(fixed(magnitude, 2), view.at("/ladder/magnitudes"), state.at));
  write(ui.out.snr, cited(fixed(ratio, 1), [view.at("/flux"), places(view.entry.instrument)("")], `snr ${magnitude}`));
  if (live.on) {
    paintLive(); // mostly the answer is there by now: one frame for both
    return;
  }
  const answer = logg[state.seed][state.index];
  const error = errors[state.seed][state.index];
  const text = {
    magnitude: fixed(magnitude, 2),
    snr: fixed(ratio, 1),
    answer: fixed(answer, 2),
    error: fixed(error, 2),
  };
  paintAnswer(answer, error, [`/ladder/logg/${state.seed}/${state.index}`, `/ladder/sigma/${state.seed}/${state.index}`]);
  ui.slider.setAttribute(
    "aria-valuetext",
    t("magnitude {magnitude}, SNR {snr}, log g {answer} plus or minus {error}", text),
  );
}

/**
 * Write an answer.
 * @param {number} answer
 * @param {number} error
 * @param {[string, string]|null} from places of both in the star's file; null: the network answered here
 */
function paintAnswer(answer, error, from) {
  const { at, star } = view;
  const [here, truth] = [page.live?.networks[0].record, at("/logg")];
  const [logg, sigma] = from ? from.map(at) : [here, here];
  const op = from ? "" : "live";
  write(ui.out.truth, cited(fixed(star.logg, 2), truth));
  write(ui.out.logg, `${cited(fixed(answer, 2), logg, op)} \u00b1 ${cited(fixed(error, 2), sigma, op)}`);
  const gap = answer - star.logg;
  const gapInSigma = cited(signed(gap / error, 1), [logg, truth, sigma], from ? "pull" : "live");
  write(ui.out.residual, `${cited(signed(gap, 2), [logg, truth], from ? "sub" : "live")} (${gapInSigma}\u00a0\u03c3)`);
}

/** Magnitude at a place of the slider, between two exported ones where it stands between them. */
function magnitudeAt(at) {
  const { magnitudes } = view.star.ladder;
  const low = Math.min(Math.floor(at), magnitudes.length - 1);
  const high = Math.min(low + 1, magnitudes.length - 1);
  return magnitudes[low] + (at - low) * (magnitudes[high] - magnitudes[low]);
}

/** The place of the slider for a magnitude; null where it is beyond the exported ones. */
function placeOf(magnitude, magnitudes) {
  const exact = magnitudes.findIndex((m) => Math.abs(m - magnitude) < 1e-3);
  if (exact >= 0) return exact;
  const above = magnitudes.findIndex((m) => m > magnitude);
  return above < 1 ? null : above - 1 + (magnitude - magnitudes[above - 1]) / (magnitudes[above] - magnitudes[above - 1]);
}

// The network in this browser

const live = { on: false, model: page.live && new LiveModel(page.live), wanted: null, timer: 0, answer: null, painted: null };
const FINE = 0.1; // step of the slider once the network answers here

const shown = () => `${state.key} ${state.at} ${state.seed}`;

/** Ask the network for the present spectrum; an answer to an earlier one is dropped. */
async function askLive() {
  const of = shown();
  if (live.answer?.of === of) return;
  try {
    live.answer = { of, ...(await live.model.infer(view.entry.instrument_name, view.noisy.slice())) };
    window.requestAnimationFrame(paintLive);
  } catch (error) {
    if (!(error instanceof Overtaken)) say(ui.error, error.message);
  }
}

/** Write the answer, if it is that of the spectrum that is shown, once. */
function paintLive() {
  const { answer } = live;
  if (answer?.of !== shown() || live.painted === answer) return;
  live.painted = answer;
  paintAnswer(answer.logg, answer.sigma, null);
  if (three && view.star.ladder.limits) three.move(state.index, answer);
  const error = fixed(answer.sigma, 2);
  ui.slider.setAttribute(
    "aria-valuetext",
    t("magnitude {magnitude}, SNR {snr}, log g {answer} plus or minus {error}, computed here", {
      magnitude: ui.magnitude.textContent,
      snr: ui.out.snr.textContent,
      answer: fixed(answer.logg, 2),
      error,
    }),
  );
  window.clearTimeout(live.timer);
  live.timer = window.setTimeout(() => {
    ui.live.textContent = liveNote(answer); // once the slider rests
  }, 200);
}

const liveNote = ({ ms }) => t("Computed in this browser, {ms} ms; posterior and bounds are those of the nearest exported magnitude.", { ms: fixed(ms, 0) });

function prepareLive() {
  if (!live.model) return;
  const { begin } = loader(byId("snr-loader"), live.model, {
    ready: () => {
      live.on = true;
      ui.slider.step = FINE;
      ui.live.hidden = false;
      choose(live.wanted !== null && Math.round(live.wanted) === state.at ? { at: live.wanted } : {});
    },
  });
  ui.slider.addEventListener(
    "input",
    async () => {
      if (live.model.state === "idle" && (await live.model.kept())) begin(true);
    },
    { once: true },
  );
}

/** What any estimator could know of this spectrum, and of all stars this faint. */
function paintLimits(magnitude) {
  const { limits } = view.star.ladder;
  if (three) byId("fig-snr-answers").hidden = !limits;
  for (const node of document.querySelectorAll(".readout-limit")) node.hidden = !limits;
  if (three && limits) {
    if (!live.on) three.move(state.index);
    const { seed, index } = state;
    const limit = (name, of) => citedAt(limits[name], `/ladder/limits/${name}`, of);
    write(limitOut.posterior, `${limit("mean", [seed, index])} \u00b1 ${limit("sd", [seed, index])}`);
    write(limitOut.crlb, `${limit("crlb3", [index])}, ${limit("crlb5", [index])}`);
    write(limitOut.limits, describeLimits(view.star, view.entry, seed, index));
  }
  if (!populationOut) return;
  const bins = page.population[view.entry.run] ?? [];
  const distance = (bin) => Math.abs((bin.lo + bin.hi) / 2 - magnitude);
  const bin = bins.reduce((best, one) => (!best || distance(one) < distance(best) ? one : best), null);
  populationOut.parentElement.hidden = !bin;
  if (!bin) return;
  const [low, high, r2, rmse] = bin.places;
  const [first, last] = [cited(bin.ends[0], low), cited(bin.ends[1], high)];
  const name = low === high ? first : t("{first} to {last}", { first, last });
  write(byId("snr-name-population"), t("Bayes limit, all stars of magnitude {name}", { name }));
  write(populationOut, `R\u00b2 ${cited(fixed(bin.r2, 3), r2)}, RMSE ${cited(fixed(bin.rmse, 2), rmse)}`);
}

/** Two decimals of an entry of nested lists of the star, with its place. */
function citedAt(list, pointer, indices) {
  const value = indices.reduce((part, k) => part[k], list);
  return cited(fixed(value, 2), view.at([pointer, ...indices].join("/")));
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
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: t("flux / {by}", { by: t("median") }),
      hideX: true,
      top: NAME_SPACE,
      series: [
        { stroke: () => tint("flux-noisy", 0.7), width: 0.8 },
        { stroke: () => color("specvit"), width: 1.4 },
      ],
      yRange: () => view.range,
      describe: (i) =>
        t("{wave}: flux {noisy}, without noise {flux}, \u03c3 {sigma}", {
          wave: angstrom(view.wave[i]),
          noisy: fixed(view.noisy[i], 3),
          flux: fixed(view.flux[i], 3),
          sigma: fixed(view.sigma[i], 3),
        }),
      over: (u) => state.lines && paintLines(u, view.lines),
      onWindow: () => chart && remember(),
    },
    [wave, noisy, flux],
  );
  strip = new Chart(
    stageHost("snr-sky"),
    {
      label: "",
      height: 130,
      tools: false,
      xLabel: t("vacuum wavelength (\u00c5)"),
      yLabel: t("sky (10\u00b3 e\u207b)"),
      yTick: (v) => fixed(v / 1000, 0),
      series: [{ stroke: () => color("sky"), width: 1, fill: () => tint("sky", 0.25) }],
      yRange: (lo, hi) => [0, hi * 1.05],
      describe: (i) => 
        t("{wave}: {n} sky electrons per pixel and exposure", { wave: angstrom(view.wave[i]), n: fixed(view.sky[i], 0) }),
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
  chart.rename(t("Noisy and noise-free spectrum of {star}", { star: t(star.title) }));
  strip.rename(t("Sky electrons per pixel and exposure, {instrument}", { instrument: t(instrument.title) }));
}

function fillControls() {
  const { magnitudes, seeds } = view.star.ladder;
  ui.star.value = state.key;
  ui.slider.max = magnitudes.length - 1;
  ui.slider.value = state.at;
  const { at } = view;
  const pattern = { k: cited(state.seed + 1, at(`/ladder/seeds/${state.seed}`), "place"), n: cited(seeds.length, at("/ladder/seeds"), "len") };
  write(ui.seedOut, t("{k} of {n}", pattern));
  ui.fit.checked = state.fit;
  ui.lines.checked = state.lines;
  byId("snr-json").href = view.entry.url;
  byId("snr-noise-json").href = view.entry.instrument;
}

/** The table behind the charts: this star, this noise pattern. */
function fillTable() {
  const { star, at } = view;
  const { seed } = state;
  const { magnitudes, snr: ratios, logg, sigma, limits } = star.ladder;
  const cells = (k) => [
    cited(fixed(ratios[k], 1), at(`/ladder/snr/${k}`)),
    citedAt(logg, "/ladder/logg", [seed, k]),
    citedAt(sigma, "/ladder/sigma", [seed, k]),
    cited(signed(logg[seed][k] - star.logg, 2), [at(`/ladder/logg/${seed}/${k}`), at("/logg")], "sub"),
    ...(limits ? ["mean", "sd"].map((name) => citedAt(limits[name], `/ladder/limits/${name}`, [seed, k])) : []),
    ...(limits ? ["crlb3", "crlb5"].map((name) => citedAt(limits[name], `/ladder/limits/${name}`, [k])) : []),
  ];
  const about = {
    star: t(star.title),
    k: cited(seed + 1, at(`/ladder/seeds/${seed}`), "place"),
    logg: cited(fixed(star.logg, 2), at("/logg")),
  };
  write(byId("snr-table-caption"), t("{star}, noise pattern {k}; true log g {logg}", about));
  byId("snr-table").tBodies[0].replaceChildren(
    ...magnitudes.map((m, k) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, ...nodes(cited(fixed(m, 2), at(`/ladder/magnitudes/${k}`)))),
        ...cells(k).map((cell) => el("td", {}, ...nodes(cell))),
      ),
    ),
  );
}

function remember() {
  permalink.write({
    star: state.key,
    mag: Number(magnitudeAt(state.at).toFixed(3)),
    seed: view.star.ladder.seeds[state.seed],
    fit: state.fit ? 1 : null,
    lines: state.lines ? null : 0,
    ...chart.viewed(),
  });
}

const FIELDS = {
  star: permalink.may.be(page.stars.map(keyOf)),
  mag: permalink.may.number(Math.min(...page.stars.flatMap((s) => s.magnitudes)), Math.max(...page.stars.flatMap((s) => s.magnitudes))),
  seed: permalink.may.be(page.stars.flatMap((s) => s.seeds.map(String))),
  fit: permalink.may.flag,
  lines: permalink.may.flag,
  ...permalink.WINDOW,
};

/** Show what a link says. */
async function open(link) {
  await choose(fromLink(link));
  chart?.follow(link);
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
  state.at = Math.min(change.index ?? state.at, magnitudes.length - 1);
  state.index = Math.round(state.at);
  state.seed %= seeds.length;
  if (newSeed) view.z = null;
  if (newStar || !chart) stage();
  if (newStar || newSeed || !ladder.star) {
    ladder.show(view.star, state.seed, state.index);
    if (three && view.star.ladder.limits) three.show(view.star, view.entry.prior, state.seed, state.index);
    fillTable();
  }
  fillControls();
  simulate();
  if (live.on) askLive();
  repaint();
  remember();
}

/** A permalink in terms of the page's own indices. */
function fromLink(link) {
  const change = {};
  if (page.stars.some((star) => keyOf(star) === link.star)) change.key = link.star;
  const entry = page.stars.find((star) => keyOf(star) === (change.key ?? state.key)) ?? page.stars[0];
  const at = (list, value) => list.findIndex((v) => Math.abs(v - Number(value)) < 1e-6);
  const place = placeOf(Number(link.mag), entry.magnitudes);
  if (link.mag && place !== null) {
    change.at = live.on ? place : Math.round(place);
    live.wanted = place; // for when the network is here
  }
  if (at(entry.seeds, link.seed) >= 0) change.seed = at(entry.seeds, link.seed);
  if (link.fit) change.fit = link.fit === "1";
  if (link.lines) change.lines = link.lines !== "0";
  return change;
}

ui.star.addEventListener("change", () => choose({ key: ui.star.value }));
ui.slider.addEventListener("input", () => choose({ at: Number(ui.slider.value) }));
ui.seed.addEventListener("click", async () => {
  await choose({ seed: (state.seed + 1) % view.star.ladder.seeds.length });
  paint();
  speak(t("Noise pattern {k}: log g {logg}", {
      k: state.seed + 1,
      logg: ui.out.logg.textContent.replace("\u00b1", t("plus or minus")),
    }),
 );
});
ui.fit.addEventListener("change", () => choose({ fit: ui.fit.checked }));
ui.lines.addEventListener("change", () => choose({ lines: ui.lines.checked }));
permalink.onChange(open, FIELDS);

state.at = state.index = page.default_index;
await open(permalink.read(FIELDS));
prepareLive();
