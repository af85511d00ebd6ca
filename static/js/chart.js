/**
 * Line charts over wavelength: uPlot with what it lacks for keyboards, screen readers and fingers.
 *
 * The surface takes the focus; arrow keys move a reading along the curve, plus and minus zoom, page
 * keys pan; the reading is written under the chart and said politely. Every drag has a button.
 * Colours are read at each drawing, so that a change of theme is one redraw.
 */

import { t } from "./i18n.js";
import { color, font, onTheme } from "./palette.js";
import { el, liveRegion } from "./dom.js";

const MIN_POINTS = 12; // the narrowest window, in data points
const KEY_HELP = t("Arrow keys move the reading, Shift moves faster, plus and minus zoom, Page Up and Page Down pan.");

/**
 * @typedef {object} Series
 * @property {() => string} stroke
 * @property {number} [width]
 * @property {() => string} [fill]
 * @property {number[]} [dash]
 * @property {boolean} [dots] mark points where there is room
 *
 * @typedef {object} ChartOptions
 * @property {string} label accessible name
 * @property {string} [details] id of the table with the same data
 * @property {number} height CSS pixels
 * @property {string} xLabel
 * @property {string|(() => string)} yLabel read at every drawing if a function
 * @property {Series[]} series
 * @property {(min: number, max: number) => [number, number]} [yRange]
 * @property {(value: number) => string} [yTick]
 * @property {(index: number) => string} describe reading at a data point
 * @property {(index: number|null) => void} [onCursor]
 * @property {(index: number) => void} [onPick] click or Enter
 * @property {() => void} [onWindow] other wavelengths are shown
 * @property {(u: object) => void} [under] painted below the curves
 * @property {(u: object) => void} [over] painted above the curves
 * @property {boolean} [tools] zoom buttons (default true)
 * @property {boolean} [quiet] no reading line below (default false)
 * @property {boolean} [passive] follows linked charts and the pointer, but takes no focus
 * @property {boolean} [hideX] no tick labels on the wavelength axis
 * @property {number} [top] room above the plot, for names of lines
 */

