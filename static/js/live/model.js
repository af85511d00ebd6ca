/** The network as pages see it: load it once, ask it, and only the latest question counts. */

import { CACHE, keyOf } from "./cache.js";
import { t } from "../i18n.js";

/** Thrown for a question that a later one has overtaken. */
export class Overtaken extends Error {}

export class LiveModel {
  /** @param {object} files addresses relative to the page, see site_builder/live.py */
  constructor(files) {
    const absolute = (url) => new URL(url, document.baseURI).href;
    const at = (download) => ({ ...download, url: absolute(download.url) });
    this.files = {
      runtime: { ...at(files.runtime), script: absolute(files.runtime.script) },
      networks: files.networks.map(at),
    };
    this.workerUrl = absolute(files.worker);
    this.state = "idle"; // loading, ready, failed
    this.waiting = new Map();
    this.next = 1;
    this.turn = { busy: false, pending: null };
  }

  /** Bytes that loading takes. */
  get bytes() {
    return [this.files.runtime, ...this.files.networks].reduce((sum, d) => sum + d.bytes, 0);
  }

  /** True if everything is kept from an earlier visit. */
  async kept() {
    try {
      const cache = await window.caches.open(CACHE);
      const found = await Promise.all([this.files.runtime, ...this.files.networks].map((d) => cache.match(keyOf(d))));
      return found.every(Boolean);
    } catch {
      return false;
    }
  }

  /**
   * @param {(loaded: number, total: number) => void} report
   * @returns {Promise<void>} rejected with a sentence; may be called again then
   */
  load(report) {
    this.state = "loading";
    this.loading ??= this.#ask({ task: "load", files: this.files }, ({ loaded, total }) => report(loaded, total)).then(
      () => {
        this.state = "ready";
      },
      (error) => {
        this.state = "failed";
        this.loading = null;
        this.#stop();
        throw error;
      },
    );
    return this.loading;
  }

  /** What a file holds; see `read` in worker.js. */
  read(content) {
    return this.#ask({ task: "read", content, name: content.name });
  }

  /** See `answer` in worker.js. */
  answer(question) {
    return this.#latest({ task: "answer", ...question });
  }

  /** See `infer` in worker.js. */
  infer(name, flux) {
    return this.#latest({ task: "infer", name, flux });
  }

  /** One question at a time; of those that come meanwhile the last alone is asked, and an overtaken answer is dropped. */
  #latest(message) {
    return new Promise((resolve, reject) => {
      this.turn.pending?.reject(new Overtaken());
      this.turn.pending = { message, resolve, reject };
      if (!this.turn.busy) this.#serve();
    });
  }

  async #serve() {
    this.turn.busy = true;
    while (this.turn.pending) {
      const { message, resolve, reject } = this.turn.pending;
      this.turn.pending = null;
      try {
        const value = await this.#ask(message);
        if (this.turn.pending) reject(new Overtaken());
        else resolve(value);
      } catch (error) {
        reject(error);
      }
    }
    this.turn.busy = false;
  }

  #ask(message, report = null) {
    this.worker ??= this.#start();
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { resolve, reject, report });
      this.worker.postMessage({ id, ...message });
    });
  }

  #start() {
    const worker = new Worker(this.workerUrl, { type: "module" });
    worker.addEventListener("message", ({ data }) => {
      const waiting = this.waiting.get(data.id);
      if (!waiting) return;
      if (data.progress) return void waiting.report?.(data.progress);
      this.waiting.delete(data.id);
      if (data.refusal) waiting.reject(new Error(data.refusal));
      else waiting.resolve(data.value);
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#fail(t("The network stopped: this browser could not start it, or ran out of memory. Try again."));
    });
    return worker;
  }

  #fail(sentence) {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    this.#stop();
    this.state = "failed";
    this.loading = null;
    for (const { reject } of waiting) reject(new Error(sentence));
  }

  #stop() {
    this.worker?.terminate();
    this.worker = null;
  }
}
