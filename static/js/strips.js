/** Every measure of importance of a star in a strip of its own, over the same wavelengths. */

import { Chart } from "./chart.js";
import { byId, el } from "./dom.js";
import { t } from "./i18n.js";
import { attended, attributed, describe, overall } from "./measures.js";
import { color, tint } from "./palette.js";
import { perPixel } from "./patches.js";
import { stageHost } from "./stage.js";

const ROWS = [
  { id: "attention", token: "specvit", name: () => t("attention") },
  { id: "rollout", token: "ridge", name: () => t("rollout") },
  { id: "gradient", token: "mlp", name: () => t("gradient") },
  { id: "occlusion", token: "lightgbm", name: () => t("occlusion") },
  { id: "fisher", token: "ink", name: () => t("Fisher information") },
];

/** Strips in a figure's stage; values are drawn over their mean, so that 1 is an even share in each. */
export class Strips {
  /**
   * @param {string} id of the stage
   * @param {() => import("./starview.js").StarView} view
   */
  constructor(id, view) {
    this.view = view;
    this.charts = [];
    if (!document.getElementById(id)) return; // results without measures have no such figure
    this.fine = byId(`${id}-fine`);
    const host = stageHost(id);
    this.reading = el("p", { class: "chart-reading strips-reading" }, "\u00a0");
    for (const row of ROWS) {
      const place = el("div");
      host.append(el("p", { class: "strip-name" }, row.name()), place);
      this.charts.push(this.#chart(place, row));
    }
    host.append(this.reading);
    this.fine.addEventListener("change", () => this.show(true));
  }

  /** @returns {import("./measures.js").Quantity|undefined} what a row shows now */
  #quantity(row) {
    const view = this.view();
    const all = [overall(view), attended(view)[0], ...attributed(view)];
    const fine = this.fine.checked && all.find((q) => q.id === `${row.id}-fine`);
    return fine || all.find((q) => q.id === row.id);
  }

  #data(row) {
    const { wave } = this.view();
    const quantity = this.#quantity(row);
    if (!quantity) return [wave, new Array(wave.length).fill(null), new Array(wave.length).fill(1)];
    const mean = quantity.values.reduce((a, b) => a + b, 0) / quantity.values.length || 1;
    const values = quantity.values.map((v) => v / mean);
    return [wave, perPixel(quantity.patches, values, wave.length), new Array(wave.length).fill(1)];
  }

  #chart(place, row) {
    const last = row === ROWS.at(-1);
    return new Chart(
      place,
      {
        label: row.name(),
        height: last ? 100 : 62,
        tools: false,
        quiet: true,
        passive: true,
        hideX: !last,
        xLabel: t("vacuum wavelength (\u00c5)"),
        yLabel: "",
        yRange: (lo, hi) => [0, Math.max(1.2, hi * 1.1)],
        series: [
          { stroke: () => color(row.token), width: 1, fill: () => tint(row.token, 0.5) },
          { stroke: () => color("ink"), width: 1, dash: [5, 4] },
        ],
        describe: () => "",
        onCursor: (index) => this.#read(index),
      },
      this.#data(row),
    );
  }

  #read(index) {
    const view = this.view();
    this.reading.textContent =
      index === null
        ? "\u00a0"
        : ROWS.map((row) => this.#quantity(row))
            .filter(Boolean)
            .map((q, i) => (i ? describe(view, q, index).replace(/^[^:]*: /, "").replace(/;.*$/, "") : describe(view, q, index)))
            .join(" \u00b7 ");
  }

  /** Another star, or other windows. */
  show(keepWindow) {
    this.charts.forEach((chart, i) => chart.setData(this.#data(ROWS[i]), keepWindow));
  }
}
