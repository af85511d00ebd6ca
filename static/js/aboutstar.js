/** A spectrum in one line of text, for the inspector. */

import { fixed, signed } from "./format.js";

/** A spectrum of another survey in one line. */
function aboutLoose(star) {
  const what = star.star_class === "unknown" ? star.what.replace(/^an? /, "") : star.star_class;
  const of = star.origin === "synthetic" ? "" : ` (${star.survey})`;
  const parts = [`${star.origin[0].toUpperCase()}${star.origin.slice(1)} ${what}${of}`];
  if (star.logg !== null) {
    const labels = `log g ${fixed(star.logg, 2)}, ${fixed(star.teff, 0)} K, [M/H] ${signed(star.mh, 2)}`;
    parts.push(`${labels}, ${star.origin === "observed" ? "from " : ""}${star.label_source}`);
  } else parts.push("no labels");
  if (star.resolution !== null) parts.push(`R = ${fixed(star.resolution, 0)}`);
  if (star.snr !== null) parts.push(`SNR ${fixed(star.snr, 1)} per pixel`);
  if (star.z) parts.push(`z = ${fixed(star.z, 5)}, removed in the rest frame`);
  if (star.note) parts.push(star.note);
  return `${parts.join("; ")}.`;
}

/** The star in one line. */
export function about(star) {
  if (star.kind === "spectrum") return aboutLoose(star);
  const labels = `log g ${fixed(star.logg, 2)}, ${fixed(star.teff, 0)} K, [M/H] ${signed(star.mh, 2)}`;
  if (star.origin === "synthetic") return `Synthetic ${star.star_class}, without noise: ${labels}.`;
  const parts = [`Observed ${star.star_class} (${star.survey}): ${labels} from ${star.label_source}`];
  if (star.predicted_logg !== null) {
    parts.push(
      `SpecViT reads log g ${fixed(star.predicted_logg, 2)}${star.predicted_sigma === null ? "" : ` \u00b1 ${fixed(star.predicted_sigma, 2)}`}`,
    );
  }
  if (star.snr !== null) parts.push(`SNR ${fixed(star.snr, 0)} per pixel`);
  if (star.rv_kms !== null) parts.push(`radial velocity ${signed(star.rv_kms, 1)} km/s, removed in the rest frame`);
  return `${parts.join("; ")}.`;
}
