/**
 * Starts the scripts of a page once somebody is there: at the first pointer, key, touch, scroll or focus, at once where
 * the address asks for a view, and after a while in any case. Until then the page is what the builder drew, complete and
 * light. What a reader does while the scripts are on their way is done again for them when they are there.
 */

const WAIT = 6000; // ms after which the scripts start unasked
const SIGNS = ["pointermove", "pointerdown", "keydown", "touchstart", "wheel", "scroll", "focusin"];
const DONE = ["click", "input", "change"]; // what is repeated

const block = document.getElementById("scripts"); // a page without one has nothing to start
const { classic, modules } = block ? JSON.parse(block.textContent) : {};
const absolute = (addresses) => addresses.map((address) => new URL(address, document.baseURI).href);
const missed = new Map(); // control -> {type, value, checked}

function load(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: address, async: false, onload: resolve, onerror: () => reject(new Error(address)) });
    document.head.append(script);
  });
}

/** Remember what happened to a control that no script listens to yet; links, tabs and popovers work by themselves. */
function miss(event) {
  const control = event.target.closest?.("main :is(button, input, select)");
  if (!control || control.matches("[role=tab], [popovertarget], [data-copy]")) return;
  if ((event.type === "click") !== (control.tagName === "BUTTON")) return;
  missed.set(control, { type: event.type, value: control.value, checked: control.checked });
}

function repeat() {
  for (const [control, { type, value, checked }] of missed) {
    if (!control.isConnected) continue;
    if (type === "click") control.click();
    else {
      Object.assign(control, { value, checked });
      control.dispatchEvent(new Event(type, { bubbles: true }));
    }
  }
}

async function start() {
  stop();
  for (const type of DONE) document.addEventListener(type, miss, true);
  const ahead = absolute(modules).map((href) => Object.assign(document.createElement("link"), { rel: "modulepreload", href }));
  document.head.append(...ahead);
  try {
    await Promise.all(absolute(classic).map(load));
    await Promise.all(absolute(modules).map((address) => import(address)));
  } finally {
    for (const type of DONE) document.removeEventListener(type, miss, true);
  }
  document.documentElement.classList.add("is-live");
  repeat();
}

function stop() {
  window.clearTimeout(timer);
  for (const name of SIGNS) removeEventListener(name, start, true);
}

let timer = 0;
if (block && location.hash.length > 1) start();
else if (block) {
  for (const name of SIGNS) addEventListener(name, start, { capture: true, passive: true });
  addEventListener("hashchange", start, { once: true });
  timer = window.setTimeout(start, WAIT);
}
