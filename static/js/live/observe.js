/**
 * From a spectrum as observed to what the network is given, and whether it may be given it.
 *
 * The same steps as model/resample.py and model/predict.py, in the same order; tests hold both to the same numbers.
 */

import { Refusal } from "./refusal.js";
import { t } from "../i18n.js";

export const C_KMS = 299792.458;
const FINE_STEP = 1.2; // Angstrom a pixel; see model/predict.py

/**
 * Vacuum wavelengths of air wavelengths (Angstrom): N. Piskunov's inverse of Morton (2000, ApJS 130, 403).
 * @param {Float64Array} air
 */
export function vacuumFromAir(air) {
  return air.map((w) => {
    const s2 = (1e4 / w) ** 2;
    return w * (1 + 8.336624212083e-5 + 2.408926869968e-2 / (130.1065924522 - s2) + 1.599740894897e-4 / (38.92568793293 - s2));
  });
}

/** Value of the broken line through (xs, ys) at rising points `at`; constant beyond its ends. */
function interpolate(at, xs, ys) {
  const out = new Float64Array(at.length);
  const last = xs.length - 1;
  let k = 0;
  for (let i = 0; i < at.length; i++) {
    const x = at[i];
    if (x <= xs[0]) out[i] = ys[0];
    else if (x >= xs[last]) out[i] = ys[last];
    else {
      while (xs[k + 1] <= x) k++;
      out[i] = ys[k] + ((x - xs[k]) / (xs[k + 1] - xs[k])) * (ys[k + 1] - ys[k]);
    }
  }
  return out;
}

/**
 * Rebin to pixels with borders `edges`, weighing by inverse variance.
 * @returns {{flux: Float64Array, ivar: Float64Array}} both 0 where no valid input pixel overlaps
 */
export function resample(wave, flux, ivar, edges) {
  const n = wave.length;
  const borders = new Float64Array(n + 1);
  borders[0] = 1.5 * wave[0] - 0.5 * wave[1];
  for (let i = 1; i < n; i++) borders[i] = 0.5 * (wave[i] + wave[i - 1]);
  borders[n] = 1.5 * wave[n - 1] - 0.5 * wave[n - 2];
  const integral = (density) => {
    const total = new Float64Array(n + 1);
    for (let i = 0; i < n; i++) total[i + 1] = total[i] + density(i) * (borders[i + 1] - borders[i]);
    const at = interpolate(edges, borders, total);
    return Float64Array.from({ length: edges.length - 1 }, (_, i) => at[i + 1] - at[i]);
  };
  const weight = integral((i) => (ivar[i] > 0 ? ivar[i] : 0));
  const sum = integral((i) => (ivar[i] > 0 ? ivar[i] * flux[i] : 0));
  const good = integral((i) => Number(ivar[i] > 0));
  const m = edges.length - 1;
  const widths = Float64Array.from({ length: n }, (_, i) => borders[i + 1] - borders[i]);
  const mean = interpolate(Float64Array.from({ length: m }, (_, i) => 0.5 * (edges[i] + edges[i + 1])), wave, widths);
  const clip = (x) => Math.min(Math.max(x, borders[0]), borders[n]);
  const out = { flux: new Float64Array(m), ivar: new Float64Array(m) };
  for (let i = 0; i < m; i++) {
    const inside = edges[i + 1] > borders[0] && edges[i] < borders[n] && weight[i] > 0;
    if (!inside || !(good[i] > 0.5 * (clip(edges[i + 1]) - clip(edges[i])))) continue;
    out.flux[i] = sum[i] / weight[i];
    out.ivar[i] = weight[i] / mean[i];
  }
  return out;
}

function sorted(values) {
  return Float64Array.from(values).sort();
}

/** Median; the mean of the two middle values for an even count. */
function median(values) {
  const s = sorted(values);
  const half = s.length >> 1;
  return s.length % 2 ? s[half] : (s[half - 1] + s[half]) / 2;
}

