/**
 * What Plotly lacks for keyboards and screen readers: its figure takes the focus, arrow keys move a data cursor, the
 * values are read out politely, and a table of all of them stands behind the figure.
 */

import { el, liveRegion } from "./dom.js";
import { t } from "./i18n.js";

const MOST = 500; // rows of a table; the files below the figure have everything

const KEY_HELP = t("Left and right move along a curve, up and down to another one.");

const plain = (text) => String(text ?? "").replace(/<br\s*\/?>/g, " ").replace(/<[^>]+>/g, "").trim();

function number(value) {
  if (typeof value !== "number") return plain(value);
  const text = Math.abs(value) >= 1e5 ? value.toLocaleString("en").replaceAll(",", "\u202f") : String(Number(value.toPrecision(4)));
  return text.replace("-", "\u2212");
}

/** What can be read: curves, bars and points; not the outlines of bands and cells. */
const readable = (trace) => trace.hoverinfo !== "skip" && trace.fill !== "toself" && trace.visible !== false && (trace.x?.length ?? 0) > 0;

/** Title of a trace's axis; of a row of panels, that of the first. */
function axis(layout, trace, letter) {
  const own = (trace[`${letter}axis`] ?? letter).slice(1);
  return plain(layout[`${letter}axis${own}`]?.title?.text || layout[`${letter}axis`]?.title?.text);
}

/** Panels have names above them, in the order of their axes. */
function panel(layout, trace) {
  const place = Number((trace.xaxis ?? "x").slice(1) || 1);
  const names = (layout.annotations ?? []).filter((a) => a.yref === "paper" || String(a.yref).endsWith("domain")).map((a) => plain(a.text));
  return Object.keys(layout).filter((key) => /^xaxis\d*$/.test(key)).length === names.length ? names[place - 1] : "";
}

function category(layout, trace, letter, value) {
  const { tickvals, ticktext } = layout[`${letter}axis${(trace[`${letter}axis`] ?? letter).slice(1)}`] ?? {};
  const at = tickvals?.findIndex((tick) => Math.abs(tick - value) < 1e-9) ?? -1;
  const all = tickvals && ticktext && trace[letter].every((v) => tickvals.some((tick) => Math.abs(tick - v) < 0.5));
  if (at >= 0 && ticktext) return plain(ticktext[at]);
  return all ? plain(ticktext[tickvals.findIndex((tick) => Math.abs(tick - value) < 0.5)]) : number(value);
}

function error(trace, letter, i) {
  const bars = trace[`error_${letter}`];
  if (!bars?.array?.length) return "";
  const value = trace[letter][i];
  return ` [${number(value - (bars.arrayminus ?? bars.array)[i])}, ${number(value + bars.array[i])}]`;
}

/** One point in words: [series, x, y]. */
function point(layout, trace, i) {
  return [
    [panel(layout, trace), plain(trace.name) || plain(trace.meta?.name)].filter(Boolean).join(": "),
    category(layout, trace, "x", trace.x[i]) + error(trace, "x", i),
    category(layout, trace, "y", trace.y[i]) + error(trace, "y", i),
  ];
}

/** Keyboard, read-out and table of one figure. */
export class PlotKeys {
  /**
   * @param {HTMLElement} stage with the static drawing, whose title names the figure
   * @param {HTMLElement} target that Plotly draws into
   */
  constructor(stage, target) {
    Object.assign(this, { stage, target, at: null });
    const name = stage.querySelector("svg title")?.textContent ?? "";
    const id = `${stage.closest("figure")?.id ?? "plot"}-table`;
    for (const [key, value] of Object.entries({
      tabindex: "0",
      role: "application",
      "aria-roledescription": t("chart"),
      "aria-label": t("{label}. {help}", { label: name, help: KEY_HELP }),
      "aria-details": id,
    })) target.setAttribute(key, value);
    this.reading = el("p", { class: "chart-reading", "aria-hidden": "true" }, "\u00a0");
    this.table = el("table", {}, el("caption", {}, name), el("thead"), el("tbody"));
    this.behind = el(
      "details",
      { class: "behind", id, ontoggle: () => this.#fill() },
      el("summary", {}, t("The numbers behind the figure")),
      el("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": name }, this.table),
    );
    target.after(this.reading);
    stage.after(this.behind);
    this.say = liveRegion(stage);
    target.addEventListener("keydown", (event) => this.#key(event));
    target.addEventListener("blur", () => this.#leave());
  }

  /** Other traces are shown. */
  changed() {
    this.at = null;
    if (this.behind.open) this.#fill();
  }

  #traces = () => this.target.data.map((trace, k) => [trace, k]).filter(([trace]) => readable(trace));

  #key(event) {
    const traces = this.#traces();
    const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0], Home: [0, -Infinity], End: [0, Infinity] };
    const step = steps[event.key];
    if (event.key === "Escape") return this.#leave();
    if (!step || !traces.length || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    let [row, i] = this.at ?? [0, step[1] < 0 ? Infinity : -1];
    const x = this.at ? traces[row][0].x[i] : null;
    row = (row + step[0] + traces.length) % traces.length;
    const [trace] = traces[row];
    if (step[0] && x !== null && typeof x === "number") i = this.#nearest(trace, x);
    else if (step[0]) i = Math.max(0, i);
    if (step[1]) i = Math.min(Math.max(i, -1), trace.x.length) + step[1] * (event.shiftKey ? 10 : 1);
    i = Math.max(0, Math.min(trace.x.length - 1, i));
    this.at = [row, i];
    this.#show(traces[row], i);
  }

  #nearest(trace, x) {
    let best = 0;
    trace.x.forEach((value, i) => {
      if (Math.abs(value - x) < Math.abs(trace.x[best] - x)) best = i;
    });
    return best;
  }

  #show([trace, k], i) {
    const { layout } = this.target;
    const [series, x, y] = point(layout, trace, i);
    const text = [series, `${axis(layout, trace, "x")} ${x}`, `${axis(layout, trace, "y")} ${y}`].map((part) => part.trim()).filter(Boolean).join(t("; "));
    this.reading.textContent = text;
    this.say(text);
    try {
      window.Plotly.Fx.hover(this.target, [{ curveNumber: k, pointNumber: i }], trace.xaxis || trace.yaxis ? [`${trace.xaxis ?? "x"}${trace.yaxis ?? "y"}`] : undefined);
    } catch { /* the sentence below the figure says it */ }
  }

  #leave() {
    window.Plotly?.Fx.unhover(this.target);
    this.reading.textContent = "\u00a0";
  }

  #fill() {
    const { layout } = this.target;
    const traces = this.#traces();
    const rows = traces.flatMap(([trace]) => trace.x.map((_, i) => point(layout, trace, i)));
    const same = (letter) => {
      const titles = new Set(traces.map(([trace]) => axis(layout, trace, letter)));
      return (titles.size === 1 && [...titles][0]) || letter;
    };
    const head = [t("series"), same("x"), same("y")];
    this.table.tHead.replaceChildren(el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text))));
    const [first, ...others] = [rows.slice(0, MOST), rows.length > MOST ? [t("{n} more are in the files below the figure", { n: rows.length - MOST })] : null];
    this.table.tBodies[0].replaceChildren(
      ...first.map(([series, x, y]) => el("tr", {}, el("th", { scope: "row" }, series), el("td", {}, x), el("td", {}, y))),
      ...others.filter(Boolean).map((text) => el("tr", {}, el("td", { colspan: "3" }, text))),
    );
  }
}
