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

/**
 * An entry of a list, or what lies between two of them.
 * @param {string} text as it is shown
 * @param {string} list place of the list
 * @param {number} index from 0; a fraction between two entries
 */
export function citedEntry(text, list, index) {
  const [low, high] = [Math.floor(index), Math.ceil(index)].map((k) => `${list}/${k}`);
  return low === high ? cited(text, low) : cited(text, [low, high], `between ${index % 1}`);
}

/** A text in its parts: [text, places, rule] of a number, [text] of what stands between. */
const parts = (text) =>
  text.split(/(\ue000[^\ue002]*\ue002)/).flatMap((part) => (part ? [WHOLE.exec(part)?.slice(1) ?? [part]] : []));

const made = ([text, from, op]) => (from ? el("span", { class: "num", "data-src": from, "data-op": op || null }, text) : new Text(text));

/** Nodes of a text. */
export const nodes = (text) => parts(text).map(made);

const written = new WeakMap(); // node -> text that it shows

/** Put a text into an element, in the place of what it holds. What stays is left alone: a slider does this at every step. */
export function write(node, text) {
  if (written.get(node) === text) return;
  const [now, before] = [parts(text), parts(written.get(node) ?? "")];
  written.set(node, text);
  const alike = now.length === before.length && now.every((part, i) => part.length === before[i].length && !part[2] === !before[i][2]);
  if (!alike) {
    node.replaceChildren(...now.map(made));
    return;
  }
  now.forEach(([words, from, op], i) => {
    const child = node.childNodes[i];
    if (words !== before[i][0]) (from ? child.firstChild : child).data = words;
    if (from !== before[i][1]) child.setAttribute("data-src", from);
    if (op !== before[i][2]) child.setAttribute("data-op", op);
  });
}
