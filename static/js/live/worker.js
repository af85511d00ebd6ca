/**
 * The network off the main thread: loads ONNX Runtime and the networks, reads files, answers.
 *
 * A message is `{id, task, ...}`; its answer `{id, value}` or `{id, refusal}` (a sentence). While loading,
 * `{id, progress: {loaded, total}}` counts bytes.
 */

import { choose, edgesOf, judge, normalise, notes } from "./observe.js";
import { MAX_BYTES, readFile, tooLarge } from "./read.js";
import { Refusal } from "./refusal.js";
import { wavelengths } from "../data.js";
import { CACHE, keyOf } from "./cache.js";
import { t } from "../i18n.js";

const CONSTANTS = ["used", "basis_mean", "basis", "continuum_basis", "continuum_fit"];
const GZIP = 0x1f;

let runtime = null;
const networks = new Map();
let file = null; // the Source that was read last

const tasks = { load, read, answer, infer };

self.addEventListener("message", async ({ data }) => {
  const { id, task } = data;
  try {
    const value = await tasks[task](data, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, value });
  } catch (error) {
    self.postMessage({ id, refusal: sentence(error, task) });
  }
});

function sentence(error, task) {
  if (error instanceof Refusal) return error.message;
  console.debug(error); // for whoever mends it
  if (error instanceof RangeError && /memory|alloc|buffer/i.test(error.message)) return t("There is not enough memory for this: close other pages and try again.");
  return task === "load"
    ? t("The network could not be started in this browser. Try again, or use the command line.")
    : t("The file is damaged or in a layout that this page does not know.");
}

// Loading

/** @param {{files: {runtime: object, networks: object[]}}} message see site_builder/live.py */
async function load({ files }, report) {
  if (typeof WebAssembly !== "object") throw new Refusal(t("This browser runs no WebAssembly, which the network needs. Use the command line instead."));
  const wanted = files.networks.filter((n) => !networks.has(n.name));
  const downloads = [...(runtime ? [] : [files.runtime]), ...wanted];
  const total = downloads.reduce((sum, d) => sum + d.bytes, 0);
  let loaded = 0;
  const contents = [];
  for (const download of downloads)
    contents.push(
      await fetchBytes(download, (bytes) => {
        loaded += bytes;
        report({ loaded, total });
      }),
    );
  if (!runtime) runtime = await start(files.runtime, contents.shift());
  for (const [i, about] of wanted.entries()) networks.set(about.name, await open(about, contents[i]));
  return { names: [...networks.keys()] };
}

/** A file, from the cache if it is there; `report` is told of every piece. */
async function fetchBytes(download, report) {
  const key = keyOf(download);
  const cache = await self.caches?.open(CACHE).catch(() => null);
  const kept = await cache?.match(key).catch(() => null);
  if (kept) {
    const content = new Uint8Array(await kept.arrayBuffer());
    if (content.length === download.bytes) {
      report(content.length);
      return content;
    }
  }
  let response;
  try {
    response = await fetch(new URL(download.url, self.location.href));
  } catch {
    throw new Refusal(t("The network could not be loaded: the connection failed. Check it and try again."));
  }
  if (!response.ok || !response.body) throw new Refusal(t("The network could not be loaded: the server answered {status}. Try again later.", { status: response.status }));
  const content = new Uint8Array(download.bytes);
  let at = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Refusal(t("The network could not be loaded: the connection broke off. Check it and try again."));
    });
    if (done) break;
    if (at + value.length > content.length) throw new Refusal(t("The network was changed while it was loaded. Reload the page."));
    content.set(value, at);
    at += value.length;
    report(value.length);
  }
  if (at !== content.length) throw new Refusal(t("The network came incomplete: the connection broke off. Check it and try again."));
  await checked(content, download.sha256);
  await cache?.put(key, new Response(content)).catch(() => null); // no room: the next visit loads it again
  return content;
}

async function checked(content, sha256) {
  if (!self.crypto?.subtle) return; // not a secure context
  const digest = new Uint8Array(await self.crypto.subtle.digest("SHA-256", content));
  const hex = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) throw new Refusal(t("The network came damaged: it is not the file that this page was built with. Reload the page."));
}

