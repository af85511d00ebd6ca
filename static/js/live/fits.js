/**
 * FITS files as spectra come in: images and binary tables (FITS standard 4.0, Pence et al. 2010 and later).
 *
 * Written for hostile files: every size in a header is compared with the file before anything is taken from it, and
 * whatever is wrong ends in one sentence. Values are decoded when they are asked for, so that memory is taken for what
 * is looked at alone.
 */

import { Refusal } from "./refusal.js";
import { t } from "../i18n.js";

const CARD = 80;
const BLOCK = 2880;
const MAX_HDUS = 1000;
const SIZES = { 8: 1, 16: 2, 32: 4, 64: 8, "-32": 4, "-64": 8 };
const CODES = { L: 1, B: 1, A: 1, I: 2, J: 4, E: 4, K: 8, D: 8, C: 8, P: 8, M: 16, Q: 16 };
const ascii = new TextDecoder("latin1");

/** @param {Uint8Array} bytes */
export function isFits(bytes) {
  return bytes.length >= BLOCK && ascii.decode(bytes.subarray(0, 10)) === "SIMPLE  = ";
}

/**
 * All HDUs of a file.
 * @param {Uint8Array} bytes the whole file, unpacked
 * @returns {Hdu[]}
 * @throws {Refusal}
 */
export function parseFits(bytes) {
  if (!isFits(bytes)) throw new Refusal(t("The file is no FITS file: it does not begin with SIMPLE."));
  const found = [];
  let at = 0;
  while (at + BLOCK <= bytes.length) {
    if (found.length && ascii.decode(bytes.subarray(at, at + 8)) !== "XTENSION") break; // what follows is no HDU
    if (found.length >= MAX_HDUS) throw new Refusal(t("The file has more than {MAX_HDUS} HDUs; it is no spectrum.", { MAX_HDUS }));
    const hdu = new Hdu(bytes, at);
    found.push(hdu);
    at = hdu.end;
  }
  return found;
}

/** One header with its data. */
export class Hdu {
  constructor(bytes, start) {
    this.bytes = bytes;
    this.header = new Map();
    this.start = this.#readHeader(start);
    this.name = String(this.header.get("EXTNAME") ?? (start === 0 ? "PRIMARY" : "")).toUpperCase();
    this.bitpix = this.header.get("BITPIX");
    if (!(this.bitpix in SIZES)) throw new Refusal(t("HDU {name}: BITPIX is {bitpix}, which no FITS file has.", { name: this.name || "unnamed", bitpix: this.bitpix }));
    const axes = this.#count("NAXIS", 0, 9);
    this.shape = Array.from({ length: axes }, (_, i) => this.#count(`NAXIS${i + 1}`, 0, bytes.length));
    const extra = this.#count("PCOUNT", 0, bytes.length, 0) * this.#count("GCOUNT", 0, bytes.length, 1);
    const values = axes ? this.shape.reduce((product, n) => product * n, 1) : 0; // a float: too large is just too large
    const size = (values + extra) * SIZES[this.bitpix];
    if (!(this.start + size <= bytes.length))
      throw new Refusal(t("The file is cut short: its headers announce more data than it has. Fetch it again."));
    this.end = this.start + Math.ceil(size / BLOCK) * BLOCK;
    this.isTable = String(this.header.get("XTENSION") ?? "").trim() === "BINTABLE";
    this.isImage = start === 0 || String(this.header.get("XTENSION") ?? "").trim() === "IMAGE";
    this.columns = this.isTable ? this.#readColumns() : [];
  }

  #readHeader(at) {
    for (;; at += CARD) {
      if (at + CARD > this.bytes.length) throw new Refusal(t("The file is cut short inside a header. Fetch it again."));
      const card = ascii.decode(this.bytes.subarray(at, at + CARD));
      const key = card.slice(0, 8).trimEnd();
      if (key === "END") break;
      if (card.slice(8, 10) === "= " && !this.header.has(key)) this.header.set(key, cardValue(card.slice(10)));
    }
    return Math.ceil((at + CARD) / BLOCK) * BLOCK;
  }