/** Pixel borders of an axis of the contract. */
export function edgesOf(axis) {
  return Float64Array.from({ length: axis.n + 1 }, (_, i) => {
    const x = axis.start + axis.step * (i - 0.5);
    return axis.scale === "linear" ? x : 10 ** x;
  });
}

/**
 * Divide by the (lower) median, and by the continuum where the instrument has one.
 * @param {Float64Array} flux one per pixel, without gaps
 * @param {object} limits constants of the network's file
 */
export function normalise(flux, limits) {
  const level = Math.max(sorted(flux)[(flux.length - 1) >> 1], 1e-6);
  const out = flux.map((f) => f / level);
  const { continuum_basis: basis, continuum_fit: fit } = limits;
  if (!basis) return out;
  const n = flux.length;
  const k = basis.length / n;
  const coefficients = new Float64Array(k);
  for (let j = 0; j < k; j++) for (let i = 0; i < n; i++) coefficients[j] += fit[j * n + i] * out[i];
  return out.map((f, i) => {
    let c = 0;
    for (let j = 0; j < k; j++) c += basis[i * k + j] * coefficients[j];
    return f / Math.max(c, 0.05);
  });
}

/** Change of the flux over 1000 Angstrom as a share of that at 8000 Angstrom, with its error; see model/resample.py. */
export function slope(wave, flux, ivar) {
  let [s0, s1, s2, b0, b1] = [0, 0, 0, 0, 0];
  for (let i = 0; i < wave.length; i++) {
    const x = (wave[i] - 8000) / 1000;
    s0 += ivar[i];
    s1 += ivar[i] * x;
    s2 += ivar[i] * x * x;
    b0 += ivar[i] * flux[i];
    b1 += ivar[i] * flux[i] * x;
  }
  const det = s0 * s2 - s1 * s1;
  if (!(det > 0)) return [0, Infinity];
  const [level, rise] = [(s2 * b0 - s1 * b1) / det, (s0 * b1 - s1 * b0) / det];
  return level > 0 ? [rise / level, Math.sqrt(s0 / det) / level] : [0, Infinity];
}

/** Solve a symmetric positive definite system in place (Cholesky); `a` is k x k, row by row. */
function solve(a, b) {
  const k = b.length;
  for (let j = 0; j < k; j++) {
    for (let i = j; i < k; i++) {
      let s = a[i * k + j];
      for (let m = 0; m < j; m++) s -= a[i * k + m] * a[j * k + m];
      a[i * k + j] = i === j ? Math.sqrt(Math.max(s, 1e-300)) : s / a[j * k + j];
    }
  }
  for (let i = 0; i < k; i++) {
    for (let m = 0; m < i; m++) b[i] -= a[i * k + m] * b[m];
    b[i] /= a[i * k + i];
  }
  for (let i = k - 1; i >= 0; i--) {
    for (let m = i + 1; m < k; m++) b[i] -= a[m * k + i] * b[m];
    b[i] /= a[i * k + i];
  }
  return b;
}

/** rms of what no synthetic spectrum can look like, surely beyond the noise, as a share of the flux. */
export function misfit(on, limits) {
  const n = on.flux.length;
  const k = limits.basis.length / n;
  const keep = [];
  for (let i = 0; i < n; i++) if (on.valid[i] && limits.used[i]) keep.push(i);
  const normal = new Float64Array(k * k);
  const right = new Float64Array(k);
  for (let a = 0; a < k; a++) {
    for (const i of keep) right[a] += limits.basis[a * n + i] * (on.flux[i] - limits.basis_mean[i]);
    for (let b = 0; b < k; b++) for (const i of keep) normal[a * k + b] += limits.basis[a * n + i] * limits.basis[b * n + i];
  }
  const c = solve(normal, right);
  let [square, noise, fourth] = [0, 0, 0];
  for (const i of keep) {
    let rest = on.flux[i] - limits.basis_mean[i];
    for (let a = 0; a < k; a++) rest -= c[a] * limits.basis[a * n + i];
    const variance = on.sigma[i] ** 2;
    square += rest * rest;
    noise += variance;
    fourth += variance ** 2;
  }
  const chance = (4 * Math.sqrt(2 * fourth)) / keep.length;
  return Math.sqrt(Math.max(square / keep.length - noise / keep.length - chance, 0));
}

