/** Names and points of both sides, and the line between them: who is how likely to win. */
/** @import {Game, Opponent} from "../../../types/page.js" */
import { animate, byId, part, setIcon, setText } from "../dom.js";
import { points } from "../rules.js";
import { percent, signedPercent } from "../words.js";

/** @param {string} id */
function createFighter(id) {
  const root = byId(id);

  return {
    /** @param {{name: string, icon: string, score: number}} side */
    render({ name, icon, score }) {
      setText(part(root, "name"), name);
      setIcon(root, "avatar", icon);
      setText(part(root, "points"), points(score));
    },
  };
}

export function createScore() {
  const you = createFighter("fighter-you");
  const bot = createFighter("fighter-bot");
  const label = byId("round-label");
  const odds = byId("odds");
  const moved = part(odds, "moved");
  let shown = 0.5;

  /** @param {Game} game @param {Opponent} opponent */
  function renderOdds(game, opponent) {
    const chance = game.winProbability;
    const step = game.rounds.at(-1)?.chances;
    const meter = part(odds, "meter");
    meter.style.setProperty("--share", String(chance));
    meter.setAttribute("aria-valuenow", String(Math.round(100 * chance)));
    meter.setAttribute("aria-valuetext", `you ${percent(chance)}, ${opponent.name} ${percent(1 - chance)}`);
    setText(part(odds, "you"), percent(chance));
    setText(part(odds, "bot"), percent(1 - chance));
    setText(moved, step ? signedPercent(step.after - step.before) : "");
    if (chance !== shown) animate(moved, [{ opacity: 0 }, { opacity: 1 }], { duration: 300 });
    shown = chance;
  }

  return {
    /** @param {Game} game @param {Opponent} opponent */
    render(game, opponent) {
      you.render({ name: game.playerName, icon: "you", score: game.userScore });
      bot.render({ name: opponent.name, icon: opponent.policy, score: game.botScore });
      renderOdds(game, opponent);
      setText(label, game.finished ? "Final" : `Round ${game.roundNo}`);
    },
  };
}
