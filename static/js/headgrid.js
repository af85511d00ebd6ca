/** Thumbnails of every head, layers by heads, to pick one from: a radio group with arrow keys both ways. */

import { el } from "./dom.js";
import { drawMatrix, fitCanvas } from "./heatmap.js";
import { t } from "./i18n.js";

/** The grid. */
export class HeadGrid {
  /**
   * @param {HTMLElement} host
   * @param {(layer: number, head: number) => void} onPick
   */
  constructor(host, onPick) {
    this.host = host;
    host.setAttribute("role", "radiogroup");
    host.setAttribute("aria-labelledby", "att-grid-name");
    this.onPick = onPick;
    host.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#paint()).observe(host);
  }

  /**
   * @param {number[][][]} maps [layer][head] square maps, row by row
   * @param {{lo: number, hi: number, log: boolean}} scale
   */
  show(maps, scale) {
    this.maps = maps;
    this.scale = scale;
    const [layers, heads] = [maps.length, maps[0].length];
    if (this.buttons?.length !== layers || this.buttons[0].length !== heads) this.#build(layers, heads);
    this.#paint();
  }

  /** Mark one head as chosen. */
  select(layer, head) {
    this.chosen = [layer, head];
    this.buttons?.forEach((row, k) =>
      row.forEach((button, h) => {
        const on = k === layer && h === head;
        button.setAttribute("aria-checked", String(on));
        button.tabIndex = on ? 0 : -1;
      }),
    );
  }

  #build(layers, heads) {
    const corner = el("span", { class: "head-name" }, "");
    const top = Array.from({ length: heads }, (_, h) =>
      el("span", { class: "head-name", "aria-hidden": "true" }, `${h + 1}`),
    );
    this.buttons = Array.from({ length: layers }, (_, k) =>
      Array.from({ length: heads }, (_, h) =>
        el(
          "button",
          {
            type: "button",
            class: "head",
            role: "radio",
            "aria-checked": "false",
            tabindex: "-1",
            "aria-label": t("layer {layer}, head {head}", { layer: k + 1, head: h + 1 }),
            onclick: () => this.onPick(k, h),
          },
          el("canvas", { "aria-hidden": "true" }),
        ),
      ),
    );
    const rows = this.buttons.flatMap((row, k) => [
      el("span", { class: "head-name", "aria-hidden": "true" }, `${k + 1}`),
      ...row,
    ]);
    this.host.replaceChildren(corner, ...top, ...rows);
    this.host.style.setProperty("--heads", heads);
  }

  #paint() {
    if (!this.maps) return;
    this.maps.forEach((row, k) =>
      row.forEach((map, h) => {
        const canvas = this.buttons[k][h].firstChild;
        fitCanvas(canvas);
        const n = Math.round(Math.sqrt(map.length));
        if (canvas.width) drawMatrix(canvas, map, n, n, this.scale);
      }),
    );
  }

  #key(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step || !this.chosen) return;
    event.preventDefault();
    const [layers, heads] = [this.buttons.length, this.buttons[0].length];
    const layer = (this.chosen[0] + step[0] + layers) % layers;
    const head = (this.chosen[1] + step[1] + heads) % heads;
    this.onPick(layer, head);
    this.buttons[layer][head].focus();
  }
}
