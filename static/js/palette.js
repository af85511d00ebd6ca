/** Colour tokens of the style sheet for what is drawn on canvas, and news of a change of theme. */

let known = new Map();
const listeners = new Set();

/**
 * The present value of a token.
 * @param {string} name without the leading dashes, for example 'ink'
 * @returns {string} a CSS colour
 */
export function color(name) {
  if (!known.has(name)) {
    known.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return known.get(name);
}

/**
 * A token with an opacity.
 * @param {string} name
 * @param {number} alpha 0 to 1
 */
export function tint(name, alpha) {
  const hex = color(name);
  const part = (i) => parseInt(hex.slice(1 + 2 * i, 3 + 2 * i), 16);
  return `rgba(${part(0)}, ${part(1)}, ${part(2)}, ${alpha})`;
}

/** Font of labels on canvas, in device-independent pixels. */
export function font(size) {
  return `${size}px ${color("font-sans")}`;
}

/**
 * Call back after the theme has changed (by the system or by the reader).
 * @param {() => void} callback
 */
export function onTheme(callback) {
  listeners.add(callback);
}

function changed() {
  known = new Map();
  for (const callback of listeners) callback();
}

for (const query of ["(prefers-color-scheme: dark)", "print"]) window.matchMedia(query).addEventListener("change", changed);
new MutationObserver(changed).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
