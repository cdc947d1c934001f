// Runs before the first paint, so that no other theme flashes. The only script that is not a module.
(() => {
  /** @type {string | null} */
  let chosen = null;
  try {
    chosen = localStorage.getItem("rps-lite-theme");
  } catch {
    // Without storage the page follows the system.
  }
  const known = chosen === "light" || chosen === "dark" || chosen === "contrast";
  if (known) document.documentElement.dataset.theme = String(chosen);
  else if (matchMedia("(prefers-contrast: more)").matches) document.documentElement.dataset.theme = "contrast";
})();
