/**
 * A guided tour: an ordered list in the page, of which a script shows one step at a time.
 *
 * Each step says in `data-view` which view of the page goes with it. Without a script all steps stand in the page.
 * Buttons and arrow keys go on and back, Escape leaves; the step is part of the address, so that a link leads to it.
 */

import { parse } from "./permalink.js";
import { el, liveRegion } from "./dom.js";
import { t } from "./i18n.js";

export class Tour {
  /**
   * @param {string} id of the section with the list
   * @param {(link: Record<string, string>|null) => void} show called with the view of a step; null when it is left
   * @returns {Tour|null} null where the page has no tour
   */
  static of(id, show) {
    const root = document.getElementById(id);
    return root ? new Tour(root, show) : null;
  }

  constructor(root, show) {
    this.root = root;
    this.showView = show;
    this.steps = [...root.querySelectorAll("[data-step]")];
    this.step = 0;
    root.classList.add("is-live");
    this.say = liveRegion(root);
    this.opener = root.querySelector("[data-tour-start]");
    this.opener.addEventListener("click", () => this.go(this.#first()));
    this.controls = this.#controls();
    root.querySelector("ol").after(this.controls);
    root.addEventListener("keydown", (event) => this.#key(event));
    this.#paint();
  }

  #first = () => Number(this.steps[0].dataset.step);

  #controls() {
    const button = (text, action) => el("button", { type: "button", class: "tour-button", onclick: action }, text);
    this.back = button(t("Back"), () => this.go(this.step - 1));
    this.next = button(t("Next"), () => this.go(this.step + 1));
    this.skip = button(t("Leave the tour"), () => this.leave());
    this.place = el("span", { class: "tour-place", "aria-hidden": "true" });
    return el("div", { class: "tour-controls", role: "group", "aria-label": t("Tour") }, this.back, this.next, this.place, this.skip);
  }

  /** A link that names a step and nothing else, with the view of that step. */
  expand(link) {
    const item = this.steps.find((s) => s.dataset.step === link.tour);
    return item && Object.keys(link).length === 1 ? { ...parse(`#v1&${item.dataset.view}`), ...link } : link;
  }

  /** The step of a link, without moving the focus. */
  fromLink(text) {
    const wanted = Number(text);
    if (wanted === this.step || !this.steps.some((s) => Number(s.dataset.step) === wanted)) return;
    this.step = wanted;
    this.#paint();
  }

  /** Go to a step; one that is on another page is followed there. */
  go(step) {
    const item = this.steps.find((s) => Number(s.dataset.step) === step);
    if (!item) {
      const link = this.root.querySelector(step < this.#first() ? "[data-tour-before]" : "[data-tour-after]");
      if (link) window.location.href = link.href;
      return;
    }
    this.step = step;
    this.#paint();
    item.querySelector("h3").focus({ preventScroll: true });
    this.root.scrollIntoView({ block: "nearest" });
    this.showView(parse(`#v1&${item.dataset.view}&tour=${step}`));
    this.say(`${this.place.textContent}: ${item.querySelector("h3").textContent}`);
  }

  /** Back to the page without a tour. */
  leave() {
    this.step = 0;
    this.#paint();
    this.opener.focus({ preventScroll: true });
    this.showView(null);
  }

  #paint() {
    const open = this.step !== 0;
    this.root.classList.toggle("is-open", open);
    this.opener.hidden = open;
    this.controls.hidden = !open;
    for (const item of this.steps) item.hidden = Number(item.dataset.step) !== this.step;
    const all = Number(this.root.dataset.steps);
    this.place.textContent = t("Step {n} of {all}", { n: this.step, all });
    this.back.disabled = this.step <= 1;
    this.next.disabled = this.step >= all;
  }

  #key(event) {
    if (!this.step || event.target.closest("input, select, textarea, [role=application]")) return;
    if (event.key === "ArrowRight" && !this.next.disabled) this.go(this.step + 1);
    else if (event.key === "ArrowLeft" && !this.back.disabled) this.go(this.step - 1);
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
  }
}