/** A chart in a host element; see {@link ChartOptions}. */
export class Chart {
  /**
   * @param {HTMLElement} host emptied
   * @param {ChartOptions} options
   * @param {ArrayLike<number>[]} data x, then one column a series
   */
  constructor(host, options, data) {
    this.options = options;
    this.data = data;
    this.index = null;
    this.linked = [];
    this.surface = this.#surface();
    host.replaceChildren();
    if (options.tools !== false) host.append(this.#tools());
    host.append(this.surface);
    if (!options.quiet) {
      this.reading = el("p", { class: "chart-reading", "aria-hidden": "true" }, "\u00a0");
      host.append(this.reading);
      this.say = liveRegion(host);
    }
    this.plot = new window.uPlot(this.#config(host.clientWidth), data, this.surface);
    new ResizeObserver(() => this.#resize()).observe(host);
    this.host = host;
    onTheme(() => this.plot.redraw(false));
  }

  /** Charts that show the same wavelengths follow each other's window and reading. */
  static link(...charts) {
    for (const chart of charts) chart.linked = charts.filter((other) => other !== chart);
  }

  /**
   * @param {ArrayLike<number>[]} data
   * @param {boolean} [keepWindow] false: show the whole band
   */
  setData(data, keepWindow = true) {
    const [lo, hi] = this.window();
    const keep = keepWindow && Number.isFinite(lo); // before the first drawing there is no window yet
    this.data = data;
    this.plot.batch(() => {
      this.plot.setData(data, false);
      this.plot.setScale("x", keep ? { min: lo, max: hi } : { min: data[0][0], max: data[0].at(-1) });
    });
  }

  /** Another accessible name, for other data. */
  rename(label) {
    this.options.label = label;
    this.surface.setAttribute("aria-label", t("{label}. {help}", { label, help: KEY_HELP }));
  }

  /** Shown wavelengths [lo, hi]. */
  window() {
    const { min, max } = this.plot.scales.x;
    return [min, max];
  }

  /** The shown wavelengths as fields of a link; empty while the whole band is shown. */
  viewed() {
    const [lo, hi] = this.window();
    const [first, last] = this.band();
    const whole = !Number.isFinite(lo) || (Math.abs(lo - first) < 0.01 && Math.abs(hi - last) < 0.01);
    return whole ? {} : { from: lo.toFixed(1), to: hi.toFixed(1) };
  }

  /** Show what a link says; the whole band where it says nothing. */
  follow({ from, to }) {
    if (from && to && Number(to) > Number(from)) this.setWindow(Number(from), Number(to));
    else this.setWindow(...this.band());
  }

  /** The whole band [lo, hi]. */
  band() {
    const x = this.data[0];
    return [x[0], x[x.length - 1]];
  }

  /** Show [lo, hi], kept inside the band and wide enough to see something. */
  setWindow(lo, hi) {
    const [first, last] = this.band();
    const x = this.data[0];
    const least = ((last - first) / (x.length - 1)) * Math.min(MIN_POINTS, x.length - 1);
    const width = Math.min(Math.max(hi - lo, least), last - first);
    const start = Math.min(Math.max((lo + hi - width) / 2, first), last - width);
    this.plot.setScale("x", { min: start, max: start + width });
  }

  /** Zoom by a factor about the middle (or the reading); factors below 1 go closer. */
  zoom(factor) {
    const [lo, hi] = this.window();
    const at = this.index === null ? (lo + hi) / 2 : this.data[0][this.index];
    const centre = at >= lo && at <= hi ? at : (lo + hi) / 2;
    this.setWindow(centre - (centre - lo) * factor, centre + (hi - centre) * factor);
  }

  /** Move by a share of the window. */
  pan(share) {
    const [lo, hi] = this.window();
    const [first, last] = this.band();
    const shift = Math.max(first - lo, Math.min(last - hi, share * (hi - lo)));
    this.setWindow(lo + shift, hi + shift);
  }

  /** Put the reading on a data point (null takes it away). */
  setIndex(index, speak = false) {
    if (index === null) {
      this.plot.setCursor({ left: -10, top: -10 });
      return;
    }
    const left = this.plot.valToPos(this.data[0][index], "x");
    this.plot.setCursor({ left, top: this.plot.over.clientHeight / 2 });
    this.#read(index, speak);
  }

  redraw() {
    this.plot.redraw(false);
  }

  #surface() {
    const { label, details, passive } = this.options;
    if (passive) return el("div", { class: "chart-surface", role: "img", "aria-label": label });
    const surface = el("div", {
      class: "chart-surface",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "chart",
      "aria-label": t("{label}. {help}", { label, help: KEY_HELP }),
      "aria-details": details,
    });
    surface.addEventListener("keydown", (event) => this.#key(event));
    surface.addEventListener("click", () => this.index !== null && this.options.onPick?.(this.index));
    return surface;
  }

  #tools() {
    const button = (sign, name, action) =>
      el("button", { type: "button", class: "tool", "aria-label": name, title: name, onclick: action }, sign);
    return el(
      "div",
      { class: "chart-tools", role: "group", "aria-label": t("Zoom: {label}", { label: this.options.label }) },
      button("\u2190", t("Pan left"), () => this.pan(-0.5)),
      button("\u2192", t("Pan right"), () => this.pan(0.5)),
      button("+", t("Zoom in"), () => this.zoom(0.5)),
      button("\u2212", t("Zoom out"), () => this.zoom(2)),
      button("\u27f7", t("Whole band"), () => this.setWindow(...this.band())),
    );
  }

  #key(event) {
    const last = this.data[0].length - 1;
    const [lo, hi] = this.window();
    const shown = ((hi - lo) / (this.band()[1] - this.band()[0])) * last;
    const step = (event.shiftKey ? 10 : 1) * Math.max(1, Math.round(shown / 200));
    const middle = this.index ?? this.plot.valToIdx((lo + hi) / 2);
    const moves = { ArrowLeft: middle - step, ArrowRight: middle + step, Home: 0, End: last };
    if (event.key in moves) {
      const index = Math.max(0, Math.min(last, moves[event.key]));
      this.#keepInView(this.data[0][index]);
      this.setIndex(index, true);
    } else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "PageUp") this.pan(-0.5);
    else if (event.key === "PageDown") this.pan(0.5);
    else if (event.key === "Enter" && this.index !== null) this.options.onPick?.(this.index);
    else return;
    event.preventDefault();
  }

