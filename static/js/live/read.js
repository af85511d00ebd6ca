/**
 * Spectra of a reader's own file, recognised by what it holds, as model/surveys/ reads them.
 *
 * DESI (coadd, spectra), SDSS and LAMOST (spec), APOGEE (apStar, aspcapStar), FITS tables with columns wave, flux and
 * ivar, CSV and ECSV.
 */

import { isFits, parseFits } from "./fits.js";
import { C_KMS, clean } from "./observe.js";
import { Refusal } from "./refusal.js";
import { parseText } from "./text.js";
import { t } from "../i18n.js";

export const MAX_BYTES = 256e6; // of a file, unpacked
const FREE_BYTES = 64e6; // unpacked, whatever the size was; beyond it at most MAX_RATIO times that: see model/surveys/reading.py
const MAX_RATIO = 100;

const WAVE = ["wave", "wavelength", "lambda", "lam", "loglam"];
const FLUX = ["flux"];
const IVAR = ["ivar", "inverse_variance"];
const ERROR = ["error", "err", "sigma", "flux_error", "uncertainty"];
const CATALOGUES = ["RVTAB", "SPTAB", "REDSHIFTS"];
const UNITS = { angstrom: 1, angstroms: 1, aa: 1, "\u00e5": 1, a: 1, "0.1nm": 1, nm: 10, nanometer: 10, nanometers: 10, um: 1e4, "\u00b5m": 1e4, micron: 1e4, microns: 1e4, mm: 1e7, cm: 1e8, m: 1e10 };
// bits of SDSS's and-mask and of APOGEE's pixel mask that leave no usable pixel; see model/surveys/
const SDSS_BAD = [0, 1, 2, 3, 18, 22, 23, 25, 26, 27, 28].reduce((all, bit) => all + 2 ** bit, 0);
const APOGEE_BAD = [0, 1, 2, 3, 4, 5, 6, 7, 12, 14].reduce((all, bit) => all + 2 ** bit, 0);
const DESI_STEP = 0.8;
const REACH = 1500 / C_KMS;
const DESI_WINDOW = [7095 * (1 - REACH), 8857 * (1 + REACH)];

/**
 * @typedef {object} Source what a file holds
 * @property {string} format in words
 * @property {string[]} rows names of its spectra
 * @property {{given: boolean, guess: string}|null} unit of wavelengths; null where the format fixes it
 * @property {boolean|null} air null: the file does not say
 * @property {number|null} z null: the file does not say
 * @property {(row: number, unit: string|null) => {wave, flux, ivar, z: number, air: boolean|null}} take
 */

/**
 * @param {Uint8Array} bytes
 * @param {string} name of the file
 * @returns {Promise<Source>}
 * @throws {Refusal}
 */
export async function readFile(bytes, name) {
  if (!bytes.length) throw new Refusal(t("The file is empty."));
  const content = bytes[0] === 0x1f && bytes[1] === 0x8b ? await unpack(bytes) : bytes;
  if (isFits(content)) return fromFits(parseFits(content));
  if (/\.fits?(\.gz)?$/i.test(name)) throw new Refusal(t("The file is no FITS file: it does not begin with SIMPLE."));
  return fromText(content);
}

async function unpack(bytes) {
  if (typeof DecompressionStream === "undefined") throw new Refusal(t("This browser cannot unpack gzip: unpack the file first."));
  const parts = [];
  let size = 0;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > MAX_BYTES || size > Math.max(FREE_BYTES, MAX_RATIO * bytes.length)) throw new Refusal(tooLarge("unpacked"));
      parts.push(value);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(t("The file is compressed, and damaged: it cannot be unpacked. Fetch it again."));
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function tooLarge(what = "") {
  return t("The file is larger than {e6}\u00a0MB{what}: cut out the spectra that you want, or use the command line.", { e6: MAX_BYTES / 1e6, what: what && ` when ${what}` });
}

// Tables

function fromText(bytes) {
  const sample = bytes.subarray(0, 4096);
  if (sample.includes(0)) throw new Refusal(t("The file is in no format that this page reads: give FITS, CSV or ECSV."));
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal(t("The file is in no format that this page reads: give FITS, CSV or ECSV."));
  }
  const { names, columns, units } = parseText(text);
  const at = (...wanted) => wanted.map((w) => names.findIndex((n) => n.toLowerCase() === w)).find((i) => i >= 0) ?? -1;
  const [wave, flux] = [at(...WAVE), at(...FLUX)];
  for (const [what, found] of [["wave", wave], ["flux", flux]])
    if (found < 0) throw new Refusal(t("The column {what} is missing (there are {names}): name it so.", { what, names: listed(names) }));
  const weight = ivarFrom(names, (i) => columns[i], at);
  return {
    format: "table",
    rows: [""],
    air: null,
    z: null,
    unit: unitState(names[wave], units[wave], columns[wave]),
    take: (_, unit) => clean({ wave: toAngstrom(names[wave], columns[wave], unit ?? units[wave]), flux: columns[flux], ivar: weight, z: 0, air: null }),
  };
}

