/**
 * Texts of the scripts in the language of the page. English is its own key; a page in another language
 * carries the texts that its scripts need in <script type="application/json" id="messages">.
 */

const block = typeof document === "undefined" ? null : document.getElementById("messages");
const messages = block ? JSON.parse(block.textContent) : {};
const rules = new Intl.PluralRules(block ? document.documentElement.lang : "en");

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (field, name) => values[name] ?? field);

/**
 * A text in the language of the page.
 * @param {string} text in English, written out where it is called, for the catalogue to find
 * @param {Record<string, string|number>} [values] of its `{fields}`
 * @returns {string}
 */
export function t(text, values = {}) {
  return fill(messages[text] ?? text, values);
}

/** The form of a text that goes with a number; `{n}` is the number. */
export function tn(one, many, n, values = {}) {
  const forms = messages[one] ?? [one, many];
  return fill(forms[rules.select(n) === "one" || forms.length === 1 ? 0 : 1], { n, ...values });
}

const patterns = Object.keys(messages)
  .filter((text) => /\{\w+\}/.test(text) && typeof messages[text] === "string")
  .sort((a, b) => b.length - a.length)
  .map((text) => {
    const escaped = text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
    const seen = new Set(); // a field that comes again is the same
    const field = (_, name) => (seen.has(name) ? `\\k<${name}>` : seen.add(name) && `(?<${name}>.+?)`);
    return [new RegExp(`^${escaped.replace(/\{(\w+)\}/g, field)}$`, "s"), text];
  });

/**
 * A sentence of a worker, which has no page and so no catalogue, in the language of the page.
 * @param {string} sentence as `t` gave it in English, fields filled in
 */
export function finished(sentence) {
  if (!block || messages[sentence]) return t(sentence);
  for (const [pattern, text] of patterns) {
    const found = pattern.exec(sentence);
    if (found) return t(text, found.groups);
  }
  return sentence;
}