  #keepInView(x) {
    const [lo, hi] = this.window();
    if (x < lo || x > hi) this.setWindow(x - (hi - lo) / 2, x + (hi - lo) / 2);
  }

  #read(index, speak) {
    this.index = index;
    const text = index === null ? "\u00a0" : this.options.describe(index);
    if (this.reading) this.reading.textContent = text;
    if (speak) this.say?.(text);
    this.options.onCursor?.(index);
  }

  #resize() {
    const width = this.host.clientWidth;
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.options.height });
  }

  #config(width) {
    const { options } = this;
    return {
      width: Math.max(width, 200),
      height: options.height,
      legend: { show: false },
      padding: [options.top ?? 8, 8, options.hideX ? 4 : 0, 0],
      cursor: { y: false, drag: { x: true, y: false, dist: 6 }, points: { size: 7 } },
      scales: {
        x: { time: false, range: (u, min, max) => [min, max] },
        y: { range: (u, min, max) => (options.yRange ?? padded)(min, max) },
      },
      axes: [this.#axis("x"), this.#axis("y")],
      series: [
        {},
        ...options.series.map((s) => ({
          stroke: s.stroke,
          width: s.width ?? 1,
          fill: s.fill,
          dash: s.dash,
          points: s.dots ? { show: dotsFit, size: 5, fill: s.stroke } : { show: false },
          spanGaps: false,
        })),
      ],
      hooks: {
        drawClear: [(u) => options.under?.(u)],
        draw: [(u) => options.over?.(u)],
        setCursor: [(u) => this.#followMouse(u)],
        setScale: [(u, key) => key === "x" && this.#followWindow()],
      },
    };
  }

  #followMouse(u) {
    const index = u.cursor.left >= 0 ? u.cursor.idx : null;
    if (index === this.index) return;
    this.#read(index ?? null, false);
    for (const other of this.linked) if (other.index !== this.index) other.setIndex(this.index);
  }

  #followWindow() {
    const [lo, hi] = this.window();
    for (const other of this.linked) {
      const [a, b] = other.window();
      if (Math.abs(a - lo) > 1e-6 || Math.abs(b - hi) > 1e-6) other.plot.setScale("x", { min: lo, max: hi });
    }
    this.options.onWindow?.();
  }

  #axis(which) {
    const x = which === "x";
    const { options } = this;
    return {
      stroke: () => color("ink-2"),
      font: font(12),
      labelFont: font(12),
      label: x ? (options.hideX ? undefined : options.xLabel) : () => text(options.yLabel),
      labelSize: 18,
      size: x ? (options.hideX ? 0 : 30) : 42,
      gap: 4,
      grid: { stroke: () => color("grid"), width: 1 },
      ticks: { stroke: () => color("rule"), width: 1, size: 4 },
      space: x ? 70 : 32,
      values: (u, splits) => splits.map((v) => (x && options.hideX ? "" : tick(v, x ? undefined : options.yTick))),
    };
  }
}

const text = (label) => (typeof label === "function" ? label() : label);

function tick(value, write) {
  if (value === null || value === undefined) return "";
  return write ? write(value) : String(Number(value.toPrecision(7))).replace("-", "\u2212");
}

/** Points are marked where there is room for them. */
function dotsFit(u, seriesIndex, first, last) {
  return u.bbox.width / Math.max(1, last - first) > 9 * (window.devicePixelRatio || 1);
}

function padded(min, max) {
  const space = 0.06 * (max - min || 1);
  return [min - space, max + space];
}
