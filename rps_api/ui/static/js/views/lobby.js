/** Choosing an opponent and a name. */
/** @import {HumanRate, ModelSummary, Opponent, ServedModel, State} from "../../../types/page.js" */
import { byId, find, part, setText } from "../dom.js";
import { counted } from "../words.js";

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
        setText(line, model ? modelLine(model) : "No model yet. It guesses.");
      }
    },

    /** @param {Readonly<Record<string, HumanRate>>} rates by opponent */
    renderRates(rates) {
      for (const line of root.querySelectorAll(".opponent__rate")) {
        if (!(line instanceof HTMLElement)) continue;
        const rate = rates[line.dataset.policy ?? ""];
        const isKnown = rate !== undefined && rate.human_win_rate !== null;
        line.style.setProperty("--share", String((rate?.human_win_rate ?? 0) / 100));
        line.dataset.known = String(isKnown);
        setText(part(line, "rate"), rateLine(rate));
        setText(part(line, "games"), isKnown ? ` of ${counted(rate.human_games, "game")}` : "");
      }
    },

    /** Forget the name and the choice of opponent. */
    clear() {
      nameInput.value = "";
      for (const radio of radios) radio.checked = radio === radios[0];
    },

    focus() {
      (radios.find((radio) => radio.checked) ?? button).focus({ preventScroll: true });
    },
  };
}

/** @param {ServedModel} model */
function modelLine({ version, training_games: games }) {
  return `Version ${version}, from ${counted(games, "game")}`;
}

/** @param {HumanRate | undefined} rate */
function rateLine(rate) {
  if (!rate) return "Win rate unknown.";
  if (rate.human_win_rate === null) return "No finished games yet.";
  return `People win ${rate.human_win_rate.toFixed(1)}\u202f%`;
}
