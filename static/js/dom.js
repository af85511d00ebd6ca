/** Small helpers for building and updating the page. */

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/**
 * An HTML element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `onclick` and the like are listeners; null and false are left out
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element; see {@link el}. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** The element with this id, which the template promises. */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no element #${id}`);
  return node;
}

/**
 * A polite live region: what is said last is read out once things are calm.
 * @param {HTMLElement} parent
 * @returns {(text: string) => void}
 */
export function liveRegion(parent) {
  const region = el("p", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  parent.append(region);
  let timer = 0;
  return (text) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => {
      region.textContent = text;
    }, 250);
  };
}

/**
 * Show a sentence where a chart would be, or take it away.
 * @param {HTMLElement} place element with role="alert" that the template provides, hidden while empty
 * @param {string} [sentence]
 */
export function say(place, sentence = "") {
  place.textContent = sentence;
  place.hidden = sentence === "";
}
