/**
 * The seeded noise that this site and the model share, and the noise model of an instrument.
 *
 * Unit normal number i of seed s is the same here and in `model/noise.py`: mulberry32 gives the
 * uniform draws (32-bit integers, so they agree bit for bit), Box-Muller turns two into one normal.
 * A prediction in a ladder therefore belongs to exactly the spectrum that a page draws.
 */

const STEP = 0x6d2b79f5;

/**
 * Uniform draw number k of a seed.
 * @param {number} seed integer, taken modulo 2^32
 * @param {number} k draw number, from 1
 * @returns {number} in [0, 1)
 */
export function uniform(seed, k) {
  const a = (seed + Math.imul(k, STEP)) >>> 0;
  let t = Math.imul(a ^ (a >>> 15), 1 | a);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/**
 * The first n unit normals of a seed.
 * @param {number} seed
 * @param {number} n
 * @returns {Float64Array} n
 */
export function normals(seed, n) {
  const z = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const u1 = uniform(seed, 2 * i + 1);
    const u2 = uniform(seed, 2 * i + 2);
    z[i] = Math.sqrt(-2 * Math.log1p(-u1)) * Math.cos(2 * Math.PI * u2);
  }
  return z;
}

/**
 * Standard deviation of every pixel, in units of the star's median flux.
 *
 * The star gives S = signal_e 10^(-0.4 (m - m0)) flux electrons per pixel and exposure, the variance
 * is background + S; n exposures are averaged.
 * @param {object} instrument contract file `instruments/<name>.json` with a noise model
 * @param {ArrayLike<number>} flux noise-free, 1 at the median, one per pixel
 * @param {number} magnitude
 * @param {Float64Array} [out] n pixels, filled and returned (so that a moving slider allocates nothing)
 * @returns {Float64Array} n pixels
 */
export function sigmaFlux(instrument, flux, magnitude, out = new Float64Array(flux.length)) {
  const scale = 10 ** (-0.4 * (magnitude - instrument.magnitude_zero));
  const { signal_e: signal, background_e2: background, n_exposures: n } = instrument;
  for (let i = 0; i < flux.length; i++) {
    const unit = signal[i] * scale;
    out[i] = Math.sqrt((background[i] + unit * flux[i]) / n) / unit;
  }
  return out;
}

/**
 * flux + sigma z, pixel by pixel.
 * @param {ArrayLike<number>} flux
 * @param {ArrayLike<number>} sigma
 * @param {ArrayLike<number>} z unit normals
 * @param {Float64Array} [out]
 * @returns {Float64Array}
 */
export function addNoise(flux, sigma, z, out = new Float64Array(flux.length)) {
  for (let i = 0; i < flux.length; i++) out[i] = flux[i] + sigma[i] * z[i];
  return out;
}

/**
 * Median; the mean of the two middle values for an even count, as numpy has it.
 * @param {Float64Array} values kept as they are
 * @param {Float64Array} [scratch] same length, overwritten
 * @returns {number}
 */
export function median(values, scratch = new Float64Array(values.length)) {
  scratch.set(values);
  scratch.sort();
  const half = scratch.length >> 1;
  return scratch.length % 2 ? scratch[half] : (scratch[half - 1] + scratch[half]) / 2;
}

/**
 * Signal-to-noise ratio of a spectrum: the median over pixels of flux / sigma.
 * @param {ArrayLike<number>} flux
 * @param {ArrayLike<number>} sigma
 * @param {Float64Array} [scratch] same length, overwritten
 * @returns {number}
 */
export function snr(flux, sigma, scratch = new Float64Array(flux.length)) {
  for (let i = 0; i < flux.length; i++) scratch[i] = flux[i] / sigma[i];
  return median(scratch, scratch);
}
