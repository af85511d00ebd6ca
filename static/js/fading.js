/**
 * Home: one synthetic star that a slider makes fainter, with the network's answer.
 *
 * Exported answers serve until the reader has loaded the network; then it answers here, at any magnitude.
 */

import { Chart } from "./chart.js";
import { cited, citedEntry, places, write } from "./cited.js";
import { embedded, loadJson, wavelengths } from "./data.js";
import { byId, say } from "./dom.js";
import { angstrom, fixed } from "./format.js";
import { t } from "./i18n.js";
import { loader } from "./live/loader.js";
import { LiveModel, Overtaken } from "./live/model.js";
import { addNoise, normals, sigmaFlux, snr } from "./noise.js";
import { color, tint } from "./palette.js";
import * as permalink from "./permalink.js";
import { eachFrame, stageHost } from "./stage.js";

const page = embedded("home-data");
const model = page.live && new LiveModel(page.live);
const ui = Object.fromEntries(["magnitude", "magnitude-out", "snr", "logg", "error", "live"].map((k) => [k, byId(`home-${k}`)]));
const state = { at: Number(ui.magnitude.value), live: false };

const [star, instrument] = await Promise.all([loadJson(page.star), loadJson(page.instrument)]).catch((error) => {
  say(ui.error, error.message);
  throw error;
});
const { magnitudes, seeds, logg, sigma: errors } = star.ladder;
const at = places(page.star);
const wave = wavelengths(star.wave);
const flux = Float64Array.from(star.flux);
const z = normals(seeds[0], flux.length);
const [sigma, noisy] = [new Float64Array(flux.length), new Float64Array(flux.length)];
const range = wideEnough();

/** Room for the noise at the middle of the magnitudes. */
function wideEnough() {
  sigmaFlux(instrument, flux, magnitudes[magnitudes.length >> 1], sigma);
  const half = sigma.slice().sort()[sigma.length >> 1];
  return [Math.min(...flux) - 4 * half, Math.max(...flux) + 4 * half];
}

function simulate() {
  const low = Math.floor(state.at);
  const high = Math.min(low + 1, magnitudes.length - 1);
  state.magnitude = magnitudes[low] + (state.at - low) * (magnitudes[high] - magnitudes[low]);
  sigmaFlux(instrument, flux, state.magnitude, sigma);
  addNoise(flux, sigma, z, noisy);
}

const chart = new Chart(
  stageHost("home-spectrum"),
  {
    label: t("Noisy and noise-free spectrum of {star}", { star: t(star.title) }),
    details: "home-table",
    height: 260,
    tools: false,
    xLabel: t("vacuum wavelength (\u00c5)"),
    yLabel: t("flux / {by}", { by: t("median") }),
    series: [
      { stroke: () => tint("flux-noisy", 0.7), width: 0.8 },
      { stroke: () => color("specvit"), width: 1.4 },
    ],
    yRange: () => range,
    describe: (i) => 
      t("{wave}: flux {noisy}, without noise {flux}", { wave: angstrom(wave[i]), noisy: fixed(noisy[i], 3), flux: fixed(flux[i], 3) }),
  },
  [wave, noisy, flux],
);

function paint() {
  chart.setData([wave, noisy, flux]);
  write(ui["magnitude-out"], citedEntry(fixed(state.magnitude, 2), at("/ladder/magnitudes"), state.at));
  write(ui.snr, cited(fixed(snr(flux, sigma), 1), [at("/flux"), places(page.instrument)("")], `snr ${state.magnitude}`));
  if (!state.live) answer(logg[0][state.at], errors[0][state.at], ["logg", "sigma"].map((name) => at(`/ladder/${name}/0/${state.at}`)));
}

/** Write an answer with the places of its two numbers; without them the network gave it here. */
function answer(value, error, from = null) {
  const [first, second] = from ?? [page.live.networks[0].record, page.live.networks[0].record];
  const op = from ? "" : "live";
  write(ui.logg, `${cited(fixed(value, 2), first, op)} \u00b1 ${cited(fixed(error, 2), second, op)}`);
  ui.magnitude.setAttribute("aria-valuetext", t("magnitude {magnitude}, log g {answer} plus or minus {error}", {
      magnitude: fixed(state.magnitude, 2),
      answer: fixed(value, 2),
      error: fixed(error, 2),
    }));
}

/** Ask the network here; an answer to an earlier magnitude is dropped. */
async function ask() {
  const asked = state.at;
  try {
    const given = await model.infer(page.network, noisy.slice());
    if (asked === state.at) window.requestAnimationFrame(() => asked === state.at && answer(given.logg, given.sigma));
  } catch (error) {
    if (!(error instanceof Overtaken)) say(ui.error, error.message);
  }
}

const repaint = eachFrame(paint);

/** Magnitude of a link, as a place of the slider. */
function follow(link) {
  if (link.mag) {
    const above = magnitudes.findIndex((m) => m >= Number(link.mag));
    const high = Math.max(above, 1);
    const place = high - 1 + (Number(link.mag) - magnitudes[high - 1]) / (magnitudes[high] - magnitudes[high - 1]);
    ui.magnitude.value = state.live ? place : Math.round(place);
  }
  update();
}

function update() {
  state.at = Number(ui.magnitude.value);
  simulate();
  if (state.live) ask();
  repaint();
}

const FIELDS = { mag: permalink.may.number(magnitudes[0], magnitudes.at(-1)) };
ui.magnitude.addEventListener("input", () => {
  update();
  permalink.write({ mag: Number(state.magnitude.toFixed(3)) });
});
permalink.onChange(follow, FIELDS);
follow(permalink.read(FIELDS));

if (model) {
  const { begin } = loader(byId("home-loader"), model, {
    ready: () => {
      state.live = true;
      ui.magnitude.step = 0.1;
      ui.live.hidden = false;
      update();
    },
  });
  const ifKept = async () => model.state === "idle" && (await model.kept()) && begin(true);
  ui.magnitude.addEventListener("input", ifKept, { once: true });
}
