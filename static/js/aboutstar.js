/** A spectrum in one line of text, for the inspector. */

import { fixed, signed } from "./format.js";
import { t } from "./i18n.js";

const labelsOf = (star) =>
  t("log g {logg}, {teff} K, [M/H] {mh}", {
    logg: fixed(star.logg, 2),
    teff: fixed(star.teff, 0),
    mh: signed(star.mh, 2),
  });

const sentence = (parts) => t("{text}.", { text: parts.join(t("; ")) });

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** A spectrum of another survey in one line. */
function aboutLoose(star) {
  const what = star.star_class === "unknown" ? t(star.what).replace(/^an? /, "") : t(star.star_class);
  const kind = t("{origin} {kind}", { origin: t(star.origin), kind: what });
  const survey = t(star.survey);
  const parts = [capital(star.origin === "synthetic" ? kind : t("{kind} ({survey})", { kind, survey }))];
  if (star.logg !== null) {
    const values = { labels: labelsOf(star), source: t(star.label_source) };
    parts.push(star.origin === "observed" ? t("{labels}, from {source}", values) : t("{labels}, {source}", values));
  } else parts.push(t("no labels"));
  if (star.resolution !== null) parts.push(`R = ${fixed(star.resolution, 0)}`);
  if (star.snr !== null) parts.push(t("SNR {snr} per pixel", { snr: fixed(star.snr, 1) }));
  if (star.z) parts.push(t("z = {z}, removed in the rest frame", { z: fixed(star.z, 5) }));
  if (star.note) parts.push(t(star.note));
  return sentence(parts);
}

/** The star in one line. */
export function about(star) {
  if (star.kind === "spectrum") return aboutLoose(star);
  const labels = labelsOf(star);
  const kind = t(star.star_class);
  if (star.origin === "synthetic") return t("Synthetic {kind}, without noise: {labels}.", { kind, labels });
  const survey = t(star.survey);
  const parts = [t("Observed {kind} ({survey}): {labels} from {source}", { kind, survey, labels, source: t(star.label_source) })];
  if (star.predicted_logg !== null) {
    const sigma = star.predicted_sigma === null ? "" : ` \u00b1 ${fixed(star.predicted_sigma, 2)}`;
    parts.push(t("SpecViT reads log g {answer}", { answer: fixed(star.predicted_logg, 2) + sigma }));
  }
  if (star.snr !== null) parts.push(t("SNR {snr} per pixel", { snr: fixed(star.snr, 0) }));
  if (star.rv_kms !== null) {
    parts.push(t("radial velocity {rv} km/s, removed in the rest frame", { rv: signed(star.rv_kms, 1) }));
  }
  return sentence(parts);
}
