/** Counts of the player's moves, and habits as sentences. */
/** @import {Game, Round} from "../../../types/page.js" */
import { byId, make, part, setText } from "../dom.js";
import { isMove } from "../rules.js";
import { habits, moveCounts } from "../tendencies.js";

export function createHabits() {
  const rows = [...byId("habits").querySelectorAll("li")];
  const list = byId("habit-list");
  /** @type {readonly Round[] | null} */
  let shown = null;

  return {
    /** @param {Game} game */
    render(game) {
      if (game.rounds === shown) return;
      shown = game.rounds;
      const counts = moveCounts(game.rounds);
      for (const row of rows) {
        const { move } = row.dataset;
        if (!isMove(move)) continue;
        row.style.setProperty("--share", String(game.rounds.length ? counts[move] / game.rounds.length : 0));
        setText(part(row, "count"), String(counts[move]));
      }
      list.replaceChildren(...habits(game.rounds).map((sentence) => make("li", "", sentence)));
    },
  };
}