/**
 * @typedef {object} OnPixels
 * @property {Float64Array} flux normalised, bridged where there is no data
 * @property {Float64Array} sigma 0 where there is no data
 * @property {Uint8Array} valid
 * @property {number} snr
 * @property {[number, number]} slope
 *
 * Rest frame, resampled and normalised.
 * @param {{wave: Float64Array, flux: Float64Array, ivar: Float64Array}} spectrum vacuum Angstrom, observed frame
 * @param {number} z
 * @param {{wave: Float64Array, edges: Float64Array, limits: object}} network
 * @returns {OnPixels|null} null where no pixel has data
 */
export function toInstrument(spectrum, z, network) {
  const rest = spectrum.wave.map((w) => w / (1 + z));
  let { flux, ivar } = resample(rest, spectrum.flux, spectrum.ivar, network.edges);
  const n = flux.length;
  const valid = Uint8Array.from(ivar, (v) => Number(v > 0));
  const where = [];
  for (let i = 0; i < n; i++) if (valid[i]) where.push(i);
  if (!where.length) return null;
  const level = median(where.map((i) => flux[i]));
  if (level > 0) {
    flux = flux.map((f) => f / level);
    ivar = ivar.map((v) => v * level ** 2);
  }
  const pixels = Float64Array.from({ length: n }, (_, i) => i);
  const bridged = interpolate(pixels, where, where.map((i) => flux[i]));
  const normalised = normalise(bridged, network.limits);
  const sigma = new Float64Array(n);
  for (const i of where) sigma[i] = ivar[i] ** -0.5 * Math.abs(normalised[i] / (bridged[i] === 0 ? 1 : bridged[i]));
  const good = where.filter((i) => sigma[i] > 0);
  const snr = good.length ? median(good.map((i) => normalised[i] / sigma[i])) : 0;
  const used = ivar.map((v, i) => (network.limits.used[i] ? v : 0));
  return { flux: normalised, sigma, valid, snr, slope: slope(network.wave, flux, used) };
}

/** Name of the network whose pixels are nearest to the spectrum's. */
export function choose(wave) {
  const inside = wave.filter((w) => w > 7100 && w < 8850);
  const steps = Array.from({ length: Math.max(inside.length - 1, 0) }, (_, i) => inside[i + 1] - inside[i]);
  return (steps.length ? median(steps) : 1) < FINE_STEP ? "pfs-mr" : "lamost";
}

const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

/**
 * What is said of a spectrum before the network is asked.
 * @param {{wave, flux, ivar, z: number, air: boolean|null}} spectrum rising wavelengths, Angstrom
 * @param {{air: boolean|null, rv: number|null}} how null: as the file says
 * @param {object} network with `about`, the contract's description
 * @returns {{on: OnPixels|null, coverage: number, misfit: number|null, refusal: string|null}}
 */
