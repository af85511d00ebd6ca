/**
 * Lighthouse over many pages: jobs as JSON lines on standard input, results as JSON lines on standard output.
 *
 * A job is {url, form: "phone"|"screen", scheme: "light"|"dark", only?: [category, …]}. One Chromium a scheme serves all
 * of its jobs; each page is measured in a fresh tab without what an earlier one has stored.
 */

import { createInterface } from "node:readline";
import { launch } from "chrome-launcher";
import lighthouse, { desktopConfig } from "lighthouse";

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-sync",
  "--disable-component-update",
];
const DARK = "--blink-settings=preferredColorScheme=0";
const VALUES = {
  lcp: "largest-contentful-paint",
  tbt: "total-blocking-time",
  cls: "cumulative-layout-shift",
  bytes: "total-byte-weight",
};

const chromes = new Map();

async function chrome(scheme) {
  if (!chromes.has(scheme)) {
    chromes.set(scheme, await launch({ chromePath: process.env.CHROME_PATH, chromeFlags: [...FLAGS, ...(scheme === "dark" ? [DARK] : [])] }));
  }
  return chromes.get(scheme);
}

/** What failed, so that a report says where to look. */
function failures({ categories, audits }, names) {
  const refs = names.flatMap((name) => categories[name]?.auditRefs ?? []).filter((ref) => ref.weight > 0);
  return [...new Set(refs.map((ref) => ref.id))].filter((id) => audits[id].score !== null && audits[id].score < 0.9);
}

async function measure({ url, form, scheme, only }) {
  const { port } = await chrome(scheme);
  const config = form === "screen" ? desktopConfig : undefined;
  const { lhr } = await lighthouse(url, { port, output: "json", logLevel: "error", onlyCategories: only }, config);
  if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
  const scores = Object.fromEntries(Object.entries(lhr.categories).map(([name, { score }]) => [name, Math.round(100 * score)]));
  const values = Object.fromEntries(Object.entries(VALUES).map(([key, id]) => [key, lhr.audits[id]?.numericValue ?? null]));
  const requests = (lhr.audits["network-requests"]?.details?.items ?? []).map(({ url, transferSize }) => ({ url, bytes: transferSize }));
  return { scores, ...values, requests, failed: failures(lhr, ["accessibility", "best-practices", "seo"]) };
}

try {
  for await (const line of createInterface({ input: process.stdin })) {
    const job = JSON.parse(line);
    let result;
    try {
      result = await measure(job);
    } catch (error) {
      result = { error: error.message };
    }
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
} finally {
  for (const one of chromes.values()) await one.kill();
}
