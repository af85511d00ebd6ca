/**
 * Links that restore a view: `#v1&star=giant-k&mag=21.5&seed=3`.
 *
 * The version stands first, so that a later page can still read, or knowingly refuse, an old link.
 */

import { t } from "./i18n.js";

const VERSION = "v1";

/**
 * @param {string} hash as in `location.hash`
 * @returns {Record<string, string>} empty when there is none or its version is unknown
 */
export function parse(hash) {
  const [version, ...pairs] = hash.replace(/^#/, "").split("&");
  if (version !== VERSION) return {};
  return Object.fromEntries(new URLSearchParams(pairs.join("&")));
}

/**
 * @param {Record<string, string|number|null|undefined>} state values null or undefined are left out
 * @returns {string} with the leading '#'
 */
export function format(state) {
  const pairs = Object.entries(state).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const encode = (value) => encodeURIComponent(String(value)).replace(/%2F/g, "/").replace(/%2C/g, ",");
  return `#${[VERSION, ...pairs.map(([key, value]) => `${key}=${encode(value)}`)].join("&")}`;
}

/** The state in the present address. */
export function read() {
  return parse(window.location.hash);
}

let pending = 0;

/**
 * Put the state into the address (after things have calmed down: browsers limit how often that may be done).
 * @param {Record<string, string|number|null|undefined>} state
 */
export function write(state) {
  window.clearTimeout(pending);
  pending = window.setTimeout(() => window.history.replaceState(null, "", format(state)), 150);
}

/**
 * Call back when the reader changes the address by hand or follows a link to another view of this page.
 * @param {(state: Record<string, string>) => void} callback
 */
export function onChange(callback) {
  window.addEventListener("hashchange", () => {
    const state = read();
    if (Object.keys(state).length) callback(state);
  });
}

/** Buttons that copy the address of the present view. */
function wireShare(button) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await new Promise((resolve) => window.setTimeout(resolve, 200)); // let a pending state reach the address
    try {
      await navigator.clipboard.writeText(window.location.href);
      button.textContent = t("Link copied");
    } catch {
      button.textContent = t("Copy the address bar");
    }
    window.setTimeout(() => {
      button.textContent = label;
    }, 2000);
  });
}

if (typeof document !== "undefined") document.querySelectorAll("[data-share]").forEach(wireShare);
