/** One head's map of weights, token by token: canvas for the cells, SVG for the axes, and a reading. */

import { t } from "./i18n.js";
import { niceTicks } from "./svgplot.js";
import { el, liveRegion, svg } from "./dom.js";
import { drawMatrix, fitCanvas, frameCell } from "./heatmap.js";
import { weight } from "./format.js";

const MARGIN = { left: 52, top: 8, right: 10, bottom: 42 };
const KEYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The map. */
export class HeadMap {
  /**
   * @param {HTMLElement} host emptied
   * @param {(query: number, key: number) => void} onRead the reading has moved to another cell
   */
  constructor(host, onRead) {
    this.onRead = onRead;
    this.cell = [0, 1];
    this.canvas = el("canvas", { class: "map-cells", "aria-hidden": "true" });
    this.axes = el("div", { class: "map-axes", "aria-hidden": "true" });
    this.surface = el(
      "div",
      {
        class: "map-surface",
        tabindex: "0",
        role: "application",
        "aria-roledescription": t("heat map"),
        "aria-label": t("Attention weights"),
      },
      this.axes,
      this.canvas,
    );
    this.reading = el("p", { class: "map-reading", "aria-hidden": "true" }, "\u00a0");
    host.replaceChildren(this.surface, this.reading);
    this.say = liveRegion(host);
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerdown", (event) => this.#point(event));
    this.surface.addEventListener("keydown", (event) => this.#key(event));
    this.surface.addEventListener("focus", () => this.map && this.say(this.words()));
    new ResizeObserver(() => this.#resize()).observe(host);
  }

  /**
   * @param {{values: ArrayLike<number>, n: number, hasCls: boolean, patches: object[], title: string}} map
   * @param {{lo: number, hi: number, log: boolean}} scale
   */
  show(map, scale) {
    const other = !this.map || this.map.n !== map.n || this.map.patches !== map.patches;
    this.map = map;
    this.scale = scale;
    this.cell = this.cell.map((i) => Math.min(i, map.n - 1));
    this.surface.setAttribute(
      "aria-label",
      t("{title}: weights from query tokens (rows) to key tokens (columns). Arrow keys move from cell to cell.", {
        title: map.title,
      }),
    );
    if (other) this.#drawAxes();
    this.#paint();
  }

  /** The cell that is read, in words. */
  words() {
    const [query, key] = this.cell;
    const { values, n } = this.map;
    return t("from {query} to {key}: weight {weight}", {
      query: this.token(query),
      key: this.token(key),
      weight: weight(values[query * n + key]),
    });
  }

  /** A token in words; `mark` may make something else of the numbers of a patch. */
  token(index, mark = (patch, numbers) => numbers) {
    const { hasCls, patches } = this.map;
    if (hasCls && index === 0) return t("the CLS token");
    const patch = patches[index - Number(hasCls)];
    const numbers = { n: patch.index + 1, lo: patch.lo.toFixed(0), hi: patch.hi.toFixed(0) };
    return t("patch {n} ({lo}\u2013{hi} \u00c5)", mark(patch, numbers));
  }

  #paint() {
    const { n } = this.map;
    fitCanvas(this.canvas);
    if (!this.canvas.width) return;
    drawMatrix(this.canvas, this.map.values, n, n, this.scale);
    frameCell(this.canvas, ...this.cell, n, n);
    const text = this.words();
    this.reading.textContent = text[0].toUpperCase() + text.slice(1);
  }

  #move(query, key, speak) {
    const { n } = this.map;
    const next = [query, key].map((i) => Math.max(0, Math.min(n - 1, i)));
    if (next[0] === this.cell[0] && next[1] === this.cell[1]) return;
    this.cell = next;
    this.#paint();
    this.onRead(...next);
    if (speak) this.say(this.words());
  }

  #point(event) {
    if (!this.map) return;
    const rect = this.canvas.getBoundingClientRect();
    const at = (x, size) => Math.floor((x / size) * this.map.n);
    this.#move(at(event.clientY - rect.top, rect.height), at(event.clientX - rect.left, rect.width), false);
  }

  #key(event) {
    const [query, key] = this.cell;
    const last = this.map.n - 1;
    const far = event.shiftKey ? Math.max(2, Math.round(last / 16)) : 1;
    if (event.key in KEYS) this.#move(query + far * KEYS[event.key][0], key + far * KEYS[event.key][1], true);
    else if (event.key === "Home") this.#move(query, 0, true);
    else if (event.key === "End") this.#move(query, last, true);
    else if (event.key === "PageUp") this.#move(0, key, true);
    else if (event.key === "PageDown") this.#move(last, key, true);
    else return;
    event.preventDefault();
  }

  #resize() {
    if (!this.map) return;
    this.#drawAxes();
    this.#paint();
  }

  /** Wavelength ticks along both sides, and the CLS token where there is one. */
  #drawAxes() {
    const size = this.surface.clientWidth;
    if (!size) return;
    const side = [size - MARGIN.left - MARGIN.right, size - MARGIN.top - MARGIN.bottom];
    const { patches, hasCls, n } = this.map;
    const place = (wave) => {
      const i = patches.findIndex((p) => wave >= p.lo && wave < p.hi);
      return (Number(hasCls) + i + (wave - patches[i].lo) / (patches[i].hi - patches[i].lo)) / n;
    };
    const ticks = niceTicks(patches[0].lo, patches.at(-1).hi - 1e-6, size > 420 ? 6 : 4);
    const nodes = ticks.flatMap((wave) => {
      const x = MARGIN.left + place(wave) * side[0];
      const y = MARGIN.top + place(wave) * side[1];
      const bottom = size - MARGIN.bottom;
      return [
        svg("path", { class: "axis", d: `M${x} ${bottom}v4M${MARGIN.left} ${y}h-4` }),
        svg("text", { x, y: bottom + 16, "text-anchor": "middle" }, String(wave)),
        svg("text", { x: MARGIN.left - 7, y, dy: "0.35em", "text-anchor": "end" }, String(wave)),
      ];
    });
    const middle = MARGIN.top + side[1] / 2;
    nodes.push(
      svg(
        "text",
        { class: "title", x: MARGIN.left + side[0] / 2, y: size - 6, "text-anchor": "middle" },
        t("key: attended to (\u00c5)"),
      ),
    );
    nodes.push(
      svg(
        "text",
        { class: "title", x: 11, y: middle, "text-anchor": "middle", transform: `rotate(-90 11 ${middle})` },
        t("query: attending (\u00c5)"),
      ),
    );
    this.axes.replaceChildren(
      svg("svg", { class: "svgplot", viewBox: `0 0 ${size} ${size}`, width: size, height: size }, ...nodes),
    );
  }
}