const listed = (names) => names.slice(0, 12).join(", ") + (names.length > 12 ? ", \u2026" : "");

function ivarFrom(names, values, at) {
  const ivar = at(...IVAR);
  if (ivar >= 0) return values(ivar);
  const error = at(...ERROR);
  if (error < 0) throw new Refusal(t("The column ivar is missing (there are {names}): add the inverse variance, or the error.", { names: listed(names) }));
  return values(error).map((s) => (s > 0 ? s ** -2 : 0));
}

function middle(values) {
  const finite = values.filter(Number.isFinite).sort();
  return finite.length ? finite[finite.length >> 1] : 0;
}

/** What is known of the unit of wavelengths, and what their size suggests. */
function unitState(name, unit, values) {
  if (name.toLowerCase() === "loglam") return null;
  const m = middle(values);
  return { given: Boolean(unit), guess: m > 2000 ? "Angstrom" : m > 200 ? "nm" : "um" };
}

function toAngstrom(name, values, unit) {
  if (name.toLowerCase() === "loglam") return values.map((v) => 10 ** v);
  const factor = unit ? UNITS[String(unit).toLowerCase().replace(/\s/g, "")] : 1;
  if (!factor) throw new Refusal(t("The wavelengths have the unit {unit}, which is no length: choose one.", { unit: String(unit).slice(0, 20) }));
  const out = values.map((v) => v * factor);
  const m = middle(out);
  if (!unit && !(m > 2000 && m < 200000)) throw new Refusal(t("The wavelengths (median {m}) are not in \u00e5ngstr\u00f6m: choose their unit.", { m: m.toPrecision(4) }));
  return out;
}

// FITS

function fromFits(hdus) {
  const named = (name) => hdus.find((h) => h.name === name);
  const has = (...names) => names.every((n) => named(n));
  if (has("FIBERMAP") && ["B", "R", "Z"].some((a) => has(`${a}_WAVELENGTH`, `${a}_FLUX`, `${a}_IVAR`))) return fromDesi(hdus);
  if (isApogee(hdus)) return fromApogee(hdus);
  const sdss = hdus.find((h) => h.name === "COADD" && h.find("flux") && h.find("loglam") && h.find("ivar"));
  if (sdss) return fromSdss(hdus, sdss);
  const lamost = hdus.find((h) => ["WAVELENGTH", "FLUX", "IVAR", "ANDMASK"].every((n) => h.find(n)));
  if (lamost || isLamostImage(hdus[0])) return fromLamost(hdus, lamost);
  if (hdus.some((h) => CATALOGUES.includes(h.name)))
    throw new Refusal(t("The file is a catalogue, not a file of spectra: give the coadd or spectra file that it belongs to."));
  return fromTable(hdus);
}

/** Whether a header says that wavelengths are in air; null where it says nothing (see model/surveys/reading.py). */
function saysAir({ header }) {
  const said = String(header.get("AIRORVAC") ?? "").trim().toLowerCase();
  if (said) return said.startsWith("air");
  if (header.has("VACUUM")) return !header.get("VACUUM");
  const axis = String(header.get("CTYPE1") ?? "").trim().toUpperCase();
  if (/^(AWAV|WAVE)/.test(axis)) return axis.startsWith("AWAV");
  for (const [key, value] of header) if (/^[TC]UNIT\d+$/.test(key) && /\bair\b/i.test(String(value))) return true;
  return null;
}

function anyAir(hdus) {
  const said = hdus.map(saysAir).filter((v) => v !== null);
  return said.length ? said[0] : null;
}

function fromTable(hdus) {
  const table = hdus.find((h) => h.find(...FLUX));
  if (!table) throw new Refusal(t("No table of the file has a column flux: give one of the formats below, or columns wave, flux and ivar."));
  const names = table.columns.map((c) => c.name);
  const flux = table.find(...FLUX);
  const vectors = flux.repeat > 1;
  const count = vectors ? table.rows : 1;
  const values = (column, row) => (vectors && column.repeat > 1 ? table.values(column, row) : table.values(column));
  const axis = waveOf(hdus, table, vectors);
  const at = (...wanted) => wanted.map((w) => names.findIndex((n) => n.toLowerCase() === w)).find((i) => i >= 0) ?? -1;
  if (at(...IVAR, ...ERROR) < 0) ivarFrom(names, null, at); // says what is missing
  return {
    format: "table",
    rows: Array.from({ length: count }, (_, i) => (count > 1 ? `row ${i + 1}` : "")),
    air: anyAir(hdus),
    z: null,
    unit: unitState(axis.name, axis.unit, axis.values(0)),
    take: (row, unit) =>
      clean({
        wave: toAngstrom(axis.name, axis.values(row), unit ?? axis.unit),
        flux: values(flux, row),
        ivar: ivarFrom(names, (i) => values(table.columns[i], row), at),
        z: 0,
        air: anyAir(hdus),
      }),
  };
}

