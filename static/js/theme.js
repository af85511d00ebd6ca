// Chooses the theme before the first paint: the reader's choice, else the system's.
// A classic script in <head>; the button is wired up in common.js.
(() => {
  let stored = null;
  try { stored = localStorage.getItem("specvit-theme"); } catch { /* storage may be forbidden */ }
  if (matchMedia("(forced-colors: active)").matches) stored = null; // the reader's colours are for all pages
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
  document.documentElement.classList.add("js");
})();