  /** A count in the header, checked. */
  #count(key, low, high, otherwise) {
    const value = this.header.get(key) ?? otherwise;
    if (!Number.isInteger(value) || value < low)
      throw new Refusal(t("HDU {name}: {key} is {n}, which is no count. Fetch the file again.", { name: this.name || "unnamed", key, n: value }));
    if (value > high)
      throw new Refusal(t("The file is cut short: its headers announce more data than it has. Fetch it again."));
    return value;
  }

  #readColumns() {
    if (this.shape.length !== 2 || this.bitpix !== 8) throw new Refusal(t("HDU {name}: the table has no rows of bytes. Fetch the file again.", { name: this.name }));
    const columns = [];
    let offset = 0;
    for (let i = 1; i <= this.#count("TFIELDS", 0, 999); i++) {
      const form = /^\s*(\d{0,9})([A-Z])/.exec(String(this.header.get(`TFORM${i}`) ?? ""));
      if (!form || !(form[2] in CODES || form[2] === "X"))
        throw new Refusal(t("HDU {name}: column {i} has the format {i2}, which no table has.", { name: this.name, i, i2: String(this.header.get(`TFORM${i}`)).slice(0, 12) }));
      const repeat = form[1] === "" ? 1 : Number(form[1]);
      const width = form[2] === "X" ? Math.ceil(repeat / 8) : repeat * CODES[form[2]];
      columns.push({
        name: String(this.header.get(`TTYPE${i}`) ?? "").trim(),
        unit: String(this.header.get(`TUNIT${i}`) ?? "").trim() || null,
        code: form[2],
        repeat,
        offset,
        scale: numberOr(this.header.get(`TSCAL${i}`), 1),
        zero: numberOr(this.header.get(`TZERO${i}`), 0),
      });
      offset += width;
    }
    if (offset !== this.shape[0])
      throw new Refusal(t("HDU {name}: the columns are {offset} bytes wide, but a row has {shape}. Fetch the file again.", { name: this.name, offset, shape: this.shape[0] }));
    return columns;
  }

  /** The first column with one of these names, any case; null where there is none. */
  find(...wanted) {
    for (const name of wanted) {
      const found = this.columns.find((c) => c.name.toLowerCase() === name.toLowerCase());
      if (found) return found;
    }
    return null;
  }

  get rows() {
    return this.shape[1] ?? 0;
  }

  /**
   * Numbers of a column: all rows, or one.
   * @returns {Float64Array} rows x repeat
   */
  values(column, row = null) {
    if (!"LBIJKED".includes(column.code)) throw new Refusal(t("HDU {name}: column {name2} holds no numbers.", { name: this.name, name2: column.name }));
    const [first, count] = row === null ? [0, this.rows] : [row, 1];
    const view = this.#view();
    const size = CODES[column.code];
    const take = reader(view, column.code);
    const out = new Float64Array(count * column.repeat);
    for (let r = 0, k = 0; r < count; r++) {
      let at = this.start + (first + r) * this.shape[0] + column.offset;
      for (let j = 0; j < column.repeat; j++, k++, at += size) out[k] = take(at) * column.scale + column.zero;
    }
    return out;
  }

  /** Text of a column, or its integers as text (64-bit identifiers do not fit into numbers); one a row. */
  texts(column) {
    const view = this.#view();
    return Array.from({ length: this.rows }, (_, r) => {
      const at = this.start + r * this.shape[0] + column.offset;
      if (column.code === "A") return ascii.decode(this.bytes.subarray(at, at + column.repeat)).split("\0")[0].trim();
      if (column.code === "K") return String(view.getBigInt64(at));
      return String(reader(view, column.code)(at));
    });
  }

  /**
   * Row of an image whose fastest axis has n pixels, from one pixel to before another.
   * @returns {Float64Array}
   */
  imageRow(row = 0, from = 0, to = this.shape[0] ?? 0) {
    const n = this.shape[0] ?? 0;
    const code = { 8: "B", 16: "I", 32: "J", 64: "K", "-32": "E", "-64": "D" }[this.bitpix];
    const size = SIZES[this.bitpix];
    const take = reader(this.#view(), code);
    const [scale, zero] = [numberOr(this.header.get("BSCALE"), 1), numberOr(this.header.get("BZERO"), 0)];
    const out = new Float64Array(Math.max(to - from, 0));
    let at = this.start + (row * n + from) * size;
    if (row < 0 || at + out.length * size > this.end) throw new Refusal(t("HDU {name} has no row {row}. Fetch the file again.", { name: this.name, row: row + 1 }));
    for (let i = 0; i < out.length; i++, at += size) out[i] = take(at) * scale + zero;
    return out;
  }

  #view() {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
  }
}

function reader(view, code) {
  switch (code) {
    case "B":
      return (at) => view.getUint8(at);
    case "L":
      return (at) => Number(view.getUint8(at) === 84);
    case "I":
      return (at) => view.getInt16(at);
    case "J":
      return (at) => view.getInt32(at);
    case "K":
      return (at) => Number(view.getBigInt64(at));
    case "E":
      return (at) => view.getFloat32(at);
    default:
      return (at) => view.getFloat64(at);
  }
}

function numberOr(value, otherwise) {
  return Number.isFinite(value) ? value : otherwise;
}

/** The value of a card: text, a logical, a number; undefined where it is none of these. */
function cardValue(text) {
  const quoted = /^\s*'((?:[^']|'')*)'/.exec(text);
  if (quoted) return quoted[1].replace(/''/g, "'").trimEnd();
  const plain = text.split("/")[0].trim();
  if (plain === "T" || plain === "F") return plain === "T";
  if (/^[+-]?(\d+\.?\d*|\.\d+)([EDed][+-]?\d+)?$/.test(plain)) return Number(plain.replace(/[Dd]/, "E"));
  return undefined;
}
