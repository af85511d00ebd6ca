/** SpecViT's answers for one star over magnitude: this noise seed, and the spread over all seeds. */

import { cited } from "./cited.js";
import { t } from "./i18n.js";
import { SvgPlot, niceTicks, onWidth } from "./svgplot.js";
import { fixed } from "./format.js";

const HEIGHT = 300;

const spreads = new WeakMap();

/** Mean and standard deviation over seeds, per magnitude; computed once a ladder. */
export function spread(ladder) {
  if (!spreads.has(ladder)) spreads.set(ladder, computeSpread(ladder));
  return spreads.get(ladder);
}

function computeSpread(ladder) {
  const n = ladder.seeds.length;
  const mean = ladder.magnitudes.map((_, k) => ladder.logg.reduce((sum, row) => sum + row[k], 0) / n);
  const sd = ladder.magnitudes.map((_, k) =>
    Math.sqrt(ladder.logg.reduce((sum, row) => sum + (row[k] - mean[k]) ** 2, 0) / Math.max(1, n - 1)),
  );
  return { mean, sd };
}

/** The plot; redraws itself when its width changes. */
export class LadderPlot {
  /**
   * @param {HTMLElement} host
   * @param {(index: number) => void} onPick a magnitude was clicked
   */
  constructor(host, onPick) {
    this.host = host;
    this.onPick = onPick;
    onWidth(host, () => this.star && this.show(this.star, this.seed, this.index));
  }

  /**
   * @param {object} star contract example with a ladder
   * @param {number} seed index into the ladder's seeds
   * @param {number} index into its magnitudes
   */
  show(star, seed, index) {
    Object.assign(this, { star, seed, index });
    const { magnitudes, logg, sigma } = star.ladder;
    const step = magnitudes.length > 1 ? magnitudes[1] - magnitudes[0] : 1;
    const plot = new SvgPlot(this.host, {
      label: t("Predicted log g of {star} over magnitude; the table below holds the numbers", { star: t(star.title) }),
      height: HEIGHT,
      x: [magnitudes[0] - step / 2, magnitudes.at(-1) + step / 2],
      y: range(star),
      xTicks: niceTicks(magnitudes[0], magnitudes.at(-1), this.host.clientWidth > 460 ? 6 : 4),
      xLabel: t("magnitude"),
      yLabel: "log g",
    });
    const { mean, sd } = spread(star.ladder);
    plot.band(
      magnitudes,
      mean.map((m, i) => m - sd[i]),
      mean.map((m, i) => m + sd[i]),
      "spread",
    );
    this.cursor = plot.add("path", { class: "cursor", d: "" });
    plot.line([magnitudes[0] - step / 2, magnitudes.at(-1) + step / 2], [star.logg, star.logg], "truth");
    logg.forEach(
      (row, s) =>
        s !== seed &&
        row.forEach((v, k) =>
          plot.add("circle", {
            cx: plot.x(magnitudes[k]),
            cy: plot.y(v),
            r: magnitudes.length > 12 ? 1.3 : 1.8,
            class: "other",
          }),
        ),
    );
    if (star.ladder.limits) plot.line(magnitudes, star.ladder.limits.mean[seed], "posterior");
    plot.line(magnitudes, logg[seed], "answer");
    for (const sign of [-1, 1]) {
      const edge = magnitudes.map((_, k) => logg[seed][k] + sign * sigma[seed][k]);
      plot.line(magnitudes, edge, "edge");
    }
    this.bar = plot.add("path", { class: "bar", d: "" });
    this.dot = plot.add("circle", { class: "dot", r: 4.5 });
    plot.root.addEventListener("click", (event) => this.onPick(nearest(magnitudes, plot.xAt(event))));
    this.plot = plot;
    this.move(index);
  }

  /** Put the cursor on another magnitude (cheap: called at every step of the slider). */
  move(index) {
    this.index = index;
    const { plot, star, seed } = this;
    const [value, sigma] = [star.ladder.logg[seed][index], star.ladder.sigma[seed][index]];
    const x = plot.x(star.ladder.magnitudes[index]).toFixed(1);
    this.cursor.setAttribute("d", `M${x} ${plot.box.top}V${plot.box.bottom}`);
    this.bar.setAttribute("d", `M${x} ${plot.y(value - sigma).toFixed(1)}V${plot.y(value + sigma).toFixed(1)}`);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", plot.y(value).toFixed(1));
  }
}

/** One sentence on what the plot shows at the cursor; `at` gives places in the file of the star. */
export function describe(star, at, seed, index) {
  const { magnitudes, seeds } = star.ladder;
  const { mean, sd } = spread(star.ladder);
  return t(
    "Over the {n} noise patterns, the answer at magnitude {magnitude} averages {mean} and scatters by {sd} dex; the truth is {truth}.",
    {
      n: cited(seeds.length, at("/ladder/seeds"), "len"),
      magnitude: cited(fixed(magnitudes[index], 1), at(`/ladder/magnitudes/${index}`)),
      mean: cited(fixed(mean[index], 2), at("/ladder/logg"), `mean ${index}`),
      sd: cited(fixed(sd[index], 2), at("/ladder/logg"), `sd ${index}`),
      truth: cited(fixed(star.logg, 2), at("/logg")),
    },
  );
}

function range(star) {
  const { logg, sigma } = star.ladder;
  let [lo, hi] = [star.logg, star.logg];
  logg.forEach((row, s) =>
    row.forEach((v, k) => {
      lo = Math.min(lo, v - sigma[s][k]);
      hi = Math.max(hi, v + sigma[s][k]);
    }),
  );
  for (const v of star.ladder.limits?.mean.flat() ?? []) [lo, hi] = [Math.min(lo, v), Math.max(hi, v)];
  const space = 0.05 * (hi - lo) + 0.05;
  return [lo - space, hi + space];
}

function nearest(values, x) {
  return values.reduce((best, v, i) => (Math.abs(v - x) < Math.abs(values[best] - x) ? i : best), 0);
}