/** The wavelengths of a table: a column of it, or once in an HDU of that name. */
function waveOf(hdus, table, vectors) {
  const column = table.find(...WAVE);
  if (column) return { name: column.name, unit: column.unit, values: (row) => (vectors && column.repeat > 1 ? table.values(column, row) : table.values(column)) };
  const hdu = hdus.find((h) => WAVE.includes(h.name.toLowerCase()));
  if (!hdu) throw new Refusal(t("The column wave is missing: give it as a column, or once in an HDU named WAVE."));
  if (hdu.isTable) {
    const first = hdu.columns[0];
    if (!first) throw new Refusal(t("HDU WAVE holds no column."));
    return { name: first.name, unit: first.unit, values: () => hdu.values(first) };
  }
  return { name: hdu.name, unit: hdu.header.get("BUNIT") || null, values: () => hdu.imageRow(0) };
}

const finiteOr0 = (z) => (Number.isFinite(z) ? z : 0);

/** A source of one spectrum that knows its units, its frame and whether it is in air. */
function single(format, z, air, spectrum) {
  return { format, rows: [""], unit: null, air, z, take: () => clean({ ...spectrum(), z, air }) };
}

function fromSdss(hdus, coadd) {
  const about = hdus.find((h) => h.name === "SPALL") ?? hdus.find((h) => h.name === "SPECOBJ");
  const column = about?.find("Z");
  if (!column || !about.rows) throw new Refusal(t("HDU SPECOBJ with the redshift Z is missing: give the file in SDSS\u2019s own layout."));
  const z = finiteOr0(about.values(column, 0)[0]);
  return single("SDSS spectrum", z, saysAir(hdus[0]) ?? false, () => {
    const flags = coadd.find("and_mask");
    const bad = flags && coadd.values(flags);
    const ivar = coadd.values(coadd.find("ivar"));
    return {
      wave: coadd.values(coadd.find("loglam")).map((v) => 10 ** v),
      flux: coadd.values(coadd.find("flux")),
      ivar: bad ? ivar.map((v, i) => (bad[i] & SDSS_BAD ? 0 : v)) : ivar,
    };
  });
}

function isLamostImage(primary) {
  const said = String(primary.header.get("TELESCOP") ?? "").trim().toUpperCase();
  return primary.shape.length === 2 && primary.shape[1] === 5 && (said === "LAMOST" || primary.header.has("COEFF0"));
}

function fromLamost(hdus, table) {
  let header = hdus[0].header;
  for (const hdu of hdus.slice(1)) if (hdu.header.has("OBSID") && !header.has("OBSID")) header = hdu.header;
  const z = header.get("Z");
  return single("LAMOST spectrum", finiteOr0(typeof z === "number" ? z : Number.parseFloat(z)), hdus.some((h) => saysAir(h) === true), () => {
    const take = table ? (name) => table.values(table.find(name)) : null;
    const [flux, ivar, wave, mask] = table ? ["FLUX", "IVAR", "WAVELENGTH", "ANDMASK"].map(take) : [0, 1, 2, 3].map((r) => hdus[0].imageRow(r));
    return { wave, flux, ivar: ivar.map((v, i) => (mask[i] !== 0 ? 0 : v)) };
  });
}

function isApogee(hdus) {
  if (hdus.length < 3 || !hdus[1].isImage || !hdus[2].isImage) return false;
  const [start, step] = ["CRVAL1", "CDELT1"].map((k) => hdus[1].header.get(k));
  return start > 4.17 && start < 4.24 && step > 0 && step < 1e-4;
}

function fromApogee(hdus) {
  return single("APOGEE spectrum", 0, false, () => {
    const [start, step] = ["CRVAL1", "CDELT1"].map((k) => hdus[1].header.get(k));
    const flux = hdus[1].imageRow(0);
    const sigma = hdus[2].imageRow(0);
    const flags = hdus[3]?.isImage && hdus[3].bitpix > 0 && hdus[3].shape.length ? hdus[3].imageRow(0) : null;
    return {
      wave: flux.map((_, i) => 10 ** (start + step * i)),
      flux,
      ivar: sigma.map((s, i) => (s > 0 && !(flags && flags[i] & APOGEE_BAD) ? s ** -2 : 0)),
    };
  });
}

// DESI

