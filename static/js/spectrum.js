/** Arithmetic on spectra: smoothing, frames, air and vacuum. Pure functions; wavelengths in Angstrom. */

export const C_KMS = 299792.458; // speed of light

/**
 * Refractive index of dry air (1 atm, 15 C) at a vacuum wavelength: Morton (2000, ApJS 130, 403).
 * @param {number} vacuum
 */
export function refractiveIndex(vacuum) {
  const s2 = (1e4 / vacuum) ** 2;
  return 1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2);
}

/** Wavelength in air. */
export function toAir(vacuum) {
  return vacuum / refractiveIndex(vacuum);
}

/** Wavelength in vacuum; the inverse of toAir, by iteration (the index depends on the answer). */
export function toVacuum(air) {
  let vacuum = air;
  for (let i = 0; i < 4; i++) vacuum = air * refractiveIndex(vacuum);
  return vacuum;
}

/**
 * Rest wavelengths as they are shown.
 * @param {number} rest vacuum, rest frame
 * @param {{observed: boolean, air: boolean}} how
 * @param {number} velocity of the star, km/s, positive away
 */
export function shown(rest, how, velocity) {
  const vacuum = how.observed ? rest * (1 + velocity / C_KMS) : rest;
  return how.air ? toAir(vacuum) : vacuum;
}

/** The reverse of {@link shown}. */
export function rest(value, how, velocity) {
  const vacuum = how.air ? toVacuum(value) : value;
  return how.observed ? vacuum / (1 + velocity / C_KMS) : vacuum;
}

/**
 * Inverse-variance weighted Gaussian smoothing.
 *
 * Pixels without data count nothing and stay without data; the errors are those of the weighted mean of
 * independent pixels.
 * @param {(number|null)[]} flux one per pixel
 * @param {(number|null)[]|null} sigma standard deviations; null: all pixels weigh the same
 * @param {number} width standard deviation of the Gaussian in pixels; 0 changes nothing
 * @returns {{flux: number[], sigma: number[]|null}} NaN where there is no data
 */
export function smooth(flux, sigma, width) {
  const n = flux.length;
  const good = (i) => flux[i] !== null && (!sigma || (sigma[i] !== null && sigma[i] > 0));
  const out = new Array(n).fill(NaN);
  const error = sigma ? new Array(n).fill(NaN) : null;
  const reach = Math.ceil(4 * width);
  const kernel = Array.from({ length: reach + 1 }, (_, d) => (width > 0 ? Math.exp(-0.5 * (d / width) ** 2) : 1));
  for (let i = 0; i < n; i++) {
    if (!good(i)) continue;
    let [sum, weights, squares] = [0, 0, 0];
    for (let j = Math.max(0, i - reach); j <= Math.min(n - 1, i + reach); j++) {
      if (!good(j)) continue;
      const k = kernel[Math.abs(i - j)];
      const w = sigma ? k / sigma[j] ** 2 : k;
      sum += w * flux[j];
      weights += w;
      squares += k * w;
    }
    out[i] = sum / weights;
    if (error) error[i] = Math.sqrt(squares) / weights;
  }
  return { flux: out, sigma: error };
}