export function judge(spectrum, how, network) {
  const { about } = network;
  const air = how.air ?? spectrum.air ?? false;
  const z = how.rv === null ? spectrum.z : how.rv / C_KMS;
  const band = `${network.wave[0].toFixed(0)}\u2013${network.wave[network.wave.length - 1].toFixed(0)}\u00a0\u00c5`;
  const wave = air ? vacuumFromAir(spectrum.wave) : spectrum.wave;
  const on = toInstrument({ ...spectrum, wave }, z, network);
  const said = { on, coverage: 0, misfit: null, refusal: null };
  if (!on) return { ...said, refusal: t("The spectrum covers nothing of {band}, which this network needs.", { band }) };
  if (![on.snr, on.slope[0], ...on.flux, ...on.sigma].every(Number.isFinite))
    return { ...said, refusal: t("The spectrum holds numbers too large or too small to compute with: check the units of flux and ivar.") };
  let [covered, used] = [0, 0];
  for (let i = 0; i < on.valid.length; i++) {
    used += limitsUsed(network, i);
    covered += on.valid[i] * limitsUsed(network, i);
  }
  said.coverage = covered / used;
  const little = t("The spectrum covers {coverage} of {band}, but this network needs {min_coverage}.", { coverage: percent(said.coverage), band, min_coverage: percent(about.min_coverage) });
  if (said.coverage < about.judged_from) return { ...said, refusal: little };
  const flux = spectrum.flux.filter((_, i) => spectrum.ivar[i] > 0);
  if (!(median(flux) > 0))
    return { ...said, refusal: t("The flux has a median that is not positive: subtract the sky again, or give more signal.") };
  said.misfit = misfit(on, network.limits);
  const [rise, error] = on.slope;
  if (said.misfit > about.max_excess) {
    said.refusal =
      t("Outside the model\u2019s range: the spectrum differs from every star that the network was made for by {share} of its flux beyond the noise. Check the velocity, air or vacuum, and the kind of star.", { share: percent(said.misfit) });
  } else if (rise + 2 * error < about.min_slope) {
    said.refusal =
      t("Outside the model\u2019s range: the spectrum is bluer than every star that the network was made for. Its flux falls by {fall} over 1000\u00a0\u00c5, theirs by {least} at most. Check the kind of star, and that flux is per wavelength.", { fall: percent(-rise), least: percent(-about.min_slope) });
  } else if (said.coverage < about.min_coverage) {
    said.refusal = little;
  }
  return said;
}

const limitsUsed = (network, i) => Number(network.limits.used[i] > 0);

/** What to keep in mind about an answer. */
export function notes(answer, snr, prior) {
  const found = [];
  const [lo, hi] = prior.logg;
  if (answer.logg < lo + answer.sigma || answer.logg > hi - answer.sigma)
    found.push(t("Within one sigma of the edge of the training range ({lo} to {hi}): the network cannot answer beyond it.", { lo, hi }));
  if (prior.snr && snr > prior.snr[1])
    found.push(t("The S/N is above the training range: sigma is too small for errors of the synthetic spectra."));
  return found;
}

/** A spectrum with rising, finite wavelengths and no weight where there is no number. */
export function clean(spectrum) {
  let { wave, flux, ivar } = spectrum;
  if (!(wave.length === flux.length && wave.length === ivar.length))
    throw new Refusal(t("Wavelengths ({wave}), flux ({flux}) and ivar ({ivar}) differ in length.", { wave: wave.length, flux: flux.length, ivar: ivar.length }));
  if (wave.length < 2 || !wave.every(Number.isFinite)) throw new Refusal(t("The wavelengths are not all numbers."));
  if (wave.every((w, i) => i === 0 || w < wave[i - 1])) [wave, flux, ivar] = [wave, flux, ivar].map((a) => a.slice().reverse());
  if (!(wave[0] > 0) || !wave.every((w, i) => i === 0 || w > wave[i - 1]))
    throw new Refusal(t("The wavelengths do not rise from pixel to pixel: sort them, and remove repeats."));
  if (!flux.some(Number.isFinite)) throw new Refusal(t("The flux holds no finite number."));
  const good = flux.map((f, i) => Number(Number.isFinite(f) && Number.isFinite(ivar[i]) && ivar[i] > 0));
  if (!good.some((v) => v > 0)) throw new Refusal(t("The inverse variance is zero or no number throughout: the file gives no errors."));
  return { ...spectrum, wave, flux: flux.map((f, i) => (good[i] ? f : 0)), ivar: ivar.map((v, i) => (good[i] ? v : 0)) };
}
