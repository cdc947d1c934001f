/** The middle of the board: both moves, and who earned how much. */
/** @import {Game, Move, Opponent, State} from "../../../types/page.js" */
import { animate, byId, part, setIcon, setText } from "../dom.js";
import { points } from "../rules.js";
import { openingWords, roundWords } from "../words.js";

/** @param {HTMLElement} token @param {Move | null} move @param {number} gain @param {boolean} hidden */
function showToken(token, move, gain, hidden) {
  token.dataset.state = hidden ? "hidden" : move ? "shown" : "empty";
  setIcon(token, "icon", hidden || !move ? "" : move);
  setText(part(token, "gain"), !hidden && gain > 0 ? `+${points(gain)}` : "");
}

export function createStage() {
  const stage = byId("stage");
  const you = byId("token-you");
  const bot = byId("token-bot");
  const headline = byId("stage-headline");
  const why = byId("stage-why");
  let shown = "";

  function hold() {
    setText(headline, "On hold");
    setText(why, "Your move is sent again when the server answers.");
  }

  /** @param {string} key */
  function reveal(key) {
    if (shown === key) return;
    const first = shown === "";
    shown = key;
    if (first) return;
    const land = [
      { transform: "scale(0.6)", opacity: 0 },
      { transform: "scale(1.08)", opacity: 1, offset: 0.6 },
      { transform: "none" },
    ];
    animate(bot, land, { duration: 320, easing: "ease-out" });
    animate(headline, [{ opacity: 0 }, { opacity: 1 }], { duration: 260 });
  }

  return {
    /** @param {State} state @param {Game} game @param {Opponent} opponent */
    render(state, game, opponent) {
      const last = game.rounds.at(-1);
      // Without values the round is over and only the next prices are missing.
      if (state.chosen !== null && game.values !== null) {
        showToken(you, state.chosen, 0, false);
        showToken(bot, null, 0, true);
        stage.dataset.outcome = "waiting";
        // A reply is fast. Text that changed for each request would flicker.
        if (state.problem) hold();
        return;
      }
      showToken(you, last?.userMove ?? null, last?.userGain ?? 0, false);
      showToken(bot, last?.botMove ?? null, last?.botGain ?? 0, false);
      stage.dataset.outcome = last?.result ?? "none";
      const words = last ? roundWords(last, opponent.name) : openingWords(game, opponent.name);
      setText(headline, words.headline);
      setText(why, words.why);
      reveal(`${game.id}:${last?.roundNo ?? 0}`);
    },
  };
}
