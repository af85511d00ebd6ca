/** A spectrum in one line of text, for the inspector. */

import { cited } from "./cited.js";
import { fixed, signed } from "./format.js";
import { t } from "./i18n.js";

const labelsOf = ({ logg, teff, mh }) =>
  t("log g {logg}, {teff} K, [M/H] {mh}", {
    logg: logg(2),
    teff: teff(0),
    mh: mh(2, signed),
  });

const sentence = (parts) => t("{text}.", { text: parts.join(t("; ")) });

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** A spectrum of another survey in one line. */
function aboutLoose(star, number) {
  const what = star.star_class === "unknown" ? t(star.what).replace(/^an? /, "") : t(star.star_class);
  const kind = t("{origin} {kind}", { origin: t(star.origin), kind: what });
  const survey = t(star.survey);
  const parts = [capital(star.origin === "synthetic" ? kind : t("{kind} ({survey})", { kind, survey }))];
  if (star.logg !== null) {
    const values = { labels: labelsOf(number), source: t(star.label_source) };
    parts.push(star.origin === "observed" ? t("{labels}, from {source}", values) : t("{labels}, {source}", values));
  } else parts.push(t("no labels"));
  if (star.resolution !== null) parts.push(`R = ${number.resolution(0)}`);
  if (star.snr !== null) parts.push(t("SNR {snr} per pixel", { snr: number.snr(1) }));
  if (star.z) parts.push(t("z = {z}, removed in the rest frame", { z: number.z(5) }));
  if (star.note) parts.push(t(star.note));
  return sentence(parts);
}

/**
 * The star in one line, for `write`.
 * @param {object} star of the contract
 * @param {(pointer: string) => string} at places in its file
 */
export function about(star, at) {
  const write = (name) => (digits, how = fixed) => cited(how(star[name], digits), at(`/${name}`));
  const names = ["logg", "teff", "mh", "resolution", "snr", "z", "predicted_logg", "predicted_sigma", "rv_kms"];
  const number = Object.fromEntries(names.map((name) => [name, write(name)]));
  if (star.kind === "spectrum") return aboutLoose(star, number);
  const labels = labelsOf(number);
  const kind = t(star.star_class);
  if (star.origin === "synthetic") return t("Synthetic {kind}, without noise: {labels}.", { kind, labels });
  const survey = t(star.survey);
  const parts = [t("Observed {kind} ({survey}): {labels} from {source}", { kind, survey, labels, source: t(star.label_source) })];
  if (star.predicted_logg !== null) {
    const sigma = star.predicted_sigma === null ? "" : ` \u00b1 ${number.predicted_sigma(2)}`;
    parts.push(t("SpecViT reads log g {answer}", { answer: number.predicted_logg(2) + sigma }));
  }
  if (star.snr !== null) parts.push(t("SNR {snr} per pixel", { snr: number.snr(0) }));
  if (star.rv_kms !== null) {
    parts.push(t("radial velocity {rv} km/s, removed in the rest frame", { rv: number.rv_kms(1, signed) }));
  }
  return sentence(parts);
}
