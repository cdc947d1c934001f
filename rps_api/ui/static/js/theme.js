/** The choice of colours. This browser stores it; boot/theme.js reads it before the first paint. */

const KEY = "rps-lite-theme";
export const THEMES = /** @type {const} */ (["system", "light", "dark", "contrast"]);
/** @typedef {typeof THEMES[number]} Theme */

/** @param {unknown} value @returns {value is Theme} */
export function isTheme(value) {
  return THEMES.some((theme) => theme === value);
}

/** @returns {Theme} */
export function storedTheme() {
  try {
    const kept = localStorage.getItem(KEY);
    return isTheme(kept) ? kept : "system";
  } catch {
    return "system";
  }
}

/** @param {Theme} theme */
export function useTheme(theme) {
  try {
    if (theme === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // The choice lasts as long as the page.
  }
  const root = document.documentElement;
  const wanted = theme === "system" && matchMedia("(prefers-contrast: more)").matches ? "contrast" : theme;
  if (wanted === "system") delete root.dataset.theme;
  else root.dataset.theme = wanted;
  colourBrowserBar();
}

/** Phones colour the browser's bar like the background of the page. */
export function colourBrowserBar() {
  const ground = getComputedStyle(document.body).backgroundColor;
  document.querySelector("meta[name=theme-color]")?.setAttribute("content", ground);
}
