/** CSV and ECSV tables of one spectrum: named columns of numbers, with the units that an ECSV header gives. */

import { Refusal } from "./refusal.js";
import { t } from "../i18n.js";

const MAX_COLUMNS = 500;

/**
 * @param {string} text
 * @returns {{names: string[], columns: Float64Array[], units: (string|null)[]}}
 * @throws {Refusal}
 */
export function parseText(text) {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  const head = lines.filter((line) => line.startsWith("#")).join("\n");
  const rows = lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (rows.length < 3) throw new Refusal(t("The file holds no table of a spectrum: give a line of column names, then one line for each pixel."));
  const ecsv = /^#\s*%ECSV/.test(head);
  const delimiter = ecsv && !/^#\s*delimiter:\s*','/m.test(head) ? " " : ",";
  const names = split(rows[0], delimiter);
  if (names.length < 2 || names.length > MAX_COLUMNS || names.every((name) => name !== "" && Number.isFinite(Number(name))))
    throw new Refusal(t("The first line of the table does not name its columns; name them wave, flux and ivar (or error), separated by commas."));
  const columns = names.map(() => new Float64Array(rows.length - 1));
  for (let r = 1; r < rows.length; r++) {
    const cells = split(rows[r], delimiter);
    if (cells.length !== names.length)
      throw new Refusal(t("Line {r} of the table has {cells} entries, but {names} columns are named.", { r: r + 1, cells: cells.length, names: names.length }));
    for (let c = 0; c < cells.length; c++) columns[c][r - 1] = cells[c] === "" ? NaN : Number(cells[c]);
  }
  return { names, columns, units: names.map((name) => (ecsv ? unitOf(head, name) : null)) };
}

function split(line, delimiter) {
  if (!line.includes('"')) return (delimiter === " " ? line.trim().split(/ +/) : line.split(delimiter)).map((cell) => cell.trim());
  const cells = [];
  const pattern = delimiter === " " ? /"((?:[^"]|"")*)"|([^ ]+)/g : /"((?:[^"]|"")*)"(?:,|$)|([^,]*)(?:,|$)/g;
  for (const match of line.matchAll(pattern)) {
    if (match[0] === "" && match.index >= line.length) break;
    cells.push((match[1]?.replace(/""/g, '"') ?? match[2] ?? "").trim());
  }
  return cells;
}

/** Unit of a column in the YAML of an ECSV header: `- {name: wave, unit: Angstrom, datatype: float64}`. */
function unitOf(head, name) {
  for (const line of head.split("\n")) {
    const entry = /^#\s*-\s*\{(.*)\}\s*$/.exec(line);
    if (!entry) continue;
    const field = (key) => new RegExp(`(?:^|,\\s*)${key}:\\s*("[^"]*"|'[^']*'|[^,}]*)`).exec(entry[1])?.[1].replace(/["']/g, "").trim();
    if (field("name") === name) return field("unit") || null;
  }
  return null;
}
