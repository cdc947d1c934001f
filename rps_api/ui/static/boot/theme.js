// @ts-check
// Runs before the first paint, so that a chosen theme never flashes: the only script that is no module.
(() => {
  /** @type {string | null} */
  let chosen = null;
  try {
    chosen = localStorage.getItem("rps-lite-theme");
  } catch {
    // Without storage the system decides.
  }
  const known = chosen === "light" || chosen === "dark" || chosen === "contrast";
  if (known) document.documentElement.dataset.theme = String(chosen);
  else if (matchMedia("(prefers-contrast: more)").matches) document.documentElement.dataset.theme = "contrast";
})();
