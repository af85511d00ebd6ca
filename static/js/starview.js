/** A star with its attention, as the token and attention pages hold it. */

import { places } from "./cited.js";
import { loadJson, wavelengths } from "./data.js";
import { addNoise, normals, sigmaFlux } from "./noise.js";
import { cut } from "./patches.js";
import { may, WINDOW } from "./permalink.js";

/**
 * @typedef {object} StarView
 * @property {object} entry of the page's list
 * @property {object} star contract example
 * @property {object} attention derived file, see site_builder/attention_view.py
 * @property {object|null} attribution contract file of where the answer comes from, if there is one
 * @property {Record<"star"|"attention"|"attribution"|"run", (pointer: string) => string>} at places in the contract's files
 * @property {Float64Array} wave one per pixel
 * @property {(number|null)[]} flux one per pixel
 * @property {import("./patches.js").Patch[]} patches
 * @property {object[]} lines by wavelength
 * @property {number[][][]} pooled weight of each patch [layer][head][patch]
 * @property {number[][]} byLayer the same, averaged over heads [layer][patch]
 */

/**
 * @param {{stars: object[], lines: Record<string, object[]>}} page embedded data
 * @param {string} key of the star
 * @returns {Promise<StarView>}
 */
export async function loadStar(page, key) {
  const entry = page.stars.find((star) => star.key === key) ?? page.stars[0];
  const [star, attention, attribution] = await Promise.all([
    loadJson(entry.url),
    loadJson(entry.data),
    entry.attribution ? loadJson(entry.attribution) : null,
  ]);
  const count = attention.rollout.length;
  const pooled = attention.pooled.map((layer) => layer.map((head) => head.map((v) => v * 1e-6)));
  return {
    entry,
    star,
    attention,
    attribution,
    at: {
      star: places(entry.url),
      attention: places(entry.attention),
      attribution: places(entry.attribution ?? ""),
      run: places(entry.run),
    },
    wave: wavelengths(star.wave),
    flux: star.flux,
    patches: cut(star.wave, attention.patch_size, count),
    lines: page.lines[entry.instrument_name].filter((line) => entry.origin === "observed" || line.group !== "telluric"),
    pooled,
    byLayer: pooled.map((heads) => mean(heads, count)),
  };
}

/** What both pages keep in their links, and what it may hold (see `may` in permalink.js). */
export const linkFields = (page) => ({
  star: may.be(page.stars.map((star) => star.key)),
  by: may.match(/^[a-z]+(-[a-z0-9]+)*$/),
  lines: may.flag,
  seen: may.flag,
  tour: may.number(1),
  ...WINDOW,
});

/** Mean of lists of equal length, entry by entry. */
export function mean(lists, n) {
  return Array.from({ length: n }, (_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);
}

/** True if the network saw this star with seeded noise that can be made again here. */
export function hasNoise(view) {
  return view.attention.magnitude !== null && view.attention.noise_seed !== null;
}

/**
 * The spectrum that the network saw: the noise-free one with the noise of its seed, or as observed.
 * @param {StarView} view
 * @returns {Promise<(number|null)[]|Float64Array>} one per pixel
 */
export async function seenFlux(view) {
  if (!hasNoise(view)) return view.star.flux;
  const instrument = await loadJson(view.entry.instrument);
  const flux = Float64Array.from(view.star.flux);
  const sigma = sigmaFlux(instrument, flux, view.attention.magnitude);
  return addNoise(flux, sigma, normals(view.attention.noise_seed, flux.length));
}
