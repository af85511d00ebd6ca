/** Reading what the builder wrote: data in the page, data files beside it, wavelength axes. */

import { t } from "./i18n.js";

/**
 * JSON that the builder put into the page.
 * @param {string} id of a `<script type="application/json">`
 */
export function embedded(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

const cache = new Map();

/**
 * A data file of this site, fetched once.
 * @param {string} url relative to the page
 * @returns {Promise<any>} rejected with a sentence that a reader can be shown
 */
export function loadJson(url) {
  if (!cache.has(url)) {
    const promise = fetchJson(url);
    promise.catch(() => cache.delete(url)); // the next attempt asks again
    cache.set(url, promise);
  }
  return cache.get(url);
}

async function fetchJson(url) {
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new Error(t("The data file {url} could not be loaded; check the connection and choose again.", { url }));
  }
  if (!response.ok)
    throw new Error(t("The data file {url} could not be loaded (the server answered {status}).", { url, status: response.status }));
  try {
    return await response.json();
  } catch {
    throw new Error(t("The data file {url} is damaged; reload the page.", { url }));
  }
}

/**
 * Wavelengths of an axis of the contract (affine in wavelength or in its decimal logarithm).
 * @param {{scale: 'linear'|'log10', start: number, step: number, n: number}} axis
 * @returns {Float64Array} n, vacuum Angstrom
 */
export function wavelengths(axis) {
  const out = new Float64Array(axis.n);
  for (let i = 0; i < axis.n; i++) {
    const value = axis.start + axis.step * i;
    out[i] = axis.scale === "log10" ? 10 ** value : value;
  }
  return out;
}

/**
 * Wavelength at a fractional pixel of an axis (pixel edges lie at k - 1/2).
 * @param {object} axis
 * @param {number} pixel
 * @returns {number} vacuum Angstrom
 */
export function wavelengthAt(axis, pixel) {
  const value = axis.start + axis.step * pixel;
  return axis.scale === "log10" ? 10 ** value : value;
}
