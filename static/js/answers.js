/** One spectrum, three answers on one log g axis: SpecViT, the exact posterior, what the Cramer-Rao bound allows. */

import { cited, places } from "./cited.js";
import { svg } from "./dom.js";
import { fixed } from "./format.js";
import { t } from "./i18n.js";
import { niceTicks, onWidth } from "./svgplot.js";

const NARROW = { row: 46, bar: 34, name: 18, left: 10 }; // names above the bars
const WIDE = { row: 36, bar: 22, name: 26, left: 220 }; // names at the left
const FOOT = 44;
const WIDTH_95 = 1.96;
const TITLES = [
  "SpecViT",
  t("Exact posterior"),
  t("Cram\u00e9r\u2013Rao bound, 3 labels"),
  t("Cram\u00e9r\u2013Rao bound, 5 labels"),
];

/** The plot; everything that moves is made once and only moved. */
export class AnswersPlot {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.host = host;
    onWidth(host, () => this.star && this.show(this.star, this.prior, this.seed, this.index));
  }

  /**
   * @param {object} star contract example whose ladder has limits
   * @param {[number, number]} prior range of log g
   * @param {number} seed index into the ladder's seeds
   * @param {number} index into its magnitudes
   */
  show(star, prior, seed, index) {
    Object.assign(this, { star, prior, seed, index });
    const width = Math.max(this.host.clientWidth, 240);
    const [lo, hi] = prior;
    const edge = 0.14 * (hi - lo);
    this.form = width < 560 ? NARROW : WIDE;
    this.height = 4 * this.form.row + FOOT;
    const { left } = this.form;
    const inside = width - left - 10;
    this.x = (value) => left + ((Math.min(Math.max(value, lo - edge), hi + edge) - lo + edge) / (hi - lo + 2 * edge)) * inside;
    this.root = svg("svg", { class: "svgplot answers", viewBox: `0 0 ${width} ${this.height}`, width, height: this.height, role: "img" });
    this.host.replaceChildren(this.root);
    this.#frame(width);
    this.parts = Object.fromEntries(
      ["answer-95", "answer-68", "posterior-95", "posterior-68", "bound-3", "bound-5"].map((name) => [
        name,
        this.#add("path", { class: `span ${name}`, d: "" }),
      ]),
    );
    for (const name of ["answer", "posterior"]) this.parts[name] = this.#add("circle", { class: `dot ${name}-dot`, r: 5 });
    this.move(index);
  }

  /**
   * Put another magnitude in view (called at every step of the slider).
   * @param {number} index
   * @param {{logg: number, sigma: number, half95: number}|null} [live] the answer of the network in this browser
   */
  move(index, live = null) {
    this.index = index;
    const { star, seed, parts } = this;
    const { ladder } = star;
    const { limits } = ladder;
    const [answer, sigma] = live ? [live.logg, live.sigma] : [ladder.logg[seed][index], ladder.sigma[seed][index]];
    const half95 = live ? live.half95 : WIDTH_95 * sigma;
    const [q0, q1, q2, q3] = limits.quantiles[seed][index];
    this.#span("answer-95", 0, answer - half95, answer + half95);
    this.#span("answer-68", 0, answer - sigma, answer + sigma);
    this.#span("posterior-95", 1, q0, q3);
    this.#span("posterior-68", 1, q1, q2);
    this.#span("bound-3", 2, star.logg - limits.crlb3[index], star.logg + limits.crlb3[index]);
    this.#span("bound-5", 3, star.logg - limits.crlb5[index], star.logg + limits.crlb5[index]);
    this.#dot(parts.answer, 0, answer);
    this.#dot(parts.posterior, 1, limits.mean[seed][index]);
    this.root.setAttribute(
      "aria-label",
      t(
        "log g at magnitude {magnitude}: SpecViT {answer} plus or minus {sigma}; exact posterior {mean}, 68 % from {lo} to {hi}; truth {truth}",
        {
          magnitude: fixed(ladder.magnitudes[index], 1),
          answer: fixed(answer, 2),
          sigma: fixed(sigma, 2),
          mean: fixed(limits.mean[seed][index], 2),
          lo: fixed(q1, 2),
          hi: fixed(q2, 2),
          truth: fixed(star.logg, 2),
        },
      ),
    );
  }

  #frame(width) {
    const [lo, hi] = this.prior;
    const bottom = this.height - 40;
    const { left, row, name } = this.form;
    this.#add("rect", { class: "prior", x: this.x(lo), y: 4, width: this.x(hi) - this.x(lo), height: bottom - 4 });
    for (const v of niceTicks(lo, hi, 5)) {
      this.#add("path", { class: "grid", d: `M${this.x(v).toFixed(1)} 4V${bottom}` });
      this.#add("text", { x: this.x(v).toFixed(1), y: bottom + 16, "text-anchor": "middle", class: "tick" }, String(v));
    }
    this.#add("path", { class: "axis", d: `M${left} ${bottom}H${width - 10}` });
    this.#add("text", { x: (left + width) / 2, y: this.height - 6, "text-anchor": "middle", class: "title" }, "log g");
    const truth = this.x(this.star.logg).toFixed(1);
    this.#add("path", { class: "truth", d: `M${truth} 4V${bottom}` });
    const at = this.form === WIDE ? { x: left - 14, "text-anchor": "end" } : { x: 14 };
    TITLES.forEach((title, i) => this.#add("text", { ...at, y: i * row + name, class: "row-name" }, title));
  }

  #add(tag, attributes, ...children) {
    const node = svg(tag, attributes, ...children);
    this.root.append(node);
    return node;
  }

  #span(name, row, lo, hi) {
    const y = row * this.form.row + this.form.bar;
    this.parts[name].setAttribute("d", `M${this.x(lo).toFixed(1)} ${y}H${this.x(hi).toFixed(1)}`);
  }

  #dot(node, row, value) {
    node.setAttribute("cx", this.x(value).toFixed(1));
    node.setAttribute("cy", row * this.form.row + this.form.bar);
  }
}

/** One sentence on what the prior does here: the same conditions as the page has without a script. */
export function describeLimits(star, { prior, run_url: run }, seed, index) {
  const { sd, crlb3 } = star.ladder.limits;
  const spread = (prior[1] - prior[0]) / Math.sqrt(12);
  if (crlb3[index] > spread) {
    return t(
      "At this magnitude the bound with three labels is wider than the prior\u2019s own spread of {spread} dex: whoever may use the prior beats it.",
      { spread: cited(fixed(spread, 2), ["/prior/logg/0", "/prior/logg/1"].map(places(run)), "uniform") },
    );
  }
  if (crlb3[index] > sd[seed][index]) {
    return t(
      "At this magnitude the posterior is narrower than the bound with three labels: the prior adds to what the spectrum says.",
    );
  }
  return t("At this magnitude the posterior is as wide as the bound, or wider: the spectrum decides.");
}
