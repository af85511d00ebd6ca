// Shared by all pages: theme button, language link, design tokens for canvas and charts, tabs, copy buttons.
// The builder puts later.js behind it: one request, of which the first view has few to spare.

const media = matchMedia("(prefers-color-scheme: dark)");

/** "light" or "dark", as shown now. */
export function currentTheme() {
  return document.documentElement.dataset.theme ?? (media.matches ? "dark" : "light");
}

/** Value of a design token in the theme that is shown, e.g. token("specvit") or token("font-sans"). */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Calls `redraw` now and whenever the theme changes. */
export function onTheme(redraw) {
  redraw();
  document.addEventListener("specvit:theme", redraw);
}

/** Reads a <script type="application/json" id="…"> block. */
export function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** True if the reader asked for less motion. */
export function reducedMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function announce() {
  document.dispatchEvent(new CustomEvent("specvit:theme", { detail: currentTheme() }));
}

function wireThemeButton() {
  const button = document.querySelector("[data-theme-toggle]");
  if (!button) return;
  const show = () => button.setAttribute("aria-pressed", String(currentTheme() === "dark"));
  button.hidden = false;
  show();
  button.addEventListener("click", () => {
    const next = currentTheme() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try { localStorage.setItem("specvit-theme", next); } catch { /* the choice lasts for this page */ }
    show();
    announce();
  });
  media.addEventListener("change", () => { show(); announce(); });
  matchMedia("print").addEventListener("change", announce); // paper is light
}

/** Tabs: [role=tablist] with buttons [role=tab][aria-controls]; without script all panels are shown. */
function wireTabs(list) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const panel = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  const select = (tab, focus = true) => {
    for (const other of tabs) {
      const on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      panel(other).hidden = !on;
    }
    if (focus) tab.focus();
    panel(tab).dispatchEvent(new CustomEvent("specvit:shown", { bubbles: true }));
  };
  const keys = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const choose = (tab, focus) => {
    history.replaceState(null, "", `#${panel(tab).id}`);
    select(tab, focus); // after the address: what is shown may add its own state to it
  };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab, true);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    if (at < 0) return;
    let next = null;
    if (event.key in keys) next = (at + keys[event.key] + tabs.length) % tabs.length;
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = tabs.length - 1;
    if (next === null) return;
    event.preventDefault();
    choose(tabs[next], true);
  });
  const fromHash = () => tabs.find((tab) => {
    const [first, ...pairs] = location.hash.slice(1).split("&"); // "#panel" or "#v1&tab=panel&control=value"
    const target = document.getElementById(new URLSearchParams(pairs.join("&")).get("tab") ?? first);
    return target && panel(tab).contains(target);
  });
  list.hidden = false;
  select(fromHash() ?? tabs[0], false);
  addEventListener("hashchange", () => { const tab = fromHash(); if (tab) select(tab, false); });
}

/** Buttons with data-copy="ID" copy the text of that element. */
function wireCopy(button) {
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    const { t } = await import("./i18n.js");
    button.textContent = copied ? t("Copied") : t("Select the text and copy it");
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

/** A link to this page in another language keeps the view, which the address holds. */
function wireLanguage(link) {
  const page = link.getAttribute("href");
  const aim = () => { link.href = page + location.search + location.hash; };
  for (const sign of ["pointerdown", "focus", "contextmenu", "click"]) link.addEventListener(sign, aim);
}

// What site.css leaves out until it is in sight stays once it was there: a picture of the whole page has it.
addEventListener("contentvisibilityautostatechange", ({ target, skipped }) => skipped || target.classList.add("is-laid"));
wireThemeButton();
document.querySelectorAll("[data-language]").forEach(wireLanguage);
document.querySelectorAll("[role=tablist]").forEach(wireTabs);
document.querySelectorAll("[data-copy]").forEach(wireCopy);
