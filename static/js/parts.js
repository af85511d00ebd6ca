// Controls that choose what a Plotly figure shows: a form with data-parts-of="ID of the stage".
//
// The values of its checked inputs are the parts that the stage shows (see plots.js). What differs from the page as it
// was built stands in the address, with the tab and what was enlarged: "#v1&tab=brightness&crlb=crlb3&curve-stage=x:20:21".
import { format, may, parse, read } from "./permalink.js";

const forms = [...document.querySelectorAll("form[data-parts-of]")];
const stages = [...document.querySelectorAll("[data-plot][id]")];
const panels = [...document.querySelectorAll("[role=tabpanel]")];
const panelOf = (node) => node.closest("[role=tabpanel]");
const within = (panel, nodes) => nodes.filter((node) => panelOf(node) === panel);

/** Controls of different forms may bear the same name; then the stage's id stands before it. */
const names = forms.flatMap((form) => [...new Set([...form.elements].map((input) => input.name).filter(Boolean))]);
const keyOf = (form, name) => (names.filter((other) => other === name).length > 1 ? `${form.dataset.partsOf}.${name}` : name);

/** Name and value of every control: a checkbox that is off says "off". */
function state(form) {
  const found = {};
  for (const input of form.elements) {
    if (!input.name) continue;
    if (input.type === "checkbox") found[input.name] = input.checked ? input.value : "off";
    else if (input.tagName === "SELECT" || (input.type === "radio" && input.checked)) found[input.name] = input.value;
  }
  return found;
}

/** Every value that a control of a form can have. */
function values(form, name) {
  return [...form.elements]
    .filter((input) => input.name === name)
    .flatMap((input) => (input.tagName === "SELECT" ? [...input.options].map((o) => o.value) : input.type === "checkbox" ? [input.value, "off"] : [input.value]));
}

const FIELDS = {
  tab: may.be(panels.map((panel) => panel.id)),
  ...Object.fromEntries(stages.map((stage) => [stage.id, may.match(/^([xy]\d*(:-?[\d.]+(e-?\d+)?){2},?)+$/)])),
  ...Object.fromEntries(forms.flatMap((form) => Object.keys(state(form)).map((name) => [keyOf(form, name), may.be(values(form, name))]))),
};

function restore(form, wanted) {
  for (const input of form.elements) {
    const value = wanted[input.name];
    if (value === undefined) continue;
    if (input.tagName === "SELECT") input.value = value;
    else input.checked = input.type === "checkbox" ? value !== "off" : input.value === value;
  }
}

function apply(form) {
  const stage = document.getElementById(form.dataset.partsOf);
  stage.dataset.parts = Object.values(state(form)).join(" ");
  stage.dispatchEvent(new CustomEvent("specvit:parts", { bubbles: true }));
}

/** What the address asks of a panel (null: of a page without tabs); null if it does not speak of it. */
function asked(panel) {
  let link = parse(location.hash);
  const [id, ...pairs] = location.hash.slice(1).split("&");
  if (panel && id === panel.id && pairs.length) link = { tab: id, ...Object.fromEntries(new URLSearchParams(pairs.join("&"))) }; // as links were before they had a version
  const used = Object.entries(link).filter(([key, value]) => FIELDS[key]?.(value));
  return used.length && (link.tab ?? null) === (panel?.id ?? null) ? Object.fromEntries(used) : null;
}

function remember(panel) {
  if (panel?.hidden) return;
  const found = { tab: panel?.id };
  for (const form of within(panel, forms)) {
    const first = defaults.get(form);
    for (const [name, value] of Object.entries(state(form))) if (value !== first[name]) found[keyOf(form, name)] = value;
  }
  for (const stage of within(panel, stages)) if (stage.dataset.zoom) found[stage.id] = stage.dataset.zoom;
  const own = Object.keys(found).length > 1;
  history.replaceState(null, "", own ? format(found) : panel ? `#${panel.id}` : location.pathname + location.search);
}

function follow(panel, wanted = asked(panel)) {
  for (const form of within(panel, forms)) {
    const own = Object.fromEntries(Object.entries(defaults.get(form)).map(([name, value]) => [name, wanted?.[keyOf(form, name)] ?? value]));
    if (wanted) restore(form, own);
    apply(form);
  }
  for (const stage of within(panel, stages)) {
    if (!wanted || (wanted[stage.id] ?? "") === (stage.dataset.zoom ?? "")) continue;
    stage.dataset.zoom = wanted[stage.id] ?? "";
    stage.dispatchEvent(new CustomEvent("specvit:parts", { bubbles: true }));
  }
}

for (const form of forms) form.reset(); // a reload keeps inputs; the address says what they are
const defaults = new Map(forms.map((form) => [form, state(form)]));
for (const form of forms) {
  form.addEventListener("change", () => { apply(form); remember(panelOf(form)); });
  form.addEventListener("submit", (event) => event.preventDefault());
}
document.addEventListener("specvit:zoomed", (event) => remember(panelOf(event.target)));
document.addEventListener("specvit:shown", (event) => {
  if (asked(event.target)) follow(event.target);
  else if (within(event.target, forms).length || within(event.target, stages).length) remember(event.target);
});
addEventListener("hashchange", () => {
  read(FIELDS);
  for (const panel of panels.length ? panels : [null]) if (asked(panel)) follow(panel);
});
if (/[&=]/.test(location.hash) && !asked(panels.find((panel) => location.hash.startsWith(`#${panel.id}&`)))) read(FIELDS); // says what cannot be used
for (const panel of panels.length ? panels : [null]) follow(panel);
