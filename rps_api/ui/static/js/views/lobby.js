// @ts-check
/** Choosing an opponent and a name. */
/** @import {ModelSummary, Opponent, ServedModel, State} from "../types.js" */
import { byId, find, setText } from "../dom.js";

/** @param {HTMLInputElement} input @returns {Opponent} */
function opponentOf(input) {
  const { name = "", kind = "", family = "" } = input.dataset;
  return { policy: input.value, name, kind, family };
}

/**
 * @param {{name: string, policy: string | null, onStart: (policy: string, name: string) => void}} options
 */
export function createLobby({ name, policy, onStart }) {
  const root = byId("lobby");
  const form = find(root, "form", HTMLFormElement);
  const nameInput = find(form, "#player-name", HTMLInputElement);
  const button = find(form, "#start-button", HTMLButtonElement);
  const radios = [...form.querySelectorAll("input[name=policy]")].filter((node) => node instanceof HTMLInputElement);
  const opponents = radios.map(opponentOf);

  nameInput.value = name;
  for (const radio of radios) if (radio.value === policy) radio.checked = true;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = radios.find((radio) => radio.checked) ?? radios[0];
    if (chosen) onStart(chosen.value, nameInput.value.trim());
  });

  return {
    opponents,

    /** @param {State} state */
    render(state) {
      root.hidden = state.phase !== "lobby";
      button.setAttribute("aria-disabled", String(state.busy));
      setText(button, state.busy ? "Setting the table…" : "Start the game");
    },

    /** @param {ModelSummary} models */
    renderModels(models) {
      for (const line of root.querySelectorAll(".opponent__model")) {
        if (!(line instanceof HTMLElement)) continue;
        const model = models.production[line.dataset.family ?? ""];
        setText(line, model ? modelLine(model) : "No model yet: it guesses.");
      }
    },

    focus() {
      (radios.find((radio) => radio.checked) ?? button).focus({ preventScroll: true });
    },
  };
}

/** @param {ServedModel} model */
function modelLine({ version, trainedGames }) {
  const games = trainedGames === null ? "" : `, trained on ${trainedGames.toLocaleString("en")} games`;
  return `Model version ${version}${games}`;
}
