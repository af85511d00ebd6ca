/** Numbers as the pages write them: true minus signs, fixed decimals. */

/**
 * @param {number} value
 * @param {number} digits decimals
 * @returns {string}
 */
export function fixed(value, digits) {
  return value.toFixed(digits).replace("-", "\u2212");
}

/** With a sign, always. */
export function signed(value, digits) {
  return (value >= 0 ? "+" : "") + fixed(value, digits);
}

/**
 * A weight: decimals where they can be read, powers of ten below.
 * @param {number} value >= 0
 */
export function weight(value) {
  if (value === 0) return "0";
  if (value >= 0.001) return value.toPrecision(3);
  const exponent = Math.floor(Math.log10(value));
  return `${(value / 10 ** exponent).toFixed(1)}\u00d710${superscript(exponent)}`;
}

const RAISED = {
  "-": "\u207b",
  0: "\u2070",
  1: "\u00b9",
  2: "\u00b2",
  3: "\u00b3",
  4: "\u2074",
  5: "\u2075",
  6: "\u2076",
  7: "\u2077",
  8: "\u2078",
  9: "\u2079",
};

/** An integer in raised figures. */
export function superscript(integer) {
  return [...String(integer)].map((c) => RAISED[c]).join("");
}

/** A wavelength in Angstrom. */
export function angstrom(value, digits = 1) {
  return `${value.toFixed(digits)}\u00a0\u00c5`;
}
