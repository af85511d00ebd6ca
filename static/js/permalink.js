/**
 * Links that restore a view: `#v1&star=giant-k&mag=21.5&seed=3`.
 *
 * The version stands first, so that a later page can still read, or knowingly refuse, an old link. What cannot be used
 * is left out, and the page says so politely; it never fails for it.
 */

import { el } from "./dom.js";
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
  const encode = (value) => encodeURIComponent(String(value)).replace(/%2F/g, "/").replace(/%2C/g, ",").replace(/%3A/g, ":");
  return `#${[VERSION, ...pairs.map(([key, value]) => `${key}=${encode(value)}`)].join("&")}`;
}

/** What a field of a link may hold. */
export const may = {
  be: (values) => (text) => [...values].includes(text),
  match: (pattern) => (text) => pattern.test(text),
  number: (lo = -Infinity, hi = Infinity) => (text) => text.trim() !== "" && Number(text) >= lo && Number(text) <= hi,
  flag: (text) => text === "0" || text === "1",
};

/** Wavelengths that a chart shows. */
export const WINDOW = { from: may.number(0), to: may.number(0) };

/**
 * The state in the present address; what it holds that no page could have written is left out, and told.
 * @param {Record<string, (text: string) => boolean>} fields what each field may hold, see {@link may}
 * @returns {Record<string, string>}
 */
export function read(fields) {
  const text = window.location.hash.slice(1);
  const [version] = text.split("&");
  tell("");
  if (!text || document.getElementById(text)) return {};
  if (version !== VERSION) {
    if (/^v\d+$/.test(version)) tell(t("This link was made by another version of these pages, which this one cannot read; it shows its usual view."));
    else if (/[=&]/.test(text)) tell(t("This link is damaged and cannot be read; the page shows its usual view."));
    return {};
  }
  const state = parse(text);
  const odd = Object.keys(state).filter((key) => !(Object.hasOwn(fields, key) && fields[key](state[key])));
  for (const key of odd) delete state[key];
  if (odd.length) tell(t("Part of this link could not be used ({parts}); the rest is shown.", { parts: odd.join(", ").slice(0, 80) }));
  return state;
}

/** A sentence about the link, below the head of the page, said politely; "" takes it away. */
export function tell(sentence) {
  let place = document.getElementById("link-note");
  if (!place) {
    if (!sentence) return;
    place = el("p", { id: "link-note", class: "problem", role: "status" });
    document.querySelector(".page-head, h1").after(place);
  }
  place.hidden = sentence === "";
  window.setTimeout(() => { place.textContent = sentence; }, 50); // after the region is there, so that it is read out
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
 * @param {Record<string, (text: string) => boolean>} fields see {@link read}
 */
export function onChange(callback, fields) {
  window.addEventListener("hashchange", () => {
    const state = read(fields);
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
      button.textContent = parse(window.location.hash).file ? t("Link copied, without your file") : t("Link copied");
    } catch {
      button.textContent = t("Copy the address bar");
    }
    window.setTimeout(() => {
      button.textContent = label;
    }, 2000);
  });
}

if (typeof document !== "undefined") document.querySelectorAll("[data-share]").forEach(wireShare);
