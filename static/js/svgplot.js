/** Small plots as SVG: the style sheet colours them, so a change of theme costs nothing. */

import { svg } from "./dom.js";

/**
 * Round tick values in [lo, hi], at most about `count`.
 * @param {number} lo
 * @param {number} hi
 * @param {number} [count]
 * @returns {number[]}
 */
export function niceTicks(lo, hi, count = 5) {
  const raw = (hi - lo) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const size = [1, 2, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  const out = [];
  for (let i = Math.ceil(lo / size - 1e-9); i * size <= hi + 1e-9 * size; i++)
    out.push(Number((i * size).toPrecision(12)));
  return out;
}

/** The frame of a plot: scales, axes and grid; series are added to `root`. */
export class SvgPlot {
  /**
   * @param {HTMLElement} host emptied; its width is taken
   * @param {{label: string, height: number, x: [number, number], y: [number, number], xTicks: number[],
   *   yTicks?: number[], xLabel: string, yLabel: string, write?: (v: number) => string}} options
   */
  constructor(host, options) {
    this.options = options;
    this.width = Math.max(host.clientWidth, 240);
    this.height = options.height;
    this.box = { left: 46, right: this.width - 12, top: 10, bottom: this.height - 38 };
    this.root = svg("svg", {
      class: "svgplot",
      viewBox: `0 0 ${this.width} ${this.height}`,
      width: this.width,
      height: this.height,
      role: "img",
      "aria-label": options.label,
    });
    host.replaceChildren(this.root);
    this.#axes();
  }

  x(value) {
    const [lo, hi] = this.options.x;
    return this.box.left + ((value - lo) / (hi - lo)) * (this.box.right - this.box.left);
  }

  y(value) {
    const [lo, hi] = this.options.y;
    return this.box.bottom - ((value - lo) / (hi - lo)) * (this.box.bottom - this.box.top);
  }

  /** Value of x under a pointer event. */
  xAt(event) {
    const rect = this.root.getBoundingClientRect();
    const pixel = ((event.clientX - rect.left) / rect.width) * this.width;
    const [lo, hi] = this.options.x;
    return lo + ((pixel - this.box.left) / (this.box.right - this.box.left)) * (hi - lo);
  }

  add(tag, attributes, ...children) {
    const node = svg(tag, attributes, ...children);
    this.root.append(node);
    return node;
  }

  line(xs, ys, name) {
    const d = xs.map((x, i) => `${i ? "L" : "M"}${this.x(x).toFixed(1)} ${this.y(ys[i]).toFixed(1)}`).join("");
    return this.add("path", { d, class: name });
  }

  band(xs, lower, upper, name) {
    const there = xs.map((x, i) => `${this.x(x).toFixed(1)} ${this.y(upper[i]).toFixed(1)}`);
    const back = xs.map((x, i) => `${this.x(x).toFixed(1)} ${this.y(lower[i]).toFixed(1)}`).reverse();
    return this.add("path", { d: `M${[...there, ...back].join("L")}Z`, class: name });
  }

  #axes() {
    const { box, options } = this;
    const write = options.write ?? ((v) => String(v).replace("-", "\u2212"));
    for (const v of options.yTicks ?? niceTicks(...options.y)) {
      const y = this.y(v).toFixed(1);
      this.add("path", { d: `M${box.left} ${y}H${box.right}`, class: "grid" });
      this.add("text", { x: box.left - 7, y, dy: "0.35em", "text-anchor": "end", class: "tick" }, write(v));
    }
    for (const v of options.xTicks) {
      this.add(
        "text",
        { x: this.x(v).toFixed(1), y: box.bottom + 16, "text-anchor": "middle", class: "tick" },
        write(v),
      );
    }
    this.add("path", { d: `M${box.left} ${box.bottom}H${box.right}`, class: "axis" });
    this.add(
      "text",
      { x: (box.left + box.right) / 2, y: this.height - 5, "text-anchor": "middle", class: "title" },
      options.xLabel,
    );
    const middle = (box.top + box.bottom) / 2;
    this.add(
      "text",
      { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})`, class: "title" },
      options.yLabel,
    );
  }
}

/**
 * Call back when the width of an element changes (not at once).
 * @param {HTMLElement} host
 * @param {() => void} callback
 */
export function onWidth(host, callback) {
  let width = host.clientWidth;
  new ResizeObserver(() => {
    if (host.clientWidth === width) return;
    width = host.clientWidth;
    callback();
  }).observe(host);
}
