/**
 * Numbers that say where they come from, as those that the builder wrote do: in `data-src` addresses of places in the
 * published files, in `data-op` how the number follows from them (RULES of site_builder/derived.py).
 *
 * Sentences are put together as strings, so a number carries its places inside the string; `write` shows it.
 */

import { el } from "./dom.js";

const [OPEN, BEHIND, CLOSE] = ["\ue000", "\ue001", "\ue002"]; // for private use: in no text of a catalogue
const WHOLE = /\ue000([^\ue001]*)\ue001([^\ue001]*)\ue001([^\ue002]*)\ue002/;

/**
 * Places in a published file.
 * @param {string} url relative to the page
 * @returns {(pointer: string) => string}
 */
export const places = (url) => (pointer) => `${url}#${pointer}`;

const inSite = (address) => address.replace(/^(?:\.\.\/)+/, ""); // whichever folder the page lies in

/**
 * A number for `write`.
 * @param {string} text as it is shown
 * @param {string|string[]} from its places
 * @param {string} [op] how it follows from them
 */
export const cited = (text, from, op = "") => `${OPEN}${text}${BEHIND}${[from].flat().map(inSite).join(" ")}${BEHIND}${op}${CLOSE}`;

/** Nodes of a text. */
export function nodes(text) {
  return text.split(/(\ue000[^\ue002]*\ue002)/).map((part) => {
    const found = WHOLE.exec(part);
    return found ? el("span", { class: "num", "data-src": found[2], "data-op": found[3] || null }, found[1]) : part;
  });
}

/** Put a text into an element, in the place of what it holds. */
export const write = (node, text) => node.replaceChildren(...nodes(text));
