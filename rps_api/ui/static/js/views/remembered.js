/** What the bot remembers of the player in this game, and the button that begins a new session. */
/** @import {Game, Opponent} from "../../../types/page.js" */
import { byId, setText } from "../dom.js";

/** @param {{onForget: () => void}} options */
export function createRemembered({ onForget }) {
  const line = byId("remembered");
  const button = byId("forget-me");
  /** @type {string | null} */
  let forgottenIn = null;
  /** @type {Game | null} */
  let shown = null;

  button.addEventListener("click", () => {
    onForget();
    forgottenIn = shown?.id ?? null;
    button.hidden = true;
    setText(byId("remembered-text"), "Forgotten: from your next game on, the bots know nothing about you.");
  });

  return {
    /** @param {Game} game @param {Opponent} opponent */
    render(game, opponent) {
      shown = game;
      line.hidden = game.rememberedGames === 0;
      if (game.id === forgottenIn) return;
      button.hidden = false;
      setText(byId("remembered-text"), `${opponent.name} has seen ${game.rememberedGames} of your games.`);
    },
  };
}
