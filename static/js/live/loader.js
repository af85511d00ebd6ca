/** The part of a page that loads the network when the reader asks: size, button, progress, failure, retry. */

import { el } from "../dom.js";
import { t } from "../i18n.js";

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)}\u00a0MB`;

/**
 * @param {HTMLElement} host with the button and its note, as the page was built; filled with what the state calls for
 * @param {import("./model.js").LiveModel} model
 * @param {{ready: (kept: boolean) => void}} options called once it can answer
 */
export function loader(host, model, { ready }) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": t("Loading the network") });
  const line = el("p", { class: "live-line", role: "status" });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const ask = host.querySelector(".live-ask");
  const button = ask.querySelector("button");
  button.addEventListener("click", () => begin(false));
  bar.hidden = true;
  host.append(bar, line, problem);

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
