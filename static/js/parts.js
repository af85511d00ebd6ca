// Controls that choose what a Plotly figure shows: a form with data-parts-of="ID of the stage".
//
// The values of its checked inputs are the parts that the stage shows (see plots.js). What differs from
// the page as it was built stands in the address behind the tab: "#brightness&bayes=off&crlb=crlb3".

const forms = [...document.querySelectorAll("form[data-parts-of]")];
const panelOf = (form) => form.closest("[role=tabpanel]");

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

function restore(form, wanted) {
  for (const input of form.elements) {
    const value = wanted[input.name];
    if (value === undefined) continue;
    if (input.tagName === "SELECT") {
      if ([...input.options].some((option) => option.value === value)) input.value = value;
      continue;
    }
    input.checked = input.type === "checkbox" ? value !== "off" : input.value === value;
  }
}

function apply(form) {
  const stage = document.getElementById(form.dataset.partsOf);
  stage.dataset.parts = Object.values(state(form)).join(" ");
  stage.dispatchEvent(new CustomEvent("specvit:parts", { bubbles: true }));
}

/** What the address asks for, if it speaks of this panel. */
function asked(panel) {
  const [id, ...pairs] = location.hash.slice(1).split("&");
  return panel && id === panel.id && pairs.length ? Object.fromEntries(new URLSearchParams(pairs.join("&"))) : null;
}

function remember(panel) {
  if (!panel || panel.hidden) return;
  const pairs = new URLSearchParams();
  for (const form of forms.filter((one) => panelOf(one) === panel)) {
    const first = defaults.get(form);
    for (const [name, value] of Object.entries(state(form))) if (value !== first[name]) pairs.set(name, value);
  }
  const tail = pairs.size ? `&${pairs}` : "";
  history.replaceState(null, "", `#${panel.id}${tail}`);
}

function follow(panel) {
  const wanted = asked(panel);
  const own = forms.filter((one) => panelOf(one) === panel);
  if (wanted) for (const form of own) { restore(form, { ...defaults.get(form), ...wanted }); apply(form); }
  else if (own.length) remember(panel);
}

for (const form of forms) form.reset(); // a reload keeps inputs; the address says what they are
const defaults = new Map(forms.map((form) => [form, state(form)]));
for (const form of forms) {
  form.addEventListener("change", () => { apply(form); remember(panelOf(form)); });
  form.addEventListener("submit", (event) => event.preventDefault());
  const wanted = asked(panelOf(form));
  if (wanted) restore(form, wanted);
  apply(form);
}
document.addEventListener("specvit:shown", (event) => follow(event.target));
addEventListener("hashchange", () => {
  for (const panel of new Set(forms.map(panelOf))) if (asked(panel)) follow(panel);
});