function fromDesi(hdus) {
  const named = (name) => hdus.find((h) => h.name === name);
  const fibermap = named("FIBERMAP");
  const id = fibermap.find("TARGETID");
  if (!id) throw new Refusal(t("HDU FIBERMAP has no TARGETID: give the file in DESI\u2019s own layout."));
  const ids = fibermap.texts(id);
  const type = fibermap.find("OBJTYPE");
  const types = type && fibermap.texts(type);
  const status = fibermap.find("COADD_FIBERSTATUS", "FIBERSTATUS");
  const faults = status && fibermap.values(status);
  const targets = new Map();
  ids.forEach((target, row) => {
    if ((types && types[row] !== "TGT") || (faults && faults[row] !== 0)) return;
    targets.set(target, [...(targets.get(target) ?? []), row]);
  });
  if (!targets.size) throw new Refusal(t("No row of the file is a target with a fibre without fault."));
  const order = [...targets.keys()].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
  const red = ["R", "Z"].filter((a) => named(`${a}_FLUX`));
  const arms = red.length ? red : ["B"];
  return {
    format: "DESI spectra",
    rows: order.map((target) => `target ${target}`),
    unit: null,
    air: false,
    z: null,
    take: (row) => clean({ ...mergeArms(arms.map((arm) => desiArm(named, arm, ids.length, targets.get(order[row]), red.length > 0))), z: 0, air: false }),
  };
}

/** One arm of one target, its exposures combined by inverse variance. */
function desiArm(named, arm, count, rows, windowed) {
  const [axis, flux, ivar, mask] = ["WAVELENGTH", "FLUX", "IVAR", "MASK"].map((what) => named(`${arm}_${what}`));
  if (!axis || !flux || !ivar) throw new Refusal(t("HDU {arm}_WAVELENGTH, {arm}_FLUX or {arm}_IVAR is missing: give the file in DESI\u2019s own layout.", { arm }));
  const wave = axis.imageRow(0);
  for (const hdu of [flux, ivar, ...(mask ? [mask] : [])])
    if (hdu.shape[0] !== wave.length || (hdu.shape[1] ?? 1) !== count)
      throw new Refusal(t("HDU {name} is not as large as FIBERMAP and the wavelengths say. Fetch the file again.", { name: hdu.name }));
  const [lo, hi] = windowed ? DESI_WINDOW : [-Infinity, Infinity];
  const from = firstAbove(wave, lo - DESI_STEP / 2);
  const to = firstAbove(wave, hi + DESI_STEP / 2);
  const n = Math.max(to - from, 0);
  const total = new Float64Array(n);
  const weight = new Float64Array(n);
  const plain = new Float64Array(n);
  for (const row of rows) {
    const [f, v, m] = [flux, ivar, mask].map((hdu) => hdu && hdu.imageRow(row, from, to));
    for (let i = 0; i < n; i++) {
      const good = Number.isFinite(f[i]) && Number.isFinite(v[i]) && v[i] > 0 && !(m && m[i] !== 0);
      plain[i] += Number.isFinite(f[i]) ? f[i] / rows.length : 0;
      if (!good) continue;
      total[i] += f[i] * v[i];
      weight[i] += v[i];
    }
  }
  return { wave: wave.subarray(from, to), flux: total.map((t, i) => (weight[i] > 0 ? t / weight[i] : plain[i])), ivar: weight };
}

function firstAbove(sorted, value) {
  const at = sorted.findIndex((w) => w >= value);
  return at < 0 ? sorted.length : at;
}

/** Arms on one lattice, weighed by inverse variance where they overlap. */
function mergeArms(all) {
  const arms = all.filter((arm) => arm.wave.length);
  if (!arms.length) throw new Refusal(t("No arm of the file has pixels inside the band."));
  const start = Math.min(...arms.map((arm) => arm.wave[0]));
  const places = arms.map((arm) => Array.from(arm.wave, (w) => Math.round((w - start) / DESI_STEP)));
  arms.forEach((arm, a) => {
    if (!places[a].every((p, i) => Math.abs(start + DESI_STEP * p - arm.wave[i]) < 0.01 * DESI_STEP))
      throw new Refusal(t("The wavelengths are not on DESI\u2019s lattice of 0.8\u00a0\u00c5: give files of its pipeline."));
  });
  const n = Math.max(...places.map((p) => p[p.length - 1])) + 1;
  if (!(n < 1e6)) throw new Refusal(t("The wavelengths of the arms are too far apart. Fetch the file again."));
  const [total, weight] = [new Float64Array(n), new Float64Array(n)];
  arms.forEach((arm, a) =>
    places[a].forEach((p, i) => {
      total[p] += arm.flux[i] * arm.ivar[i];
      weight[p] += arm.ivar[i];
    }),
  );
  return { wave: Float64Array.from({ length: n }, (_, i) => start + DESI_STEP * i), flux: total.map((t, i) => (weight[i] > 0 ? t / weight[i] : 0)), ivar: weight };
}
