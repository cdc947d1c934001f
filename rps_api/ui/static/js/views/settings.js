/** The settings dialog: colours on every page, sound and session on the game page. */
import { byId, find } from "../dom.js";
import { colourBrowserBar, isTheme, storedTheme, useTheme } from "../theme.js";

/**
 * @param {{
 *   sound?: boolean, onSound?: (on: boolean) => void, onReset?: () => void,
 *   lasting?: boolean, onLasting?: (on: boolean) => void,
 * }} [options]
 */
export function createSettings({
  sound = false,
  onSound = () => {},
  onReset = () => {},
  lasting = true,
  onLasting = () => {},
} = {}) {
  const dialog = find(document, "#settings", HTMLDialogElement);
  const theme = storedTheme();
  for (const radio of dialog.querySelectorAll("input[name=theme]")) {
    if (!(radio instanceof HTMLInputElement)) continue;
    radio.checked = radio.value === theme;
    radio.addEventListener("change", () => {
      if (isTheme(radio.value)) useTheme(radio.value);
    });
  }
  colourBrowserBar();
  byId("open-settings").addEventListener("click", () => dialog.showModal());

  const soundSwitch = dialog.querySelector("#sound");
  if (soundSwitch instanceof HTMLInputElement) {
    soundSwitch.checked = sound;
    soundSwitch.addEventListener("change", () => onSound(soundSwitch.checked));
  }
  const lastingSwitch = dialog.querySelector("#remember-me");
  if (lastingSwitch instanceof HTMLInputElement) {
    lastingSwitch.checked = lasting;
    lastingSwitch.addEventListener("change", () => onLasting(lastingSwitch.checked));
  }
  dialog.querySelector("#reset-session")?.addEventListener("click", () => {
    dialog.close();
    onReset();
  });
}
