/** The part of a page that loads the network when the reader asks: size, button, progress, failure, retry. */

import { el } from "../dom.js";
import { t } from "../i18n.js";

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)}\u00a0MB`;

/**
 * @param {HTMLElement} host empty; filled with what the state calls for
 * @param {import("./model.js").LiveModel} model
 * @param {{label: string, ready: (kept: boolean) => void}} options what the button says; called once it can answer
 */
export function loader(host, model, { label, ready }) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": t("Loading the network") });
  const line = el("p", { class: "live-line", role: "status" });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const button = el("button", { type: "button", class: "button", onclick: () => begin(false) }, label);
  const note = el("span", { class: "live-note" }, t("{bytes}, once; then it is kept in this browser", { bytes: megabytes(model.bytes) }));
  const ask = el("p", { class: "live-ask" }, button, " ", note);
  bar.hidden = true;
  host.replaceChildren(ask, bar, line, problem);

  async function begin(kept) {
    ask.hidden = true;
    problem.hidden = true;
    bar.hidden = false;
    bar.value = 0;
    try {
      await model.load((loaded, total) => {
        bar.value = loaded / total;
        line.textContent = loaded < total ? t("{loaded} of {total}", { loaded: megabytes(loaded), total: megabytes(total) }) : t("Starting the network \u2026");
      });
    } catch (error) {
      bar.hidden = true;
      line.textContent = "";
      problem.textContent = error.message;
      problem.hidden = false;
      button.textContent = t("Try again");
      ask.hidden = false;
      button.focus();
      return;
    }
    host.replaceChildren();
    host.hidden = true;
    ready(kept);
  }

  return { begin };
}
