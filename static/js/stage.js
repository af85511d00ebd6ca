/** Places for live drawings inside figures. */

import { byId, el } from "./dom.js";

const hosts = new Map();

/**
 * The host for a script's drawing in a figure's stage; the static drawing gives way to it.
 * @param {string} id of the stage
 * @returns {HTMLElement} the same one at every call
 */
export function stageHost(id) {
  if (!hosts.has(id)) {
    const stage = byId(id);
    const host = el("div", { class: "live" });
    stage.append(host);
    stage.classList.add("is-live");
    hosts.set(id, host);
  }
  return hosts.get(id);
}

/**
 * Run at most once a frame, with the latest arguments.
 * @template {any[]} A
 * @param {(...args: A) => void} task
 * @returns {(...args: A) => void}
 */
export function eachFrame(task) {
  let args = null;
  return (...latest) => {
    const waiting = args !== null;
    args = latest;
    if (waiting) return;
    window.requestAnimationFrame(() => {
      const now = args;
      args = null;
      task(...now);
    });
  };
}