async function start(about, packed) {
  const ort = await import(new URL(about.script, self.location.href).href);
  ort.env.wasm.numThreads = 1; // static hosts cannot send the headers that threads need
  ort.env.wasm.proxy = false; // this is a worker already
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = packed[0] === GZIP ? await unpack(packed) : packed.buffer;
  return ort;
}

async function unpack(packed) {
  if (typeof DecompressionStream === "undefined") throw new Refusal(t("This browser is too old to unpack the network. Use the command line instead."));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function open(about, content) {
  const session = await runtime.InferenceSession.create(content, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const network = { name: about.name, about, session, wave: wavelengths(about.wave), edges: edgesOf(about.wave), limits: {} };
  const blank = new Float32Array(about.wave.n).fill(1);
  const wanted = CONSTANTS.filter((name) => session.outputNames.includes(name));
  const constants = await run(network, blank, blank, wanted);
  for (const name of wanted) network.limits[name] = Float64Array.from(constants[name].data);
  return network;
}

// Answering

function run(network, flux, valid, outputs) {
  const shape = [1, flux.length];
  const feeds = { flux: new runtime.Tensor("float32", flux, shape), valid: new runtime.Tensor("float32", valid, shape) };
  return network.session.run(feeds, outputs);
}

async function ask(network, flux, valid) {
  const began = performance.now();
  const out = await run(network, Float32Array.from(flux), Float32Array.from(valid), ["logg", "sigma", "half95", "pooled", "rollout"]);
  const value = (name) => out[name].data[0];
  return {
    logg: value("logg"),
    sigma: value("sigma"),
    half95: value("half95"),
    pooled: { dims: out.pooled.dims, data: Array.from(out.pooled.data) },
    rollout: Array.from(out.rollout.data),
    ms: performance.now() - began,
  };
}

function networkOf(name) {
  const network = networks.get(name);
  if (!network) throw new Refusal(t("The network for this kind of spectrum is not loaded."));
  return network;
}

/** A spectrum on the network's own pixels without gaps, as the explorer draws it. */
async function infer({ name, flux }) {
  const network = networkOf(name);
  const { logg, sigma, half95, ms } = await ask(network, normalise(flux, network.limits), new Uint8Array(flux.length).fill(1));
  return { logg, sigma, half95, ms }; // a slider wants no more
}

/** What a file holds; it stays here until the next. */
async function read({ content, name }) {
  file = null;
  if (content.size > MAX_BYTES) throw new Refusal(tooLarge());
  let bytes;
  try {
    bytes = new Uint8Array(await content.arrayBuffer());
  } catch {
    throw new Refusal(t("The file could not be read from the disk. Choose it again."));
  }
  file = await readFile(bytes, name);
  const { format, rows, unit, air, z } = file;
  return { format, rows, unit, air, z };
}

/**
 * log g of a row of the file, or of arrays (`spectrum`: wave, flux, ivar, z, air), or why not.
 * @returns everything that is said and drawn
 */
async function answer({ row, spectrum, unit, air, rv, network: chosen }) {
  if (!spectrum && !file) throw new Refusal(t("No file is open. Choose one."));
  const found = spectrum ?? file.take(row, unit);
  const network = networkOf(chosen ?? choose(found.wave));
  const { on, coverage, misfit, refusal } = judge(found, { air, rv }, network);
  const said = { network: network.name, coverage, misfit, refusal, snr: on?.snr ?? null, notes: [], answer: null, drawn: null };
  if (on) {
    const inside = found.wave.filter((w) => w > network.wave[0] && w < network.wave[network.wave.length - 1]).length;
    said.drawn = { wave: network.wave, flux: on.flux, sigma: on.sigma, valid: on.valid, pixels: inside };
  }
  if (refusal) return said;
  said.answer = await ask(network, on.flux, on.valid);
  said.notes = notes(said.answer, on.snr, network.about.prior);
  return said;
}
